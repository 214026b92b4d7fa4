"""Picture to JPEG XL (ISO/IEC 18181): lossy by perceived distance, or lossless in 16 bits; SDR, or HDR in PQ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.output import transfer
from fotohaus.output.boxes import box
from fotohaus.output.hdr import check, hdr_rows, peak
from fotohaus.output.jxl_header import P3, SRGB, rec2100_pq, with_colors
from fotohaus.render import color
from fotohaus.render.picture import Rendition
from fotohaus.report import Report
from fotohaus.strips import in_threads, strips

_SIGNATURE = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
_MAX_SIDE = 1 << 18  # level 5 (18181-1, annex M)
_LIGHT_UNIT = 255.0  # cd/m2 that the encoder takes 1.0 for
_QUICK = 3  # efforts of the encoder's that time matters to more than size
_CODING = 0.3  # the share of the time that is spent when every row is there


def distance(quality: int) -> float:
    """The perceived distance (1.0: just noticeable) that stands for a JPEG's quality: libjxl's own translation."""
    if quality >= 100:
        return 0.0
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def encode_jxl(
    picture: Rendition,
    *,
    quality: int = 95,
    effort: int = 5,
    hdr: bool = False,
    exif: bytes,
    xmp: bytes,
    report: Report | None = None,
) -> list[bytes]:
    """The JPEG XL file of a picture, in pieces.

    quality : 1..99 as a JPEG's; 100 is lossless in 16 bits. effort : 1 fast .. 9 small. hdr : the HDR rendition in
    place of the SDR one. exif, xmp : what `fotohaus.raw.exif.encode_exif` and `fotohaus.output.xmp.packet` make.

    Raises WriteError for a codec that is not installed, a side above 262144 px, and a picture without an HDR rendition,
    if that is asked for.
    """
    import imagecodecs

    report = report or Report()
    height, width = picture.shape
    check(imagecodecs.JPEGXL, "JPEG XL", picture.shape, _MAX_SIDE)
    lossless = quality >= 100
    bright = hdr_rows(picture) if hdr else None
    matrix = _to_srgb("rec2020" if hdr else picture.gamut)
    # Half of the bits are enough for SDR light: the encoder takes longer over more of them.
    samples = np.empty((height, width, 3), np.uint16 if lossless else np.float32 if hdr else np.float16)
    brightest = [1.0]

    def fill(strip: tuple[int, int]) -> None:
        if bright is not None:
            light = bright(*strip)
            with report.stage("encode"):
                brightest.append(float(light.max()))
                if lossless:
                    samples[slice(*strip)] = transfer.to_pq(light)
                    return
                np.matmul(light, matrix.T * np.float32(transfer.SDR_WHITE / _LIGHT_UNIT), out=samples[slice(*strip)])
        else:
            sixteen = picture.rows(*strip)
            if lossless:
                samples[slice(*strip)] = sixteen
                return
            with report.stage("encode"):
                transfer.put_light(sixteen, matrix, samples[slice(*strip)])

    parts = strips(height)
    total = round(len(parts) / (1 - _CODING))
    for done, _ in enumerate(in_threads(fill, parts), 1):
        report.progress(done, total)
    number, threads = _effort(effort, lossless), kernels.threads()
    with report.stage("encode"):
        codestream = imagecodecs.jpegxl_encode(
            samples,
            lossless=lossless,
            distance=None if lossless else distance(quality),
            effort=number,
            # A file that is easier to decode is easier to code, too: 7 % for 2 % of its size at the same error.
            decodingspeed=1 if number <= _QUICK and not lossless else None,
            usecontainer=False,
            # Its threads wait for one another; one more than there are cores to run on fills the gaps.
            numthreads=threads + 1 if threads > 1 else 1,
        )
    report.progress(total, total)
    plain = bytes(codestream)
    if not plain.startswith(b"\xff\x0a"):
        plain = _bare(plain)
    colors = rec2100_pq(peak(max(brightest))) if hdr else P3 if picture.gamut == "p3" else SRGB
    pieces = with_colors(plain, height, width, colors)
    level = [box(b"jxll", bytes([10]))] if lossless else []
    facts = [box(b"Exif", bytes(4), exif)] if exif else []
    facts += [box(b"xml ", xmp)] if xmp else []
    return [_SIGNATURE, *level, *facts, box(b"jxlc", *pieces)]


def _effort(effort: int, lossless: bool) -> int:
    """The encoder's number for an effort of 1..9. Lossless coding takes it much more to heart."""
    return (1, 1, 1, 1, 2, 3, 4, 5, 7)[effort - 1] if lossless else (1, 2, 3, 3, 3, 5, 6, 7, 8)[effort - 1]


def _to_srgb(space: str) -> NDArray[np.float32]:
    """The matrix from linear light in a space to that in sRGB's primaries, which the encoder takes.

    Colours beyond sRGB come out negative; the encoder's own space (XYB) holds them.
    """
    return np.linalg.solve(color.rgb_to_xyz("srgb"), color.rgb_to_xyz(space)).astype(np.float32)


def _bare(file: bytes) -> bytes:
    """The codestream out of a container."""
    from fotohaus.output.boxes import boxes

    return b"".join(content for kind, content in boxes(file) if kind == b"jxlc")
