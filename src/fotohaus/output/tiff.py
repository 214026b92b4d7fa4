"""Picture to TIFF 6.0: 16-bit RGB, deflate after the horizontal predictor, with ICC profile, EXIF and XMP."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fotohaus.output import icc
from fotohaus.raw import tags
from fotohaus.raw.exif import SRGB, UNCALIBRATED, add_capture
from fotohaus.raw.tiff_write import Directory, Type, encode
from fotohaus.render.picture import Picture
from fotohaus.strips import in_threads

_STRIP = 1 << 20  # bytes before compression, about
_LEVEL = 1


def encode_tiff(picture: Picture, *, xmp: bytes, software: str | None = None, private: bool = False) -> list[bytes]:
    """The TIFF file of a picture, 16 bits per channel, in pieces.

    xmp : what `fotohaus.output.xmp.packet` makes. software, private : as in `fotohaus.raw.exif.encode_exif`.
    Raises WriteError above 4 GiB.
    """
    height, width = picture.pixels.shape[:2]
    rows = min(height, max(1, _STRIP // (6 * width)))
    root = Directory()
    root.set(tags.NEW_SUBFILE_TYPE, Type.LONG, 0)
    root.set(tags.IMAGE_WIDTH, Type.LONG, width)
    root.set(tags.IMAGE_LENGTH, Type.LONG, height)
    root.set(tags.BITS_PER_SAMPLE, Type.SHORT, [16, 16, 16])
    root.set(tags.COMPRESSION, Type.SHORT, 8)
    root.set(tags.PHOTOMETRIC, Type.SHORT, 2)
    root.set(tags.ORIENTATION, Type.SHORT, 1)
    root.set(tags.SAMPLES_PER_PIXEL, Type.SHORT, 3)
    root.set(tags.ROWS_PER_STRIP, Type.LONG, rows)
    root.set(tags.X_RESOLUTION, Type.RATIONAL, Fraction(72))
    root.set(tags.Y_RESOLUTION, Type.RATIONAL, Fraction(72))
    root.set(tags.PLANAR_CONFIGURATION, Type.SHORT, 1)
    root.set(tags.RESOLUTION_UNIT, Type.SHORT, 2)
    root.set(tags.PREDICTOR, Type.SHORT, 2)
    root.set(tags.XMP, Type.BYTE, xmp)
    root.set(tags.ICC_PROFILE, Type.UNDEFINED, icc.profile(picture.gamut))
    exif = add_capture(root, picture.capture, software=software, private=private)
    exif.set(tags.FLASHPIX_VERSION, Type.UNDEFINED, b"0100")
    exif.set(tags.COLOR_SPACE, Type.SHORT, SRGB if picture.gamut == "srgb" else UNCALIBRATED)
    root.strips(_strips(picture, rows))
    return encode(root)


def _strips(picture: Picture, rows: int) -> list[bytes]:
    import imagecodecs

    def compress(top: int) -> bytes:
        strip = picture.pixels[top : top + rows]
        difference = np.array(strip, dtype="<u2", order="C")
        difference[:, 1:] -= strip[:, :-1]
        return bytes(imagecodecs.deflate_encode(difference.tobytes(), level=_LEVEL))

    return list(in_threads(compress, range(0, picture.pixels.shape[0], rows)))
