"""TIFF of complex integers as Sentinel-1 products have it: one strip per line, two integers of 16 bits per sample."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SHORT, _LONG = 3, 4
_COMPLEX_INTEGER: Final = 5
"""SampleFormat of TIFF."""


def write(path: Path, values: NDArray[np.complex64]) -> None:
    """Write complex samples (y, x), rounded, with the strips in the order of the lines behind the header."""
    lines, samples = values.shape
    pixels = np.empty((lines, samples, 2), "<i2")
    pixels[..., 0], pixels[..., 1] = np.rint(values.real), np.rint(values.imag)
    path.write_bytes(_header(lines, samples) + pixels.tobytes())


def _header(lines: int, samples: int) -> bytes:
    """All before the pixels: tags, then where each strip begins and its size, which a single strip has in the tags."""
    behind = 8 + 2 + 12 * 10 + 4
    first, size = behind + 8 * lines, samples * 4
    offsets, sizes = (behind, behind + 4 * lines) if lines > 1 else (first, size)
    tags = [
        (256, _LONG, 1, samples),
        (257, _LONG, 1, lines),
        (258, _SHORT, 1, 32),
        (259, _SHORT, 1, 1),  # no compression
        (262, _SHORT, 1, 1),  # black is zero
        (273, _LONG, lines, offsets),
        (277, _SHORT, 1, 1),
        (278, _LONG, 1, 1),  # rows per strip
        (279, _LONG, lines, sizes),
        (339, _SHORT, 1, _COMPLEX_INTEGER),
    ]
    told = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    strips = np.stack((first + size * np.arange(lines), np.full(lines, size)))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + told + struct.pack("<I", 0) + strips.astype("<u4").tobytes()
