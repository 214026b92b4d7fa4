"""The second noun of the house: Scene, linear light."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import CaptureInfo


@dataclass(frozen=True)
class Scene:
    """Scene-referred linear light.

    pixels : (H, W, 3) float32, linear Rec. 2020 (D65). 1.0 is the raw white level after white balance at baseline
        exposure; values above 1 are legal. Planes lie one after another in memory (`fotohaus.kernels.empty`), which
        does not show in the array's shape; rows may lie farther apart than their length.
    noise : (scale, offset) of the luminance noise: variance = scale * Y + offset, Y linear luminance, pixel by pixel
        before any denoising, as measured by the sensor's noise profile; None if unknown.
    white_xy : CIE xy of the light that was taken as white.
    """

    pixels: NDArray[np.float32]
    noise: tuple[float, float] | None = None
    white_xy: tuple[float, float] | None = None
    capture: CaptureInfo = field(default_factory=CaptureInfo)
