"""Clipped highlights: where a channel saturates, and what it would have been."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.develop.shading import Shading
from fotohaus.raw.image import PLANES, CfaPattern, RawImage
from fotohaus.report import Report

Float32 = NDArray[np.float32]

CLIPPED = 0.985
"""Samples from this fraction of the saturation level on count as clipped; the kernels hold the same number."""

LOWEST = 0.85
"""Nothing below this fraction of the white level is taken for saturation."""

HIGHLIGHTS_MARGIN = 4
"""Rows around a sample that have a say in its estimate, rounded up to the CFA's period."""

_BIN, _BINS = 1 / 2000, 340  # of the white level: the histogram that is searched, up to 1.02
_SAMPLES = 1 << 18  # per channel, for the histogram
_BLOCKS = 1 << 17  # CFA tiles looked at to measure the borders of clipped areas
_FEWEST = 64  # samples needed to say something


def saturation_levels(raw: RawImage, multipliers: ArrayLike, report: Report | None = None) -> Float32:
    """The level in DN at which each channel really saturates, in the shape of `raw.white`.

    Files may state a white level that the sensor never reaches. Saturation then shows in two ways, both at 85 % of the
    white level or higher: as a spike of a channel's histogram with little above it; or, in the channel with the lowest
    white balance gain, as one value wherever both other colours are brighter than it can be.
    """
    report = report or Report()
    multipliers = np.asarray(multipliers, np.float64)
    levels = np.array(raw.white, np.float32)
    planes: list[tuple[tuple[int, int], int, NDArray[np.float32]]] = []
    for place in np.ndindex(2, 2) if raw.cfa else ((0, 0), (0, 1), (0, 2)):
        channel = PLANES.index(raw.cfa[2 * place[0] + place[1]]) if raw.cfa else place[1]
        samples = raw.mosaic[place[0] :: 2, place[1] :: 2] if raw.cfa else raw.mosaic[..., place[1]]
        stride = max(1, round((samples.size / _SAMPLES) ** 0.5))
        span = max(1.0, float(raw.white[place] - raw.black[place]))
        planes.append((place, channel, (samples[::stride, ::stride] - raw.black[place]) / np.float32(span)))
    rows, columns = (min(plane.shape[axis] for *_, plane in planes) for axis in (0, 1))
    planes = [(place, channel, plane[:rows, :columns]) for place, channel, plane in planes]
    first = int(multipliers.argmin())
    others = np.full((rows, columns), np.inf, np.float32)
    for _, channel, plane in planes:
        if channel != first:
            others = np.minimum(others, plane * np.float32(multipliers[channel] / multipliers[first]))
    outshone = others > 1.12
    for place, channel, plane in planes:
        level = _spike(plane)
        if level is None and channel == first:
            level = _plateau(plane[outshone], others[outshone])
        if level is not None and level < CLIPPED:
            levels[place] = raw.black[place] + level * (raw.white[place] - raw.black[place])
    if (levels < raw.white).any():
        names = ", ".join(f"{level:.0f}" for level in sorted(set(levels[levels < raw.white].tolist())))
        report.note(f"saturates at {names}, below the file's white level {float(raw.white.max()):.0f}")
    return levels


def _spike(samples: Float32) -> float | None:
    """Where the histogram has a saturation spike, as a fraction of the white level; or None."""
    high = samples[samples >= LOWEST]
    counts = np.bincount(np.minimum((high - LOWEST) / _BIN, _BINS - 1).astype(np.intp), minlength=_BINS)
    if counts.sum() < _FEWEST:
        return None
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
    return LOWEST + (peak + 0.5) * _BIN if sharp and spike >= max(_FEWEST, samples.size // 5000) else None


def _plateau(samples: Float32, others: Float32) -> float | None:
    """The one value of samples that should follow others, as a fraction of the white level; or None."""
    if samples.size < _FEWEST:
        return None
    low, middle, high = np.percentile(samples, (10, 50, 90))
    dark, bright = np.percentile(others, (10, 90))
    return float(middle) if middle > LOWEST and high - low < 0.03 and bright - dark > 0.1 else None


def clipped_border_offset(
    samples: NDArray[np.uint16], cfa: CfaPattern, black: ArrayLike, scale: ArrayLike, clip: Float32, shading: Shading
) -> Float32:
    """What each of R, G, B differs by from the other two colours' mean along the borders of clipped areas: (3,).

    samples : (H, W) raw values; the rest as in `linearize` and `reconstruct_highlights`. Measured on a subsample of the
    CFA's tiles, where none of them is clipped; zero where there is too little to see.
    """
    black, scale = np.asarray(black, np.float32), np.asarray(scale, np.float32)
    height, width = samples.shape[0] // 2 * 2, samples.shape[1] // 2 * 2
    step = 2 * max(1, int(np.ceil((height * width / 4 / _BLOCKS) ** 0.5)))
    rows, columns = np.arange(0, height, step), np.arange(0, width, step)
    values, clipped = np.zeros((3, rows.size, columns.size), np.float32), np.zeros((rows.size, columns.size), bool)
    bright = np.ones_like(clipped)
    for position, name in enumerate(cfa):
        i, j = divmod(position, 2)
        gain = shading.sample(rows + i, columns + j, position)
        value = (samples[i:height:step, j:width:step] - black[i, j]) * scale[i, j] * gain
        saturation = value / np.maximum(clip[i, j] * gain, np.float32(1e-6))
        clipped |= saturation >= CLIPPED
        bright &= saturation > 0.1
        values[PLANES.index(name)] += np.maximum(value, 0) * (0.5 if name == "G" else 1.0)
    return _border_offset(values, clipped, bright)


def _border_offset(values: Float32, clipped: NDArray[np.bool_], bright: NDArray[np.bool_]) -> Float32:
    near = clipped.copy()
    for _ in range(2):
        grown = near.copy()
        grown[1:] |= near[:-1]
        grown[:-1] |= near[1:]
        grown[:, 1:] |= near[:, :-1]
        grown[:, :-1] |= near[:, 1:]
        near = grown
    border = near & ~clipped & bright
    if border.sum() < _FEWEST:
        return np.zeros(3, np.float32)
    r, g, b = (v[border] for v in values)
    means = [own - 0.25 * (p + q) - 0.5 * np.sqrt(p * q) for own, p, q in ((r, g, b), (g, r, b), (b, r, g))]
    offset = np.array([m.mean(dtype=np.float64) for m in means], np.float32)
    # A green below both others is magenta: such a border (a flower, a lamp) must not tint what else is clipped.
    offset[1] = max(0.0, offset[1])
    return offset


def reconstruct_highlights(
    linear: Float32,
    cfa: CfaPattern,
    clip: Float32,
    shading: Shading | None = None,
    *,
    offset: ArrayLike = (0.0, 0.0, 0.0),
) -> Float32:
    """Replace clipped samples of a white-balanced mosaic by estimates: (H, W) float32 to the same.

    clip : (2, 2), the level of `linear` at which each position of the CFA saturates where the lens-shading gain is 1;
    the level at a sample is that times its gain. offset : what `clipped_border_offset` found. The estimate comes from
    the sample's 3 x 3 neighbours of the other two colours, and turns to neutral white, at the highest clip level, where
    they clip too. It is never below the sample. After "inpaint opposed" (I. Martins, H. Schaefer; darktable 4.2).
    """
    offset = np.asarray(offset, np.float32)
    rebuilt = np.empty(linear.shape, np.float32)
    kernels.call(
        "reconstruct_highlights",
        linear=linear,
        clip=np.ascontiguousarray(clip, np.float32),
        offset=np.array([offset[PLANES.index(name)] for name in cfa], np.float32).reshape(2, 2),
        green=cfa.index("G") & 1,
        rebuilt=rebuilt,
        **(shading or Shading()).arguments,
    )
    return rebuilt
