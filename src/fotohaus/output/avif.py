"""Picture to AVIF: 10 bits, SDR or HDR in PQ, with CICP, ICC profile, EXIF and XMP.

AV1 Image File Format 1.1 (AV1 coded items in ISO/IEC 23008-12). A picture of several strips is a grid of them
(6.6.2.3): strips are made and coded at the same time, and each is one image item.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.output import icc, transfer
from fotohaus.output.avif_file import Coded, Colors, assemble, coded_image
from fotohaus.output.hdr import check, hdr_rows, peak
from fotohaus.render.picture import Rendition
from fotohaus.report import Report
from fotohaus.strips import in_threads

_MAX_SIDE = 65535
_TILE = 512  # rows of a strip, about: below, strips cost bytes; above, the last ones keep a single processor busy
_LEAST = 64  # rows and columns of a strip (ISO/IEC 23000-22, 7.3.11.4.2)
_FULL_CHROMA = 96

# ITU-T H.273: primaries, transfer function, matrix; all full range. BT.601's matrix is what readers take who look for
# none; the primaries have no say in how well it separates lightness from colour.
_CICP = {"srgb": (1, 13, 6), "p3": (12, 13, 6), "hdr": (9, 16, 9)}


class _Strip(NamedTuple):
    coded: Coded
    brightest: float  # light of the brightest channel
    mean: float  # over pixels, of the light of their brightest channels


def encode_avif(
    picture: Rendition,
    *,
    quality: int = 95,
    effort: int = 5,
    hdr: bool = False,
    exif: bytes,
    xmp: bytes,
    report: Report | None = None,
) -> list[bytes]:
    """The AVIF file of a picture, in pieces; strips of it are made and coded at the same time.

    quality : 1..100 as a JPEG's, not the coder's own scale. From 96 on, colour keeps its full resolution (4:4:4, AV1's
        High profile); below, half (4:2:0, Main profile), which every decoder reads. effort : 1 fast .. 9 small.
    hdr : the HDR rendition (Rec. 2100 PQ) in place of the SDR one.
    exif, xmp : what `fotohaus.raw.exif.encode_exif` and `fotohaus.output.xmp.packet` make.

    Raises WriteError for a codec that is not installed, a side above 65535 px, and a picture without an HDR rendition,
    if that is asked for.
    """
    import imagecodecs

    report = report or Report()
    height, width = picture.shape
    check(imagecodecs.AVIF, "AVIF", picture.shape, _MAX_SIDE)
    sampling = "444" if quality >= _FULL_CHROMA else "420"
    rows = _tile_rows(height, width, sampling)
    tops = range(0, height, rows)
    cicp = _CICP["hdr" if hdr else picture.gamut]
    code = functools.partial(
        _code, level=level(quality, hdr), speed=_SPEEDS[effort - 1], sampling=sampling, cicp=cicp,
        threads=kernels.threads() if len(tops) == 1 else 1,
    )  # fmt: skip
    bright = hdr_rows(picture) if hdr else None

    def encode(top: int) -> _Strip:
        bottom = min(top + rows, height)
        brightest = mean = 0.0
        if bright is not None:
            light = bright(top, bottom)
            most = np.maximum(light[..., 0], light[..., 1])
            np.maximum(most, light[..., 2], out=most)
            brightest, mean = float(most.max()), float(most.mean()) * (bottom - top) / height
            samples = transfer.to_pq(light)
        else:
            samples = picture.rows(top, bottom)
        with report.stage("encode"):
            if len(tops) > 1 and bottom - top < rows:
                # The strips of a grid are of one size; what is too much is not shown.
                samples = np.pad(samples, ((0, rows - (bottom - top)), (0, 0), (0, 0)), mode="edge")
            return _Strip(code(transfer.to_ten_bits(samples)), brightest, mean)

    strips = []
    for strip in in_threads(encode, tops):
        strips.append(strip)
        report.progress(len(strips), len(tops))
    light_level = None
    if hdr:
        # CTA-861.3: MaxCLL and MaxFALL.
        brightest = peak(max(strip.brightest for strip in strips))
        light_level = round(brightest), round(min(brightest, sum(s.mean for s in strips) * transfer.SDR_WHITE))
    colors = Colors(cicp, None if hdr else icc.profile(picture.gamut), light_level)
    return assemble([s.coded for s in strips], (height, width), rows, colors, exif=exif, xmp=xmp)


def _tile_rows(height: int, width: int, sampling: str) -> int:
    """Rows of each strip; all of them where a grid is not allowed."""
    if width < _LEAST or height < 2 * _LEAST or (sampling == "420" and (height % 2 or width % 2)):
        return height
    count = max(1, round(height / _TILE))
    rows = math.ceil(height / count)
    return height if count == 1 else rows + rows % 2


def level(quality: int, hdr: bool = False) -> int:
    """The coder's quality, 0..100, at which a photograph loses as much as in a JPEG of this quality.

    PQ has room for lights fifty times SDR white: the same light lies closer together, and is coded more finely.
    """
    return round(float(np.interp(quality, _QUALITIES, _HDR_LEVELS if hdr else _LEVELS)))


_QUALITIES = (1, 30, 50, 75, 85, 92, 95, 98, 100)
_LEVELS = (10, 39, 47, 59, 69, 80, 87, 93, 98)
_HDR_LEVELS = (20, 51, 61, 73, 84, 89, 93, 97, 99)
_SPEEDS = (10, 9, 9, 9, 9, 8, 7, 6, 4)  # of efforts 1..9


def _code(
    samples: NDArray[np.uint16], *, level: int, speed: int, sampling: str, cicp: tuple[int, int, int], threads: int
) -> Coded:
    import imagecodecs

    file = imagecodecs.avif_encode(
        samples,
        level=level,
        speed=speed,
        bitspersample=10,
        pixelformat=sampling,
        primaries=cicp[0],
        transfer=cicp[1],
        matrix=cicp[2],
        numthreads=threads,
    )
    return coded_image(bytes(file))
