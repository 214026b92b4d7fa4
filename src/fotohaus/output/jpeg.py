"""Picture to JPEG (ITU-T T.81): 8 bits, dithered, with ICC profile, EXIF, XMP, and the gain map if there is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.output import icc
from fotohaus.output.jpeg_coder import encode_samples
from fotohaus.output.jpeg_stream import MAX_SIDE, join, segment
from fotohaus.output.sides import check_sides
from fotohaus.render.picture import Rendition
from fotohaus.report import Report
from fotohaus.strips import STRIP, in_threads, strips

_FULL_CHROMA = 90


def quantize(pixels: NDArray[np.uint16], *, dither: bool = True, top: int = 0) -> NDArray[np.uint8]:
    """16-bit samples to 8 bits: (H, W, 3) uint16 to (H, W, 3) uint8.

    dither : add noise of at most one output step, mostly of high frequency, so that gradients do not band. The noise
        is a function of the position; exact black and white get none, nor does what differs by more than a step from
        the next pixel, where nothing bands. top : the picture's row that is the first here.
    """
    return _quantized(pixels, dither, top)[..., :3]


def _quantized(pixels: NDArray[np.uint16], dither: bool, top: int) -> NDArray[np.uint8]:
    """(H, W, 4): a fourth sample that means nothing, with which the coder takes pixels as they lie."""
    out = np.empty((*pixels.shape[:2], 4), np.uint8)
    kernels.call("quantize", samples=np.ascontiguousarray(pixels), top=top, dither=int(dither), out=out)
    return out


def encode_jpeg(
    picture: Rendition,
    *,
    quality: int = 95,
    dither: bool = True,
    hdr: bool = True,
    full_chroma: bool | None = None,
    exif: bytes,
    xmp: bytes,
    report: Report | None = None,
) -> list[bytes]:
    """The JPEG file of a picture, in pieces; strips of it are made and coded at the same time.

    quality : 1..100, libjpeg's scale (`fotohaus.output.jpeg_coder`). full_chroma : whether colour keeps its full
        resolution (4:4:4) or half of it (4:2:0); by default, it does from quality 90 on.
    hdr : take the gain map along, if the picture has one (`fotohaus.output.ultra_hdr`).
    exif, xmp : what `fotohaus.raw.exif.encode_exif` and `fotohaus.output.xmp.packet` make.

    Raises WriteError for a side above 65500 px.
    """
    report = report or Report()
    height, width = picture.shape
    check_sides("a JPEG", (height, width), MAX_SIDE)
    fine = quality >= _FULL_CHROMA if full_chroma is None else full_chroma

    def encode(strip: tuple[int, int]) -> bytes:
        rows = picture.rows(*strip)
        with report.stage("encode"):
            return encode_samples(_quantized(rows, dither, strip[0]), quality, full_chroma=fine)

    # A restart interval counts at most 65535 coded blocks, of 8 or 16 rows and columns.
    block = 8 if fine else 16
    across = -(-width // block)
    rows = min(STRIP, 65535 // across * block)
    parts = strips(height, rows)
    coded = []
    for strip in in_threads(encode, parts):
        coded.append(strip)
        report.progress(len(coded), len(parts))
    gain = picture.gain_map() if hdr else None

    def joined(more: Sequence[bytes] = (), packet: bytes = xmp) -> list[bytes]:
        extra = [
            segment(0xE0, b"JFIF\0\1\2\1\0\x48\0\x48\0\0"),  # 72 dpi, as the EXIF block says
            segment(0xE1, b"Exif\0\0" + exif),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet),
            segment(0xE2, b"ICC_PROFILE\0\1\1" + icc.profile(picture.gamut)),
            *more,
        ]
        return join(coded, height, across * (rows // block), extra)

    if gain is None or gain.headroom <= 0:
        return joined()
    from fotohaus.output.ultra_hdr import with_gain_map

    return with_gain_map(gain, xmp, joined)
