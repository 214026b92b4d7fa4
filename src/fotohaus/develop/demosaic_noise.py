"""What the demosaic does to the light of noisy samples, and how it is made good (docs/algorithms/demosaic.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.raw.image import NoiseProfile

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

TOE = 0.05
"""Samples are seen as sqrt(v + TOE^2) - TOE, in which noise is even, as a straight line below 0."""

COLORS = (1, 2, 0, 2, 0, 2, 0, 1)
"""Channels of the eight colours that a quad lacks, as the kernel orders them."""

# What noise of some deviation, as a fraction of white in the encoded mosaic, adds to each of them, times 1e-4: the
# network's own, measured on flat fields (benchmarks/demosaic.py --flat); to be measured again when it is trained again.
_DEVIATIONS = (0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
_ADDED = (
    (0.67, -0.77, -0.44, -1.01, -0.41, -1.02, 0.05, 0.60),
    (0.91, -0.48, -0.77, -0.86, -0.69, -0.87, -0.17, 0.64),
    (1.26, 0.52, -1.60, -0.35, -1.43, -0.32, -1.42, 0.60),
    (2.20, 2.40, -2.88, 0.32, -2.45, 0.61, -3.17, 0.68),
    (2.69, 4.30, -3.85, 1.65, -3.53, 1.88, -5.20, 0.48),
    (2.47, 2.99, -3.88, 0.95, -3.92, 0.81, -5.37, 0.81),
    (0.79, -6.39, -0.51, -5.55, -1.00, -5.84, 2.24, 2.92),
)
_LEAST, _MOST = 1e-5, 1.0  # deviations between which anything is done
_LIGHT = np.linspace(0, 1, 24) ** 2  # at which light is made good


def _normal_nodes(count: int) -> tuple[Float64, Float64]:
    """Where to look at a function of a normal deviate, and weights, for its mean (Golub and Welsch 1969).

    As NumPy's own `hermegauss`, but importing that takes all of its polynomials: 3 ms of every photo.
    """
    beside = np.diag(np.sqrt(np.arange(1.0, count)), 1)
    nodes, vectors = np.linalg.eigh(beside + beside.T)
    return nodes, vectors[0] ** 2


_NODES = _normal_nodes(9)


def noise_left(deviation: float) -> float:
    """How much of the luminance noise's variance the network leaves, of what the directional estimate has.

    deviation : of the samples' noise, as a fraction of white in the encoded mosaic. About 1 for noise that an eight-bit
    picture would not show, about a half for strong noise; measured on flat fields, right to 7 %.
    """
    return 0.54 + 0.5 / (1 + (deviation / 0.0135) ** 2)


def variance_lost(deviation: ArrayLike) -> Float64:
    """The share of the samples' variance that the colours filled in do not have; measured on flat fields, to 0.05."""
    return 0.25 + 0.58 * _strong(deviation)


def _strong(deviation: ArrayLike) -> Float64:
    square = (np.asarray(deviation, np.float64) / 0.0125) ** 2
    return np.asarray(square / (1 + square))


def seen_deviation(noise: NoiseProfile, multipliers: ArrayLike, share: float = 1.0) -> float:
    """Of the noise in the encoded mosaic in the dark, the mean of a quad's samples; what `light_lost` takes."""
    variance = share * np.square(multipliers) * np.asarray(noise.offset, np.float64)
    with np.errstate(invalid="ignore"):
        return float(np.sqrt(variance @ (0.25, 0.5, 0.25)) / (2 * TOE))


def light_lost(noise: NoiseProfile, multipliers: ArrayLike = (1.0, 1.0, 1.0), share: float = 1.0) -> Float32:
    """What is to be added to the colours that are filled in, so that a noisy surface is as bright as its samples.

    noise : of the samples before white balance, 1 = white level; multipliers : (3,), of the white balance. share : of
    the noise's variance that is still there. (8, 4): to the encoded value e of each of the `COLORS`, one adds
    k0 + k1 r + k2 r^2 + k3 r^3, where r = 1 / (max(e, 0) + TOE). 0 for noise that is negative or not finite.

    The mean of roots is less than the root of the mean, by the variance; interpolation averages, and so it loses light.
    The four numbers are those with which the mean of what is filled in is closest to the light, from black to white.
    """
    gains = np.asarray(multipliers, np.float64)
    scale = share * gains * np.asarray(noise.scale, np.float64)
    offset = share * gains**2 * np.asarray(noise.offset, np.float64)
    none = np.zeros((8, 4), np.float32)
    if not (np.isfinite([scale, offset]).all() and min(scale.min(), offset.min()) >= 0):
        return none
    deviates, weights = _NODES
    stored = _LIGHT[:, None, None] + np.sqrt(scale[:, None] * _LIGHT[:, None, None] + offset[:, None]) * deviates
    seen = encode(stored)
    mean = seen @ weights  # (lights, channels)
    variance = np.maximum((seen**2) @ weights - mean**2, 0)
    together = variance @ (0.25, 0.5, 0.25)
    deviation = np.sqrt(together)
    if not _LEAST < deviation.max() < _MOST:
        return none
    # Strong noise stays with its own color; weak noise of all samples is shared out.
    own = 0.75 * _strong(deviation)[:, None]
    left = (1 - variance_lost(deviation))[:, None] * (own * variance + (1 - own) * together[:, None])
    made = []
    for color, added in zip(COLORS, np.transpose(_ADDED) * 1e-4, strict=True):
        bias = np.interp(deviation, _DEVIATIONS, added)
        filled = (mean[:, color] + bias)[:, None] + np.sqrt(left[:, color])[:, None] * deviates
        root = np.maximum(filled, 0) + TOE
        missing = _LIGHT - (filled * (root + TOE)) @ weights
        steps = np.stack([(2 * root ** (1 - power)) @ weights for power in range(4)], axis=-1)
        # Errors count as they are seen: by the root of the light.
        seen_as = 1 / (np.sqrt(_LIGHT) + TOE)
        made.append(np.linalg.lstsq(steps * seen_as[:, None], missing * seen_as, rcond=None)[0])
    return np.array(made, np.float32)


def encode(v: Float64) -> Float64:
    """Light as the demosaic sees it."""
    return np.where(v < 0, v * (0.5 / TOE), np.sqrt(np.maximum(v, 0) + TOE**2) - TOE)
