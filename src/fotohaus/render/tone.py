"""Tone: the neutral filmic curve from scene-referred to display-referred light."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.kernels.common_tables import CURVE_HIGH, CURVE_LOW, CURVE_STEPS
from fotohaus.records import record
from fotohaus.render.color import LUMINANCE, from_oklab, to_oklab

Float64 = NDArray[np.float64]

MID_GREY = 0.18
MID_SLOPE = 1.18
"""Slope of the curve at mid-grey in log-log."""
WHITE_TARGET = 0.985
"""Where the scene's white lands on the display, 1 being display white."""
SHARPEST_SHOULDER, SOFTEST_SHOULDER = 6.0, 1.5
LARGEST = 2.0**60
"""Beyond any light; keeps powers of it finite."""
KEEP = 0.4
"""Exponent by which colour is given up as the curve flattens."""


@record
class FilmicCurve:
    """y = (u / (1 + u))^(1/shoulder), u = k x^(slope shoulder): a power law that rolls off into display white.

    The generalised logistic (Richards 1959) in log exposure. It goes through (0.18, 0.18) with slope MID_SLOPE in
    log-log, stays a power law in the shadows (black at black, nothing lifted), is monotone everywhere and reaches 1
    only at infinity, so that light beyond any white still rolls off. `shoulder` says how late and how hard it does so.
    """

    shoulder: float

    @property
    def power(self) -> float:
        """Exponent of the power law in the shadows."""
        return float(MID_SLOPE / (1 - MID_GREY**self.shoulder))

    def __call__(self, x: ArrayLike) -> Float64:
        """Display-linear value of scene-linear x, both 0.18 at mid-grey; negative x gives 0."""
        q = self.shoulder
        x = np.clip(np.asarray(x, np.float64), 0, LARGEST)
        u = MID_GREY**q / (1 - MID_GREY**q) * (x / MID_GREY) ** (self.power * q)
        return np.asarray((u / (1 + u)) ** (1 / q))

    def keep(self, x: ArrayLike) -> Float64:
        """Share of colour kept at scene-linear x: the curve's slope relative to its shadows, to the power KEEP."""
        return np.asarray((1 - self(x) ** self.shoulder) ** KEEP)


@functools.lru_cache(maxsize=64)
def filmic_curve(white: float = 2.0) -> FilmicCurve:
    """The curve that puts scene-linear `white` (after exposure) just below display white.

    The shoulder is held within bounds: a white below about 2.4 EV over mid-grey does not reach display white, and one
    above about 5 EV goes beyond where the curve still separates.
    """
    low, high = SOFTEST_SHOULDER, SHARPEST_SHOULDER
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if FilmicCurve(middle)(white) < WHITE_TARGET else (low, middle)
    return FilmicCurve(high)


def levels() -> Float64:
    """Light at the entries of the tables that kernels look up by a float's own bits: evenly spaced in each octave."""
    octaves = 2.0 ** np.arange(CURVE_LOW, CURVE_HIGH)[:, None] * (1 + np.arange(CURVE_STEPS) / CURVE_STEPS)
    return np.append(octaves.ravel(), 2.0**CURVE_HIGH)


def at_levels(table: NDArray[np.float32], light: NDArray[np.float32]) -> NDArray[np.float32]:
    """A table over `levels` at any light, as kernels look it up: linear between entries, the outermost beyond."""
    shift = 24 - CURVE_STEPS.bit_length()
    first, last = (127 + CURVE_LOW) << 23, ((127 + CURVE_HIGH) << 23) - 1
    bits = np.clip(np.maximum(light, np.float32(0)).view(np.int32), first, last) - np.int32(first)
    entry = bits >> shift
    share = (bits & ((1 << shift) - 1)).astype(np.float32) * np.float32(2.0**-shift)
    near = table[entry]
    return np.asarray(near + share * (table[entry + 1] - near))


def packed_keep(keep: Float64) -> NDArray[np.float32]:
    """Shares of colour kept at `levels` as kernels take them: 16 bits of each, and of the next, in a float's place."""
    table = np.rint(keep * 65535).astype(np.uint32)
    return np.asarray(table | np.append(table[1:], table[-1:]) << np.uint32(16)).view(np.float32)


def norm(pixels: ArrayLike) -> Float64:
    """Root of the luminance-weighted mean of squares of linear Rec. 2020 (..., 3): what the curve is applied to.

    It is smooth, equals the value for neutrals, and is larger than luminance for saturated colours, which look brighter
    than their luminance (Helmholtz-Kohlrausch effect).
    """
    return np.asarray(np.sqrt(np.maximum(np.asarray(pixels, np.float64), 0) ** 2 @ LUMINANCE))


def tone_map(pixels: ArrayLike, curve: FilmicCurve) -> Float64:
    """Oklab (..., 3) of scene-linear Rec. 2020 pixels (..., 3) after the curve, at exactly the same Oklab hue.

    The colour is scaled so that its norm follows the curve, then moved along a straight line in Oklab towards the
    neutral of that norm, the further the flatter the curve is.
    """
    n = norm(pixels)
    return toned_lab(pixels, n, curve(n), curve.keep(n))


def toned_lab(pixels: ArrayLike, norm: Float64, toned: Float64, keep: Float64) -> Float64:
    """Oklab (..., 3) of pixels whose norms (...) became `toned`, and of whose colour `keep` stays; see `tone_map`."""
    scaled = to_oklab(pixels) * np.cbrt(toned / np.maximum(norm, 1e-12))[..., None]
    neutral = np.stack([np.cbrt(toned), np.zeros_like(toned), np.zeros_like(toned)], axis=-1)
    return np.asarray(neutral + keep[..., None] * (scaled - neutral))


def tone_curve(pixels: ArrayLike, white: float = 2.0) -> Float64:
    """Display-linear Rec. 2020 (..., 3) of scene-linear Rec. 2020 pixels (..., 3), before gamut mapping.

    `white` is the scene-linear value that lands just below display white.
    """
    return from_oklab(tone_map(pixels, filmic_curve(white)))
