"""What strong noise takes of the light in a demosaic, measured on flat fields of just that noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.denoising.cut_off import cut_off_bias
from fotohaus.develop.demosaic import MARGIN, demosaic
from fotohaus.develop.demosaic_noise import COLORS, TOE, encode, light_lost, seen_deviation
from fotohaus.raw.image import NoiseProfile

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_MODELLED = 0.08  # deviation in the encoded mosaic up to which `light_lost` holds
_MOST = 1e3  # and above which there is nothing to be measured
_LIGHT = np.linspace(0, 1, 10) ** 2
_ROWS, _COLUMNS = 128, 192  # of a field
_STEPS = 4


def light_taken(
    noise: NoiseProfile, multipliers: ArrayLike, share: float = 1.0, floor: ArrayLike | None = None
) -> Float32:
    """`light_lost` for noise of any strength: (8, 4).

    floor : (3,), white-balanced light of R, G and B below which the file cut the noise off (and where what that adds to
    the mean was undone since). Where the formula does not hold, ten grey fields from black to white are made, with
    the noise and as the file would hold them, and demosaicked: the four numbers are those with which each of the
    colours that are filled in has the mean of its samples, by Gauss and Newton's least squares. 30 ms.
    """
    deviation = seen_deviation(noise, multipliers, share)
    if not _MODELLED < deviation < _MOST:
        return light_lost(noise, multipliers, share)
    gains = np.asarray(multipliers, np.float64)
    scale = share * gains * np.asarray(noise.scale, np.float64)
    offset = share * gains**2 * np.asarray(noise.offset, np.float64)
    floors = np.full(3, -np.inf) if floor is None else np.asarray(floor, np.float64)
    channels = np.tile([[0, 1], [1, 2]], (_ROWS // 2, _COLUMNS // 2))
    deviates = np.random.default_rng(0).standard_normal((_ROWS, _COLUMNS))
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    targets, filled = np.empty((len(_LIGHT), 8)), []
    for light, wanted in zip(_LIGHT, targets, strict=True):
        sigma = np.sqrt(scale * light + offset)
        mosaic = np.maximum(light + sigma[channels] * deviates, floors[channels])
        if floor is not None:
            bias = [cut_off_bias(*v, light)[0] for v in zip(scale, offset, floors, strict=True)]
            mosaic -= np.array(bias)[channels]
        made = encode(demosaic(mosaic.astype(np.float32), "RGGB").astype(np.float64))[inner]
        samples = mosaic[inner]
        means = [samples[::2, ::2].mean(), (samples[::2, 1::2].mean() + samples[1::2, ::2].mean()) / 2,
                 samples[1::2, 1::2].mean()]  # fmt: skip
        wanted[:] = np.array(means)[list(COLORS)]
        filled.append([made[k // 4 :: 2, k // 2 % 2 :: 2, color] for k, color in enumerate(COLORS)])
    # Errors count as they are seen: by the root of the light.
    seen_as = 1 / (np.sqrt(_LIGHT) + TOE)
    numbers = [
        _fitted(np.stack([row[k].ravel() for row in filled]), targets[:, k], seen_as) for k in range(len(COLORS))
    ]
    return np.array(numbers, np.float32)


def _fitted(values: Float64, wanted: Float64, seen_as: Float64) -> Float64:
    """The numbers with which the mean of each row of encoded `values`, decoded, is the one wanted."""
    powers = TOE / (np.maximum(values, 0) + TOE)
    powers = np.stack([powers**n for n in range(4)])
    numbers = np.zeros(4)
    for _ in range(_STEPS):
        moved = values + np.tensordot(numbers, powers, 1)
        root = np.maximum(moved, 0) + TOE
        missing = wanted - (moved * (root + TOE)).mean(axis=1)
        steps = (2 * root * powers).mean(axis=2).T
        numbers += np.linalg.lstsq(steps * seen_as[:, None], missing * seen_as, rcond=1e-3)[0]
    return np.asarray(numbers * TOE ** np.arange(4))
