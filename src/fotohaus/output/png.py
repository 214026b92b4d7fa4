"""Picture to PNG (W3C PNG, third edition): 16 bits, with cICP, ICC profile, EXIF and XMP."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from fotohaus.output import icc
from fotohaus.render.picture import Picture

_SIGNATURE_AND_IHDR = 8 + 25
# ITU-T H.273: primaries, transfer function (sRGB), RGB as it is, full range
_CICP = {"srgb": bytes([1, 13, 0, 1]), "p3": bytes([12, 13, 0, 1])}
_SPEED, _RLE, _SUB = 1, 3, 16


def encode_png(picture: Picture, *, exif: bytes, xmp: bytes) -> list[bytes]:
    """The PNG file of a picture, 16 bits per channel, in pieces.

    exif, xmp : what `fotohaus.raw.exif.encode_exif` and `fotohaus.output.xmp.packet` make.
    """
    import imagecodecs

    # Photographs in 16 bits hardly compress: run lengths after the Sub filter are as small as the best effort, at a
    # seventh of the time.
    encoded = imagecodecs.png_encode(np.ascontiguousarray(picture.pixels), level=_SPEED, strategy=_RLE, filter=_SUB)
    chunks = [
        (b"cICP", _CICP[picture.gamut]),
        (b"iCCP", b"ICC profile\0\0" + zlib.compress(icc.profile(picture.gamut), 9)),
        (b"eXIf", exif),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
    ]
    return with_chunks(bytes(encoded), chunks)


def with_chunks(encoded: bytes, chunks: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """An encoded PNG with these chunks (kind, data) before its data, in pieces."""
    told = [_chunk(kind, data) for kind, data in chunks]
    return [encoded[:_SIGNATURE_AND_IHDR], *told, encoded[_SIGNATURE_AND_IHDR:]]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
