"""Ways to break files: byte by byte, and along the structure that a format has, so that checks of form still pass."""

from __future__ import annotations

import copy
import json
import struct
import zlib
from typing import Any

import numpy as np

Rng = np.random.Generator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# What nobody expects where a number, a name or a list should be.
EVIL_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    65535,
    65536,
    2**31,
    2**63,
    10**40,
    1e308,
    float("nan"),
    float("-inf"),
    "",
    "\0",
    "a\nb",
    "../../etc/passwd",
    "/etc/passwd",
    "x" * 5000,
    "\ud800",
    [],
    {},
    [[[[]]]],
    {"rle": {"size": [65535, 65535], "counts": "0"}},
)


def pick(rng: Rng, choices: Any) -> Any:
    """One of a sequence."""
    return choices[int(rng.integers(len(choices)))]


def break_bytes(data: bytes, rng: Rng) -> bytes:
    """Cut off, overwritten here and there or in one place, a part taken out, doubled or put elsewhere, or emptied."""
    if not data:
        return b""
    changed = bytearray(data)
    start = int(rng.integers(len(data)))
    length = int(rng.integers(1, 1 + min(600, len(data))))
    part = changed[start : start + length]
    match int(rng.integers(8)):
        case 0:
            del changed[start:]
        case 1:
            for place in rng.integers(0, len(data), int(rng.integers(1, 16))):
                changed[place] = int(rng.integers(256))
        case 2:
            changed[start : start + length] = rng.bytes(len(part))
        case 3:
            del changed[start : start + length]
        case 4:
            changed[start:start] = part
        case 5:
            changed[start : start + length] = bytes(len(part))
        case 6:
            place = start & ~3
            changed[place : place + 4] = struct.pack(">I", pick(rng, (0, 1, 0x7FFFFFFF, 0xFFFFFFFF)))
        case _:
            del changed[int(rng.integers(min(64, len(data)))) :]
    return bytes(changed)


def break_png(data: bytes, rng: Rng) -> bytes:
    """Changes a chunk and corrects its checksum, so that a reader gets as far as the content."""
    chunks = png_chunks(data)
    number = int(rng.integers(len(chunks)))
    kind, body = chunks[number]
    match int(rng.integers(5)):
        case 0:
            header = bytearray(chunks[0][1])
            header[int(rng.integers(len(header)))] = int(rng.integers(256))
            chunks[0] = (b"IHDR", bytes(header))
        case 1:
            size = struct.pack(">II", *(int(pick(rng, (0, 1, 7, 9000, 60000, 2**31 - 1))) for _ in range(2)))
            chunks[0] = (b"IHDR", size + chunks[0][1][8:])
        case 2:
            del chunks[number]
        case 3:
            chunks.insert(number, pick(rng, chunks))
        case _:
            chunks[number] = (kind, break_bytes(body, rng))
    return PNG_SIGNATURE + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(kind, body) of the chunks of a whole PNG."""
    chunks, place = [], len(PNG_SIGNATURE)
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(width: int, height: int) -> bytes:
    """A small file whose header says `width` x `height` grey pixels; at most 128 MiB of them are there, all zero."""
    packer = zlib.compressobj(1)
    pieces = min(width * height, 2**27) // 2**20
    rows = b"".join(packer.compress(bytes(2**20)) for _ in range(pieces)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(png_chunk(*part) for part in parts)


def break_json(value: Any, rng: Rng) -> Any:
    """A copy with one to three places changed: another value, a member or an element less, more, or twice."""
    changed = copy.deepcopy(value)
    for _ in range(int(rng.integers(1, 4))):
        places = list(_containers(changed))
        if not places:
            return pick(rng, EVIL_VALUES)
        container = pick(rng, places)
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        key = pick(rng, keys)
        match int(rng.integers(4)):
            case 0:
                del container[key]
            case 1 if isinstance(container, list):
                container.append(copy.deepcopy(container[key]))
            case 2 if isinstance(container, dict):
                container[f"{key}_"] = container.pop(key)
            case _:
                container[key] = copy.deepcopy(pick(rng, EVIL_VALUES))
    return changed


def json_bytes(value: Any) -> bytes:
    """As Python writes it, NaN and lone surrogates included."""
    return json.dumps(value).encode()


def break_safetensors(data: bytes, rng: Rng) -> bytes:
    """Changes the header (a JSON object behind its length in eight bytes), the length, or the tensors."""
    (length,) = struct.unpack_from("<Q", data)
    header, tensors = json.loads(data[8 : 8 + length]), data[8 + length :]
    match int(rng.integers(4)):
        case 0:
            return struct.pack("<Q", int(pick(rng, (0, 1, length - 1, length + 1, 2**40, 2**63)))) + data[8:]
        case 1:
            return data[: 8 + length] + tensors[: int(rng.integers(len(tensors)))]
        case 2:
            return break_bytes(data[: 8 + length], rng) + tensors
        case _:
            text = json_bytes(break_json(header, rng))
            return struct.pack("<Q", len(text)) + text + tensors


def _containers(value: Any) -> list[Any]:
    """All lists and objects in a JSON value that hold something, the value itself included."""
    if not isinstance(value, (dict, list)) or not value:
        return []
    items = value.values() if isinstance(value, dict) else value
    return [value, *(found for item in items for found in _containers(item))]
