"""A raw image with every decision about it taken: any rows of its scene can be made."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.linear_rows import LinearRows
from fotohaus.develop.mosaic_rows import MosaicRows
from fotohaus.develop.scene import Scene
from fotohaus.raw.image import CaptureInfo
from fotohaus.strips import in_threads, strips

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

OVERVIEW = 65536
"""Pixels of an overview, about."""


@dataclass(frozen=True)
class Development:
    """A scene that is made strip by strip, each from as much of the raw image as it needs.

    source : where rows of camera RGB come from. matrix : (3, 3), white-balanced camera values to linear Rec. 2020, with
    the baseline exposure in it. noise, white_xy, capture : as the scene will have them.
    """

    source: MosaicRows | LinearRows
    matrix: Float64
    noise: tuple[float, float] | None = None
    white_xy: tuple[float, float] | None = None
    capture: CaptureInfo = field(default_factory=CaptureInfo)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the scene."""
        return self.source.crop.height, self.source.crop.width

    def rows(self, top: int, bottom: int) -> Float32:
        """Rows of the scene, from `top` to before `bottom`: (bottom - top, W, 3), linear Rec. 2020."""
        first = self.source.crop.top
        return self.source.rows(first + top, first + bottom, self.matrix)

    @cached_property
    def overview(self) -> Float32:
        """The scene in small, as `Scene.overview`."""
        small = self.source.small(OVERVIEW)
        return small.rows(0, small.crop.height, self.matrix)

    def scene(self) -> Scene:
        """The whole scene."""
        height, width = self.shape
        pixels = kernels.empty((height, width, 3))

        def fill(strip: tuple[int, int]) -> None:
            pixels[slice(*strip)] = self.rows(*strip)

        for _ in in_threads(fill, strips(height)):
            pass
        return Scene(pixels, self.noise, self.white_xy, self.capture, self.overview)
