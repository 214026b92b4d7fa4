"""Colour, levels and noise of a DNG, from its fields (DNG 1.7.1 chapters 4 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.image import CameraProfile, ColorCalibration, NoiseProfile, RawImage
from fotohaus.raw.profile_read import D65, matrix, read_calibrations
from fotohaus.raw.tiff import Ifd

_CAMERA = (tags.CAMERA_CALIBRATION_1, tags.CAMERA_CALIBRATION_2, tags.CAMERA_CALIBRATION_3)
_D50 = (0.3457, 0.3585)  # of the ICC's profile connection space

# XYZ (D65) to linear sRGB, IEC 61966-2-1: the camera matrix of a file that has none.
SRGB_FROM_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


def read_color(main: Ifd, order: Sequence[int], profile: CameraProfile | None = None) -> ColorCalibration:
    """The colour calibration of a DNG.

    main : the IFD that has the camera's own fields (calibration, balance, neutral): the first.
    order : the file's colour planes in which R, G and B are (CFAPlaneColor): (0, 1, 2) nearly always.
    profile : the camera profile to use; the one in `main` if None.
    A file without a color matrix, which DNG requires, is taken for an sRGB camera. Raises TiffError for matrices that
    are not numbers or can't be inverted.
    """
    planes = list(order)
    chosen = profile or CameraProfile(
        calibrations=read_calibrations(main, order),
        calibration_signature=main.text(tags.PROFILE_CALIBRATION_SIGNATURE),
    )
    balance = _positive(main, tags.ANALOG_BALANCE, 3)
    neutral = _positive(main, tags.AS_SHOT_NEUTRAL, 3)
    white = _positive(main, tags.AS_SHOT_WHITE_XY, 2)
    if main.integer(tags.COLORIMETRIC_REFERENCE, 0) in (1, 2):
        # XYZ of a finished picture has D50 for its white, under whatever light it was taken.
        neutral, white = None, np.array(_D50)
    exposure = main.number(tags.BASELINE_EXPOSURE)
    camera = tuple(_camera_calibration(main, tag, planes) for tag in _CAMERA)
    color = ColorCalibration(
        color_matrix_1=SRGB_FROM_XYZ,
        illuminant_1=D65,
        analog_balance=(1.0, 1.0, 1.0) if balance is None else _triple(balance[planes]),
        as_shot_neutral=None if neutral is None else _triple(neutral[planes]),
        as_shot_white_xy=None if white is None or white.sum() >= 1 else (float(white[0]), float(white[1])),
        baseline_exposure=exposure if exposure is not None and abs(exposure) <= 20 else 0.0,
        camera_calibrations=(camera[0], camera[1], camera[2]),
        calibration_signature=main.text(tags.CAMERA_CALIBRATION_SIGNATURE),
    )
    return calibrate(color, chosen) if chosen.calibrations else color


def calibrate(color: ColorCalibration, profile: CameraProfile) -> ColorCalibration:
    """The colour calibration with a profile's matrices (DNG 1.7.1 chapter 6).

    The camera's own calibrations count only if they were made with the profile's reference camera: if the signatures
    agree. White balance, analog balance and baseline exposure stay the file's.
    """
    made = profile.calibrations
    if not made:
        raise ValueError("a profile without a color matrix")
    same = color.calibration_signature == profile.calibration_signature
    own = [m if same and m is not None else np.eye(3) for m in color.camera_calibrations]
    second = made[1] if len(made) > 1 else None
    third = made[2] if len(made) > 2 else None
    return replace(
        color,
        color_matrix_1=made[0].color_matrix,
        illuminant_1=made[0].illuminant,
        forward_matrix_1=made[0].forward_matrix,
        calibration_1=own[0] if made[0].number == 1 else own[1],
        color_matrix_2=None if second is None else second.color_matrix,
        illuminant_2=None if second is None else second.illuminant,
        forward_matrix_2=None if second is None else second.forward_matrix,
        calibration_2=np.eye(3) if second is None else own[1],
        color_matrix_3=None if third is None else third.color_matrix,
        illuminant_3=None if third is None else third.illuminant,
        forward_matrix_3=None if third is None else third.forward_matrix,
        calibration_3=np.eye(3) if third is None else own[2],
        illuminant_whites=tuple(c.white_xy for c in made) + (None,) * (3 - len(made)),  # type: ignore[arg-type]
    )


def apply_profile(raw: RawImage, profile: CameraProfile) -> RawImage:
    """A raw image to be developed with another camera profile, a DCP file's say."""
    if raw.monochrome:
        return raw
    # DNG 1.7.1, ProfileGainTableMap2: where a profile has none, the file's own holds.
    if profile.gain_table_map is None and raw.profile is not None:
        profile = replace(profile, gain_table_map=raw.profile.gain_table_map)
    return replace(raw, color=calibrate(raw.color, profile), profile=profile)


def gray_color(main: Ifd) -> ColorCalibration:
    """The colour of a monochrome camera: sRGB's own, under which equal planes are gray."""
    exposure = main.number(tags.BASELINE_EXPOSURE)
    return ColorCalibration(
        color_matrix_1=SRGB_FROM_XYZ,
        illuminant_1=D65,
        as_shot_neutral=(1.0, 1.0, 1.0),
        baseline_exposure=exposure if exposure is not None and abs(exposure) <= 20 else 0.0,
    )


def _camera_calibration(main: Ifd, tag: int, planes: list[int]) -> NDArray[np.float64] | None:
    found = matrix(main, tag)
    return None if found is None else found[planes][:, planes]


def _positive(ifd: Ifd, tag: int, count: int) -> NDArray[np.float64] | None:
    values = ifd.floats(tag, count)
    return values if values is not None and np.isfinite(values).all() and (values > 0).all() else None


def read_noise(main: Ifd, image: Ifd, order: Sequence[int]) -> NoiseProfile | None:
    """The noise profile of the raw image; None if there is none that makes sense."""
    values = next((v for i in (image, main) if (v := i.floats(tags.NOISE_PROFILE)) is not None), None)
    if values is None or values.size not in (2, 6) or not np.isfinite(values).all() or (values < 0).any():
        return None
    pairs = np.broadcast_to(values.reshape(-1, 2), (3, 2))[list(order)]
    if not (pairs.sum(1) > 0).all():
        return None
    return NoiseProfile(_triple(pairs[:, 0]), _triple(pairs[:, 1]))


def read_noise_reduction(main: Ifd, image: Ifd) -> float:
    """NoiseReductionApplied, from 0 to 1; 0 where it is unknown."""
    values = (ifd.number(tags.NOISE_REDUCTION_APPLIED) for ifd in (image, main))
    return next((min(max(value, 0.0), 1.0) for value in values if value is not None), 0.0)


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = values.tolist()
    return first, second, third
