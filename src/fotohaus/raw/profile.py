"""Camera profiles: how a camera's colours are to be rendered, beyond matrices (DNG 1.7.1 chapters 4 and 6)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fotohaus.records import record

Encoding = Literal["linear", "sRGB"]

# EXIF LightSource codes and their correlated colour temperatures in kelvin; a fluorescent lamp's is the middle of the
# range that EXIF 2.32 (4.6.6, LightSource) gives.
ILLUMINANTS = {
    1: 5500.0,  # daylight
    2: 4150.0,  # fluorescent
    3: 2850.0,  # tungsten
    4: 5500.0,  # flash
    9: 5500.0,  # fine weather
    10: 6500.0,  # cloudy weather
    11: 7500.0,  # shade
    12: 6400.0,  # daylight fluorescent, 5700 to 7100
    13: 5050.0,  # day white fluorescent, 4600 to 5500
    14: 4150.0,  # cool white fluorescent, 3800 to 4500
    15: 3525.0,  # white fluorescent, 3250 to 3800
    16: 2925.0,  # warm white fluorescent, 2600 to 3250
    17: 2850.0,  # standard light A
    18: 5500.0,  # standard light B
    19: 6500.0,  # standard light C
    20: 5500.0,  # D55
    21: 6500.0,  # D65
    22: 7500.0,  # D75
    23: 5000.0,  # D50
    24: 3200.0,  # ISO studio tungsten
}


@record
class HueSatMap:
    """A table over hue, saturation and value in linear ProPhoto RGB (chapter 6).

    shifts : (value divisions, hue divisions, saturation divisions, 3): hue shift in degrees, factors of saturation and
        of value. Hue wraps around; saturation and value run from 0 to 1 at the outermost entries.
    encoding : of value, for finding its place in the table and while it is changed; without meaning for one division.
    """

    shifts: NDArray[np.float32]
    encoding: Encoding = "linear"


@record
class GainTableMap:
    """Gain tables on a grid over the active area (ProfileGainTableMap and ProfileGainTableMap2).

    Applied to linear RIMM RGB after baseline exposure and all opcodes: the input is (R, G, B, min, max) . weights,
    clamped to 0..1, to the power of gamma; times the number of table entries it is the place in the table.
    gains : (points_v, points_h, entries), interpolated bilinearly over the grid, linearly in the table.
    Origin and spacing are fractions of the active area's size; pixels count by their centres.
    """

    gains: NDArray[np.float32]
    origin_v: float
    origin_h: float
    spacing_v: float
    spacing_h: float
    weights: tuple[float, float, float, float, float]
    gamma: float = 1.0


@record
class RgbTable:
    """One colour table of RGBTables, for the region of a semantic mask, or for the background if `mask` is empty.

    table : (n, n, n, 3) float32, 0 to 1, indexed by red, green, blue.
    """

    mask: str
    table: NDArray[np.float32]
    gamma: Literal["linear", "sRGB", "1.8", "2.2", "Rec. 2020"]
    primaries: Literal["sRGB", "Adobe RGB", "Display P3", "Rec. 2020", "ProPhoto"]
    extend_gamut: bool


@record
class RgbTables:
    """RGBTables: colour tables for regions of the picture, applied after the tone curve."""

    tables: tuple[RgbTable, ...]
    method: Literal["weighted sum", "sequential"]


@record
class Calibration:
    """One of a profile's one to three calibrations.

    `white_xy` is set where the illuminant is 255 (other). `number` is the file's: 1 to 3.
    """

    illuminant: int
    color_matrix: NDArray[np.float64]
    forward_matrix: NDArray[np.float64] | None = None
    hue_sat_map: HueSatMap | None = None
    white_xy: tuple[float, float] | None = None
    number: int = 1


@record
class CameraProfile:
    """A camera profile, of a DNG or a DCP file.

    hue_sat_maps : one for each calibration where the profile has them for all; interpolated as matrices are, before
        baseline exposure. A single one holds for every white.
    look_table : applied after exposure, before the tone curve.
    tone_curve : (n, 2), input and output in linear gamma, interpolated by a cubic spline.
    baseline_exposure_offset : EV, to be added to the camera's baseline exposure.
    black_render : "none": no black subtraction while rendering.
    dynamic_range : "HDR" profiles take values above 1 through ProfileDynamicRange's encoding; `peak` is the largest
        output value that they mean, None where unknown.
    embed_policy : 0 may be copied, 1 embedded if used, 2 never embedded, 3 no restrictions.
    """

    name: str | None = None
    group: str | None = None
    copyright: str | None = None
    camera: str | None = None
    embed_policy: int = 0
    calibration_signature: str | None = None
    calibrations: tuple[Calibration, ...] = ()
    look_table: HueSatMap | None = None
    tone_curve: NDArray[np.float32] | None = None
    baseline_exposure_offset: float = 0.0
    black_render: Literal["auto", "none"] = "auto"
    gain_table_map: GainTableMap | None = None
    rgb_tables: RgbTables | None = None
    dynamic_range: Literal["SDR", "HDR"] = "SDR"
    peak: float | None = None

    @property
    def hue_sat_maps(self) -> tuple[HueSatMap, ...]:
        """One for each calibration, a single one for all, or none."""
        if not self.calibrations or self.calibrations[0].hue_sat_map is None:
            return ()
        maps = [c.hue_sat_map for c in self.calibrations if c.hue_sat_map is not None]
        return tuple(maps) if len(maps) in (1, len(self.calibrations)) else tuple(maps[:1])

    @property
    def plain(self) -> bool:
        """Whether it holds nothing but matrices."""
        tables = (self.look_table, self.tone_curve, self.gain_table_map, self.rgb_tables)
        bare = self.baseline_exposure_offset == 0 and self.black_render == "auto" and self.dynamic_range == "SDR"
        return bare and not self.hue_sat_maps and all(t is None for t in tables)
