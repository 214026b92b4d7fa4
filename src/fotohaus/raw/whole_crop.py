"""A default crop that is the whole mosaic, as DNG wants it: two pixels from the edges, so that each has neighbours.

Adobe's SDK complains about too little padding otherwise, and so it does of cameras' files without pixels beyond the
crop. DNGPrivateData (DNG 1.7.1, chapter 4) keeps what the crop was, so that a merged file of ours has the pixels of its
frames; others leave out the two.
"""

from __future__ import annotations

import struct

from fotohaus.raw.rectangle import Rectangle

PADDING = 2
"""Pixels between the crop and the edges of a mosaic."""

_NAME = b"whole default crop\0"  # it names no program: a file that is to say nothing of its making has it, too
_PLACE = struct.Struct(">4I")
PRIVATE_SIZE = len(_NAME) + _PLACE.size
"""Bytes of what DNGPrivateData says."""


def padded(crop: Rectangle, height: int, width: int) -> Rectangle:
    """The part of a crop that keeps off a mosaic's edges; all of it where nothing would be left, or that is no crop."""
    if min(crop.top, crop.left) < 0:
        return crop
    top, left = max(crop.top, PADDING), max(crop.left, PADDING)
    bottom = min(crop.top + crop.height, height - PADDING)
    right = min(crop.left + crop.width, width - PADDING)
    return Rectangle(top, left, bottom - top, right - left) if bottom > top and right > left else crop


def private_data(crop: Rectangle) -> bytes:
    """What DNGPrivateData says of the whole crop."""
    return _NAME + _PLACE.pack(crop.top, crop.left, crop.height, crop.width)


def whole(crop: Rectangle, private: bytes | bytearray, height: int, width: int) -> Rectangle:
    """The crop of which a file's default crop is the padded part; the file's own if its private data say nothing of it.

    private : DNGPrivateData, empty if there is none. height, width : of the mosaic.
    """
    if not private.startswith(_NAME) or len(private) != PRIVATE_SIZE:
        return crop
    was = Rectangle(*_PLACE.unpack(private[len(_NAME) :]))
    inside = was.top + was.height <= height and was.left + was.width <= width
    # Who crops the file anew need not know of what is private.
    return was if inside and padded(was, height, width) == crop else crop
