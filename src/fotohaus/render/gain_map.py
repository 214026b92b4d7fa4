"""What a gain map is: how the HDR rendition of a picture differs from its SDR rendition, in small."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fotohaus.records import record

Triple = tuple[float, float, float]

HALF = 7_000_000
"""Pixels of a picture from which on a map of half the size is fine enough: its finest light and dark lie close together
in a smaller one, and readers enlarge the map in different ways."""


@record
class GainMap:
    """How the HDR rendition differs from the SDR one, after ISO 21496-1:2025, 5 and 6.

    pixels : (h, w) uint8, or (h, w, 3) with a gain for each of the base's primaries, C-ordered; laid over the whole
        base image, interpolated between the pixels' centres.
    low, high : the gains in stops (log2) that 0 and 255 stand for, for red, green and blue.
    gamma : pixels / 255 are ((gain - low) / (high - low)) ** gamma.
    offset_sdr, offset_hdr : HDR = (SDR + offset_sdr) * 2 ** gain - offset_hdr, in linear light with SDR white at 1.
    headroom : stops above SDR white that a display needs to show all of it; with less, the gain is scaled by its share.
    """

    pixels: NDArray[np.uint8]
    low: Triple
    high: Triple
    gamma: Triple = (1.0, 1.0, 1.0)
    offset_sdr: Triple = (1 / 64, 1 / 64, 1 / 64)
    offset_hdr: Triple = (1 / 64, 1 / 64, 1 / 64)
    headroom: float = 0.0


def block_of(shape: tuple[int, int], size: str) -> int:
    """Rows and columns of a picture of this shape that a pixel of its gain map stands for, by `Recipe.gain_size`."""
    fitting = 2 if shape[0] * shape[1] >= HALF else 1
    return {"half": 2, "quarter": 4}.get(size, fitting)
