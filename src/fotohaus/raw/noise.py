"""The noise model of a raw image whose file states none, from the image itself (docs/algorithms/denoise.md)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import NoiseProfile, RawImage

Float64 = NDArray[np.float64]

_SIDE = 8  # samples of one colour along a block
_BLOCKS = 16384  # of one plane of the CFA that are looked at, at most
_BINS = 24  # of brightness
_FLATTEST = 0.15  # share of a bin's blocks that is taken for noise alone
_FEWEST = 8  # blocks of a bin
_UNKNOWN = (1e-4, 1e-6)  # where an image has nothing to look at

_K = np.arange(_SIDE)
_DCT = np.sqrt(2 / _SIDE) * np.cos(np.pi * (2 * _K + 1) * _K[:, None] / (2 * _SIDE))
_DCT[0] /= np.sqrt(2)
_SUM = _K + _K[:, None]
_FINE = _SUM >= 9
_MEASURED = _FINE & (_K % 2 == 0)
_JUDGED = (_SUM >= 1) & ~_MEASURED
# The middle of such energies lies under their mean, as that of a chi-squared variable (Wilson and Hilferty 1931).
_SPREAD = 2 / (9 * int(_MEASURED.sum()))
_MIDDLE = (1 - _SPREAD) ** 3
LOWER_FIFTH = (1 - _SPREAD - 0.8416 * math.sqrt(_SPREAD)) ** 3
"""What a fifth of the variances in `noise_blocks` stays under, over their mean, where there is noise alone."""

# A normal deviate that is cut off at zero, by its mean in deviations: mean and variance of what is left.
_MEANS = np.linspace(-0.25, 5, 106)
_BELL = np.exp(-np.square(_MEANS) / 2) / math.sqrt(2 * math.pi)
_KEPT = np.array([0.5 + 0.5 * math.erf(mean / math.sqrt(2)) for mean in _MEANS])
_CUT_MEAN = _MEANS * _KEPT + _BELL
_CUT_VARIANCE = (np.square(_MEANS) + 1) * _KEPT + _MEANS * _BELL - np.square(_CUT_MEAN)
_CUT_RATIO = _CUT_MEAN / np.sqrt(_CUT_VARIANCE)


def noise_of(raw: RawImage) -> NoiseProfile:
    """The raw image's own noise profile if it makes sense, else an estimate."""
    return stated_noise(raw) or estimate_noise(raw)


def stated_noise(raw: RawImage) -> NoiseProfile | None:
    """The raw image's own noise profile if it makes sense, else None."""
    noise = raw.noise
    values = (*noise.scale, *noise.offset) if noise else (math.nan,)
    return noise if all(math.isfinite(v) and v >= 0 for v in values) and any(values) else None


def estimate_noise(raw: RawImage) -> NoiseProfile:
    """NoiseProfile of one raw image (mosaic or linear raw), with `source` "estimated".

    Blocks of 8 x 8 samples of one colour are transformed (DCT). Among blocks of one brightness, those with the least
    energy are taken for flat, and the mean energy of their finest frequencies is the noise's variance: selection and
    measurement look at different coefficients, so that the one does not bias the other. A line through
    all brightnesses gives scale and offset; the samples of a mosaic, read out by one circuit, share them. After
    Ponomarenko et al. 2007, "An automatic approach to lossy compression of AVIRIS images". Where the file cuts off
    what noise takes below its zero, mean and variance of what is left tell those of the whole. Noise that a lossy codec
    or the camera took out of fine detail goes unseen.
    """
    if raw.cfa is None:
        planes = [(raw.mosaic[..., i], float(raw.black[0, i]), float(raw.white[0, i])) for i in range(3)]
        scale, offset = zip(*(estimate_plane(*plane) for plane in planes), strict=True)
        return NoiseProfile(scale, offset, source="estimated")
    common = _line(np.concatenate([blocks for _, blocks in _mosaic_blocks(raw)], axis=1))
    return NoiseProfile((common[0],) * 3, (common[1],) * 3, source="estimated")


def estimate_plane(plane: NDArray[np.generic], black: float, white: float) -> tuple[float, float]:
    """Scale and offset of the noise of one plane's samples (rows, columns), as `estimate_noise` finds them."""
    return _line(_blocks(plane, black, white))


def noise_blocks(raw: RawImage) -> tuple[Float64, Float64, Float64]:
    """For each of R, G, B: (2, n) mean and variance of blocks of a Bayer mosaic, noise plus the finest texture."""
    blocks = list(_mosaic_blocks(raw))
    red, green, blue = (np.concatenate([b[[0, 2]] for c, b in blocks if c == color], axis=1) for color in "RGB")
    return red, green, blue


def _mosaic_blocks(raw: RawImage) -> Iterator[tuple[str, Float64]]:
    """Colour and blocks of the four planes of a Bayer mosaic."""
    for (y, x), color in zip(np.ndindex(2, 2), raw.cfa or "RGGB", strict=True):
        yield color, _blocks(raw.mosaic[y::2, x::2], float(raw.black[y, x]), float(raw.white[y, x]))


def _blocks(plane: NDArray[np.generic], black: float, white: float) -> Float64:
    """(4, n): mean, judged and measured energy of blocks, and how far the mean is above what the file cuts off."""
    rows, columns = plane.shape[0] // _SIDE, plane.shape[1] // _SIDE
    if not rows or not columns:
        return np.zeros((4, 0))
    step = max(1, -(-rows * columns // _BLOCKS))
    parts = plane[: rows * _SIDE, : columns * _SIDE].reshape(rows, _SIDE, columns, _SIDE).swapaxes(1, 2)
    # Every step-th block, taken along rows that shift against each other.
    chosen = np.arange(0, rows * columns, step)
    stored = parts[chosen // columns, chosen % columns].astype(np.float64)
    samples = (stored - black) / max(white - black, 1.0)
    samples = samples[samples.max((1, 2)) < 0.98]
    energy = np.square(_DCT @ samples @ _DCT.T)
    mean = samples.mean((1, 2))
    return np.stack(
        [mean, energy[:, _JUDGED].mean(1), energy[:, _MEASURED].mean(1), mean + black / max(white - black, 1.0)]
    )


def _line(blocks: Float64) -> tuple[float, float]:
    """(scale, offset) of variance = scale * mean + offset."""
    mean, judged, measured, above = blocks
    if mean.size < _FEWEST:
        return _UNKNOWN
    order = np.argsort(mean, kind="stable")
    bins = []
    for part in np.array_split(order, max(1, min(_BINS, mean.size // (4 * _FEWEST)))):
        count = min(part.size, max(_FEWEST, int(_FLATTEST * part.size)))
        flat = part[np.argsort(judged[part], kind="stable")[:count]]
        # The mean of the middle half: a hot pixel or a fine edge is no noise.
        values = np.sort(measured[flat])
        variance = values[count // 4 : max(count // 4 + 1, 3 * count // 4)].mean() / _MIDDLE
        bins.append((mean[flat].mean(), variance, count, above[flat].mean()))
    x, v, weights, above = np.array(bins).T
    x, v, kept = _uncut(x, np.maximum(v, 1e-12), above)
    if kept.sum() >= 2:
        x, v, weights = x[kept], v[kept], weights[kept]
    x = np.maximum(x, 0)
    weight = np.sqrt(weights) / v
    scale, offset = _fit(x, v, weight)
    for _ in range(20):
        model = np.maximum(scale * x + offset, 1e-12)
        # Texture only ever adds: bins above the line count less.
        weight = np.sqrt(weights) / model / (1 + 8 * np.maximum(v / model - 1, 0))
        scale, offset = _fit(x, v, weight)
    return max(scale, 1e-9), max(offset, 1e-10)


def _uncut(mean: Float64, variance: Float64, above: Float64) -> tuple[Float64, Float64, NDArray[np.bool_]]:
    """Mean and variance before the file cut off what lies below its zero, and where enough was left to say so.

    above : how far the mean of what is left lies above that zero.
    """
    ratio = above / np.sqrt(variance)
    deviations = np.interp(ratio, _CUT_RATIO, _MEANS)
    cut = ratio < _CUT_RATIO[-1]
    sigma = np.sqrt(variance / np.interp(deviations, _MEANS, _CUT_VARIANCE))
    return (
        np.where(cut, mean - above + deviations * sigma, mean),
        np.where(cut, np.square(sigma), variance),
        ratio > _CUT_RATIO[0],
    )


def _fit(x: Float64, v: Float64, weight: Float64) -> tuple[float, float]:
    """Weighted least squares for v = scale x + offset, neither below 0."""
    columns = np.stack([x, np.ones_like(x)], 1) * weight[:, None]
    scale, offset = (float(value) for value in np.linalg.lstsq(columns, v * weight, rcond=None)[0])
    squares = np.square(weight)
    if scale < 0:
        return 0.0, float(np.average(v, weights=squares))
    if offset < 0:
        return float((squares * x * v).sum() / max((squares * x * x).sum(), 1e-30)), 0.0
    return scale, offset
