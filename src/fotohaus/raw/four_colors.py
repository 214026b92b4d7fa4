"""Cameras of four colours (cyan, yellow, green, magenta; red, green, blue, emerald; ...): the three that they become.

DNG 1.7.1, chapter 6: a color matrix of 4 x 3 has no inverse but that through a ReductionMatrix, or the least squares.
Which mixture that is depends on the light. It is settled while reading, at the light of the capture: a camera of three
colours comes out, in ProPhoto's primaries, and everything after applies to it, other whites too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.calibration import calibrate
from fotohaus.raw.image import CameraProfile, ColorCalibration
from fotohaus.raw.lights import calibration_temperature, weights
from fotohaus.raw.profile import Calibration
from fotohaus.raw.profile_read import COLORS, FORWARDS, LeftOut, calibration_at
from fotohaus.raw.temperature import D50, D55, XY, xy_to_xyz, xyz_to_xy
from fotohaus.raw.tiff import Ifd, TiffError
from fotohaus.records import record

Float64 = NDArray[np.float64]

_PLANES = 4
_REDUCTIONS = (tags.REDUCTION_MATRIX_1, tags.REDUCTION_MATRIX_2, tags.REDUCTION_MATRIX_3)
_CAMERA = (tags.CAMERA_CALIBRATION_1, tags.CAMERA_CALIBRATION_2, tags.CAMERA_CALIBRATION_3)
# CIE XYZ (D50) to linear ROMM RGB, ISO 22028-2.
_PROPHOTO = np.array([[1.34595, -0.25561, -0.05111], [-0.54460, 1.50817, 0.02054], [0.0, 0.0, 1.21181]])
_LEAST = 0.001  # of a neutral's channels, as in Adobe's SDK


@record
class FourColors:
    """How four colours become three.

    reduction : (3, 4); gives a neutral equal values, 1 where the first of its four channels reaches white. neutral :
    (4,) camera values of that neutral: above them, light is white.
    """

    reduction: Float64
    neutral: Float64

    def reduce(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W, 4) light to (H, W, 3), planar in memory."""
        out = np.zeros((3, *planes.shape[:2]), np.float32)
        for plane, level in enumerate(self.neutral.astype(np.float32)):
            part = np.minimum(planes[..., plane], level)
            for row in range(3):
                out[row] += part * np.float32(self.reduction[row, plane])
        return out.transpose(1, 2, 0)


@record
class _Calibrated:
    """One calibration of four colours, its matrices scaled as in Adobe's SDK, and its light."""

    color: Float64  # XYZ to camera
    own: Float64  # reference camera to camera
    forward: Float64 | None
    reduction: Float64 | None
    number: int
    illuminant: int
    white_xy: XY | None


def read_four_colors(
    main: Ifd, chosen: Ifd, profile: CameraProfile, left_out: LeftOut
) -> tuple[FourColors, CameraProfile, ColorCalibration]:
    """The reduction for a DNG of four colours, and profile and calibration of the camera that it makes.

    main : the first IFD. chosen : that of the camera profile. profile : what it says beside its matrices.
    left_out : is told of tables that make no sense.
    Raises TiffError for matrices that are missing, not numbers, or can't be inverted.
    """
    balance = _positive(main, tags.ANALOG_BALANCE, _PLANES)
    balance = np.ones(_PLANES) if balance is None else balance
    found = _calibrations(main, chosen, profile, np.diag(balance), left_out)
    neutral, white = _positive(main, tags.AS_SHOT_NEUTRAL, _PLANES), _positive(main, tags.AS_SHOT_WHITE_XY, 2)
    xy: XY = D55
    if neutral is not None:
        xy = _white_of(found, neutral)
    elif white is not None and white.sum() < 1:
        xy = (float(white[0]), float(white[1]))
    at = _at(found, xy)
    response = at.color @ xy_to_xyz(xy)
    response = np.clip(response / response.max(), _LEAST, 1)
    to_xyz = _inverse(at.color, at.reduction)
    if at.forward is not None:
        reference = np.linalg.inv(np.diag(balance) @ at.own)
        to_xyz = at.forward @ np.diag(1 / np.maximum(reference @ response, _LEAST)) @ reference
    reduction = _PROPHOTO @ to_xyz
    gray = reduction @ response
    if not np.isfinite(gray).all() or not (gray > 0).all():
        raise TiffError("is damaged: its color matrix gives no light for white")
    four = FourColors(reduction / gray[:, None], response)
    color = ColorCalibration(
        color_matrix_1=np.eye(3),
        as_shot_neutral=(1.0, 1.0, 1.0) if neutral is not None else None,
        as_shot_white_xy=xy,
        baseline_exposure=_exposure(main),
    )
    made = tuple(_of_three(one, chosen, four, left_out) for one in found)
    profile = replace(profile, calibrations=made, calibration_signature=None)
    return four, profile, calibrate(color, profile)


def _calibrations(
    main: Ifd, chosen: Ifd, profile: CameraProfile, balance: Float64, left_out: LeftOut
) -> list[_Calibrated]:
    same = main.text(tags.CAMERA_CALIBRATION_SIGNATURE) == profile.calibration_signature
    found: list[_Calibrated] = []
    for i, tag in enumerate(COLORS):
        color = _matrix(chosen, tag, (_PLANES, 3))
        if color is None or (i == 2 and len(found) < 2):
            continue
        own = _matrix(main, _CAMERA[i], (_PLANES, _PLANES)) if same else None
        own = np.eye(_PLANES) if own is None else own
        forward = _matrix(chosen, FORWARDS[i], (3, _PLANES))
        if forward is not None:
            forward = forward * (xy_to_xyz(D50) / forward.sum(1))[:, None]
        made = calibration_at(chosen, i, np.eye(3), None, left_out)
        whole = balance @ own @ (color / (color @ xy_to_xyz(D50)).max())
        reduction = _matrix(chosen, _REDUCTIONS[i], (3, _PLANES))
        found.append(_Calibrated(whole, own, forward, reduction, i + 1, made.illuminant, made.white_xy))
    if not found:
        raise TiffError("has no color matrix for its four colours")
    # Lights that don't tell the calibrations apart leave the first alone.
    kelvins = {calibration_temperature(one.illuminant, one.white_xy) for one in found[:2]}
    return found if len(kelvins - {None}) == 2 else found[:1]


def _of_three(one: _Calibrated, chosen: Ifd, four: FourColors, left_out: LeftOut) -> Calibration:
    """A calibration of four colours as one of the three that they become."""
    color = four.reduction @ one.color
    if not np.isfinite(color).all() or np.linalg.cond(color) > 1e6:
        raise TiffError("is damaged: a color matrix can't be inverted")
    forward = None if one.forward is None else np.linalg.inv(_PROPHOTO)
    return calibration_at(chosen, one.number - 1, color, forward, left_out)


def _at(found: Sequence[_Calibrated], xy: XY) -> _Calibrated:
    """The calibration for a white, of those of the file as of cameras of three colours."""
    parts = weights([one.illuminant for one in found], [one.white_xy for one in found], xy)

    def mix(matrices: Sequence[Float64 | None]) -> Float64 | None:
        known = [m for m in matrices if m is not None]
        if len(known) < len(found):
            return known[0] if known else None
        return np.asarray(sum(part * m for part, m in zip(parts, known, strict=True)))

    color, own = mix([one.color for one in found]), mix([one.own for one in found])
    assert color is not None
    assert own is not None
    rest = mix([one.forward for one in found]), mix([one.reduction for one in found])
    return _Calibrated(color, own, *rest, found[0].number, found[0].illuminant, found[0].white_xy)


def _white_of(found: Sequence[_Calibrated], neutral: Float64) -> XY:
    """The light under which a neutral gives these camera values, by iteration."""
    xy: XY = D50
    for _ in range(30):
        xyz = _inverse(_at(found, xy).color, None) @ neutral
        if not np.isfinite(xyz).all() or not (xyz[1] > 0 and xyz.sum() > 0):
            raise TiffError("is damaged: its neutral is no light at all")
        xy = xyz_to_xy(xyz)
    return xy


def _inverse(color: Float64, reduction: Float64 | None) -> Float64:
    """Camera to XYZ, as Adobe's SDK has it: through the reduction, or the least squares."""
    hint = color.T if reduction is None else reduction
    square = hint @ color
    if not np.isfinite(square).all() or np.linalg.cond(square) > 1e9:
        raise TiffError("is damaged: a color matrix can't be inverted")
    return np.asarray(np.linalg.solve(square, hint))


def _matrix(ifd: Ifd, tag: int, shape: tuple[int, int]) -> Float64 | None:
    values = ifd.floats(tag)
    if values is None:
        return None
    if values.size != shape[0] * shape[1] or not np.isfinite(values).all():
        raise TiffError(f"is damaged: the matrix in tag {tag} is not {shape[0]} x {shape[1]}")
    return values.reshape(shape)


def _positive(ifd: Ifd, tag: int, count: int) -> Float64 | None:
    values = ifd.floats(tag, count)
    return values if values is not None and np.isfinite(values).all() and (values > 0).all() else None


def _exposure(main: Ifd) -> float:
    exposure = main.number(tags.BASELINE_EXPOSURE)
    return exposure if exposure is not None and abs(exposure) <= 20 else 0.0
