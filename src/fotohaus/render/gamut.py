"""Gamut mapping: chroma compressed towards the display's boundary in Oklab, hue and lightness kept.

After B. Ottosson, "sRGB gamut clipping" (2021), but with a soft knee instead of a clip, and towards the boundary at the
same lightness: lightness is the tone curve's business.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.render.color import from_oklab, to_oklab
from fotohaus.render.picture import Gamut

Float64 = NDArray[np.float64]

KNEE = 0.8
"""Share of the boundary's chroma up to which colours stay as they are."""
CUSP = 0.03
"""Standard deviation, in lightness, by which the boundary's cusp is rounded off."""
HUES, LIGHTS = 256, 128


@functools.cache
def boundary(gamut: Gamut) -> NDArray[np.float32]:
    """Largest Oklab chroma to use, (HUES + 1, LIGHTS + 1): rows by `hue_turn` / 4, columns by lightness 0..1.

    That of the gamut, except around the cusp, which is rounded off: at the gamut's own corner, a colour that gets
    brighter would turn from gaining chroma to losing it at once, which shows as a bright ridge in a gradient.
    """
    turn = np.linspace(0, 4, HUES + 1)
    b = np.where(turn < 2, turn - 1, 3 - turn)
    a = np.where(turn < 2, 1 - np.abs(b), np.abs(b) - 1)
    direction = np.stack([np.zeros_like(a), a, b], axis=-1)[:, None] / np.hypot(a, b)[:, None, None]
    light = np.linspace(0, 1, LIGHTS + 1)[:, None] * np.array([1.0, 0, 0])
    low = np.zeros((HUES + 1, LIGHTS + 1))
    high = np.full_like(low, 0.5)
    for _ in range(16):
        chroma = (low + high) / 2
        rgb = from_oklab(light + chroma[..., None] * direction, gamut)
        inside = ((rgb >= 0) & (rgb <= 1)).all(axis=-1)
        low, high = np.where(inside, chroma, low), np.where(inside, high, chroma)
    reach = int(4 * CUSP * LIGHTS)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (CUSP * LIGHTS)) ** 2)
    # Odd about both ends, where the chroma is 0, so that the ends stay as they are.
    wide = np.concatenate([-low[:, reach:0:-1], low, -low[:, -2 : -reach - 2 : -1]], axis=1)
    smooth = sum(w * wide[:, i : i + LIGHTS + 1] for i, w in enumerate(taps / taps.sum()))
    return np.asarray(np.minimum(low, smooth), np.float32)


def hue_turn(a: ArrayLike, b: ArrayLike) -> Float64:
    """Monotone stand-in for the hue angle: 0..4 once around, starting at -90 degrees; 1 for a > 0, b = 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    turn = b / (np.abs(a) + np.abs(b) + 1e-20)
    return np.asarray(np.where(a < 0, 2 - turn, turn) + 1)


def largest_chroma(light: ArrayLike, a: ArrayLike, b: ArrayLike, gamut: Gamut) -> Float64:
    """Largest in-gamut Oklab chroma at this lightness and the hue of (a, b), interpolated from the table."""
    table = boundary(gamut).astype(np.float64)
    h = hue_turn(a, b) * (HUES / 4)
    v = np.clip(light, 0, 1) * LIGHTS
    i, j = np.minimum(h.astype(int), HUES - 1), np.minimum(v.astype(int), LIGHTS - 1)
    s, t = h - i, v - j
    near = table[i, j] * (1 - t) + table[i, j + 1] * t
    far = table[i + 1, j] * (1 - t) + table[i + 1, j + 1] * t
    return np.asarray(near * (1 - s) + far * s)


def compress(share: ArrayLike, knee: float = KNEE) -> Float64:
    """Chroma as a share of the boundary's, 0..inf, to 0..1: unchanged up to the knee, then rolling off towards 1."""
    share = np.asarray(share, np.float64)
    beyond = np.maximum(share - knee, 0) / (1 - knee)
    return np.asarray(np.minimum(share, knee) + (1 - knee) * beyond / (1 + beyond))


def map_lab(lab: ArrayLike, gamut: Gamut, knee: float = KNEE) -> Float64:
    """Oklab (..., 3) inside the display's gamut, at the hue and lightness (limited to 0..1) of the given one."""
    lab = np.asarray(lab, np.float64)
    light, a, b = np.clip(lab[..., 0], 0, 1), lab[..., 1], lab[..., 2]
    share = np.hypot(a, b) / np.maximum(largest_chroma(light, a, b, gamut), 1e-7)
    factor = compress(share, knee) / np.maximum(share, 1e-7)
    factor = np.where(share > knee, factor, 1)
    return np.stack([light, a * factor, b * factor], axis=-1)


def map_gamut(pixels: ArrayLike, gamut: Gamut = "srgb") -> Float64:
    """Display-linear Rec. 2020 pixels (..., 3) to display-linear sRGB or P3 within 0..1."""
    return np.clip(from_oklab(map_lab(to_oklab(pixels), gamut), gamut), 0, 1)
