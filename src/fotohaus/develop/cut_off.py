"""Dark light that is too bright where a file cut its noise off, of a frame that is not denoised."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.denoising.cut_off import biases, cut_off_bias
from fotohaus.raw.image import PLANES, CfaPattern, NoiseProfile
from fotohaus.records import record
from fotohaus.shading import Shading

Float32 = NDArray[np.float32]

MARGIN = 6
"""Samples around a sample that have a say in it."""

_PLACES = 4096
_SLIGHT = 5e-4  # of white, about half an L*: a bias below that is none
_STEP = 16  # samples that share a lens-shading gain


@record
class CutOff:
    """bias : (2, 2, places), what is too much where the mean of the neighbourhood is `first` + place / steps."""

    first: Float32
    steps: float
    bias: Float32

    def undo(self, linear: Float32, shading: Shading, top: int) -> Float32:
        """A mosaic (H, W) with the bias taken off each sample, by the mean of 7 x 7 of its colour around it.

        shading : the lens-shading gains in it; top : its first row in the whole.
        """
        mean = np.empty_like(linear)
        kernels.call("burst_mean", light=linear, mean=mean)
        made = linear.copy()
        (height, width), flat = linear.shape, shading.grid.shape[:2] == (1, 1)
        for i in (0, 1):
            for j in (0, 1):
                seen, gains = mean[i::2, j::2], np.float32(shading.grid[0, 0, 2 * i + j])
                if not flat:
                    # By steps of the whole, so that strips are alike.
                    rows, columns = (top + np.arange(i, height, 2)) // _STEP, np.arange(j, width, 2) // _STEP
                    ys, xs = np.arange(rows[0], rows[-1] + 1), np.arange(columns[-1] + 1)
                    half = (_STEP - 1) / 2
                    grid = shading.sample(ys * _STEP + half - top, xs * _STEP + half, 2 * i + j)
                    gains = grid[rows - rows[0]][:, columns]
                place = (seen / gains - self.first[i, j]) * np.float32(self.steps)
                index = np.clip(place, 0, _PLACES - 1).astype(np.int32)
                made[i::2, j::2] -= self.bias[i, j][index] * gains
        return made


def prepare_cut_off(
    cfa: CfaPattern, noise: NoiseProfile, multipliers: ArrayLike, floor: NDArray[np.float64]
) -> CutOff | None:
    """What cutting noise off at the file's 0 adds to the mean, None if next to nothing.

    noise : of the samples before white balance. multipliers : (3,). floor : (2, 2), white-balanced light that a sample
    of 0 stands for.
    """
    channels = [PLANES.index(name) for name in cfa]
    gains = np.asarray(multipliers, np.float64)[channels]
    scale, offset = np.array(noise.scale)[channels] * gains, np.array(noise.offset)[channels] * gains**2
    if not (np.isfinite([scale, offset]).all() and min(scale.min(), offset.min()) >= 0):
        return None
    if not max(cut_off_bias(*v, 0.0)[0] for v in zip(scale, offset, floor.ravel(), strict=True)) > _SLIGHT:
        return None
    found = biases(scale, offset, floor.ravel(), _PLACES)
    return CutOff(found.first.reshape(2, 2), found.steps, found.bias.reshape(2, 2, -1))
