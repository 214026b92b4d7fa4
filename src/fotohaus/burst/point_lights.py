"""Stars and lamps, whose light no two frames spread alike: what the merge allows them."""

from __future__ import annotations

import numpy as np

from fotohaus import kernels
from fotohaus.burst.frame import PAD, Frame
from fotohaus.raw.image import Float32

SEEING = 0.15
"""Share of a point's power by which frames may differ: that counts half. A spot a tenth wider differs by a sixtieth,
one of 3 px shifted by a pixel by three tenths, one that is not there by all."""

FEW, MANY = 4.0, 7.0
"""Quads that hold a point's light: all of it counts up to the first, none from the second on. A star is 3 to 5 px wide
there; texture has no tile to itself."""


def slack_of(reference: Frame, inverse_sigma: Float32, window: Float32) -> Float32:
    """(tiles) power that a difference may have where a point's light is spread otherwise, in units of the noise.

    Air, focus and the hand make another spot of a point in each frame, and the colour filters see a sharp spot at other
    places: differences beyond noise that are no motion. A merge that falls back to the reference there gives stars its
    flux, which is one frame's and not the mean of all. What passes elsewhere in the tile is as little of the point's
    power. inverse_sigma : (tiles, 4) of the noise; window : (16,) of the analysis.
    """
    power: Float32 = np.empty(inverse_sigma.shape[:2], np.float32)
    kernels.call(
        "burst_points",
        mosaic=reference.padded,
        black=reference.black,
        scale=reference.scale,
        inverse_sigma=inverse_sigma,
        window=window,
        pad=PAD,
        width=reference.quads[1],
        height=reference.quads[0],
        few=FEW,
        many=MANY,
        power=power,
    )
    power *= SEEING
    return power
