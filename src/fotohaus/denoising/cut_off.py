"""The mean of noise that a file cuts off at its 0 (docs/algorithms/denoise.md)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.records import record

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_PLACES = 1000  # lights at which the mean is found


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
