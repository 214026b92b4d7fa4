"""The mean of noise that a file cuts off at its 0 (docs/algorithms/denoise.md), and at its white level (merge.md)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.records import record

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_PLACES = 1000  # lights at which the mean is found
_OVER = 1.5  # deviations over white up to which what clips in part is told from what clips
_STEEPEST = 2.0  # times that a difference of means is stretched: what it takes at white


def cut_off_bias(scale: float, offset: float, floor: float, light: ArrayLike) -> Float64:
    """By how much the mean of max(x + n, floor) exceeds x, for light x; n : normal, of variance scale * x + offset."""
    x = np.atleast_1d(np.asarray(light, np.float64))
    deviation = np.sqrt(scale * x + offset)
    z = (x - floor) / np.maximum(deviation, 1e-12)
    normal = 0.5 * (1 + np.array([math.erf(v) for v in z / math.sqrt(2)]))
    mean = floor + deviation * (np.exp(-z * z / 2) / math.sqrt(2 * math.pi) + z * normal)
    return np.maximum(mean - x, 0)


@record
class Biases:
    """For n positions of a mosaic: a mean of `first` (n,) + place / steps is too bright by bias (n, places)."""

    first: Float32
    steps: float
    bias: Float32


def biases(scale: Float64, offset: Float64, floor: Float64, places: int) -> Biases:
    """By how much means of what is stored are too bright, for noise (n,) and floors (n,)."""
    dark = np.sqrt(offset)
    last = np.maximum(floor + 8 * (dark + scale), 6 * dark)
    tables = [_mean_cut_off(*values) for values in zip(scale, offset, floor, last, strict=True)]
    span = max(float(mean[-1] - mean[0]) for mean, _ in tables)
    grid = np.linspace(0, span, places)
    bias = np.stack([np.interp(grid, mean - mean[0], bias, right=0) for mean, bias in tables])
    first = np.array([mean[0] for mean, _ in tables], np.float32)
    return Biases(first, (places - 1) / span if span > 0 else 0.0, bias.astype(np.float32))


def _mean_cut_off(scale: float, offset: float, floor: float, last: float) -> tuple[Float64, Float64]:
    """Mean of what is stored of light x = 0 ... last, ascending, and by how much it exceeds x."""
    x = np.linspace(0, max(last, 1e-6), _PLACES)
    bias = cut_off_bias(scale, offset, floor, x)
    return x + bias, bias


@record
class Crest:
    """What clipping at white = 1 takes off means of light, for n positions of a mosaic.

    A mean of 1 - place / steps deviations (n,) of the noise at white is too dark by lost (n, places), and
    differences of means there are stretch (n, places) times as large as they seem.
    """

    deviation: Float32
    steps: float
    lost: Float32
    stretch: Float32


def crest(scale: Float64, offset: Float64, places: int) -> Crest:
    """By how much means of min(x + n, 1) are too dark, for noise (n,) of more than no variance at white."""
    deviation = np.sqrt(scale + offset)
    grid = np.linspace(0, 6, places)
    found = [_mean_clipped(s, o, grid * d) for s, o, d in zip(scale, offset, deviation, strict=True)]
    lost, stretch = (np.stack(tables).astype(np.float32) for tables in zip(*found, strict=True))
    return Crest(deviation.astype(np.float32), (places - 1) / 6, lost, stretch)


def _mean_clipped(scale: float, offset: float, grid: Float64) -> tuple[Float64, Float64]:
    """What means that are so far below 1 have lost, and how many times larger their differences are."""
    deviation = math.sqrt(scale + offset)
    # The dark end turned up: of light 1 - x the noise's variance is (scale + offset) - scale * x.
    x = np.linspace(-_OVER * deviation, min(7 * deviation, 1), _PLACES)
    lost = cut_off_bias(-scale, scale + offset, 0.0, x)
    below = x + lost
    stretch = np.clip(1 / np.maximum(np.gradient(below, x), 1e-3), 1, _STEEPEST)
    return np.interp(grid, below, lost), np.interp(grid, below, stretch)
