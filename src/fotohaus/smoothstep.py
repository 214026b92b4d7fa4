"""A smooth ramp from 0 to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def smoothstep(value: ArrayLike, low: float, high: float) -> NDArray[np.float32]:
    """0 up to `low`, 1 from `high`, and smooth at both; as the kernels have it."""
    part = np.clip((np.asarray(value) - low) / (high - low), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)
