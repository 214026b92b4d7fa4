"""The second noun of the house: Scene, linear light."""

from __future__ import annotations

from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop.profile_look import ProfileLook
from fotohaus.raw.image import CaptureInfo
from fotohaus.records import record


@record
class Scene:
    """Scene-referred linear light.

    pixels : (H, W, 3) float32, linear Rec. 2020 (D65). 1.0 is the raw white level after white balance at baseline
        exposure; values above 1 are legal. Planes lie one after another in memory (`fotohaus.kernels.empty`), which
        does not show in the array's shape; rows may lie farther apart than their length.
    noise : (scale, offset) of the luminance noise: variance = scale * Y + offset, Y linear luminance, pixel by pixel
        before any denoising, as measured by the sensor's noise profile; None if unknown.
    white_xy : CIE xy of the light that was taken as white.
    overview : (h, w, 3) float32, the scene in small, for who needs all of it at once: to meter it, say. None: the
        pixels tell. It shows the sensor's own samples, as they were before a denoising.
    camera_look : how the file's camera profile would have it rendered; None if it does not say.
    headroom : of a photo that was finished in HDR before: how far its light goes above SDR white, which is at 1, in EV.
    """

    pixels: NDArray[np.float32]
    noise: tuple[float, float] | None = None
    white_xy: tuple[float, float] | None = None
    capture: CaptureInfo = field(default_factory=CaptureInfo)
    overview: NDArray[np.float32] | None = None
    camera_look: ProfileLook | None = None
    headroom: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        height, width = self.pixels.shape[:2]
        return height, width

    def rows(self, top: int, bottom: int) -> NDArray[np.float32]:
        """Rows of the pixels, from `top` to before `bottom`."""
        return self.pixels[top:bottom]
