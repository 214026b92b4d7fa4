"""RGB matrix profiles (ICC.1:2022, 8.4.3): the light that a photo's samples stand for."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fotohaus.records import record

Float64 = NDArray[np.float64]
Curve = Callable[[Float64], Float64]

_MAX_TAGS = 100
_PARAMETERS = (1, 3, 4, 5, 7)  # of parametricCurveType's functions
# From the D50 of the profile connection space to D65, Bradford (ICC.1:2022 annex E).
_TO_D65 = np.array([
    [0.9555766, -0.0230393, 0.0631636],
    [-0.0282895, 1.0099416, 0.0210077],
    [0.0122982, -0.0204830, 1.3299098],
])  # fmt: skip


@record
class RgbProfile:
    """An RGB space: the curves to linear light of its three channels, and their (3, 3) matrix to XYZ, white at D65."""

    curves: tuple[Curve, Curve, Curve]
    to_xyz: Float64


def read_rgb_profile(data: bytes) -> RgbProfile | None:
    """The space of a profile's bytes; None if they are no sound RGB matrix profile."""
    if len(data) < 132 or data[16:20] != b"RGB " or data[20:24] != b"XYZ " or data[36:40] != b"acsp":
        return None
    tags: dict[bytes, bytes] = {}
    for i in range(min(int.from_bytes(data[128:132], "big"), _MAX_TAGS)):
        entry = data[132 + 12 * i : 144 + 12 * i]
        if len(entry) < 12:
            return None
        name, offset, size = struct.unpack(">4sII", entry)
        tags[name] = data[offset : offset + size]
    try:
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        red, green, blue = (_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
    except (KeyError, ValueError, struct.error, IndexError):
        return None
    matrix = _TO_D65 @ np.stack(columns, axis=1)
    # Primaries that add up to no white, or to none that can be told apart, are no space.
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e4 or not 0.5 < matrix[1].sum() < 2:
        return None
    return RgbProfile((red, green, blue), matrix)


def _xyz(tag: bytes) -> Float64:
    if tag[:4] != b"XYZ ":
        raise ValueError
    return np.array(struct.unpack(">3i", tag[8:20])) / 65536


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"curv":
        count = int.from_bytes(tag[8:12], "big")
        if count == 0:
            return lambda code: code
        values = np.frombuffer(tag[12 : 12 + 2 * count], ">u2")
        if len(values) != count:
            raise ValueError
        if count == 1:
            return _parametric(0, [values[0] / 256])
        places = np.linspace(0, 1, count)
        return lambda code: np.interp(code, places, values / 65535)
    if tag[:4] != b"para":
        raise ValueError
    kind = int.from_bytes(tag[8:10], "big")
    count = _PARAMETERS[kind]
    return _parametric(kind, [v / 65536 for v in struct.unpack(f">{count}i", tag[12 : 12 + 4 * count])])


def _parametric(kind: int, p: Sequence[float]) -> Curve:
    """ICC.1:2022, 10.18, table 68: (a x + b) ^ g + e from d on, c x + f below."""
    g, a, b, c, d, e, f = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if kind == 0:
        (g,) = p
    elif kind == 1:
        g, a, b = p
        d = -b / a if a else 0.0
    elif kind == 2:
        g, a, b, e = p
        d, f = (-b / a if a else 0.0), e
    elif kind == 3:
        g, a, b, c, d = p
    else:
        g, a, b, c, d, e, f = p

    def curve(code: Float64) -> Float64:
        return np.where(code >= d, np.maximum(a * code + b, 0.0) ** g + e, c * code + f)

    return curve
