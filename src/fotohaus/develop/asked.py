"""What is asked of the rows that are made of a raw image, be it a mosaic or linear raw."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import NoiseProfile
from fotohaus.records import record

Clipped = Literal["rebuild", "cut", "leave"]
"""What becomes of clipped samples: they are rebuilt, or all colours are cut where the first clips, or nothing."""


@record
class Asked:
    """What is asked of rows of camera RGB.

    multipliers : (3,) white balance. shade : whether gain maps are applied. noise : of the samples, before white
    balance. denoise : strength of denoising, 0 for none.
    """

    multipliers: NDArray[np.float64]
    noise: NoiseProfile
    shade: bool = True
    clipped: Clipped = "rebuild"
    denoise: float = 0.0
