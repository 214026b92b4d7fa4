"""The pictures in a DNG that show what the raw image looks like (DNG 1.7.1 chapter 2, previews and thumbnails)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.exif import software
from fotohaus.raw.tiff_write import Directory, Type

THUMBNAIL = 256
"""Pixels of a thumbnail's longer side at most."""

_SRGB = 2  # PreviewColorSpace
_YCBCR, _RGB = 6, 2  # PhotometricInterpretation

UInt8 = NDArray[np.uint8]


def check_preview(preview: UInt8) -> None:
    """Raise ValueError unless it is (h, w, 3) uint8."""
    if preview.dtype != np.uint8 or preview.ndim != 3 or preview.shape[2] != 3 or 0 in preview.shape:
        raise ValueError(f"the preview is {preview.dtype} {preview.shape}, not uint8 (h, w, 3)")


def set_thumbnail(root: Directory, preview: UInt8, program: str | None = None) -> None:
    """A thumbnail, made of a preview, as the directory's image: plain RGB, as Adobe's converter has it.

    program : what made it; by default "fotohaus VERSION"; "" leaves it out.
    """
    height, width = preview.shape[:2]
    share = min(1.0, THUMBNAIL / max(height, width))
    if share < 1:
        # Not at the top: most raw images are read, not written.
        from PIL import Image

        size = max(1, round(width * share)), max(1, round(height * share))
        preview = np.asarray(Image.fromarray(preview).resize(size, Image.Resampling.LANCZOS))
    _size(root, preview, program)
    root.set(tags.COMPRESSION, Type.SHORT, 1)
    root.set(tags.PHOTOMETRIC, Type.SHORT, _RGB)
    root.strips([preview.tobytes()])


def set_preview(image: Directory, preview: UInt8, program: str | None = None) -> None:
    """A preview as the directory's image: JPEG, sRGB; program : as in `set_thumbnail`."""
    from imagecodecs import jpeg8_encode

    _size(image, preview, program)
    image.set(tags.COMPRESSION, Type.SHORT, 7)
    image.set(tags.PHOTOMETRIC, Type.SHORT, _YCBCR)
    image.set(tags.YCBCR_SUBSAMPLING, Type.SHORT, (2, 2))
    image.set(tags.YCBCR_POSITIONING, Type.SHORT, 1)
    image.set(tags.REFERENCE_BLACK_WHITE, Type.RATIONAL, [Fraction(n) for n in (0, 255, 128, 255, 128, 255)])
    image.strips([bytes(jpeg8_encode(np.ascontiguousarray(preview), level=88, subsampling="420"))])


def _size(image: Directory, preview: UInt8, program: str | None) -> None:
    height, width = preview.shape[:2]
    image.set(tags.NEW_SUBFILE_TYPE, Type.LONG, tags.PREVIEW)
    image.set(tags.IMAGE_WIDTH, Type.LONG, width)
    image.set(tags.IMAGE_LENGTH, Type.LONG, height)
    image.set(tags.BITS_PER_SAMPLE, Type.SHORT, [8, 8, 8])
    image.set(tags.SAMPLES_PER_PIXEL, Type.SHORT, 3)
    image.set(tags.ROWS_PER_STRIP, Type.LONG, height)
    image.set(tags.PLANAR_CONFIGURATION, Type.SHORT, 1)
    name, _, number = (software() if program is None else program).partition(" ")
    image.text(tags.PREVIEW_APPLICATION_NAME, name)
    image.text(tags.PREVIEW_APPLICATION_VERSION, number)
    image.set(tags.PREVIEW_COLOR_SPACE, Type.LONG, _SRGB)
