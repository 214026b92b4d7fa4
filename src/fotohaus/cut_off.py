"""The mean of noise that a file cuts off at its 0 (docs/algorithms/denoise.md)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def mean_cut_off(scale: float, offset: float, floor: float, last: float) -> tuple[Float64, Float64]:
    """Mean of max(x + n, floor) for light x = 0 ... last, ascending, and by how much it exceeds x.

    n : normal, of variance scale * x + offset.
    """
    x = np.linspace(0, max(last, 1e-6), 1000)
    deviation = np.sqrt(scale * x + offset)
    z = (x - floor) / np.maximum(deviation, 1e-12)
    normal = 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))
    mean = floor + deviation * (np.exp(-z * z / 2) / math.sqrt(2 * math.pi) + z * normal)
    return mean, np.maximum(mean - x, 0)
