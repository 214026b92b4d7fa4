"""The noise model of frames whose file has none: estimated from one frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fotohaus.burst.frame import SITE_COLORS
from fotohaus.raw.image import NoiseProfile, RawImage

_BLOCK = 16  # samples of one colour
_BINS = 24
_QUANTILE = 0.2  # of the blocks of one brightness: the flattest ones
_MAX_LINES = 1024  # of one colour's blocks that are looked at


def known_noise(raw: RawImage) -> NoiseProfile:
    """The raw image's own noise profile if it makes sense, else an estimate."""
    noise = raw.noise
    values = (*noise.scale, *noise.offset) if noise else (math.nan,)
    if noise is None or not all(math.isfinite(v) and v >= 0 for v in values) or not any(values):
        return estimate_noise(raw)
    return noise


def estimate_noise(raw: RawImage) -> NoiseProfile:
    """NoiseProfile of one raw image, by what varies in its flattest parts.

    Each plane of the CFA is high-passed by [1 -2 1] in both directions, which keeps noise and drops gradients; in
    blocks of 16x16 the robust spread of that is noise plus texture. Among blocks of one brightness the least textured
    tell the noise, and a line through all brightnesses its two parameters.
    """
    scale, offset = zip(*map(_line, noise_blocks(raw)), strict=True)
    return NoiseProfile(scale, offset, source="estimated")


def noise_blocks(raw: RawImage) -> list[NDArray[np.float64]]:
    """For each of R, G, B: (2, n) mean and variance of blocks of a Bayer mosaic, noise plus texture."""
    row, column = divmod((raw.cfa or "RGGB").index("R"), 2)
    levels: list[list[NDArray[np.float64]]] = [[], [], []]
    for p, color in enumerate(SITE_COLORS):
        i, j = (p // 2 - row) % 2, (p % 2 - column) % 2
        black, white = float(raw.black[i, j]), float(raw.white[i, j])
        plane = raw.mosaic[i::2, j::2]
        levels[color].append(_blocks(plane, black, white))
    return [np.concatenate(found, axis=1) for found in levels]


def _blocks(plane: NDArray[np.uint16], black: float, white: float) -> NDArray[np.float64]:
    """(2, n) mean and noise variance of blocks that are neither clipped nor cut off at black."""
    rows, columns = plane.shape[0] // _BLOCK, plane.shape[1] // _BLOCK
    step = max(1, -(-rows * _BLOCK // _MAX_LINES))
    part = plane[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)[::step]
    x = (part.swapaxes(1, 2).astype(np.float32) - np.float32(black)) / np.float32(max(white - black, 1))
    if not x.size:
        return np.zeros((2, 0))
    d = x[..., :-2, :] - 2 * x[..., 1:-1, :] + x[..., 2:, :]
    d = (d[..., :-2] - 2 * d[..., 1:-1] + d[..., 2:]) / 6
    # Quantiles of |d| are robust to single hot pixels and stars; 0.6745 sigma is the median of a normal deviate.
    spread = np.median(np.abs(d.reshape(*d.shape[:2], -1)), -1) / 0.6745
    flat = x.reshape(*x.shape[:2], -1)
    mean, upper = np.quantile(flat, (0.5, 0.8413), axis=-1)
    # Where noise reaches below what the file can hold, only its upper half tells.
    cut = (part.swapaxes(1, 2).reshape(flat.shape) == 0).mean(-1)
    if black <= 0:
        cut = np.where(mean > 0, cut, 1)
    spread = np.where(cut > 0.01, upper - mean, spread)
    good = (flat.max(-1) < 0.99) & (cut < 0.4)
    return np.stack([mean[good], np.square(spread[good])]).astype(np.float64)


def _line(blocks: NDArray[np.float64]) -> tuple[float, float]:
    """(scale, offset) of variance = scale * mean + offset, from the flattest blocks of each brightness."""
    mean, variance = blocks
    if mean.size < 8:
        return 1e-4, 1e-6
    order = np.argsort(mean, kind="stable")
    groups = np.array_split(order, min(_BINS, mean.size // 8))
    # The lower quantile of a flat area's own estimates lies this much under their mean (7x7 independent samples).
    low = 1 - 0.84 * np.sqrt(2 / (0.37 * (_BLOCK - 2) ** 2))
    m = np.array([mean[g].mean() for g in groups])
    v = np.array([np.quantile(variance[g], _QUANTILE) for g in groups]) / low
    v = np.maximum(v, 1e-10)
    scale, offset = 0.0, float(v.min())
    weight = 1 / v
    for _ in range(20):
        a = np.stack([m, np.ones_like(m)], 1) * weight[:, None]
        fit = np.linalg.lstsq(a, v * weight, rcond=None)[0]
        scale, offset = float(fit[0]), float(fit[1])
        if scale < 0:
            scale, offset = 0.0, float(np.average(v, weights=weight**2))
        elif offset < 0:
            scale, offset = float(np.average(v / np.maximum(m, 1e-6), weights=np.maximum(m, 1e-6) * weight)), 0.0
        model = np.maximum(scale * m + offset, 1e-10)
        # Texture only ever adds: bins above the line count less.
        weight = 1 / model / (1 + np.maximum(v / model - 1, 0) * 4)
    return max(scale, 1e-8), max(offset, 1e-9)
