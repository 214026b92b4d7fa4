"""Gamut mapping: chroma compressed towards the display's boundary in Oklab, hue and lightness kept.

After B. Ottosson, "sRGB gamut clipping" (2021), but with a soft knee instead of a clip, and towards the boundary at the
same lightness: lightness is the tone curve's business.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.render import color
from fotohaus.render.color import from_oklab, to_oklab
from fotohaus.render.picture import Gamut

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

KNEE = 0.8
"""Share of the boundary's chroma up to which colours stay as they are."""
CUSP = 8
"""How closely the rounded boundary follows the gamut's corner: at the corner it is 2^(-1/8) of it."""
HUES, LIGHTS = 256, 128
FARTHEST = 3  # times the chroma at which a channel gets to 0


@functools.cache
def boundary(gamut: Gamut) -> Float32:
    """Largest Oklab chroma to use, (HUES + 1, LIGHTS + 1): rows by `hue_turn` / 4, columns by lightness 0..1.

    Below the cusp the gamut ends where a channel gets to 0, which in Oklab is a straight line from black; above it,
    where one gets to 1. Their smooth minimum rounds the cusp off: at the gamut's own corner, a colour that gets
    brighter would turn from gaining chroma to losing it at once, which shows as a bright ridge in a gradient.
    """
    a, b = turn_to_ab(np.linspace(0, 4, HUES + 1))
    direction = np.stack([a, b], axis=-1) / np.hypot(a, b)[:, None]
    # At lightness L and chroma C = L t, the cube roots of the responses are L (1 + t k): channels are L^3 cubic(t).
    k = direction @ np.linalg.inv(color.lms_to_lab())[:, 1:].T
    to_rgb = np.linalg.inv(color.to_lms(gamut)).T
    first, second, third = ((k**n @ to_rgb)[..., None] * times for n, times in ((1, 3), (2, 3), (3, 1)))

    def channels(t: Float64) -> Float64:
        return np.asarray(1 + t * (first + t * (second + t * third)))

    ends = _first_zero(lambda t: channels(t[:, None, None]).min(axis=(1, 2)))[:, None]
    # Where the largest channel is 1, each t has one lightness; beyond a few times where they are black it says nothing.
    t = ends * np.linspace(0, FARTHEST, FARTHEST * 48)
    largest = np.maximum.accumulate(np.cbrt(channels(t[:, None]).max(axis=1)), axis=1)
    light = np.linspace(0, 1, LIGHTS + 1)
    faded = 1 / np.maximum(light, 1e-9)
    bright = light * np.stack([np.interp(faded, *of_hue) for of_hue in zip(largest, t, strict=True)])
    dark = light * ends
    sharpness = 1 / np.maximum(dark, 1e-9) ** CUSP + 1 / np.maximum(bright, 1e-9) ** CUSP
    return np.asarray(np.where((dark > 0) & (bright > 0), sharpness ** (-1 / CUSP), 0), np.float32)


def _first_zero(falling: Callable[[Float64], Float64]) -> Float64:
    """Where functions of each hue get from 1 to 0, between 0 and 1: halved a few times, a line in what is left."""
    low, high = np.zeros(HUES + 1), np.ones(HUES + 1)
    for _ in range(12):
        middle = (low + high) / 2
        inside = falling(middle) >= 0
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    near, far = np.maximum(falling(low), 0), np.minimum(falling(high), 0)
    return np.asarray(low + (high - low) * near / np.maximum(near - far, 1e-12))


def hue_turn(a: ArrayLike, b: ArrayLike) -> Float64:
    """Monotone stand-in for the hue angle: 0..4 once around, starting at -90 degrees; 1 for a > 0, b = 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    turn = b / (np.abs(a) + np.abs(b) + 1e-20)
    return np.asarray(np.where(a < 0, 2 - turn, turn) + 1)


def turn_to_ab(turn: ArrayLike) -> tuple[Float64, Float64]:
    """An Oklab (a, b) of each `hue_turn`, with |a| + |b| = 1."""
    turn = np.asarray(turn, np.float64)
    b = np.where(turn < 2, turn - 1, 3 - turn)
    return np.where(turn < 2, 1 - np.abs(b), np.abs(b) - 1), b


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
