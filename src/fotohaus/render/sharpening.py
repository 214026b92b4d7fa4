"""Sharpening of lightness: unsharp mask, cored by the noise, limited at edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]

RADIUS = 0.75
"""Standard deviation of the blur that is undone, in px."""
REACH = 2
"""Pixels around one that have a say in it."""
GAIN = 2.4
"""Gain on detail at strength 1."""
OVERSHOOT = 0.12
"""How far an edge may overshoot, as a share of its neighbourhood's range."""
STRONG_OVERSHOOT = 0.003
"""And no more than this over that range: beside a step of six stops, a share of it would be a line."""
CORING = 2.2
"""Detail at which half of it counts as noise, in deviations of the noise."""
UNKNOWN_NOISE = 0.004
"""Lightness noise that is assumed where none is known."""


def blur_weights(radius: float = RADIUS) -> NDArray[np.float32]:
    """Weights (3,) at distance 0, 1 and 2 px of a separable Gaussian, normalised."""
    taps = np.exp(-0.5 * (np.arange(3) / radius) ** 2)
    return np.asarray(taps / (taps[0] + 2 * taps[1:].sum()), np.float32)


def lightness_noise(
    level: ArrayLike, noise: tuple[float, float] | None, gain: float, curve: Callable[[ArrayLike], Float64] | None
) -> Float64:
    """Deviation of the noise in lightness (cube root of display light) at scene-linear `level` after exposure.

    noise : (scale, offset), variance = scale Y + offset before exposure; gain : linear; curve : None for no tone curve.
    """
    level = np.asarray(level, np.float64)
    if noise is None or not np.isfinite(noise).all():
        return np.full_like(level, UNKNOWN_NOISE)
    scale, offset = (min(max(v, 0.0), 1.0) for v in noise)
    deviation = np.sqrt(scale * gain * level + offset * gain**2)
    # The curve is steep at black: its slope is taken as a secant over the noise, not as a tangent.
    low, high = np.maximum(level - deviation / 2, 0), level + deviation / 2
    display = curve if curve is not None else np.asarray
    return np.asarray(np.cbrt(display(high)) - np.cbrt(display(low)))


def sharpen(lightness: ArrayLike, strength: float = 0.5, noise: ArrayLike = UNKNOWN_NOISE) -> Float64:
    """Sharpened lightness (H, W), cube root of display light; `noise` is its deviation, a number or (H, W).

    detail = lightness - blur; it is weighted by detail^2 / (detail^2 + (2.2 noise)^2), and the result may pass the
    minimum and maximum of its 3x3 neighbourhood by no more than 12 % of their difference. Strength 0 changes nothing.
    """
    v = np.asarray(lightness, np.float64)
    height, width = v.shape
    w = blur_weights().astype(np.float64)
    wide = np.pad(v, 2, mode="edge")
    rows = [wide[i : i + height] for i in range(5)]
    down = w[0] * rows[2] + w[1] * (rows[1] + rows[3]) + w[2] * (rows[0] + rows[4])
    cut = [down[:, i : i + width] for i in range(5)]
    detail = v - (w[0] * cut[2] + w[1] * (cut[1] + cut[3]) + w[2] * (cut[0] + cut[4]))
    near = np.stack([wide[1 + i : 1 + i + height, 1 + j : 1 + j + width] for i in range(3) for j in range(3)])
    low, high = near.min(axis=0), near.max(axis=0)
    cored = detail**3 / (detail**2 + (CORING * np.asarray(noise)) ** 2 + 1e-12)
    contrast = np.maximum(high - low, 1e-6)
    room = np.minimum(OVERSHOOT * contrast, STRONG_OVERSHOOT / contrast)
    return np.asarray(np.clip(v + strength * GAIN * cored, low - room, high + room))
