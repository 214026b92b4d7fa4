"""A Gaussian blur, for pictures in small."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = TypeVar("Array", bound=NDArray[Any])


def blurred(values: Array, deviation: float, axes: Sequence[int]) -> Array:
    """Values through a Gaussian of so many pixels along these axes, up to three deviations; edges are repeated."""
    if deviation <= 0:
        return values
    reach = ceil(3 * deviation)
    weights = np.exp(-0.5 * (np.arange(reach + 1) / deviation) ** 2)
    weights = (weights / (weights[0] + 2 * weights[1:].sum())).astype(values.dtype)
    for axis in axes:
        size = values.shape[axis]
        wide = values.take(np.clip(np.arange(-reach, size + reach), 0, size - 1), axis)
        # Views with the axis first, whatever lies contiguous in memory.
        lines = np.moveaxis(wide, axis, 0)
        values = weights[0] * values
        out = np.moveaxis(values, axis, 0)
        for k in range(1, reach + 1):
            out += weights[k] * (lines[reach - k : reach - k + size] + lines[reach + k : reach + k + size])
    return values
