"""Boxes, of which AVIF and JPEG XL files consist (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box: its size, its kind of four letters, what is in it. Raises ValueError from 4 GiB on."""
    size = 8 + sum(map(len, parts))
    if size >= 1 << 32:
        raise ValueError("a box holds less than 4 GiB")
    return b"".join((struct.pack(">I4s", size, kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box that says its version and flags first (4.2.2)."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def boxes(data: bytes, at: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of the boxes in `data` from `at` on; data that an encoder has just made."""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        end = at + size if size else len(data)
        yield kind, data[at + head : end]
        at = end
