"""How much each of a profile's calibrations counts under a light (DNG 1.7.1, chapter 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fotohaus.raw.image import ColorCalibration
from fotohaus.raw.profile import ILLUMINANTS
from fotohaus.raw.temperature import (
    D50,
    D55,
    D65,
    XY,
    calibration_place,
    calibration_white,
)

OTHER = 255  # EXIF LightSource whose white the file gives

_A: XY = (0.4476, 0.4074)
_D75: XY = (0.2990, 0.3149)

# Chromaticities of EXIF's light sources: CIE 15, its fluorescent lamps F1 to F9 as Adobe's SDK assigns them.
WHITES: dict[int, XY] = {
    1: D55,
    2: (0.37208, 0.37529),  # F2
    3: _A,
    4: D55,
    9: D55,
    10: D65,
    11: _D75,
    12: (0.31310, 0.33727),  # F1
    13: (0.34588, 0.35875),  # F8
    14: (0.37417, 0.37281),  # F9
    15: (0.40910, 0.39430),  # F3
    16: (0.44018, 0.40329),  # F4
    17: _A,
    18: (0.348483, 0.351747),  # B
    19: (0.310061, 0.316150),  # C
    20: D55,
    21: D65,
    22: _D75,
    23: D50,
    24: calibration_white(3200.0),
}


def calibration_temperature(illuminant: int | None, white: XY | None = None) -> float | None:
    """Correlated colour temperature in kelvin of a calibration's light; None if unknown.

    illuminant : EXIF LightSource. white : chromaticity where it is 255 (other).
    """
    if illuminant == OTHER:
        return None if white is None else calibration_place(white)[0]
    return ILLUMINANTS.get(illuminant or 0)


def weights(illuminants: Sequence[int | None], whites: Sequence[XY | None], white: XY) -> tuple[float, ...]:
    """Weights of one to three calibrations under a light; they sum to 1.

    illuminants, whites : EXIF LightSource of each, and its chromaticity where that is 255. white : the light's.

    Two count by the reciprocal of the colour temperature, the nearer alone beyond the ends. Where one of the first two
    lights is unknown, or both have one temperature, the first counts alone.

    For three the specification leaves the method open. This is the one of Adobe's SDK (1.7.1,
    CalculateTripleIlluminantWeights): inverse squared distance in 1500 K / temperature and tint / 200, sharpened.
    """
    if len(illuminants) == 1:
        return (1.0,)
    rest = (0.0,) * (len(illuminants) - 1)
    first, second = (calibration_temperature(illuminants[i], whites[i]) for i in range(2))
    if not first or not second or first == second:
        return (1.0, *rest)
    if len(illuminants) == 2:
        kelvin = min(max(calibration_place(white)[0], min(first, second)), max(first, second))
        part = (1 / kelvin - 1 / second) / (1 / first - 1 / second)
        return part, 1 - part
    return of_three(illuminants, whites, white)


def of_three(illuminants: Sequence[int | None], whites: Sequence[XY | None], white: XY) -> tuple[float, ...]:
    """Weights of three calibrations under a light, whatever the first two lights are; they sum to 1."""
    places = [_place(_white(light, own)) for light, own in zip(illuminants, whites, strict=True)]
    near = 1 / (((np.array(places) - _place(white)) ** 2).sum(axis=1) + 1e-8)
    near /= near.sum()
    smooth = near * near * (3 - 2 * near)
    kept = np.clip((smooth - 0.02) / 0.98, 0, 1)
    return tuple(float(w) for w in kept / kept.sum())


def known_temperatures(color: ColorCalibration) -> list[float]:
    """Colour temperatures in kelvin of a file's first two calibrations' lights, without those that are unknown."""
    lights = zip((color.illuminant_1, color.illuminant_2), color.illuminant_whites, strict=False)
    return [kelvin for kelvin in (calibration_temperature(*light) for light in lights) if kelvin]


def color_weights(color: ColorCalibration, white: XY) -> tuple[float, ...]:
    """Weights of a file's calibrations under a light."""
    lights: list[int | None] = [color.illuminant_1]
    if color.color_matrix_2 is not None:
        lights.append(color.illuminant_2)
        if color.color_matrix_3 is not None:
            lights.append(color.illuminant_3)
    return weights(lights, color.illuminant_whites[: len(lights)], white)


def _white(illuminant: int | None, own: XY | None) -> XY:
    if illuminant == OTHER and own is not None:
        return own
    return WHITES.get(illuminant or 0, D50)


def _place(xy: XY) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    kelvin, tint = calibration_place(xy)
    return np.array([min(1500.0 / kelvin, 1.0), tint / 200.0])
