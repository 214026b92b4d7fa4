"""JPEG files by their segments (ITU-T T.81, annex B): strips coded one by one, joined into one picture.

Strips that are coded with the same tables, and are each a restart interval, follow one another in a scan with a restart
marker between them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_EOI, _SOS, _SOF0, _DRI, _APP0 = 0xD9, 0xDA, 0xC0, 0xDD, 0xE0
_LARGEST = 65533  # bytes in a segment
MAX_SIDE = 65500
"""Pixels; libjpeg's limit."""


def segment(marker: int, data: bytes) -> bytes:
    """A marker segment. Raises ValueError for data that does not fit into one."""
    if len(data) > _LARGEST:
        raise ValueError(f"a JPEG segment holds at most {_LARGEST} bytes, not {len(data)}")
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def segments(file: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """(marker, data) of each segment before the coded data, the scan's header being the last, and where that begins."""
    found, at = [], 2
    while True:
        marker, size = file[at + 1], int.from_bytes(file[at + 2 : at + 4], "big")
        found.append((marker, file[at + 4 : at + 2 + size]))
        at += 2 + size
        if marker == _SOS:
            return found, at


def join(strips: Sequence[bytes], height: int, interval: int, extra: Sequence[bytes] = ()) -> list[bytes]:
    """The strips of a baseline JPEG, one below the other, as one file, in pieces.

    strips : files coded with the same settings, none but the last lower than the others. interval : how many blocks
    (MCUs) each but the last holds. extra : segments to begin with, as `segment` makes them, in
    place of the strips' own.
    """
    header, _ = segments(strips[0])
    pieces = [b"\xff\xd8", *extra]
    for marker, data in header:
        if marker == _APP0:
            continue
        if marker == _SOF0:
            data = data[:1] + height.to_bytes(2, "big") + data[3:]
        if marker == _SOS and len(strips) > 1:
            pieces.append(segment(_DRI, interval.to_bytes(2, "big")))
        pieces.append(segment(marker, data))
    for i, strip in enumerate(strips):
        _, begin = segments(strip)
        pieces.append(strip[begin:-2])
        pieces.append(bytes((0xFF, _EOI if i == len(strips) - 1 else 0xD0 + i % 8)))
    return pieces
