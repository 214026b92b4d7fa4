"""How strongly one frame is denoised, and what of its noise is left then (docs/algorithms/denoise.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fotohaus.denoising.denoiser import LINEAR, LUMINANCE_LINEAR, Denoiser, visible_noise

_VISIBLE = (0.9, 1.4, 3.0, 10.0, 40.0, 160.0)  # noise there in L*, and the default strength for it
_STRENGTHS = (0.0, 0.45, 0.65, 0.85, 0.96, 0.99)
_LEAST_STRENGTH = 0.1  # below, nobody would see a difference
_AT = (0.0, 0.25, 0.5, 0.75, 1.0)  # strengths at which the luminance deviation left was measured, by passes
_LEFT = {1: (1.0, 0.606, 0.308, 0.182, 0.080), 2: (1.0, 0.597, 0.252, 0.153, 0.073)}
_LEFT_COARSE = (1.0, 0.593, 0.243, 0.142, 0.058)  # with the coarse look
_SLIPS, _STAYS = 0.05, 0.1  # of linear raw's deviation: of what is to go, and whatever the strength
_COARSE, _STAYS_COARSE = 0.008, 0.064  # of its variance, the coarse look's share; and then this of its deviation stays
_LINEAR_LIGHT = 0.18


def decide_strength(noise: tuple[float, float] | None, applied: float = 0.0) -> float:
    """The default strength for a scene's luminance noise (scale, offset); 0, that is, no denoising, if it is unknown.

    What is hardly seen stays: 0 below 0.95 L* of noise in a dark middle tone (a phone in daylight), 0.45 at 1.4 L*,
    0.65 at 3 L* (ISO 400), 0.85 at 10 L* (ISO 1600), and from there on so much that the grain which stays does not grow
    any more: 0.96 at 40 L*, 0.99 at 160. Some grain always stays: without it, skin looks like plastic.

    applied : the part of the noise reduction that the camera has done (DNG 1.7.1, NoiseReductionApplied: nothing is to
    be added to 1 by default).
    """
    if noise is None or not np.isfinite(noise).all():
        return 0.0
    seen = max(visible_noise(noise), 1e-6)
    strength = float(np.interp(np.log(seen), np.log(_VISIBLE), _STRENGTHS)) * (1 - applied)
    return round(strength, 3) if strength >= _LEAST_STRENGTH else 0.0


def remaining_noise(
    noise: tuple[float, float], denoiser: Denoiser, luminance: ArrayLike = LUMINANCE_LINEAR
) -> tuple[float, float]:
    """What of a scene's luminance noise (scale, offset) is left after denoising, in flat areas.

    luminance : (3,), the weights of white-balanced R, G and B in it; they matter for linear raw alone.
    """
    if denoiser.linear:
        slope, intercept = denoiser.slope.ravel(), denoiser.intercept.ravel()
        # Deviation of each colour's noise in grey light, by its weight, as a vector of planes.
        deviation = 2 * np.sqrt(slope * _LINEAR_LIGHT + intercept) / slope
        parts = denoiser.basis @ (deviation * np.asarray(luminance, np.float64)[LINEAR] * (1, 1, 0, 1))
        kept = np.maximum(_SLIPS + (1 - _SLIPS) * denoiser.keep[[0, 1, 1, 2]], _STAYS) ** 2
        if denoiser.coarse:
            kept = np.maximum(kept - _COARSE, _STAYS_COARSE**2)
        share = float(kept @ parts**2 / (parts @ parts))
    else:
        left = _LEFT_COARSE if denoiser.coarse else _LEFT[denoiser.passes]
        share = float(np.interp(denoiser.strength, _AT, left)) ** 2
    return noise[0] * share, noise[1] * share
