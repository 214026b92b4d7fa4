"""The white of a custom calibration illuminant (DNG 1.7.1, IlluminantData1)."""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.cie import OBSERVER, WAVELENGTHS

MAX_SAMPLES = 1 << 16


def read_white(data: bytes, order: str) -> tuple[float, float] | None:
    """(x, y) of an illuminant given as such or as a spectral power distribution; None if it makes no sense."""
    if len(data) < 2:
        return None
    (kind,) = struct.unpack_from(order + "H", data)
    if kind == 0 and len(data) >= 18:
        x, y = _rationals(data, 2, 2, order)
        return (float(x), float(y)) if _sound(float(x), float(y)) else None
    if kind != 1 or len(data) < 22:
        return None
    (count,) = struct.unpack_from(order + "I", data, 2)
    if not 2 <= count <= MAX_SAMPLES or 22 + 8 * count > len(data):
        return None
    first, step = _rationals(data, 6, 2, order)
    power = _rationals(data, 22, int(count), order)
    if not (np.isfinite(power).all() and np.isfinite([first, step]).all()) or step <= 0 or (power < 0).any():
        return None
    # Beyond its ends the distribution keeps its last value, which is what interp does.
    light = np.interp(WAVELENGTHS, first + step * np.arange(count), power)
    xyz = light @ OBSERVER
    total = float(xyz.sum())
    x, y = (float(v) / total if total > 0 else 0.0 for v in xyz[:2])
    return (x, y) if _sound(x, y) else None


def _rationals(data: bytes, at: int, count: int, order: str) -> NDArray[np.float64]:
    parts = np.frombuffer(data, order + "u4", 2 * count, at).astype(np.float64).reshape(-1, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(parts[:, 0] / parts[:, 1])


def _sound(x: float, y: float) -> bool:
    return math.isfinite(x) and math.isfinite(y) and 0 < x < 1 and 0.01 < y < 1 and x + y < 1
