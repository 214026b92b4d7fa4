"""The third noun of the house: Picture, display-referred."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe

Gamut = Literal["srgb", "p3"]


@dataclass(frozen=True)
class Picture:
    """A finished photo, ready for a display.

    pixels : (H, W, 3) uint16, C-ordered (interleaved), the SDR rendition encoded with the sRGB transfer function in the
        primaries of `gamut` (D65); 65535 is display white.
    """

    pixels: NDArray[np.uint16]
    gamut: Gamut = "p3"
    recipe: Recipe = field(default_factory=Recipe)
    capture: CaptureInfo = field(default_factory=CaptureInfo)
