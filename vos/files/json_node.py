"""Values of a JSON file together with where they are, so that every complaint names the place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from vos.errors import VosError
from vos.files.regular_file import check_regular_file

MAX_BYTES = 64 * 1024 * 1024
# Far beyond any coordinate, far below where floats lose whole numbers.
_MAX_NUMBER = 1e9


class JsonError(VosError):
    """A JSON file that cannot be read, or a value in it that is not what it should be.

    What the file is about is known to whoever reads it: they turn it into an error of theirs with `json_errors_as`.
    """

    exit_code = 2


@contextmanager
def json_errors_as(kind: type[VosError], *, remark: str = "") -> Iterator[None]:
    """Turns a JsonError of the block into an error of another kind; also as the decorator of a function.

    Args:
        kind: The error to raise instead.
        remark: What to add to the message.
    """
    try:
        yield
    except JsonError as error:
        raise kind(f"{error}{remark}") from error


@dataclass(frozen=True, slots=True)
class JsonNode:
    """A value, the file it is in, and its path in the file such as `$.prompts[2].box`."""

    value: Any
    file: Path
    path: str = "$"

    def fail(self, problem: str) -> NoReturn:
        """Raises JsonError that names the file and the place."""
        raise JsonError(f"{self.file}: {self.path}: {problem}")

    def has(self, key: str) -> bool:
        """Whether this is an object with such a member that is not null."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def get(self, key: str) -> JsonNode:
        """A member of an object."""
        if not isinstance(self.value, dict):
            self.fail("expected an object {...}")
        if key not in self.value:
            self.fail(f"has no {key!r}")
        return JsonNode(self.value[key], self.file, f"{self.path}.{key}")

    def only(self, *keys: str) -> None:
        """Raises JsonError when the object has a member of another name."""
        if not isinstance(self.value, dict):
            self.fail("expected an object {...}")
        for key in self.value:
            if key not in keys:
                self.fail(f"unknown member {key!r}; known are {', '.join(keys)}")

    def items(self) -> Iterator[JsonNode]:
        """Elements of a list."""
        if not isinstance(self.value, list):
            self.fail("expected a list [...]")
        for i, value in enumerate(self.value):
            yield JsonNode(value, self.file, f"{self.path}[{i}]")

    def members(self) -> Iterator[tuple[str, JsonNode]]:
        """Members of an object."""
        if not isinstance(self.value, dict):
            self.fail("expected an object {...}")
        for key, value in self.value.items():
            yield key, JsonNode(value, self.file, f"{self.path}.{key}")

    def number(self) -> float:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= _MAX_NUMBER:
            self.fail("expected a number")
        return float(value)

    def integer(self, low: int, high: int) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not low <= self.value <= high:
            self.fail(f"expected a whole number in {low}..{high}")
        number: int = self.value
        return number

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail('expected a text "..."')
        text: str = self.value
        return text

    def numbers(self, count: int) -> list[float]:
        """Exactly `count` numbers."""
        found = [item.number() for item in self.items()]
        if len(found) != count:
            self.fail(f"expected {count} numbers, found {len(found)}")
        return found

    def pairs(self) -> list[list[float]]:
        """A list of [x, y]."""
        return [item.numbers(2) for item in self.items()]


def read_json(path: str | Path) -> JsonNode:
    """The root of a JSON file.

    Raises:
        JsonError: the file is missing, larger than 64 MiB, or not JSON.
    """
    path = Path(path)
    check_regular_file(path, JsonError)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise JsonError(f"{path}: more than {MAX_BYTES >> 20} MiB, too large to be read as JSON")
        return JsonNode(parse_json(path.read_bytes(), path), path)
    except OSError as error:
        raise JsonError(f"{path}: {error.strerror}") from None


def parse_json(data: bytes, source: object) -> Any:
    """The value of a JSON text in UTF-8 whose numbers are finite and whose texts are Unicode.

    Args:
        data: The text.
        source: Where it is from, for messages.

    Raises:
        JsonError: It is none.
    """
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        # Half a surrogate pair can be written as an escape; no file system, XML or terminal takes it.
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise JsonError(f"{source}: not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):  # not UTF-8, NaN, numbers of thousands of digits, deep nesting
        raise JsonError(f"{source}: not JSON that can be read (UTF-8, finite numbers, not too deep)") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
