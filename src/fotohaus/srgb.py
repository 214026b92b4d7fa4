"""sRGB's transfer function (IEC 61966-2-1), which Display P3 has as well."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def encode_srgb(linear: ArrayLike) -> NDArray[np.float64]:
    """Display-linear light to encoded values, both 0 ... 1 for what a display shows; sign-symmetric."""
    v = np.asarray(linear, np.float64)
    a = np.abs(v)
    return np.asarray(np.where(a <= 0.0031308, 12.92 * v, np.sign(v) * (1.055 * a ** (1 / 2.4) - 0.055)))


def decode_srgb(encoded: ArrayLike) -> NDArray[np.float64]:
    """Inverse of encode_srgb."""
    v = np.asarray(encoded, np.float64)
    a = np.abs(v)
    return np.asarray(np.where(a <= 0.04045, v / 12.92, np.sign(v) * ((a + 0.055) / 1.055) ** 2.4))
