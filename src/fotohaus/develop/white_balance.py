"""The white that was asked for, found for one image: a named light, a temperature, a place in it, or its colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.color import camera_to_rec2020, white_of_neutral
from fotohaus.develop.geometry import Upright, stretch, upright
from fotohaus.develop.highlights import CLIPPED, saturation_levels
from fotohaus.develop.shading import Shading, shading_of
from fotohaus.errors import ReadError
from fotohaus.raw.image import PLANES, ColorCalibration, RawImage
from fotohaus.raw.temperature import D50, XY, temperature_to_xy
from fotohaus.records import record
from fotohaus.report import Report
from fotohaus.white_choice import PRESETS, AsShot, Auto, Chromaticity, Pick, Preset, Temperature, White

Float64 = NDArray[np.float64]

_PATCH = 9  # CFA tiles along the side of a picked patch
_CLIPPED_PART = 0.1  # of a picked patch that may be clipped
_DARK = 1e-3  # of the white level: a picked median below says nothing
_GAIN_LIMIT = 16.0  # the most that one channel's gain may exceed another's
_BALANCE_LIMIT = 64.0  # a white that needs more than this gain, or a colour matrix with larger numbers, is no light
_MATRIX_LIMIT = 12.0
_CELLS = 12_000  # that the picture is averaged down to for the automatic white
_SKIP = 6  # tiles along the side of a cell from which on every other row of them will do


def find_white(
    raw: RawImage, color: ColorCalibration, choice: White, *, opcodes: bool = True, report: Report | None = None
) -> XY | None:
    """Chromaticity of the light that is to be taken as white; None for the camera's own.

    color : the calibration that the image is developed with. opcodes : whether its gain maps count.

    Raises ReadError for a place to pick that is outside the picture, clipped or black; ValueError for a calibration
    that can't be used.
    """
    report = report or Report()
    match choice:
        case AsShot():
            return None
        case Pick(x, y):
            wanted = _picked(raw, color, x, y, opcodes, report)
        case Auto():
            wanted = _automatic(raw, color, opcodes, report)
        case Preset(name):
            wanted = temperature_to_xy(*PRESETS[name])
        case Temperature(kelvin, tint):
            wanted = temperature_to_xy(kelvin, tint)
        case Chromaticity(x, y):
            wanted = x, y
    return _within_reach(color, wanted, report)


def _within_reach(color: ColorCalibration, wanted: XY, report: Report) -> XY:
    """The white, or the nearest on the way to D50 that the calibration can balance: some whites are no lights."""
    for step in range(11):
        white = tuple(w + (d - w) * step / 10 for w, d in zip(wanted, D50, strict=True))
        try:
            balanced = camera_to_rec2020(color, white_xy=(white[0], white[1]))
        except ValueError:
            if step == 10:
                raise
            continue
        if step == 10 or (balanced.multipliers.max() <= _BALANCE_LIMIT and abs(balanced.matrix).max() <= _MATRIX_LIMIT):
            break
    if step:
        report.note("a white beyond what the camera's calibration can balance: the nearest is taken")
    return white[0], white[1]


@record
class _Tiles:
    """The picture, upright, as CFA tiles (pixels of linear raw): camera values over black in units of white."""

    view: Upright
    cfa: str | None
    black: Float64
    white: Float64
    clip: Float64
    shading: Shading

    @classmethod
    def of(cls, raw: RawImage, color: ColorCalibration, opcodes: bool) -> _Tiles:
        view = upright(raw, 0)
        clip = saturation_levels(raw, camera_to_rec2020(color).multipliers)
        levels = [np.asarray(level, np.float64) for level in (raw.black, raw.white, clip)]
        cfa = None
        if raw.cfa is not None:
            cfa = "".join(raw.cfa[p] for p in view.positions.ravel())
            levels = [view.at_positions(level) for level in levels]
        plain = Shading(np.ones((1, 1, 4 if cfa else 3), np.float32))
        shading = shading_of(raw, view) if opcodes and raw.opcodes_2 else plain
        return cls(view, cfa, levels[0].ravel(), levels[1].ravel(), levels[2].ravel(), shading)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        height, width = self.view.samples.shape[:2]
        return (height // 2, width // 2) if self.cfa else (height, width)

    def planes(self, rows: slice, columns: slice) -> list[tuple[int, int, NDArray[np.uint16]]]:
        """(position in the tile, channel, samples) of each of a tile's samples, for tiles of a rectangle."""
        samples = self.view.samples
        if self.cfa is None:
            return [(c, c, samples[rows, columns, c]) for c in range(3)]
        height, width = self.shape
        samples = samples[: 2 * height, : 2 * width]
        return [
            (p, PLANES.index(name), samples[p // 2 :: 2, p % 2 :: 2][rows, columns]) for p, name in enumerate(self.cfa)
        ]

    def gains(self, position: int, rows: NDArray[Any], columns: NDArray[Any]) -> Float64:
        """Lens-shading gains at tiles, for one position in the tile."""
        if self.cfa is not None:
            rows, columns = 2 * rows + position // 2, 2 * columns + position % 2
        return self.shading.sample(rows, columns, position).astype(np.float64)

    def linear(self, position: int, level: Any) -> Any:
        """Levels in DN of one position in the tile as a part of the white level."""
        return (level - self.black[position]) / max(1.0, self.white[position] - self.black[position])

    def clipped(self, position: int) -> float:
        """The level in DN from which samples of a position in the tile count as clipped."""
        return float(self.black[position] + CLIPPED * (self.clip[position] - self.black[position]))


def _around(centre: int, count: int) -> slice:
    first = max(0, min(centre - _PATCH // 2, count - _PATCH))
    return slice(first, min(first + _PATCH, count))


def _picked(raw: RawImage, color: ColorCalibration, x: int, y: int, opcodes: bool, report: Report) -> XY:
    tiles = _Tiles.of(raw, color, opcodes)
    (down, across), (height, width) = stretch(raw), tiles.view.samples.shape[:2]
    place = f"white balance can't be picked at {x},{y}"
    if x / across >= width or y / down >= height:
        raise ReadError(raw.path, f"{place}: the picture has {round(width * across)} x {round(height * down)} pixels")
    x, y = int(x / across), int(y / down)
    size = 2 if tiles.cfa else 1
    rows, columns = (_around(centre // size, count) for centre, count in zip((y, x), tiles.shape, strict=True))
    found: list[list[float]] = [[], [], []]
    for position, channel, samples in tiles.planes(rows, columns):
        if np.mean(samples >= tiles.clipped(position)) > _CLIPPED_PART:
            raise ReadError(raw.path, f"{place}: it is clipped there")
        gain = tiles.gains(position, *(np.arange(s.start, s.stop) for s in (rows, columns))).mean()
        found[channel].append(float(gain * tiles.linear(position, np.median(samples))))
    neutral = np.array([np.mean(values) for values in found])
    if not neutral.min() > _DARK:
        raise ReadError(raw.path, f"{place}: it is black there")
    limited = np.maximum(neutral / neutral.max(), 1 / _GAIN_LIMIT)
    if (limited > neutral / neutral.max()).any():
        report.note(f"gains limited to {_GAIN_LIMIT:.0f}")
    try:
        return white_of_neutral(color, limited)
    except ValueError as error:
        raise ReadError(raw.path, f"{place}: {error}") from error


def _automatic(raw: RawImage, color: ColorCalibration, opcodes: bool, report: Report) -> XY:
    tiles = _Tiles.of(raw, color, opcodes)
    height, width = tiles.shape
    from fotohaus.develop.auto_white import estimate_white

    step = max(1, int(np.ceil(np.sqrt(height * width / _CELLS))))
    rows, columns = height // step, width // step
    if not rows or not columns:
        report.note("too small for an automatic white balance: as shot")
        return camera_to_rec2020(color).white_xy
    camera = np.zeros((rows, columns, 3))
    valid = np.ones((rows, columns), bool)
    centres = [np.arange(n) * step + (step - 1) / 2 for n in (rows, columns)]
    cells = kernels.empty((rows, columns, 1, 2))
    for position, channel, samples in tiles.planes(slice(0, rows * step), slice(0, columns * step)):
        kernels.call("cells", samples=samples[..., None], step=step, skip=2 if step >= _SKIP else 1, cells=cells)
        valid &= cells[..., 0, 1] < tiles.clipped(position)
        mean = tiles.linear(position, cells[..., 0, 0].astype(np.float64))
        camera[..., channel] += mean * tiles.gains(position, *centres) / (2 if tiles.cfa and channel == 1 else 1)
    return estimate_white(camera, valid, color, report, raw.capture)
