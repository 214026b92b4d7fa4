"""Colour spaces of rendering: Rec. 2020 in, sRGB or Display P3 out, Oklab between.

Oklab: B. Ottosson, "A perceptual color space for image processing" (2020). Primaries: ITU-R BT.2020, IEC 61966-2-1 and
SMPTE EG 432-1, all with the white D65. sRGB transfer function: IEC 61966-2-1.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.srgb import decode_srgb as decode_srgb
from fotohaus.srgb import encode_srgb as encode_srgb

Float64 = NDArray[np.float64]

D65 = (0.3127, 0.3290)
PRIMARIES = {
    "rec2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "srgb": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
}
LUMINANCE = np.array([0.2627, 0.6780, 0.0593])
"""Weights of linear Rec. 2020 in luminance (BT.2020)."""

_XYZ_TO_LMS = np.array(
    [
        [0.8189330101, 0.3618667424, -0.1288597137],
        [0.0329845436, 0.9293118715, 0.0361456387],
        [0.0482003018, 0.2643662691, 0.6338517070],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@functools.cache
def rgb_to_xyz(space: str) -> Float64:
    """Matrix (3, 3) from linear RGB of "rec2020", "p3" or "srgb" to CIE XYZ, white at Y = 1."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in (*PRIMARIES[space], D65)]).T
    primaries, white = columns[:, :3], columns[:, 3]
    return np.asarray(primaries * np.linalg.solve(primaries, white))


@functools.cache
def to_lms(space: str) -> Float64:
    """Matrix (3, 3) from linear RGB to Oklab's cone responses; rows sum to 1, so neutrals give equal responses."""
    matrix = _XYZ_TO_LMS @ rgb_to_xyz(space)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


@functools.cache
def lms_to_lab() -> Float64:
    """Matrix (3, 3) from cube roots of the cone responses to Oklab; neutrals give exactly a = b = 0."""
    matrix = _LMS_TO_LAB.copy()
    matrix[0] /= matrix[0].sum()
    matrix[1:, 0] = -matrix[1:, 1:].sum(axis=1)
    return matrix


def to_oklab(rgb: ArrayLike, space: str = "rec2020") -> Float64:
    """Oklab (..., 3) of linear RGB (..., 3); negative responses keep their sign."""
    return np.asarray(np.cbrt(np.asarray(rgb, np.float64) @ to_lms(space).T) @ lms_to_lab().T)


def from_oklab(lab: ArrayLike, space: str = "rec2020") -> Float64:
    """Linear RGB (..., 3) of Oklab (..., 3); outside the gamut it is below 0 or above 1."""
    lms = (np.asarray(lab, np.float64) @ np.linalg.inv(lms_to_lab()).T) ** 3
    return np.asarray(lms @ np.linalg.inv(to_lms(space)).T)


def differences(matrix: NDArray[np.floating[Any]], pivot: int) -> NDArray[np.float32]:
    """A matrix whose rows sum to 1 (or 0) without its column `pivot`, as the kernel takes it: (3, 2) float32.

    M v = sum(row) v[pivot] + the other columns times differences to v[pivot]: neutral in, exactly neutral out.
    """
    return np.ascontiguousarray(np.delete(matrix, pivot, axis=1), np.float32)
