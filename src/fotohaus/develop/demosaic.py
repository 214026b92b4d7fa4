"""Bayer mosaic to RGB: interpolated by direction, corrected by a small network (docs/algorithms/demosaic.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.develop.demosaic_network import integers
from fotohaus.develop.demosaic_noise import TOE
from fotohaus.raw.image import CFA_PATTERNS, CfaPattern, Rectangle

Float32 = NDArray[np.float32]

_STEP = 16  # quads: the kernel makes rows of a multiple of them

MARGIN = 18
"""Samples around a pixel that have a say in it; a mosaic that ends nearer is mirrored."""


def demosaic(
    mosaic: Float32,
    cfa: CfaPattern,
    *,
    matrix: ArrayLike | None = None,
    crop: Rectangle | None = None,
    lost: Float32 | None = None,
) -> Float32:
    """Interpolate the missing colours: (H, W) float32 to (h, w, 3) float32.

    mosaic : linear and white-balanced, around 0 to 1; values outside are legal. matrix : (3, 3), applied to each RGB
    pixel on the way out. crop : the part to make, by default everything. A pixel depends on the MARGIN samples around
    it alone, wherever the mosaic was cut. lost : (8, 4), of `light_lost`, for the noise of the mosaic.
    Raises ValueError for a mosaic smaller than 2 x 2 or a crop outside it.

    Pekkucuksen and Altunbasak 2010, "Gradient based threshold free color filter array interpolation" (ICIP), with
    direction weights for chroma as well; then a network of our own sees the mosaic and that estimate and corrects it.
    The result is a view of whole quads: its planes and rows lie a few samples farther apart than its size says.
    """
    height, width = mosaic.shape
    if cfa not in CFA_PATTERNS:
        raise ValueError(f"cfa must be one of {', '.join(CFA_PATTERNS)}, got {cfa!r}")
    if min(height, width) < 2:
        raise ValueError(f"a Bayer mosaic has at least 2 x 2 samples, got {width} x {height}")
    crop = crop or Rectangle(0, 0, height, width)
    if min(crop.top, crop.left) < 0 or crop.top + crop.height > height or crop.left + crop.width > width:
        raise ValueError(f"crop {crop} is not within the mosaic's {width} x {height}")
    red_y, red_x = divmod(cfa.index("R"), 2)
    # The kernel makes whole quads; those that the crop begins and ends in may be half outside.
    outside_x, outside_y = (crop.left + red_x) % 2, (crop.top + red_y) % 2
    rows, columns = (crop.height + outside_y + 1) // 2, (crop.width + outside_x + 1) // 2
    columns = -(-columns // _STEP) * _STEP
    quads = np.empty((3, rows, 2, 2 * columns), np.float32)
    kernels.call(
        "demosaic",
        mosaic=np.ascontiguousarray(mosaic, np.float32),
        matrix=np.ascontiguousarray(np.eye(3) if matrix is None else matrix, np.float32),
        left=crop.left - outside_x,
        top=crop.top - outside_y,
        toe=TOE,
        lost=np.zeros((8, 4), np.float32) if lost is None else lost,
        **integers(),
        rgb=quads.transpose(2, 3, 1, 0),
    )
    planes = quads.reshape(3, 2 * rows, 2 * columns)
    inside = planes[:, outside_y : outside_y + crop.height, outside_x : outside_x + crop.width]
    return inside.transpose(1, 2, 0)
