"""Correlated colour temperature and chromatic adaptation: the two pieces of colorimetry that DNG colour needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]
XY = tuple[float, float]

D50: XY = (0.34567, 0.35850)
D55: XY = (0.33242, 0.34743)
D65: XY = (0.3127, 0.3290)

# Isotemperature lines: reciprocal megakelvin, CIE 1960 u and v on the Planckian locus, slope. Robertson 1968, table 1.
_ROBERTSON = np.array(
    [
        (0, 0.18006, 0.26352, -0.24341),
        (10, 0.18066, 0.26589, -0.25479),
        (20, 0.18133, 0.26846, -0.26876),
        (30, 0.18208, 0.27119, -0.28539),
        (40, 0.18293, 0.27407, -0.30470),
        (50, 0.18388, 0.27709, -0.32675),
        (60, 0.18494, 0.28021, -0.35156),
        (70, 0.18611, 0.28342, -0.37915),
        (80, 0.18740, 0.28668, -0.40955),
        (90, 0.18880, 0.28997, -0.44278),
        (100, 0.19032, 0.29326, -0.47888),
        (125, 0.19462, 0.30141, -0.58204),
        (150, 0.19962, 0.30921, -0.70471),
        (175, 0.20525, 0.31647, -0.84901),
        (200, 0.21142, 0.32312, -1.0182),
        (225, 0.21807, 0.32909, -1.2168),
        (250, 0.22511, 0.33439, -1.4512),
        (275, 0.23247, 0.33904, -1.7298),
        (300, 0.24010, 0.34308, -2.0637),
        (325, 0.24792, 0.34655, -2.4681),
        (350, 0.25591, 0.34951, -2.9641),
        (375, 0.26400, 0.35200, -3.5814),
        (400, 0.27218, 0.35407, -4.3633),
        (425, 0.28039, 0.35577, -5.3762),
        (450, 0.28863, 0.35714, -6.7262),
        (475, 0.29685, 0.35823, -8.5955),
        (500, 0.30505, 0.35907, -11.324),
        (525, 0.31320, 0.35968, -15.628),
        (550, 0.32129, 0.36011, -23.325),
        (575, 0.32931, 0.36038, -40.770),
        (600, 0.33724, 0.36051, -116.45),
    ]
)

# Adobe's SDK has u at 325 mired misprinted, as many copies of the table do. Calibrations are interpolated by the table
# as it stands there: then matrices are the SDK's under lamps of 2857 to 3333 K, too.
_ADOBE = _ROBERTSON.copy()
_ADOBE[_ADOBE[:, 0] == 325, 1] = 0.24702

_TINT_SCALE = -3000.0

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def xy_to_xyz(xy: XY) -> Float64:
    """CIE XYZ of a chromaticity, with Y = 1."""
    x, y = xy
    return np.array([x / y, 1.0, (1.0 - x - y) / y])


def xyz_to_xy(xyz: ArrayLike) -> XY:
    """Chromaticity of CIE XYZ."""
    values = np.asarray(xyz, np.float64)
    total = float(values.sum())
    return float(values[0]) / total, float(values[1]) / total


def temperature_and_tint(xy: XY) -> tuple[float, float]:
    """Correlated colour temperature in kelvin (1667 to infinity) and tint of a chromaticity (Robertson 1968).

    Tint is Adobe's: 3000 times the distance from the Planckian locus along the isotemperature line in CIE 1960 uv,
    positive on the green side (the picture, balanced for such a light, becomes more magenta). DNG SDK, dng_temperature.
    """
    return _temperature_and_tint(xy, _ROBERTSON)


def calibration_place(xy: XY) -> tuple[float, float]:
    """Temperature and tint by which calibrations are interpolated: as `temperature_and_tint`, by Adobe's table."""
    return _temperature_and_tint(xy, _ADOBE)


def _temperature_and_tint(xy: XY, table: Float64) -> tuple[float, float]:
    x, y = xy
    divisor = 1.5 - x + 6.0 * y
    u, v = 2.0 * x / divisor, 3.0 * y / divisor
    mired, u_line, v_line, slope = table.T
    # Signed distances to the isotemperature lines; the chromaticity lies between the lines where the sign changes.
    distance = ((v - v_line) - slope * (u - u_line)) / np.hypot(1.0, slope)
    below = np.flatnonzero(distance[1:] <= 0.0)
    i = int(below[0]) + 1 if below.size else len(mired) - 1
    before, here = float(distance[i - 1]), max(0.0, -float(distance[i]))
    part = here / (before + here) if i > 1 and before + here > 0 else float(i > 1 and here > 0)
    value, locus, along = _isotemperature_line(table, i, part)
    return 1e6 / value, _TINT_SCALE * float(np.dot((u - locus[0], v - locus[1]), along))


def temperature_to_xy(kelvin: float, tint: float = 0.0) -> XY:
    """Chromaticity of a colour temperature (1667 K and more) and tint: `temperature_and_tint` turned round."""
    return _temperature_to_xy(kelvin, tint, _ROBERTSON)


def calibration_white(kelvin: float) -> XY:
    """Chromaticity of a calibration's light by its temperature: `calibration_place` turned round."""
    return _temperature_to_xy(kelvin, 0.0, _ADOBE)


def _temperature_to_xy(kelvin: float, tint: float, table: Float64) -> XY:
    mired = table[:, 0]
    value = min(max(1e6 / kelvin, 0.0), float(mired[-1]))
    i = min(max(int(np.searchsorted(mired, value)), 1), len(mired) - 1)
    _, locus, along = _isotemperature_line(table, i, float((mired[i] - value) / (mired[i] - mired[i - 1])))
    u, v = locus + along * (tint / _TINT_SCALE)
    divisor = u - 4.0 * v + 2.0
    return float(1.5 * u / divisor), float(v / divisor)


def _isotemperature_line(table: Float64, i: int, part: float) -> tuple[float, Float64, Float64]:
    """Mired, uv on the locus and unit direction of the line between lines i - 1 (part = 1) and i (part = 0)."""
    before, here = table[i - 1], table[i]
    mixed = part * before + (1.0 - part) * here
    units = [np.array([1.0, line[3]]) / np.hypot(1.0, line[3]) for line in (before, here)]
    along = part * units[0] + (1.0 - part) * units[1]
    return float(mixed[0]), mixed[1:3], np.asarray(along / np.hypot(*along))


def adaptation(source: XY, target: XY) -> Float64:
    """The (3, 3) matrix that adapts XYZ from one white to another: linear Bradford, as DNG 1.7.1 chapter 6 asks."""
    cones = [np.maximum(_BRADFORD @ xy_to_xyz(white), 0.0) for white in (source, target)]
    # A white outside the realm of real lights may have a cone response near zero: bounded, as Adobe's SDK does.
    ratio = np.clip(cones[1] / np.maximum(cones[0], 1e-9), 0.1, 10.0)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(ratio) @ _BRADFORD)


def rgb_to_xyz(primaries: tuple[XY, XY, XY], white: XY) -> Float64:
    """The (3, 3) matrix from linear RGB to XYZ of a colour space given by its chromaticities."""
    columns = np.stack([xy_to_xyz(p) for p in primaries], axis=1)
    return np.asarray(columns * np.linalg.solve(columns, xy_to_xyz(white)))
