"""Bayer mosaic to RGB: the door to the methods."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.develop import demosaic_learned
from fotohaus.raw.image import CFA_PATTERNS, CfaPattern, Rectangle

Float32 = NDArray[np.float32]

Method = Literal["directional", "learned"]

MARGINS: dict[Method, int] = {"directional": 12, "learned": demosaic_learned.MARGIN}
"""Samples around a pixel that have a say in it, by method; a mosaic that ends nearer is mirrored."""


def demosaic(
    mosaic: Float32,
    cfa: CfaPattern,
    *,
    matrix: ArrayLike | None = None,
    crop: Rectangle | None = None,
    method: Method = "directional",
) -> Float32:
    """Interpolate the missing colours: (H, W) float32 to (h, w, 3) float32.

    mosaic : linear and white-balanced, around 0 to 1; values outside are legal. matrix : (3, 3), applied to each RGB
    pixel on the way out. crop : the part to make, by default everything. Raises ValueError for a mosaic smaller than
    2 x 2, a crop outside it or an unknown method.

    method : "directional", Pekkucuksen and Altunbasak 2010, "Gradient based threshold free color filter array
    interpolation" (ICIP), with direction weights for chroma at green sites as well; or "learned", the network of
    `fotohaus.develop.demosaic_learned`: better textures and fine colour, in several times the time.
    """
    height, width = mosaic.shape
    if method not in MARGINS:
        raise ValueError(f"method must be one of {', '.join(MARGINS)}, got {method!r}")
    if cfa not in CFA_PATTERNS:
        raise ValueError(f"cfa must be one of {', '.join(CFA_PATTERNS)}, got {cfa!r}")
    if min(height, width) < 2:
        raise ValueError(f"a Bayer mosaic has at least 2 x 2 samples, got {width} x {height}")
    crop = crop or Rectangle(0, 0, height, width)
    if min(crop.top, crop.left) < 0 or crop.top + crop.height > height or crop.left + crop.width > width:
        raise ValueError(f"crop {crop} is not within the mosaic's {width} x {height}")
    mosaic = np.ascontiguousarray(mosaic, np.float32)
    weights = np.ascontiguousarray(np.eye(3) if matrix is None else matrix, np.float32)
    red_y, red_x = divmod(cfa.index("R"), 2)
    if method == "learned":
        return demosaic_learned.interpolate(mosaic, red_x, red_y, weights, crop)
    rgb = kernels.empty((crop.height, crop.width, 3))
    kernels.call(
        "demosaic",
        mosaic=mosaic,
        matrix=weights,
        left=crop.left,
        top=crop.top,
        red_x=red_x,
        red_y=red_y,
        toe=demosaic_learned.TOE,
        rgb=rgb,
    )
    return rgb
