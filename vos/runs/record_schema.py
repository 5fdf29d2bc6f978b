"""What a run.json may say: the type and the bounds of its members.

What a member says is checked where it is there; whoever needs it says that it is missing (`vos.runs.recorded`). The
file may be damaged, edited or made by somebody else. What passes here can be used without further care: ids are ids,
numbers are finite and bounded, devices and back ends are ones that a run can have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from vos.files.gate import is_plain_name
from vos.files.json_node import JsonNode
from vos.prompts import DIRECTIONS, MAX_OBJECT_ID

STATUSES = ("running", "done", "stopped", "truncated", "failed", "interrupted")
MAX_WHOLE = 2**31 - 1
MAX_PTS = 2**63 - 1
_MAX_SIDE = 65535
_ENGINES = ("torch", "onnxruntime")
_DEVICE = re.compile(r"(cpu|cuda|mps|xpu|hpu)(:\d{1,3})?|auto")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHECKSUM = re.compile(r"[0-9a-f]{8}")
_FRACTION = re.compile(r"[0-9]{1,18}(/[0-9]{1,18})?")
# What the back ends of `open_source` that can be opened again take; the bytes of standard input are gone.
_BACKENDS = ("auto", "pyav", "images", "decord")
_SOURCE_OPTIONS = ("backend", "rate", "stream", "images", "value_range", "size", "pixel_format")


def max_threads() -> int:
    """How many threads a record may ask for: more than that costs memory and never was of use."""
    return max(256, os.cpu_count() or 1)


def check_record(root: JsonNode) -> None:
    """Raises JsonError that names the first place that is not as `RunRecord` writes it."""
    _one_of(root.get("status"), STATUSES)
    root.get("frames").integer(0, MAX_WHOLE)
    for name, check in _MEMBERS.items():
        if root.has(name):
            check(root.get(name))
        elif name in _NEEDED:
            root.fail(f"has no {name!r}")


def _input(node: JsonNode) -> None:
    node.get("video").text()
    for name in ("bytes", "files"):
        if node.has(name):
            node.get(name).integer(0, MAX_PTS)
    if node.has("sha256"):
        _matching(node.get("sha256"), _SHA256, "expected 64 hexadecimal digits")


def _video(node: JsonNode) -> None:
    for name in ("width", "height"):
        node.get(name).integer(1, _MAX_SIDE)
    _fraction(node.get("time_base"))
    for name in ("average_rate", "sample_aspect_ratio"):
        if node.has(name):
            _fraction(node.get(name))
    _one_of(node.get("rotation"), (0, 90, 180, 270))
    node.get("codec").text()
    if not isinstance(node.get("is_vfr").value, bool):
        node.get("is_vfr").fail("expected true or false")
    for name in ("color_primaries", "color_transfer", "timecode"):
        if node.has(name):
            node.get(name).text()
    if node.has("frame_names"):
        for item in node.get("frame_names").items():
            if not is_plain_name(item.value):
                item.fail("is not the name of a picture")


def _prompts(node: JsonNode) -> None:
    for prompt in node.items():
        _object_and_frame(prompt)
        _one_of(prompt.get("direction"), DIRECTIONS)
        _matching(prompt.get("sha256"), _SHA256, "expected 64 hexadecimal digits")
        for name in ("kind", "source"):
            prompt.get(name).text()
        prompt.get("content").members()


def _object_and_frame(node: JsonNode) -> None:
    node.get("object").integer(1, MAX_OBJECT_ID)
    node.get("frame").integer(0, MAX_WHOLE)


def _removals(node: JsonNode) -> None:
    for removal in node.items():
        _object_and_frame(removal)


def object_id_of(text: str, node: JsonNode) -> int:
    """The object id that is the name of a member. Raises JsonError if it is none."""
    is_id = len(text) <= 5 and text.isascii() and text.isdecimal()
    if not is_id or not 1 <= int(text) <= MAX_OBJECT_ID:
        node.fail(f"{text[:40]!r} is not an object id in 1..{MAX_OBJECT_ID}")
    return int(text)


def _names(node: JsonNode) -> None:
    for object_id, name in node.members():
        object_id_of(object_id, name)
        name.text()


def _objects(node: JsonNode) -> None:
    for object_id, summary in node.members():
        object_id_of(object_id, summary)
        for name in ("frames", "frames_with_pixels"):
            summary.get(name).integer(0, MAX_WHOLE)
        _share(summary.get("mean_presence"))


def _events(node: JsonNode) -> None:
    for event in node.items():
        _one_of(event.get("event"), ("lost", "reacquired"))
        _object_and_frame(event)
        event.get("time").number()


def _model(node: JsonNode) -> None:
    if node.has("name"):
        node.get("name").text()
    if node.has("weights_sha256"):
        _matching(node.get("weights_sha256"), _SHA256, "expected 64 hexadecimal digits")
    if node.has("engine"):
        _one_of(node.get("engine"), _ENGINES)
    if node.has("device"):
        _matching(node.get("device"), _DEVICE, "is not a device that a run can have (cpu, cuda, cuda:1, mps, ...)")
    if node.has("threads"):
        node.get("threads").integer(1, max_threads())


def _options(node: JsonNode) -> None:
    if node.has("short_side"):
        node.get("short_side").integer(1, _MAX_SIDE)
    if node.has("absent_below"):
        _share(node.get("absent_below"))
    source = node.get("source")
    source.only(*_SOURCE_OPTIONS)
    for name, value in source.members():
        value.text()
        if name == "backend":
            _one_of(value, _BACKENDS)
        elif name == "stream":
            _matching(value, re.compile(r"[0-9]{1,4}"), "expected the number of a stream")
    if node.has("frames"):
        _matching(node.get("frames"), re.compile(r"[0-9]{1,10}(,[0-9]{1,10})*"), "expected numbers of frames")


def _outputs(node: JsonNode) -> None:
    # None is said where nothing was written beside the masks.
    if node.value == {}:
        return
    if not isinstance(node.get("overlay").value, bool):
        node.get("overlay").fail("expected true or false")
    sheet = node.get("contact_sheet")
    if sheet.value is not None:
        for item in sheet.items():
            item.integer(0, MAX_WHOLE)
    if node.has("formats"):
        for item in node.get("formats").items():
            item.text()


def _truncation(node: JsonNode) -> None:
    node.only("frame_index", "time", "reason")
    node.get("frame_index").integer(0, MAX_WHOLE)
    if node.has("time"):
        node.get("time").number()
    node.get("reason").text()


def _text(node: JsonNode) -> None:
    node.text()


def _number(node: JsonNode) -> None:
    node.number()


def _texts(node: JsonNode) -> None:
    for item in node.items():
        item.text()


def _pts(node: JsonNode) -> None:
    for item in node.items():
        item.integer(-MAX_PTS, MAX_PTS)


def _checksums(node: JsonNode) -> None:
    for item in node.items():
        _matching(item, _CHECKSUM, "expected eight hexadecimal digits")


def _plain_members(node: JsonNode) -> None:
    for _, value in node.members():
        value.text()


def _matching(node: JsonNode, pattern: re.Pattern[str], problem: str) -> None:
    if pattern.fullmatch(node.text()) is None:
        node.fail(problem)


def _one_of(node: JsonNode, known: tuple[object, ...]) -> None:
    if isinstance(node.value, bool) or node.value not in known:
        node.fail(f"expected one of {', '.join(map(str, known))}")


def _share(node: JsonNode) -> None:
    if not 0 <= node.number() <= 1:
        node.fail("expected a number in 0..1")


def _fraction(node: JsonNode) -> None:
    _matching(node, _FRACTION, "expected a positive fraction")
    above, _, below = node.text().partition("/")
    if not int(above) or not int(below or 1):
        node.fail("expected a positive fraction")


_MEMBERS: dict[str, Callable[[JsonNode], None]] = {
    "input": _input,
    "video": _video,
    "prompts": _prompts,
    "removals": _removals,
    "names": _names,
    "objects": _objects,
    "events": _events,
    "decoder": _plain_members,
    "versions": _plain_members,
    "model": _model,
    "options": _options,
    "outputs": _outputs,
    "problem": _text,
    "notes": _texts,
    "truncation": _truncation,
    "seconds": _number,
    "pts": _pts,
    "mask_crc32": _checksums,
}
# The others may be missing in records of early versions.
_NEEDED = ("input", "video", "prompts", "objects", "model", "options", "pts", "mask_crc32")
