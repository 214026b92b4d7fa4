"""Several JPEG images in one file: the index that the first carries (CIPA DC-007-2009, Multi-Picture Format)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from fotohaus.output.jpeg_stream import segment

_VERSION, _COUNT, _ENTRIES = 0xB000, 0xB001, 0xB002  # 5.2.3, table 3
_UNDEFINED, _LONG = 7, 4
_PRIMARY = 0x030000  # 5.2.3.3.1: baseline MP primary image; others are of an undefined type
_HEADER = 8  # of a segment before its index: marker, length, "MPF\0"


def index_segment(sizes: Sequence[int], at: int) -> bytes:
    """The segment APP2 that lists the images of a file.

    sizes : bytes of each image, from SOI to EOI, the first with this segment in it; each follows the one before.
    at : where the segment begins in the first image. The segment's own size depends on the number of images alone.

    Raises ValueError for a file of 4 GiB or more, which the index can't describe.
    """
    if sum(sizes) >= 1 << 32:
        raise ValueError("an MPF index describes files of less than 4 GiB")
    # Offsets count from the byte order mark; the first image's is 0 by definition.
    entries, start = b"", 0
    for i, size in enumerate(sizes):
        entries += struct.pack(">IIIHH", 0 if i else _PRIMARY, size, start - at - _HEADER if i else 0, 0, 0)
        start += size
    directory = struct.pack(">H", 3)
    directory += struct.pack(">HHI4s", _VERSION, _UNDEFINED, 4, b"0100")
    directory += struct.pack(">HHII", _COUNT, _LONG, 1, len(sizes))
    directory += struct.pack(">HHII", _ENTRIES, _UNDEFINED, len(entries), 8 + 2 + 3 * 12 + 4)
    return segment(0xE2, b"MPF\0MM\0*" + struct.pack(">I", 8) + directory + bytes(4) + entries)
