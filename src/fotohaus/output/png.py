"""Picture to PNG (W3C PNG, third edition): 16 bits, with cICP, ICC profile, EXIF and XMP."""

from __future__ import annotations

import struct
import zlib

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
        _chunk(b"cICP", _CICP[picture.gamut]),
        _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc.profile(picture.gamut), 9)),
        _chunk(b"eXIf", exif),
        _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
    ]
    return [bytes(encoded[:_SIGNATURE_AND_IHDR]), *chunks, bytes(encoded[_SIGNATURE_AND_IHDR:])]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
