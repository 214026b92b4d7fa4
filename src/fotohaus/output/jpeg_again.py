"""A JPEG's picture put into a larger one and coded again with next to no loss.

Where a block lies on the same grid of 8 x 8 (or 16 x 16) as before and is coded with the same quantisation tables, its
coefficients round to what they were: decoding and coding is the identity but for rounding to 8 bits, if neither the
colours are converted nor the resolution of chroma is changed on the way. So pixels stay in Y'CbCr, and chroma of half
the resolution is taken at that: libjpeg does so when the picture is asked for in half its size.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.framing.framed import Float64
from fotohaus.output.jpeg_stream import MAX_SIDE, segment, segments
from fotohaus.output.sides import check_sides
from fotohaus.raw.tiff import TiffError
from fotohaus.records import record

_420 = 2  # Pillow's number for chroma of half the resolution in both directions
_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


@record
class Coded:
    """A JPEG decoded, with what it takes to code it again.

    samples : (H, W, 3) uint8 Y'CbCr, or (H, W, 1) grey. tables : of quantisation, for each component. sampling :
    Pillow's 0 (4:4:4), 1 (4:2:2), 2 (4:2:0). icc : the profile, empty for none.
    """

    samples: NDArray[np.uint8]
    tables: tuple[tuple[int, ...], ...]
    sampling: int
    progressive: bool
    icc: bytes = b""


def decode(data: bytes) -> Coded:
    """A JPEG's samples as coded. Raises TiffError for one that is damaged, or neither Y'CbCr nor grey."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile, get_sampling

    def opened(mode: str | None = None, halved: bool = False) -> Any:
        image = JpegImageFile(io.BytesIO(data))
        if mode:
            image.draft(mode, (image.width // 2, image.height // 2) if halved else image.size)
        return image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with opened() as image:
                if image.mode not in ("L", "RGB") or image.info.get("adobe_transform") == 0:
                    raise TiffError(f"is a JPEG of {image.mode} samples, which can't be framed")
                layers, sampling = image.layer, max(0, get_sampling(image))
                tables = tuple(tuple(image.quantization[layer[3]]) for layer in layers)
                progressive, icc = bool(image.info.get("progressive")), image.info.get("icc_profile") or b""
                if image.mode == "L":
                    return Coded(np.array(image)[..., None], tables, 0, progressive, icc)
            with opened("YCbCr") as image:
                samples = np.array(image)
            if sampling == _420 and min(samples.shape[:2]) > 1:
                with opened("YCbCr", halved=True) as image:
                    half = np.asarray(image)
                high, wide = samples.shape[:2]
                for plane in (1, 2):
                    samples[..., plane] = half[..., plane].repeat(2, 0).repeat(2, 1)[:high, :wide]
            return Coded(samples, tables, sampling, progressive, icc)
        except (OSError, SyntaxError, ValueError, KeyError, Image.DecompressionBombError) as error:
            if isinstance(error, TiffError):
                raise
            raise TiffError(f"is damaged: {error}") from None


def encode(samples: NDArray[np.uint8], like: Coded, extra: Sequence[bytes] = ()) -> list[bytes]:
    """Samples coded as another JPEG was, in pieces.

    extra : segments to begin with, as `jpeg_stream.segment` makes them.
    Raises WriteError for a side above 65500 px.
    """
    from PIL import Image

    height, width = samples.shape[:2]
    check_sides("a JPEG", (height, width), MAX_SIDE)
    grey = samples.shape[2] == 1
    image = Image.fromarray(samples[..., 0]) if grey else Image.frombytes("YCbCr", (width, height), samples.tobytes())
    tables = [list(table) for table in like.tables]
    # Cb and Cr share theirs as a rule: it need be written only once.
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    out = io.BytesIO()
    options: dict[str, Any] = {} if grey else {"subsampling": like.sampling}
    image.save(out, "JPEG", qtables=tables, optimize=True, progressive=like.progressive, **options)
    data = out.getvalue()
    header, _ = segments(data)
    jfif = header[0][1]
    return [b"\xff\xd8", segment(0xE0, jfif), *extra, data[2 + 4 + len(jfif) :]]


def paint(rgb: Float64, channels: int) -> NDArray[np.uint8]:
    """Colours (..., 3) of the file's RGB space, 0 ... 1, as a JPEG's samples: Y'CbCr (ITU-T T.871, 7), or grey."""
    coded = 255 * rgb @ _YCBCR.T + np.array([0, 128, 128])
    return np.asarray(np.rint(coded[..., :channels]).clip(0, 255), np.uint8)


def header_segments(data: bytes) -> list[tuple[int, bytes]]:
    """(marker, data) of the segments before a JPEG's frame header, as far as they are sound; fill bytes are skipped."""
    found: list[tuple[int, bytes]] = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, size = struct.unpack_from(">xBH", data, at)
        if marker == 0xFF:
            at += 1
            continue
        if (0xC0 <= marker <= 0xCF and marker != 0xC4) or marker == 0xDA or size < 2 or at + 2 + size > len(data):
            break
        found.append((marker, data[at + 4 : at + 2 + size]))
        at += 2 + size
    return found
