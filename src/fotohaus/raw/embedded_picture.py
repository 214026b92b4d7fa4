"""The pictures that a file brings of itself: previews in raw files that are TIFF at heart, DNG among them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from fotohaus.raw import tags
from fotohaus.raw.tiff import Ifd, Source, Tiff, TiffError
from fotohaus.records import record

if TYPE_CHECKING:
    from PIL.Image import Image

_JPEG_OFFSET, _JPEG_SIZE = 513, 514  # TIFF 6.0 section 22, as EXIF's thumbnails and many raw formats still have them
_LARGEST = 1 << 26
_MAX_PIXELS = 1 << 28


@record
class _Place:
    """Where a picture lies: its longer side in px, and its bytes; `shape` of plain RGB, None of a JPEG."""

    side: int
    offset: int
    size: int
    shape: tuple[int, int] | None = None


def embedded_picture(source: Source, side: int) -> Image | None:
    """The smallest picture of at least `side` px on its longer side that a raw file brings, as stored; None for none.

    A picture is turned as the raw image is; its colours are taken for sRGB's. Damaged ones are passed over.
    """
    from PIL import Image

    try:
        places = sorted(_places(source), key=lambda place: place.side)
    except TiffError:
        return None
    for place in places:
        if place.side < side:
            continue
        try:
            data = bytes(source.read(place.offset, place.size))
            if place.shape is not None:
                return Image.fromarray(np.frombuffer(data, np.uint8).reshape(*place.shape, 3))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image = Image.open(io.BytesIO(data), formats=("JPEG",))
                if image.width * image.height > _MAX_PIXELS:
                    continue
                image.draft("RGB", (side, side))
                return image.convert("RGB")
        except (TiffError, OSError, SyntaxError, ValueError):
            continue
    return None


def _places(source: Source) -> Iterator[_Place]:
    tiff = Tiff(source)
    for ifd in tiff.images():
        place = _place(source, ifd)
        if place is not None:
            yield place


def _place(source: Source, ifd: Ifd) -> _Place | None:
    try:
        offsets, sizes = ifd.integers(tags.STRIP_OFFSETS), ifd.integers(tags.STRIP_BYTE_COUNTS)
        kind = ifd.integer(tags.COMPRESSION, 1)
        photometric = ifd.integer(tags.PHOTOMETRIC, 2)
        shape = ifd.integer(tags.IMAGE_LENGTH, 0), ifd.integer(tags.IMAGE_WIDTH, 0)
        if _JPEG_OFFSET in ifd and _JPEG_SIZE in ifd:
            offsets, sizes, kind = [ifd.integer(_JPEG_OFFSET, 0)], [ifd.integer(_JPEG_SIZE, 0)], 7
            photometric = 6
        if offsets is None or sizes is None or len(offsets) != 1 or len(sizes) != 1 or not 0 < sizes[0] <= _LARGEST:
            return None
        if kind in (6, 7) and photometric in (2, 6):
            side = _jpeg_side(source, offsets[0], sizes[0])
            return None if side is None else _Place(side, offsets[0], sizes[0])
        bits = ifd.integers(tags.BITS_PER_SAMPLE)
        if kind == 1 and photometric == 2 and bits == [8, 8, 8] and shape[0] * shape[1] * 3 == sizes[0]:
            return _Place(max(shape), offsets[0], sizes[0], shape)
    except TiffError:
        pass
    return None


def _jpeg_side(source: Source, offset: int, size: int) -> int | None:
    """The longer side of a baseline or progressive JPEG; None for anything else, a lossless one of raw samples say."""
    at, end = offset + 2, offset + size
    if source.read(offset, 2) != b"\xff\xd8":
        return None
    for _ in range(200):
        if at + 9 > end:
            return None
        head = source.read(at, 9)
        if head[0] != 0xFF:
            return None
        if head[1] in (0xC0, 0xC1, 0xC2):
            return max(int.from_bytes(head[5:7], "big"), int.from_bytes(head[7:9], "big"))
        if head[1] in (0xC3, 0xDA):
            return None
        at += 2 + int.from_bytes(head[2:4], "big")
    return None
