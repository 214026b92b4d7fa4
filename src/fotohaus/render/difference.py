"""How different two colours look: CIE 1976 L*a*b* and the difference CIEDE2000."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.render.color import rgb_to_xyz

Float64 = NDArray[np.float64]

_DELTA = 6 / 29


def cie_lab(linear: ArrayLike, space: str = "srgb") -> Float64:
    """CIE L*a*b* (..., 3), white D65, of linear RGB (..., 3) in the primaries of `space` (CIE 15:2018, 8.2.1)."""
    matrix = rgb_to_xyz(space)
    t = np.maximum(np.asarray(linear, np.float64) @ (matrix / matrix.sum(axis=1, keepdims=True)).T, 0)
    x, y, z = np.moveaxis(np.where(t > _DELTA**3, np.cbrt(t), t / (3 * _DELTA**2) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def delta_e_2000(first: ArrayLike, second: ArrayLike) -> Float64:
    """CIEDE2000 between CIE L*a*b* (..., 3) colours, all weights 1 (ISO/CIE 11664-6; Sharma, Wu and Dalal 2005)."""
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    chroma = (np.hypot(one[..., 1], one[..., 2]) + np.hypot(two[..., 1], two[..., 2])) / 2
    over = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    a1, a2, b1, b2 = one[..., 1] * over, two[..., 1] * over, one[..., 2], two[..., 2]
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for b, a in ((b1, a1), (b2, a2)))
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, (h2 - h1 + 180) % 360 - 180)
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    mean_h = np.where(grey, h1 + h2, (h1 + turn / 2) % 360)
    mean_c, mean_l = (c1 + c2) / 2, (one[..., 0] + two[..., 0]) / 2

    def cos(times: float, minus: float = 0.0) -> Float64:
        return np.asarray(np.cos(np.radians(times * mean_h - minus)))

    t = 1 - 0.17 * cos(1, 30) + 0.24 * cos(2) + 0.32 * cos(3, -6) - 0.20 * cos(4, 63)
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    rotation = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    rotation = rotation * np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    lightness, colour, hue = (two[..., 0] - one[..., 0]) / s_l, (c2 - c1) / s_c, hue / s_h
    return np.asarray(np.sqrt(np.maximum(lightness**2 + colour**2 + hue**2 + rotation * colour * hue, 0)))
