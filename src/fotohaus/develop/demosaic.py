"""Bayer mosaic to RGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.raw.image import CFA_PATTERNS, CfaPattern, Rectangle

Float32 = NDArray[np.float32]

MARGIN = 12
"""Samples around a pixel that have a say in it; a mosaic that ends nearer is mirrored."""


def demosaic(
    mosaic: Float32, cfa: CfaPattern, *, matrix: ArrayLike | None = None, crop: Rectangle | None = None
) -> Float32:
    """Interpolate the missing colours: (H, W) float32 to (h, w, 3) float32.

    mosaic : linear and white-balanced, around 0 to 1; values outside are legal. matrix : (3, 3), applied to each RGB
    pixel on the way out. crop : the part to make, by default everything. Raises ValueError for a mosaic smaller than
    2 x 2 or a crop outside it.

    Pekkucuksen and Altunbasak 2010, "Gradient based threshold free color filter array interpolation" (ICIP), with
    direction weights for chroma at green sites as well.
    """
    height, width = mosaic.shape
    if cfa not in CFA_PATTERNS:
        raise ValueError(f"cfa must be one of {', '.join(CFA_PATTERNS)}, got {cfa!r}")
    if min(height, width) < 2:
        raise ValueError(f"a Bayer mosaic has at least 2 x 2 samples, got {width} x {height}")
    crop = crop or Rectangle(0, 0, height, width)
    if min(crop.top, crop.left) < 0 or crop.top + crop.height > height or crop.left + crop.width > width:
        raise ValueError(f"crop {crop} is not within the mosaic's {width} x {height}")
    rgb = kernels.empty((crop.height, crop.width, 3))
    weights = np.eye(3) if matrix is None else np.asarray(matrix)
    red_y, red_x = divmod(cfa.index("R"), 2)
    kernels.call(
        "demosaic",
        mosaic=np.ascontiguousarray(mosaic, np.float32),
        matrix=np.ascontiguousarray(weights, np.float32),
        left=crop.left,
        top=crop.top,
        red_x=red_x,
        red_y=red_y,
        rgb=rgb,
    )
    return rgb
