"""Camera colours to linear Rec. 2020, as the DNG specification 1.7.1 maps them (chapter 6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.raw.image import ColorCalibration
from fotohaus.raw.lights import color_weights, known_temperatures
from fotohaus.raw.temperature import (
    D50,
    D55,
    D65,
    XY,
    Float64,
    adaptation,
    rgb_to_xyz,
    temperature_and_tint,
    xy_to_xyz,
    xyz_to_xy,
)
from fotohaus.records import record
from fotohaus.report import Report

REC2020_TO_XYZ = rgb_to_xyz(((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65)


@record
class CameraColor:
    """How to turn camera values into linear Rec. 2020 (D65).

    multipliers : (3,) white balance gains for camera R, G, B; the smallest is 1, so that a neutral reaches 1.0 when its
        first channel reaches the raw white level.
    matrix : (3, 3), white-balanced camera values to linear Rec. 2020; neutrals stay as they are (rows sum to 1).
    white_xy : chromaticity of the light taken as white. temperature, tint : the same as correlated colour temperature
        in K and distance from the Planckian locus, in Adobe's units.
    """

    multipliers: Float64
    matrix: Float64
    white_xy: XY
    temperature: float
    tint: float


@record
class _Matrices:
    """One calibration, or two or three interpolated.

    color : XYZ to camera. calibration : reference camera to camera. forward : reference camera to XYZ (D50).
    """

    color: Float64
    calibration: Float64
    forward: Float64 | None


def _checked(matrix: Float64, name: str) -> Float64:
    out = np.asarray(matrix, np.float64)
    if out.shape != (3, 3) or not np.isfinite(out).all():
        raise ValueError(f"its {name} is not a matrix of 3 by 3 numbers")
    return out


def _inverse(matrix: Float64, name: str) -> Float64:
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e6:
        raise ValueError(f"its {name} can't be inverted")
    return np.asarray(np.linalg.inv(matrix))


def _normalized_color(matrix: Float64) -> Float64:
    """Scaled so that the D50 white gives a largest camera value of 1."""
    largest = float((matrix @ xy_to_xyz(D50)).max())
    if not largest > 0:
        raise ValueError("its color matrix gives no light for white")
    return np.asarray(matrix / largest)


def _normalized_forward(matrix: Float64) -> Float64:
    """Scaled per row so that camera (1, 1, 1) gives exactly the D50 white."""
    white = matrix.sum(axis=1)
    if not (white > 0).all():
        raise ValueError("its forward matrix gives no light for white")
    return np.asarray(matrix * (xy_to_xyz(D50) / white)[:, None])


class _Calibrations:
    """The file's calibrations, interpolated for a white."""

    def __init__(self, color: ColorCalibration) -> None:
        balance = np.diag(np.asarray(color.analog_balance, np.float64))
        if not np.isfinite(balance).all() or not (np.diag(balance) > 0).all():
            raise ValueError("its analog balance is not positive")
        self.balance = balance
        self.color = color

        def one(matrix: Float64, calibration: Float64, forward: Float64 | None, number: int) -> _Matrices:
            individual = _checked(calibration, f"camera calibration {number}")
            xyz_to_camera = balance @ individual @ _normalized_color(_checked(matrix, f"color matrix {number}"))
            if forward is not None:
                forward = _normalized_forward(_checked(forward, f"forward matrix {number}"))
            return _Matrices(xyz_to_camera, individual, forward)

        self.each = [one(color.color_matrix_1, color.calibration_1, color.forward_matrix_1, 1)]
        # Lights that don't tell the calibrations apart leave the first alone.
        if color.color_matrix_2 is not None and len(set(known_temperatures(color))) == 2:
            self.each.append(one(color.color_matrix_2, color.calibration_2, color.forward_matrix_2, 2))
            if color.color_matrix_3 is not None:
                self.each.append(one(color.color_matrix_3, color.calibration_3, color.forward_matrix_3, 3))

    def at(self, white: XY) -> _Matrices:
        """The matrices for a white."""
        if len(self.each) == 1:
            return self.each[0]
        parts = color_weights(self.color, white)

        def mix(matrices: list[Float64]) -> Float64:
            return np.asarray(sum(part * matrix for part, matrix in zip(parts, matrices, strict=True)))

        forwards = [one.forward for one in self.each if one.forward is not None]
        forward = forwards[0] if forwards else None
        if len(forwards) == len(self.each):
            forward = mix(forwards)
        return _Matrices(mix([one.color for one in self.each]), mix([one.calibration for one in self.each]), forward)

    def white_of(self, neutral: Float64) -> XY:
        """Chromaticity of the light under which a neutral gives these camera values, by iteration."""
        white = D50
        for step in range(30):
            xyz = _inverse(self.at(white).color, "color matrix") @ neutral
            if not xyz.sum() > 0 or not xyz[1] > 0:
                raise ValueError("its neutral is no light at all")
            found = xyz_to_xy(xyz)
            if abs(found[0] - white[0]) + abs(found[1] - white[1]) < 1e-7:
                return found
            # The search may go to and fro for ever: then the middle, after as many steps as in Adobe's SDK.
            white = found if step < 29 else ((found[0] + white[0]) / 2, (found[1] + white[1]) / 2)
        return white


def _white(color: ColorCalibration, calibrations: _Calibrations, report: Report) -> XY:
    if color.as_shot_neutral is not None:
        neutral = np.asarray(color.as_shot_neutral, np.float64)
        if neutral.shape == (3,) and np.isfinite(neutral).all() and (neutral > 0).all():
            return calibrations.white_of(neutral / neutral.max())
        report.note("the as-shot neutral is unusable")
    if color.as_shot_white_xy is not None:
        x, y = color.as_shot_white_xy
        if 0 < x < 1 and 0 < y < 1 and x + y < 1:
            return x, y
        report.note("the as-shot white is unusable")
    report.note("no as-shot white in the file: D55 taken")
    return D55


def white_of_neutral(color: ColorCalibration, neutral: Float64) -> XY:
    """Chromaticity of the light under which a neutral gives these (3,) camera values, all positive.

    Raises ValueError as `camera_to_rec2020` does, and for values that no light gives.
    """
    return _Calibrations(color).white_of(np.asarray(neutral, np.float64) / float(np.max(neutral)))


def camera_to_rec2020(
    color: ColorCalibration, report: Report | None = None, *, white_xy: XY | None = None
) -> CameraColor:
    """White balance and colour matrix for an image, from its calibration (DNG 1.7.1, chapter 6).

    white_xy : chromaticity of the light to take as white; None for the camera's (as shot).

    Raises ValueError, with the reason, if a matrix is not finite, can't be inverted, or gives no light for white.
    """
    report = report or Report()
    calibrations = _Calibrations(color)
    if white_xy is None:
        white_xy = _white(color, calibrations, report)
    matrices = calibrations.at(white_xy)
    response = matrices.color @ xy_to_xyz(white_xy)
    response = np.clip(response / response.max(), 0.001, 1.0)
    if matrices.forward is not None:
        reference = _inverse(calibrations.balance @ matrices.calibration, "camera calibration")
        white = reference @ response
        if not (white > 0).all():
            raise ValueError("its camera calibration gives no light for white")
        camera_to_d50 = matrices.forward @ np.diag(1 / white) @ reference
    else:
        camera_to_d50 = adaptation(white_xy, D50) @ _inverse(matrices.color, "color matrix")
    matrix = np.linalg.inv(REC2020_TO_XYZ) @ adaptation(D50, D65) @ camera_to_d50 @ np.diag(response)
    sums = matrix.sum(axis=1)
    if not (sums > 0).all():
        raise ValueError("its color matrix gives no light for white")
    return CameraColor(1.0 / response, matrix / sums[:, None], white_xy, *temperature_and_tint(white_xy))


def apply_matrix(pixels: NDArray[np.float32], matrix: ArrayLike) -> NDArray[np.float32]:
    """Each pixel's colour times a (3, 3) matrix; those that lie in planes are changed where they lie."""
    pixels = kernels.planar(pixels, np.float32)
    kernels.call("color_matrix", pixels=pixels, matrix=np.ascontiguousarray(matrix, np.float32), mixed=pixels)
    return pixels
