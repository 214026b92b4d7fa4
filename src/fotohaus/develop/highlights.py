"""Clipped highlights: where a channel saturates, and what it would have been."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.develop.highlights_fill import fill_colors
from fotohaus.develop.shading import Shading
from fotohaus.raw.image import PLANES, CfaPattern, NoiseProfile, RawImage
from fotohaus.records import record
from fotohaus.report import Report
from fotohaus.smoothstep import smoothstep

Float32 = NDArray[np.float32]

CLIPPED = 0.985
"""Samples from this fraction of the saturation level on count as clipped; the kernels hold the same number."""

LOWEST = 0.85
"""Nothing below this fraction of the white level is taken for saturation."""

MARGIN = 2
"""Samples around a sample that have a say in it."""

_BIN, _BINS = 1 / 2000, 340  # of the white level: the histogram that is searched, up to 1.02
_SAMPLES = 1 << 17  # per channel, for the histogram
_FEWEST = 64  # samples needed to say something

_CELLS = 400  # along the longer side, about

_AROUND = 32  # cells around the clipped ones that are looked at

# Fitted on HDR panoramas: benchmarks/highlights.py.
_KNOWN = (0.94, 0.98)  # a cell's largest sample, over saturation: known below, clipped above
_AGREE = (0.4, 0.9)  # a cell's darker kind of green over the brighter one: from none to full trust in its colours
_NOISY = 0.014  # deviation at white, as a fraction of it, from which on noise has a say in what is known
_RIMS = (0.006, 0.012)  # and from which on less, and nothing, is learnt from single places just below clipping
_MAGENTA = 2.0  # deviations of a green sample, over the cell's size: less magenta than that is noise


def saturation_levels(raw: RawImage, multipliers: ArrayLike, report: Report | None = None) -> Float32:
    """The level in DN at which each channel really saturates, in the shape of `raw.white`.

    Files may state a white level that the sensor never reaches. Saturation then shows in two ways, both at 85 % of the
    white level or higher: as a spike of a channel's histogram with little above it; or, in the channel with the lowest
    white balance gain, as one value wherever both other colours are brighter than it can be.
    """
    report = report or Report()
    multipliers = np.asarray(multipliers, np.float64)
    levels = np.array(raw.white, np.float32)
    planes = []
    for place in np.ndindex(2, 2) if raw.cfa else ((0, 0), (0, 1), (0, 2)):
        channel = PLANES.index(raw.cfa[2 * place[0] + place[1]]) if raw.cfa else place[1]
        samples = raw.mosaic[place[0] :: 2, place[1] :: 2] if raw.cfa else raw.mosaic[..., place[1]]
        stride = max(1, round((samples.size / _SAMPLES) ** 0.5))
        span = max(1.0, float(raw.white[place] - raw.black[place]))
        planes.append((place, channel, np.ascontiguousarray(samples[::stride, ::stride]), span))
    first = int(multipliers.argmin())
    for place, channel, samples, span in planes:
        black = float(raw.black[place])
        high = samples[samples >= black + LOWEST * span]
        if high.size < _FEWEST:
            continue
        level = _spike((high - np.float32(black)) / np.float32(span), samples.size)
        if level is None and channel == first:
            level = _plateau(*_outshone(raw, planes, first, samples, place, multipliers))
        if level is not None and level < CLIPPED:
            levels[place] = black + level * (raw.white[place] - black)
    if (levels < raw.white).any():
        names = ", ".join(f"{level:.0f}" for level in sorted(set(levels[levels < raw.white].tolist())))
        report.note(f"saturates at {names}, below the file's white level {float(raw.white.max()):.0f}")
    return levels


def _outshone(
    raw: RawImage,
    planes: list[tuple[tuple[int, int], int, NDArray[np.uint16], float]],
    first: int,
    samples: NDArray[np.uint16],
    place: tuple[int, int],
    multipliers: NDArray[np.float64],
) -> tuple[Float32, Float32]:
    """Samples at a place that both other colours outshine, and the darker of those; as fractions of white."""
    rows, columns = (min(plane.shape[axis] for *_, plane, _ in planes) for axis in (0, 1))

    def value(plane: NDArray[np.uint16], at: tuple[int, int], span: float) -> Float32:
        return np.asarray((plane[:rows, :columns] - raw.black[at]) / np.float32(span))

    others = np.full((rows, columns), np.inf, np.float32)
    for other, channel, plane, span in planes:
        if channel != first:
            gain = np.float32(multipliers[channel] / multipliers[first])
            others = np.minimum(others, value(plane, other, span) * gain)
    outshone = others > 1.12
    span = next(span for at, *_, span in planes if at == place)
    return value(samples, place, span)[outshone], others[outshone]


def _spike(high: Float32, count: int) -> float | None:
    """Where the histogram has a saturation spike, as a fraction of the white level; or None.

    high : the samples of `count` that are at `LOWEST` or higher.
    """
    counts = np.bincount(np.minimum((high - LOWEST) / _BIN, _BINS - 1).astype(np.intp), minlength=_BINS)
    # The densest 0.4 % and their surroundings.
    near = int(0.002 / _BIN)
    peak = int(np.convolve(counts, np.ones(2 * near + 1), "same").argmax())
    first = max(0, peak - near)
    peak = first + int(counts[first : peak + near + 1].argmax())
    spike, core = (int(counts[max(0, peak - n) : peak + n + 1].sum()) for n in (2 * near, near // 2))
    above, below = (
        int(counts[peak + 2 * near + 1 :].sum()),
        int(counts[max(0, peak - 10 * near) : peak - 2 * near].sum()),
    )
    # Noise makes a bright surface wider than this; clipping cuts the noise off.
    sharp = core > 0.42 * spike and above < 0.3 * spike and below < spike
    return LOWEST + (peak + 0.5) * _BIN if sharp and spike >= max(_FEWEST, count // 5000) else None


def _plateau(samples: Float32, others: Float32) -> float | None:
    """The one value of samples that should follow others, as a fraction of the white level; or None."""
    if samples.size < _FEWEST:
        return None
    low, middle, high = np.percentile(samples, (10, 50, 90))
    dark, bright = np.percentile(others, (10, 90))
    return float(middle) if middle > LOWEST and high - low < 0.03 and bright - dark > 0.1 else None


def ceiling_of(levels: ArrayLike, shading: Shading) -> Shading:
    """What the colour that clips first can reach at each place, as gains of one plane: all are cut there.

    levels : per position of the CFA or plane, the white-balanced light at which it clips, before shading.
    """
    # Between the points, the least of all is at least what lies between the points' least.
    grid = shading.grid * np.asarray(levels, np.float32).ravel()
    return replace(shading, grid=np.ascontiguousarray(grid.min(-1, keepdims=True)))


def cut_at(light: Float32, ceiling: Shading) -> None:
    """Cut (H, W) or (H, W, 3) light in place, so that what clips is white: clipping without reconstruction."""
    height, width = light.shape[:2]
    most = ceiling.sample(np.arange(height), np.arange(width), 0) if ceiling.grid.size > 1 else ceiling.grid[0]
    np.minimum(light, most if light.ndim == 2 else most[..., None], out=light)


@record
class Highlights:
    """What `prepare_highlights` found, for making any rows of an image.

    black, scale, saturation : (2, 2), per position of the CFA; saturation in DN. colors : (rows, columns, 3), log of
    the white-balanced light of R, G, B in cells of `cell` x `cell` samples, clipped areas filled.
    """

    cfa: CfaPattern
    black: Float32
    scale: Float32
    saturation: Float32
    shading: Shading
    colors: Float32
    cell: int
    noise: Float32

    def linearize(self, samples: NDArray[np.uint16], top: int = 0, rows: int | None = None) -> Float32:
        """Rows `top` to `top + rows` (all below, by default) of the (H, W) samples as `linearize` makes them, rebuilt.

        samples : the whole image that was prepared, any view. Each sample comes out the same whatever rows are asked
        for; samples beyond the image are mirrored.
        """
        height, width = samples.shape
        linear = np.empty((height - top if rows is None else rows, width), np.float32)
        kernels.call(
            "linearize_rebuilt",
            mosaic=samples,
            black=self.black,
            scale=self.scale,
            saturation=self.saturation,
            colors=self.colors,
            noise=self.noise,
            noisy=int(self.noise.any()),
            cell=self.cell,
            green=self.cfa.index("G") & 1,
            first=0 if "R" in self.cfa[:2] else 2,
            linear=linear,
            **{**self.shading.arguments, "top": top},
        )
        return linear


def prepare_highlights(
    samples: NDArray[np.uint16],
    cfa: CfaPattern,
    black: ArrayLike,
    scale: ArrayLike,
    saturation: ArrayLike,
    shading: Shading | None = None,
    report: Report | None = None,
    noise: NoiseProfile | None = None,
) -> Highlights | None:
    """Look over a mosaic for clipped samples and fill in their colour at low resolution; None if nothing clips.

    samples : (H, W) uint16, any view. black, scale, saturation : (2, 2), per position of the CFA: as for `linearize`,
    and the level in DN at which it saturates. noise : of the samples; none, if it is not known.
    """
    shading = shading or Shading()
    black, scale, saturation = (np.ascontiguousarray(level, np.float32) for level in (black, scale, saturation))
    height, width = samples.shape
    cell = 2 * max(1, round(max(height, width) / _CELLS / 2))
    cells = kernels.empty((-(-height // cell), -(-width // cell), 12))
    kernels.call("highlights_overview", mosaic=samples, black=black, scale=scale, cell=cell, cells=cells)
    clip = (saturation - black) * scale
    variance = np.zeros((3, 2), np.float32)
    if noise is not None:
        variance[:] = np.stack([noise.scale, noise.offset], -1)
    if not any((cells[..., 3 * n + 2] >= CLIPPED * clip.flat[n]).any() for n in range(4)):
        return None
    found = _cell_colors(cells, cfa, clip, shading, cell, variance)
    *planes, even, agree = found[:3], found[3:6], found[6:9], found[9], found[10]
    light, known, _ = planes
    colors = np.zeros_like(light)
    near = _surroundings(known.min(0) < 1)
    rims = _rims(samples, cfa, black, scale, saturation, shading, cell, found, variance)
    rims = None if rims is None else np.ascontiguousarray(rims[..., *near])
    parts = (np.ascontiguousarray(plane[..., *near]) for plane in (*planes, even, agree))
    colors[:, *near] = fill_colors(*parts, rims=rims, doubt=_MAGENTA * float(variance[1].sum()) ** 0.5 / cell)
    if report is not None:
        share = 1 - known.min(0).mean(dtype=np.float64)
        report.note(f"clipped highlights rebuilt in {100 * share:.1f} % of the picture")
    return Highlights(cfa, black, scale, saturation, shading, colors.transpose(1, 2, 0), cell, _of_say(variance))


def _of_say(variance: Float32) -> Float32:
    """The noise that has a say in single samples: none up to `_NOISY`, all from twice that on."""
    return variance * smoothstep(float(variance.sum(-1).max()) ** 0.5, _NOISY, 2 * _NOISY)


def _surroundings(places: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rectangle around all places, with cells enough to learn from."""
    if not places.any():
        return slice(None), slice(None)
    rows, columns = (np.flatnonzero(places.any(axis)) for axis in (1, 0))
    first, last = (slice(max(0, int(n[0]) - _AROUND), int(n[-1]) + 1 + _AROUND) for n in (rows, columns))
    return first, last


def _cell_colors(
    cells: Float32, cfa: CfaPattern, clip: Float32, shading: Shading, cell: int, noise: Float32
) -> Float32:
    """Mean light of R, G, B in each cell (contraharmonic), whether it is known, where they clip: three planes each.

    And, (11, h, w) in all, how even the cell is, and whether its samples see the same: at an edge those of each colour
    see other parts of it.
    """
    colors = kernels.empty((*cells.shape[:2], 11))
    common = {
        "cells": cells,
        "clip": clip.ravel(),
        "plane": np.array([PLANES.index(name) for name in cfa], np.int32),
        "noise": noise,
        "cell": cell,
        **shading.in_cells(cell).arguments,
    }
    kernels.call(
        "highlights_colors",
        **common,
        clear=_KNOWN[0],
        gone=_KNOWN[1],
        differ=_AGREE[0],
        same=_AGREE[1],
        colors=colors,
    )
    if noise.sum(-1).max() > _NOISY**2:
        found, colors = colors, kernels.empty(colors.shape)
        kernels.call(
            "highlights_noise",
            **common,
            found=found,
            colors=colors,
        )
    return colors.transpose(2, 0, 1)


def _rims(
    samples: NDArray[np.uint16],
    cfa: CfaPattern,
    black: Float32,
    scale: Float32,
    saturation: Float32,
    shading: Shading,
    cell: int,
    found: Float32,
    noise: Float32,
) -> Float32 | None:
    """Of cells that clip in part, the light of R, G, B where nothing does, trust in it, its share of saturation.

    (5, h, w); None where noise has too much of a say in which samples clip.
    """
    clean = 1 - float(smoothstep(float(noise.sum(-1).max()) ** 0.5, *_RIMS))
    if not clean:
        return None
    rims = kernels.empty((*found.shape[1:], 5))
    kernels.call(
        "highlights_rims",
        mosaic=samples,
        black=black,
        scale=scale,
        saturation=saturation,
        cell=cell,
        green=cfa.index("G") & 1,
        first=0 if "R" in cfa[:2] else 2,
        found=found.transpose(1, 2, 0),
        rims=rims,
        **shading.in_cells(cell).arguments,
    )
    rims[..., 3] *= np.float32(clean)
    return rims.transpose(2, 0, 1)
