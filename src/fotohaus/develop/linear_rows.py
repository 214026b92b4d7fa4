"""From linear raw (three samples per pixel) to rows of RGB, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.geometry import upright
from fotohaus.develop.highlights import saturation_levels
from fotohaus.develop.shading import Shading, shading_of
from fotohaus.raw.image import RawImage
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_NEVER = 1e9  # a clip level that nothing reaches


@dataclass(frozen=True)
class LinearRows:
    """Linear raw whose levels are known, as rows of its upright crop.

    samples : (H, W, 3) view. black, scale, clip : (3,), per plane; scale holds the white balance, clip is the level of
    the scaled values from which they are rebuilt from the other planes, None for never.
    """

    samples: NDArray[np.uint16]
    black: Float64
    scale: Float64
    clip: Float64 | None
    shading: Shading
    report: Report

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the picture."""
        height, width = self.samples.shape[:2]
        return height, width

    def rows(self, top: int, bottom: int, matrix: Float64) -> Float32:
        """Rows of the picture as RGB: white-balanced camera values times a (3, 3) matrix."""
        rgb = kernels.empty((bottom - top, self.samples.shape[1], 3))
        with self.report.stage("linearize"):
            kernels.call(
                "develop_linear_raw",
                mosaic=self.samples[top:bottom],
                black=self.black.astype(np.float32),
                scale=self.scale.astype(np.float32),
                clip=np.full(3, _NEVER, np.float32) if self.clip is None else self.clip.astype(np.float32),
                offset=np.zeros(3, np.float32),
                matrix=np.ascontiguousarray(matrix, np.float32),
                rgb=rgb,
                **self.shading.below(top).arguments,
            )
        return rgb

    def small(self, cells: int) -> LinearRows:
        """About `cells` of its pixels, on a regular grid."""
        height, width = self.shape
        step = max(1, ceil((height * width / cells) ** 0.5))
        (origin_x, origin_y), (step_x, step_y) = self.shading.origin, self.shading.step
        shading = Shading(self.shading.grid, (origin_x, origin_y), (step * step_x, step * step_y))
        return LinearRows(self.samples[::step, ::step], self.black, self.scale, self.clip, shading, self.report)


def linear_rows(
    raw: RawImage,
    multipliers: Float64,
    *,
    shade: bool = True,
    highlights: bool = True,
    report: Report | None = None,
) -> LinearRows:
    """Look at linear raw as a whole, as its rows need it; the choices are those of `mosaic_rows`."""
    report = report or Report()
    view = upright(raw, 0)
    black, white = raw.black[0].astype(np.float64), raw.white[0].astype(np.float64)
    scale = multipliers / np.maximum(white - black, 1.0)
    shading = Shading(np.ones((1, 1, 3), np.float32))
    if shade:
        with report.stage("shading"):
            shading = shading_of(raw, view, report)
    clip = None
    if highlights:
        with report.stage("saturation"):
            clip = np.maximum(saturation_levels(raw, multipliers, report)[0] - black, 1.0) * scale
    return LinearRows(view.samples, black, scale, clip, shading, report)
