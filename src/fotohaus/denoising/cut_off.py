"""The mean of noise that a file cuts off at its 0 (docs/algorithms/denoise.md)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]

PLACES = 1000
"""Lights at which tables of it are made."""


def cut_off_bias(scale: float, offset: float, floor: float, light: ArrayLike) -> Float64:
    """By how much the mean of max(x + n, floor) exceeds x, for light x; n : normal, of variance scale * x + offset."""
    x = np.atleast_1d(np.asarray(light, np.float64))
    deviation = np.sqrt(scale * x + offset)
    z = (x - floor) / np.maximum(deviation, 1e-12)
    normal = 0.5 * (1 + np.array([math.erf(v) for v in z / math.sqrt(2)]))
    mean = floor + deviation * (np.exp(-z * z / 2) / math.sqrt(2 * math.pi) + z * normal)
    return np.maximum(mean - x, 0)


def mean_cut_off(scale: float, offset: float, floor: float, last: float) -> tuple[Float64, Float64]:
    """Mean of what is stored of light x = 0 ... last, ascending, and by how much it exceeds x."""
    x = np.linspace(0, max(last, 1e-6), PLACES)
    bias = cut_off_bias(scale, offset, floor, x)
    return x + bias, bias
