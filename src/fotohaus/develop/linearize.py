"""Sensor values to white-balanced linear light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.shading import Shading

Float32 = NDArray[np.float32]


def linearize(mosaic: NDArray[np.uint16], black: Float32, scale: Float32, shading: Shading | None = None) -> Float32:
    """(mosaic - black) * scale * gain: (H, W) uint16 to (H, W) float32.

    black, scale : (2, 2), per position of the CFA, [y & 1, x & 1]; scale holds 1 / (white - black) and the white
    balance. Values below black stay negative: clipping the noise there would lift the shadows. The mosaic may be any
    view (mirrored, transposed, cropped at an even place). DNG 1.7.1, chapter 5.
    """
    linear = np.empty(mosaic.shape, np.float32)
    kernels.call(
        "linearize",
        mosaic=mosaic,
        black=np.ascontiguousarray(black, np.float32),
        scale=np.ascontiguousarray(scale, np.float32),
        linear=linear,
        **(shading or Shading()).arguments,
    )
    return linear


def apply_gain_maps(linear: Float32, shading: Shading) -> Float32:
    """The (H, W) mosaic times the lens-shading gains; `linearize` does the same in its own pass."""
    out = np.empty_like(linear)
    for position in range(4):
        row, column = divmod(position, 2)
        part = linear[row::2, column::2]
        ys, xs = (np.arange(start, n, 2) for start, n in zip((row, column), linear.shape, strict=True))
        out[row::2, column::2] = part * shading.sample(ys, xs, position)
    return out
