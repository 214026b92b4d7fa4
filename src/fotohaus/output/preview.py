"""What a raw image looks like, for the DNG that holds it: file managers and catalogues show this."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.choices import Stage
from fotohaus.errors import FotohausError
from fotohaus.raw.image import RawImage
from fotohaus.recipe import Recipe
from fotohaus.report import Report

LONGEST = 1536
"""Pixels of a preview's longer side at most."""

_CELLS = 4_000_000  # CFA tiles that are looked at: all of a mosaic of 16 MP
LEFT_OUT: tuple[Stage, ...] = ("denoise", "ca", "defringe", "lens", "capture-sharpen", "dither")
"""What nobody would see in small, and where lenses bend: that takes the picture in full."""


def preview(raw: RawImage, recipe: Recipe, report: Report | None = None) -> NDArray[np.uint8] | None:
    """A raw image developed and rendered in small as a recipe says: (h, w, 3) uint8 sRGB, turned like the mosaic.

    A pixel is one tile of the CFA before it is reduced, so there is neither demosaic nor sharpening. None for an image
    that can't be developed; a raw file need not show anything.
    """
    # Not at the top: only DNG needs them here.
    from PIL import Image

    from fotohaus.develop.pipeline import prepare
    from fotohaus.render.pipeline import Rendering

    report = report or Report()
    small = replace(recipe, gamut="srgb", off=tuple({*recipe.off, *LEFT_OUT}))
    with report.stage("preview"):
        try:
            # What it says has been said, or concerns a picture in full.
            development = prepare(raw, off=small.off, wb=small.wb)
            picture = Rendering(development.small(_CELLS), small, Report()).picture()
        except (FotohausError, ValueError) as error:
            report.note(f"none: {error}")
            return None
        height, width = picture.shape
        eight: NDArray[np.uint8] = np.empty((height, width, 3), np.uint8)
        np.floor_divide(picture.pixels, 257, out=eight, casting="unsafe")
        share = min(1.0, LONGEST / max(height, width))
        if share < 1:
            size = max(1, round(width * share)), max(1, round(height * share))
            eight = np.array(Image.fromarray(eight).resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))
        report.note(f"{eight.shape[1]} x {eight.shape[0]}")
        return as_stored(eight, raw.orientation)


def as_stored(upright: NDArray[Any], orientation: int) -> NDArray[Any]:
    """An upright (H, W[, ...]) array turned to how a file of that EXIF Orientation stores it."""
    flip_y, flip_x = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    turned = upright[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return np.ascontiguousarray(turned.swapaxes(0, 1) if orientation >= 5 else turned)
