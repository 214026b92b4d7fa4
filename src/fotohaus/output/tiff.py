"""Picture to TIFF 6.0: 16-bit RGB, deflate after the horizontal predictor, with ICC profile, EXIF and XMP."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np

from fotohaus.output import icc
from fotohaus.raw.exif import add_capture
from fotohaus.raw.tiff_write import Directory, Type, encode
from fotohaus.render.picture import Picture

_STRIP = 1 << 20  # bytes before compression, about
_LEVEL = 1


def encode_tiff(picture: Picture, *, xmp: bytes) -> list[bytes]:
    """The TIFF file of a picture, 16 bits per channel, in pieces.

    xmp : what `fotohaus.output.xmp.packet` makes. Raises WriteError above 4 GiB.
    """
    height, width = picture.pixels.shape[:2]
    rows = min(height, max(1, _STRIP // (6 * width)))
    root = Directory()
    root.set(254, Type.LONG, 0)
    root.set(256, Type.LONG, width)
    root.set(257, Type.LONG, height)
    root.set(258, Type.SHORT, [16, 16, 16])
    root.set(259, Type.SHORT, 8)
    root.set(262, Type.SHORT, 2)
    root.set(274, Type.SHORT, 1)
    root.set(277, Type.SHORT, 3)
    root.set(278, Type.LONG, rows)
    root.set(282, Type.RATIONAL, Fraction(72))
    root.set(283, Type.RATIONAL, Fraction(72))
    root.set(284, Type.SHORT, 1)
    root.set(296, Type.SHORT, 2)
    root.set(317, Type.SHORT, 2)
    root.set(700, Type.BYTE, xmp)
    root.set(34675, Type.UNDEFINED, icc.profile(picture.gamut))
    exif = add_capture(root, picture.capture)
    exif.set(40960, Type.UNDEFINED, b"0100")
    exif.set(40961, Type.SHORT, 1 if picture.gamut == "srgb" else 0xFFFF)
    root.strips(_strips(picture, rows))
    return encode(root)


def _strips(picture: Picture, rows: int) -> list[bytes]:
    import imagecodecs

    def compress(top: int) -> bytes:
        strip = picture.pixels[top : top + rows]
        difference = np.array(strip, dtype="<u2", order="C")
        difference[:, 1:] -= strip[:, :-1]
        return bytes(imagecodecs.deflate_encode(difference.tobytes(), level=_LEVEL))

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(compress, range(0, picture.pixels.shape[0], rows)))
