"""Automatic white balance: the light of a picture, from its linear camera values.

Three estimates that fail differently are averaged in mired and tint: shades of grey (Finlayson and Trezzi 2004), grey
edge (van de Weijer, Gevers and Gijsenij 2007), and a vote of the picture's colours for lights near the daylight and
Planckian loci (after Finlayson, Hordley and Hubel 2001, colour by correlation). The calibration says where those lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop.color import camera_to_rec2020, white_of_neutral
from fotohaus.develop.temperature import XY, temperature_and_tint, temperature_to_xy
from fotohaus.raw.image import ColorCalibration
from fotohaus.report import Report

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

MIREDS = (80.0, 450.0)
"""Lights that the automatic white takes into account: 12500 to 2200 K."""

_NORM = 5  # Minkowski norm of shades of grey and grey edge
_TINT, _TINT_SHARE = 5.0, 0.4  # lights are near this tint: so much of an estimate's distance from it is believed
_TINT_REACH = 60.0
_UNSURE = 20.0  # mired: of the average of estimates that agree
_CAMERA_UNSURE = 40.0  # mired: of the camera's own white
_FEWEST = 64  # cells to say something
_DARK = 0.002  # of the brightest channel of the picture
_BLOCK = 4  # cells along the side of what has one vote
_VOTE_WIDTH = 0.06  # of a light, in the logarithm of red and blue over green
_RANGE, _BINS = (-3.0, 3.0), 96


def estimate_white(camera: Float64, valid: Bool, color: ColorCalibration, report: Report | None = None) -> XY:
    """Chromaticity of the light of a picture.

    camera : (H, W, 3) linear camera values before white balance. valid : (H, W), cells with nothing clipped.
    The camera's own white has a say, the more the less the estimates agree; it stands where the picture says nothing.

    Raises ValueError for a calibration that can't be used.
    """
    report = report or Report()
    own = color.as_shot_neutral is not None or color.as_shot_white_xy is not None
    as_shot = camera_to_rec2020(color)
    valid = valid & (camera.min(axis=2) > 0)
    if valid.sum() < _FEWEST:
        report.note("nothing to find a white by: as shot")
        return as_shot.white_xy
    camera = camera / camera[valid].max()
    found = [
        light
        for light in (
            _light_of(shades_of_grey(camera, valid), color),
            _light_of(grey_edge(camera, valid), color),
            _vote(camera, valid, color),
        )
        if light is not None
    ]
    if not found:
        report.note("nothing to find a white by: as shot")
        return as_shot.white_xy
    mireds, tints = np.array(found).T
    mired, tint = float(mireds.mean()), _TINT + _TINT_SHARE * (float(tints.mean()) - _TINT)
    report.note(f"estimates of the light: {', '.join(f'{1e6 / m:.0f} K' for m in mireds)}")
    if own:
        share = _CAMERA_UNSURE**2 / (_CAMERA_UNSURE**2 + _UNSURE**2 + float(mireds.var()))
        own_mired = float(np.clip(1e6 / as_shot.temperature, *MIREDS))
        own_tint = float(np.clip(as_shot.tint, -_TINT_REACH, _TINT_REACH))
        mired, tint = share * mired + (1 - share) * own_mired, share * tint + (1 - share) * own_tint
    return temperature_to_xy(1e6 / mired, tint)


def shades_of_grey(camera: Float64, valid: Bool) -> Float64:
    """The (3,) camera response to the light, up to scale: a Minkowski norm of the valid cells (Finlayson 2004)."""
    return _norm(camera[valid])


def grey_edge(camera: Float64, valid: Bool) -> Float64:
    """The same from the norm of the gradient of the smoothed picture (van de Weijer 2007, first order)."""
    padded = np.pad(camera, ((1, 1), (1, 1), (0, 0)), "edge")
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    smooth = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    if min(valid.shape) < 3:
        return np.zeros(3)
    dy, dx = smooth[2:, 1:-1] - smooth[:-2, 1:-1], smooth[1:-1, 2:] - smooth[1:-1, :-2]
    whole = valid[1:-1, 1:-1] & valid[2:, 1:-1] & valid[:-2, 1:-1] & valid[1:-1, 2:] & valid[1:-1, :-2]
    return _norm(np.hypot(dy, dx)[whole])


def _norm(values: Float64) -> Float64:
    return np.asarray(np.mean(values**_NORM, axis=0) ** (1 / _NORM)) if len(values) else np.zeros(3)


def _light_of(neutral: Float64, color: ColorCalibration) -> tuple[float, float] | None:
    """Mired and tint of the light that a camera response stands for, near the loci; None if it is no light."""
    if not neutral.min() > 0:
        return None
    try:
        kelvin, tint = temperature_and_tint(white_of_neutral(color, neutral))
    except ValueError:
        return None
    return float(np.clip(1e6 / kelvin, *MIREDS)), float(np.clip(tint, -_TINT_REACH, _TINT_REACH))


def _vote(camera: Float64, valid: Bool, color: ColorCalibration) -> tuple[float, float] | None:
    """Mired and tint, the mean over lights weighted by how many of the picture's colours would be grey under each."""
    rows, columns = (n // _BLOCK for n in valid.shape)
    blocks = camera[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK, 3).mean(axis=(1, 3))
    whole = valid[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK).all(axis=(1, 3))
    values = blocks[whole & (blocks.min(axis=2) > _DARK)]
    if len(values) < _FEWEST:
        return None
    brightness = values.mean(axis=1)
    brighter = brightness > np.quantile(brightness, 0.2)
    values, brightness = values[brighter], brightness[brighter]
    if not len(values):
        return None
    red, blue = np.log(values[:, 0] / values[:, 1]), np.log(values[:, 2] / values[:, 1])
    colors, edges, _ = np.histogram2d(red, blue, _BINS, (_RANGE, _RANGE), weights=np.sqrt(brightness))
    colors **= 0.7  # a large surface of one colour has less than its share
    middles = (edges[1:] + edges[:-1]) / 2

    mireds, tints = np.arange(MIREDS[0] + 10, MIREDS[1] - 25, 10.0), np.arange(-25.0, 26.0, 10.0)
    score = np.zeros((len(mireds), len(tints)))
    for i, j in np.ndindex(score.shape):
        light = temperature_to_xy(1e6 / float(mireds[i]), float(tints[j]))
        try:
            balance = camera_to_rec2020(color, white_xy=light).multipliers
        except ValueError:
            continue
        centre = np.log(balance[1] / balance[[0, 2]])
        near_red, near_blue = np.exp(-0.5 * ((middles - centre[:, None]) / _VOTE_WIDTH) ** 2)
        score[i, j] = near_red @ colors @ near_blue
    score = (score / score.sum()) ** 2 if score.sum() > 0 else score
    if not score.sum() > 0:
        return None
    score /= score.sum()
    return float(score.sum(1) @ mireds), float(score.sum(0) @ tints)
