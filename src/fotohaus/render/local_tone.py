"""Local tone: large-scale contrast beyond what a display shows is compressed, texture stays.

At each place of the picture light goes through a tone curve of its own, monotone and smoothly changing over the
picture: a grid of gains over place and level, decided on the scene in small and read at full resolution.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.records import record
from fotohaus.render.color import LUMINANCE
from fotohaus.render.tone import MID_GREY, MID_SLOPE
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

CELLS = 48
"""Cells of the grid along the picture's longer side."""
STEP, DARKEST, LEVELS = 0.5, -12.0, 48
"""The grid's levels: EV between them, the first in EV over mid-grey, and their number."""
FINER = 16
"""Entries for each level in the table of what surroundings do."""
AREA, RANGE = 3.6, 1.4
"""Deviations of what counts as a pixel's surroundings: in cells, and in EV."""
PRIOR = 1e-3
"""Weight of a level's own value where the surroundings hold hardly any light of it, in cells' pixels."""
LEAST_SLOPE = 0.2
"""Slope that each place's curve has at least, EV per EV: edges may shrink, never turn."""

LIGHTS, SHADOWS, MIDDLE = (0.9, 0.95, 0.98), (0.02, 0.05, 0.1), (0.1, 0.9)
"""Quantiles whose means are the scene's lights and its shadows, and those between which its mid-tones lie."""
LIGHTS_TO, SHADOWS_TO = 1.7, -1.2
"""EV over mid-grey that lights and shadows are brought to at strength 1, if they lie beyond."""
LIGHTS_FROM, SHADOWS_FROM = 0.5, 0.0
"""EV over mid-grey where compression sets in."""
SOFTNESS = 0.7
"""EV over which it sets in."""
MOST_COMPRESSED, MOST = 0.7, 3.5
"""Share of contrast that is taken at most, and EV of gain."""
DEEPER = 2.0
"""What the darkest light may be lifted by, relative to the shadows."""
METERED = -0.5
"""EV over mid-grey at which the meter places the mid-tones of an ordinary scene."""
KEPT = 0.5
"""Share of a change of the mid-tones' mean that is taken back."""
VISIBLE_NOISE = 2.5
"""Deviation of noise in L* up to which shadows may be lifted."""
BLACK = 2.0**-12
"""Linear light that is as good as none."""
LEAST_WHITE = 2.7
"""EV over mid-grey down to which the tone curve's white follows the lights."""
LEAST_LIT = 0.01
"""Share of the scene that must not be black."""
SAMPLES = 24576
"""Pixels of the scene in small that are looked at, at most."""


@record
class LocalTone:
    """What is done to a picture, decided: a gain for each place and level.

    grid : (rows, columns, LEVELS) float32, gain in EV at nodes evenly spread over the picture, the outermost on its
        border. shape : the picture's rows and columns. exposure : linear gain that the picture will get; levels are
        counted after it. floor : linear light before it that is added to a pixel's for its level, in squares: what
        noise makes of black has one level. shift : gain in EV of surroundings at each level, (LEVELS,).
    """

    grid: Float32
    shape: tuple[int, int]
    exposure: float
    floor: float
    shift: Float64

    def apply(self, pixels: Float32, top: int = 0, *, out: Float32 | None = None) -> Float32:
        """Rows of the picture from `top` on, toned: (h, W, 3) linear Rec. 2020, in `out`, which may be `pixels` itself.

        A pixel's value does not depend on the rows that come with it. Raises ValueError for another width.
        """
        height, width = pixels.shape[:2]
        if width != self.shape[1]:
            raise ValueError(f"rows of {self.shape[1]} pixels, got {width}")
        toned = kernels.empty((height, width, 3)) if out is None else out
        rows, columns, _ = self.grid.shape
        kernels.call(
            "local_tone",
            pixels=kernels.planar(pixels, np.float32),
            # The kernel's first index is the level.
            grid=self.grid.transpose(1, 2, 0),
            per_column=(columns - 1) / self.shape[1],
            per_row=(rows - 1) / self.shape[0],
            top=top,
            floor_square=self.floor**2,
            per_ev=1 / STEP,
            offset=(np.log2(self.exposure / MID_GREY) - DARKEST) / STEP,
            toned=toned,
        )
        return toned

    def in_look(self) -> dict[str, Any]:
        """The same as the kernel of looks takes it, which applies it on the way."""
        rows, columns, _ = self.grid.shape
        return {
            "tone": np.exp2(self.grid).transpose(1, 2, 0),
            "tone_per_column": (columns - 1) / self.shape[1],
            "tone_per_row": (rows - 1) / self.shape[0],
            "tone_floor": self.floor**2,
            # Levels are octaves of the square.
            "tone_scale": (self.exposure / (MID_GREY * 2.0**DARKEST)) ** 2,
        }

    def white(self, white: float) -> float:
        """Where the tone curve's white, a linear value after exposure, goes as its light is pulled down."""
        ev = np.log2(white / MID_GREY)
        moved = ev + np.interp(ev, _levels(), self.shift)
        return float(MID_GREY * 2.0 ** min(ev, max(moved, LEAST_WHITE)))


def no_local_tone() -> dict[str, Any]:
    """What the kernel of looks takes where there is none."""
    return LocalTone(np.zeros((2, 2, LEVELS), np.float32), (1, 1), 1.0, 0.0, np.zeros(LEVELS)).in_look()


def _levels() -> Float64:
    return np.asarray(DARKEST + STEP * np.arange(LEVELS), np.float64)


def log_level(pixels: ArrayLike, exposure: float, floor: float) -> Float32:
    """EV over mid-grey after exposure of (..., 3) linear Rec. 2020, by the tone curve's norm, at least `floor`."""
    # fmax and fmin take the number where there is one.
    light = np.fmin(np.fmax(np.asarray(pixels, np.float32), 0), np.float32(2.0**30))
    light *= light
    red, green, blue = (np.float32(weight) for weight in LUMINANCE)
    square = red * light[..., 0] + green * light[..., 1] + blue * light[..., 2] + np.float32(floor**2)
    return np.asarray(np.float32(0.5) * np.log2(square) + np.float32(np.log2(exposure / MID_GREY)))


def _softplus(v: ArrayLike) -> Float64:
    """max(v, 0) with a rounded corner."""
    return np.asarray(SOFTNESS * np.logaddexp(0, np.asarray(v) / SOFTNESS))


def _noise_limit(level: Float64, noise: tuple[float, float] | None, exposure: float) -> Float64:
    """EV by which light of a level may be lifted until its noise is seen, (n,)."""
    if noise is None:
        return np.full_like(level, np.inf)
    light = MID_GREY * 2.0**level / exposure
    relative = np.sqrt(max(noise[0], 0) * light + max(noise[1], 0)) / light
    # L* = 116 y^(1/3), and y follows light by the curve's slope.
    root = VISIBLE_NOISE / (116 / 3 * MID_SLOPE * relative)
    return np.asarray((3 * np.log2(root) - np.log2(MID_GREY)) / MID_SLOPE - level)


def compression(level: Float32, noise: tuple[float, float] | None, exposure: float) -> Float64:
    """Gain in EV, at strength 1, for levels of a pixel's surroundings that are STEP / FINER apart, from DARKEST on.

    level : the scene's, in EV over mid-grey after exposure. noise : (scale, offset) of linear light before exposure.
    Lights and shadows are brought to what the display shows well; a scene that has none beyond is left alone. A
    scene that the meter left in the dark on purpose is lifted from lower down. The mid-tones' mean is mostly kept.
    """
    ordered = np.sort(level[:: max(1, level.size // 8192)])

    def quantiles(points: tuple[float, ...]) -> list[float]:
        return [float(ordered[int(point * (ordered.size - 1))]) for point in points]

    lights, shadows = float(np.mean(quantiles(LIGHTS))), float(np.mean(quantiles(SHADOWS)))
    darkest, brightest = quantiles(MIDDLE)
    middle = np.clip(ordered, darkest, brightest)
    dark = max(METERED - float(middle.mean()), 0.0)
    over, under = max(lights - LIGHTS_TO, 0), max(SHADOWS_TO - dark - shadows, 0)
    start = SHADOWS_FROM - dark
    pulled = min(over / float(_softplus(lights - LIGHTS_FROM)), MOST_COMPRESSED)
    lifted = min(under / float(_softplus(start - shadows)), MOST_COMPRESSED)

    base = _base()
    # What is darker still keeps its distance to the shadows: black stays black.
    most = min(DEEPER * lifted * float(_softplus(start - shadows)), MOST) + 1e-9
    lift = most * np.tanh(lifted * _softplus(start - base) / most)
    # Of the two about the smaller one, rounded where they meet.
    allowed = np.clip(_noise_limit(base, noise, exposure), 0, 2 * MOST)
    lift = lift * allowed / np.cbrt(lift**3 + allowed**3 + 1e-9)
    change = lift - MOST * np.tanh(pulled * _softplus(base - LIGHTS_FROM) / MOST)
    return np.asarray(change - KEPT * between(change, middle).mean())


def _base() -> Float64:
    return np.asarray(DARKEST + STEP / FINER * np.arange(FINER * LEVELS), np.float64)


def between(change: ArrayLike, level: ArrayLike) -> Float32:
    """What `compression` gives, at any levels: linear between, the outermost beyond."""
    change = np.asarray(change, np.float32)
    place = np.clip(
        (np.asarray(level, np.float32) - np.float32(DARKEST)) * np.float32(FINER / STEP), 0, change.size - 1
    )
    entry = np.minimum(place.astype(np.intp), change.size - 2)
    near = change[entry]
    return np.asarray(near + (place - entry.astype(np.float32)) * (change[entry + 1] - near))


def _gaussian(count: int, deviation: float) -> Float32:
    """(count, count), blurs by multiplication; what lies outside counts as nothing."""
    weights = np.exp(-0.5 * (np.arange(count) / deviation) ** 2)
    # Products of three must not underflow.
    weights = np.where(weights > 1e-12, weights, 0)
    apart = np.abs(np.arange(count) - np.arange(count)[:, None])
    return np.asarray(weights[apart] / weights[apart[count // 2]].sum(), np.float32)


def _surroundings(level: Float32, rows: int, columns: int) -> Float32:
    """Level of what surrounds a pixel, by its own level and its place: (LEVELS, rows, columns), EV.

    The normalised bilateral filter on a grid (Paris and Durand 2006; Chen et al. 2007).
    """
    height, width = level.shape
    i, j = (np.rint((np.arange(n) + 0.5) * (m - 1) / n).astype(int) for n, m in ((height, rows), (width, columns)))
    k = np.clip(np.rint((level - DARKEST) / STEP), 0, LEVELS - 1).astype(int)
    index = ((i[:, None] * LEVELS + k) * columns + j).ravel()
    own = _levels().astype(np.float32)[:, None, None]
    blur = _gaussian(rows, AREA), _gaussian(LEVELS, RANGE / STEP), _gaussian(columns, AREA)
    sums = []
    for weights in (None, level.ravel()):
        counted = np.bincount(index, weights, rows * LEVELS * columns) * (rows * columns / level.size)
        grid = counted.astype(np.float32).reshape(rows, LEVELS, columns)
        # Product by product: for a large one NumPy wakes threads, which takes longer than the product itself.
        grid = np.matmul(np.matmul(blur[1], grid), blur[2])
        sums.append(np.matmul(blur[0], grid.swapaxes(0, 1)))
    count, total = sums
    return np.asarray((total + np.float32(PRIOR) * own) / (count + np.float32(PRIOR)))


def _monotone(gain: Float32) -> Float32:
    """Gains (LEVELS, ...) changed where a level would end below or hardly above a darker one, and smoothed a little."""
    ramp = ((1 - LEAST_SLOPE) * _levels()).astype(gain.dtype).reshape(-1, *[1] * (gain.ndim - 1))
    up = gain + ramp
    down = up.copy()
    for k in range(1, len(up)):
        np.maximum(up[k], up[k - 1], out=up[k])
        np.minimum(down[-1 - k], down[-k], out=down[-1 - k])
    gain = (up + down) * gain.dtype.type(0.5) - ramp
    wide = np.concatenate([gain[:1], gain, gain[-1:]])
    return np.asarray(gain.dtype.type(0.25) * (wide[:-2] + wide[2:]) + gain.dtype.type(0.5) * gain)


def local_tone(
    overview: Float32,
    shape: tuple[int, int],
    *,
    strength: float,
    exposure: float,
    noise: tuple[float, float] | None = None,
    report: Report | None = None,
) -> LocalTone | None:
    """Decide the local tone of a scene; None where nothing is to be done: at strength 0, or in the dark.

    overview : (h, w, 3) linear Rec. 2020, the scene in small. shape : the picture's rows and columns. exposure : linear
    gain that the picture will get. noise : (scale, offset) of the scene's luminance noise; None if unknown.

    The change is proportional to the strength, in EV.
    """
    if strength <= 0:
        return None
    report = report or Report()
    step = max(1, ceil((overview.shape[0] * overview.shape[1] / SAMPLES) ** 0.5))
    if noise is not None and not (np.isfinite(noise).all() and max(noise) > 0):
        noise = None
    floor = float(np.hypot(BLACK, 2 * max(noise[1], 0.0) ** 0.5)) if noise else BLACK
    level = log_level(overview[step // 2 :: step, step // 2 :: step], exposure, floor)
    lit = level[level > log_level(np.zeros(3), exposure, floor) + SOFTNESS]
    if lit.size < LEAST_LIT * level.size:
        report.note("nothing to do: the scene is black")
        return None
    change = compression(lit, noise, exposure)
    rows, columns = (min(max(1, round(CELLS * n / max(shape))), m) + 1 for n, m in zip(shape, level.shape, strict=True))
    gain = np.float32(strength) * _monotone(between(change, _surroundings(level, rows, columns)))
    report.note(f"gains from {gain.min():+.1f} to {gain.max():+.1f} EV")
    grid = np.ascontiguousarray(gain.transpose(1, 2, 0))
    return LocalTone(grid, shape, exposure, floor, strength * between(change, _levels()).astype(np.float64))
