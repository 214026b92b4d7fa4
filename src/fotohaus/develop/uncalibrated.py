"""Files that hold no calibration: converters of other formats write an identity matrix and a neutral of ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fotohaus.raw.image import PLANES, ColorCalibration, RawImage
from fotohaus.raw.temperature import D65, rgb_to_xyz

_SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_D65_CODE = 21
_LIMIT = 8.0  # the most that one channel's gain may exceed another's


def says_nothing(color: ColorCalibration) -> bool:
    """Whether the calibration is a placeholder: XYZ for camera colours, and every light neutral."""
    neutral = color.as_shot_neutral
    return (
        np.array_equal(color.color_matrix_1, np.eye(3))
        and color.color_matrix_2 is None
        and color.forward_matrix_1 is None
        and (neutral is None or len(set(neutral)) == 1)
    )


def guess(raw: RawImage) -> ColorCalibration:
    """A calibration for a file without one: sRGB's primaries, and neutral where the picture's medians are grey.

    The medians of a star field are its sky, those of an ordinary picture a grey world (Buchsbaum 1980).
    """
    neutral = _medians(raw)
    neutral = np.clip(neutral / neutral.max(), 1 / _LIMIT, 1)
    # The light that makes those medians grey counts as D65, so that another choice of white has a place to start from.
    matrix = np.asarray(np.diag(neutral) @ np.linalg.inv(rgb_to_xyz(_SRGB, D65)), np.float64)
    return replace(
        raw.color,
        color_matrix_1=matrix,
        illuminant_1=_D65_CODE,
        as_shot_neutral=(float(neutral[0]), float(neutral[1]), float(neutral[2])),
        as_shot_white_xy=None,
    )


def _medians(raw: RawImage) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Median of R, G and B over black; ones where a channel has no light."""
    channels: list[list[float]] = [[], [], []]
    if raw.cfa is None:
        for i in range(3):
            channels[i].append(float(np.median(raw.mosaic[..., i])) - float(raw.black[0, i]))
    else:
        for position, name in enumerate(raw.cfa):
            y, x = divmod(position, 2)
            level = float(np.median(raw.mosaic[y::2, x::2])) - float(raw.black[y, x])
            channels[PLANES.index(name)].append(level)
    medians = np.array([np.mean(c) for c in channels])
    return medians if (medians > 0).all() else np.ones(3)
