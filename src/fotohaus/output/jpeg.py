"""Picture to JPEG (ITU-T T.81): 8 bits, dithered, with ICC profile, EXIF and XMP."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.errors import WriteError
from fotohaus.output import icc
from fotohaus.render.picture import Picture

_MAX_SIDE = 65500  # libjpeg's limit
_FULL_CHROMA = 90


def quantize(pixels: NDArray[np.uint16], *, dither: bool = True) -> NDArray[np.uint8]:
    """16-bit samples to 8 bits: (H, W, 3) uint16 to (H, W, 3) uint8.

    dither : add noise of at most one output step, mostly of high frequency, so that gradients do not band. The noise
        is a function of the position; exact black and white get none.
    """
    out = np.empty(pixels.shape, np.uint8)
    kernels.call("quantize", samples=np.ascontiguousarray(pixels), dither=int(dither), out=out)
    return out


def encode_jpeg(picture: Picture, *, quality: int = 92, dither: bool = True, exif: bytes, xmp: bytes) -> bytes:
    """The JPEG file of a picture.

    quality : 1..100, libjpeg's scale. From 90 on, colour keeps its full resolution (4:4:4); below, half (4:2:0).
    exif, xmp : what `fotohaus.raw.exif.encode_exif` and `fotohaus.output.xmp.packet` make.

    Raises WriteError for a side above 65500 px.
    """
    from PIL import Image

    height, width = picture.pixels.shape[:2]
    if max(height, width) > _MAX_SIDE:
        raise WriteError(None, f"a JPEG can't be larger than {_MAX_SIDE} pixels a side, this is {width} x {height}")
    image = Image.fromarray(quantize(picture.pixels, dither=dither))
    out = io.BytesIO()
    image.save(
        out,
        "JPEG",
        quality=quality,
        subsampling="4:4:4" if quality >= _FULL_CHROMA else "4:2:0",
        dpi=(72, 72),  # as the EXIF block says
        icc_profile=icc.profile(picture.gamut),
        exif=b"Exif\0\0" + exif,
        xmp=xmp,
    )
    return out.getvalue()
