"""Colour, levels and noise of a DNG, from its fields (DNG 1.7.1 chapters 4 and 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.image import ColorCalibration, NoiseProfile
from fotohaus.raw.tiff import Ifd, TiffError

D65 = 21

# XYZ (D65) to linear sRGB, IEC 61966-2-1: the camera matrix of a file that has none.
SRGB_FROM_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


def read_color(main: Ifd, order: Sequence[int]) -> ColorCalibration:
    """The colour calibration in a DNG's first IFD.

    order : the file's colour planes in which R, G and B are (CFAPlaneColor): (0, 1, 2) nearly always.
    A file without a color matrix, which DNG requires, is taken for an sRGB camera. Raises TiffError for matrices that
    are not numbers or can't be inverted.
    """
    planes = list(order)

    def rows(tag: int) -> NDArray[np.float64] | None:
        matrix = _matrix(main, tag)
        return None if matrix is None else matrix[planes]

    def columns(tag: int) -> NDArray[np.float64] | None:
        matrix = _matrix(main, tag)
        return None if matrix is None else matrix[:, planes]

    first, second = rows(tags.COLOR_MATRIX_1), rows(tags.COLOR_MATRIX_2)
    light_1, light_2 = main.integer(tags.CALIBRATION_ILLUMINANT_1, 0), main.integer(tags.CALIBRATION_ILLUMINANT_2, 0)
    forward_1, forward_2 = columns(tags.FORWARD_MATRIX_1), columns(tags.FORWARD_MATRIX_2)
    calibrations = [np.eye(3), np.eye(3)]
    # Calibrations count only for the camera profile that they were made with.
    if main.text(tags.CAMERA_CALIBRATION_SIGNATURE) == main.text(tags.PROFILE_CALIBRATION_SIGNATURE):
        for i, tag in enumerate((tags.CAMERA_CALIBRATION_1, tags.CAMERA_CALIBRATION_2)):
            if (matrix := rows(tag)) is not None:
                calibrations[i] = matrix[:, planes]
    if first is None and second is not None:
        first, light_1, forward_1, second, light_2, forward_2 = second, light_2, forward_2, None, 0, None
        calibrations.reverse()
    balance = _positive(main, tags.ANALOG_BALANCE, 3)
    neutral = _positive(main, tags.AS_SHOT_NEUTRAL, 3)
    white = _positive(main, tags.AS_SHOT_WHITE_XY, 2)
    exposure = main.number(tags.BASELINE_EXPOSURE)
    return ColorCalibration(
        color_matrix_1=SRGB_FROM_XYZ if first is None else first,
        illuminant_1=light_1 or D65,
        color_matrix_2=second,
        illuminant_2=None if second is None else light_2,
        forward_matrix_1=forward_1,
        forward_matrix_2=forward_2,
        calibration_1=calibrations[0],
        calibration_2=calibrations[1],
        analog_balance=(1.0, 1.0, 1.0) if balance is None else _triple(balance[planes]),
        as_shot_neutral=None if neutral is None else _triple(neutral[planes]),
        as_shot_white_xy=None if white is None or white.sum() >= 1 else (float(white[0]), float(white[1])),
        baseline_exposure=exposure if exposure is not None and abs(exposure) <= 20 else 0.0,
    )


def _matrix(ifd: Ifd, tag: int) -> NDArray[np.float64] | None:
    if tag not in ifd:
        return None
    values = ifd.floats(tag)
    if values is None or values.size != 9:
        raise TiffError("color matrices that are not 3 x 3 are not supported (the camera has other than 3 colours)")
    if not np.isfinite(values).all():
        raise TiffError(f"is damaged: the color matrix in tag {tag} has values that are not numbers")
    matrix = values.reshape(3, 3)
    if np.linalg.cond(matrix) > 1e6:
        raise TiffError(f"is damaged: the color matrix in tag {tag} can't be inverted")
    return matrix


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


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = values.tolist()
    return first, second, third
