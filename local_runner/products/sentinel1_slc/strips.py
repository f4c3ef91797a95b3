"""Where the pixels of a TIFF lie in its file, by its header: two arrays, of the offsets and of the sizes of its blocks.

GDAL tells them block by block, which takes ten times as long as all else that is asked of a measurement before it is read.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_OFFSETS: Final = (273, 324)
"""Tags of the offsets of strips and of tiles."""
_SIZES: Final = (279, 325)
_TYPES: Final = {3: "u2", 4: "u4", 16: "u8"}
"""Types of TIFF that offsets and sizes may have."""
_MOST_TAGS: Final = 4096


def end_of_blocks(path: Path) -> int:
    """Where the last of the blocks of the first image ends; a block of size 0 is one that is not written.

    Raises `ValueError` where the header does not tell it, and `OSError`.
    """
    with path.open("rb") as file:
        try:
            tags, order = _tags(file)
            offsets, sizes = (_values(file, tags, names, order) for names in (_OFFSETS, _SIZES))
        except (struct.error, OverflowError) as error:
            raise ValueError(str(error)) from error
    if offsets.size != sizes.size:
        raise ValueError(f"{offsets.size} offsets of blocks, and {sizes.size} sizes")
    ends = offsets.astype(np.float64) + sizes  # a sum of integers might wrap around
    return int(ends[sizes > 0].max(initial=0))


def _tags(file: BinaryIO) -> tuple[dict[int, tuple[int, int, bytes]], str]:
    """Type, count and value of each tag of the first image, and the order of bytes; the value may be a place in the file."""
    start = file.read(16)
    order, is_big = {b"I": "<", b"M": ">"}.get(start[:1], "<"), b"+" in start[2:4]
    word, number = ("Q", "Q") if is_big else ("I", "H")
    file.seek(struct.unpack_from(order + word, start, 8 if is_big else 4)[0])
    (count,) = struct.unpack(order + number, file.read(struct.calcsize(order + number)))
    entry = struct.Struct(f"{order}HH{word}{struct.calcsize(order + word)}s")
    entries = file.read(min(count, _MOST_TAGS) * entry.size)
    return {tag: (kind, many, value) for tag, kind, many, value in entry.iter_unpack(entries)}, order


def _values(
    file: BinaryIO, tags: dict[int, tuple[int, int, bytes]], names: tuple[int, ...], order: str
) -> NDArray[np.unsignedinteger]:
    """Array of the first of some tags that is there; what fits stands in the entry itself."""
    kind, count, value = next((tags[name] for name in names if name in tags), (0, 0, b""))
    if kind not in _TYPES:
        raise ValueError("no offsets or no sizes of blocks")
    stored = np.dtype(order + _TYPES[kind])
    length = count * stored.itemsize
    if length > len(value):
        place = int.from_bytes(value, "little" if order == "<" else "big")
        if place + length > file.seek(0, os.SEEK_END):
            raise ValueError("offsets or sizes of blocks beyond the end of the file")
        file.seek(place)
        value = file.read(length)
    return np.frombuffer(value, stored, count)
