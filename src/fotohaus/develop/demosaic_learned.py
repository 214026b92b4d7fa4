"""The learned demosaic: a small network whose weights travel with the package (docs/algorithms/demosaic.md)."""

from __future__ import annotations

import functools
import importlib.resources

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.raw.image import Rectangle

Float32 = NDArray[np.float32]

MARGIN = 13
"""Samples around a pixel that have a say in it: those of its quad (2 x 2 samples) and of six quads to every side."""

TOE = 0.05
"""The network sees sqrt(v + TOE^2) - TOE, in which noise is even, as a straight line below 0."""


@functools.cache
def weights() -> dict[str, Float32]:
    """The network's arrays, as tools/train_demosaic.py writes them.

    stem : (24, 4, 3, 3), filters of the mosaic's four planes. depthwise : (4, 24, 3, 3), per block. pointwise :
    (6, 24, 24), the blocks' and the gates'. bias : (11, 24). tail : (8, 96), the colours that a quad lacks.
    """
    with (importlib.resources.files("fotohaus.develop") / "demosaic_weights.npz").open("rb") as file:
        return dict(np.load(file))


def interpolate(mosaic: Float32, red_x: int, red_y: int, matrix: Float32, crop: Rectangle) -> Float32:
    """What `demosaic` does by the method "learned", its arguments checked: (H, W) to (h, w, 3).

    red_x, red_y : a red site of the mosaic. The result is a view of whole quads: its planes and rows lie a few samples
    farther apart than its size says.
    """
    # The kernel makes whole quads; those that the crop begins and ends in may be half outside.
    outside_x, outside_y = (crop.left + red_x) % 2, (crop.top + red_y) % 2
    rows, columns = (crop.height + outside_y + 1) // 2, (crop.width + outside_x + 1) // 2
    quads = np.empty((3, rows, 2, 2 * columns), np.float32)
    network = weights()
    kernels.call(
        "demosaic_learned",
        mosaic=mosaic,
        matrix=matrix,
        left=crop.left - outside_x,
        top=crop.top - outside_y,
        toe=TOE,
        stem=network["stem"].transpose(2, 3, 1, 0),
        depthwise=network["depthwise"].transpose(2, 3, 1, 0),
        pointwise=network["pointwise"].transpose(1, 2, 0),
        bias=network["bias"],
        tail=network["tail"],
        rgb=quads.transpose(2, 3, 1, 0),
    )
    planes = quads.reshape(3, 2 * rows, 2 * columns)
    inside = planes[:, outside_y : outside_y + crop.height, outside_x : outside_x + crop.width]
    return inside.transpose(1, 2, 0)
