"""From linear raw (three samples per pixel) to rows of RGB, in one pass."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.denoising.denoiser import Denoiser, prepare_denoise_linear
from fotohaus.develop.asked import Asked
from fotohaus.develop.geometry import Upright
from fotohaus.develop.highlights import ceiling_of, cut_at, saturation_levels
from fotohaus.develop.shading import Shading, shading_of
from fotohaus.raw.image import RawImage, Rectangle, Samples
from fotohaus.records import record
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_NEVER = 1e9  # a clip level that nothing reaches


@record
class LinearRows:
    """Linear raw whose levels are known, as rows of its upright view.

    samples : (H, W, 3) view, uint16 or float32. crop : the picture within it. black, scale, clip : (3,), per plane;
    scale holds the white balance, clip is the level of the scaled values from which they are rebuilt from the other
    planes, None for never.
    denoiser : None where there is nothing to do. ceiling : where all planes are cut, if they are not rebuilt.
    """

    samples: Samples
    crop: Rectangle
    black: Float64
    scale: Float64
    clip: Float64 | None
    shading: Shading
    report: Report
    denoiser: Denoiser | None = None
    ceiling: Shading | None = None

    def rows(self, top: int, bottom: int, matrix: Float64, columns: tuple[int, int] | None = None) -> Float32:
        """Rows of the view as RGB, white-balanced camera values times a (3, 3) matrix: (bottom - top, W, 3).

        columns : the first and the last, not included, that are made; by default the crop's.
        """
        left, right = columns or (self.crop.left, self.crop.left + self.crop.width)
        if self.denoiser is not None:
            return self._denoised_rows(top, bottom, matrix, (left, right), self.denoiser)
        return self._plain_rows(top, bottom, matrix, (left, right))

    def _denoised_rows(
        self, top: int, bottom: int, matrix: Float64, columns: tuple[int, int], denoiser: Denoiser
    ) -> Float32:
        # Not at the top: photos in good light need none of it.
        from fotohaus.denoising.shrink import denoise_linear

        around, (height, width) = denoiser.margin // 2, self.samples.shape[:2]
        first, last = max(0, top - around), min(height, bottom + around)
        left, right = max(0, columns[0] - around), min(width, columns[1] + around)
        rgb = self._plain_rows(first, last, np.eye(3), (left, right))
        with self.report.stage("denoise"):
            part = Rectangle(top - first, columns[0] - left, bottom - top, columns[1] - columns[0])
            shading = self.shading.below(first).after(left)
            clean = denoise_linear(rgb, denoiser, shading, crop=part, origin=(first, left))
            return _mixed(clean, matrix)

    def _plain_rows(self, top: int, bottom: int, matrix: Float64, columns: tuple[int, int]) -> Float32:
        left, right = columns
        rgb = kernels.empty((bottom - top, right - left, 3))
        now = matrix if self.ceiling is None else np.eye(3)
        shading = self.shading.below(top)
        with self.report.stage("linearize"):
            kernels.call(
                "develop_linear_raw" if self.samples.dtype == np.uint16 else "develop_linear_floats",
                mosaic=self.samples[top:bottom, left:right],
                black=self.black.astype(np.float32),
                scale=self.scale.astype(np.float32),
                clip=np.full(3, _NEVER, np.float32) if self.clip is None else self.clip.astype(np.float32),
                matrix=np.ascontiguousarray(now, np.float32),
                rgb=rgb,
                **shading.after(left).arguments,
            )
            if self.ceiling is not None:
                cut_at(rgb, self.ceiling.below(top).after(left))
                return _mixed(rgb, matrix)
        return rgb

    def seen_from_afar(self) -> LinearRows:
        """The same with the noise of large cells known to the denoiser."""
        from fotohaus.denoising.coarse import look_from_afar

        assert self.denoiser is not None
        height, width = self.samples.shape[:2]

        def light(first: int, last: int) -> Float32:
            return self._plain_rows(first, last, np.eye(3), (0, width))

        with self.report.stage("denoise"):
            return replace(self, denoiser=look_from_afar(self.denoiser, (height, width), light, self.shading))

    def small(self, cells: int) -> LinearRows:
        """The scene in small, in about `cells` cells: the pixel in the middle of each."""
        crop = self.crop
        step = max(1, ceil((crop.height * crop.width / cells) ** 0.5))
        inside = self.samples[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
        samples = np.ascontiguousarray(middles(inside, step))
        (origin_x, origin_y), (step_x, step_y) = self.shading.origin, self.shading.step
        middle = step // 2
        origin = origin_x + (crop.left + middle) * step_x, origin_y + (crop.top + middle) * step_y
        shading = Shading(self.shading.grid, origin, (step * step_x, step * step_y))
        whole = Rectangle(0, 0, *samples.shape[:2])
        ceiling = None if self.ceiling is None else replace(shading, grid=self.ceiling.grid)
        return LinearRows(samples, whole, self.black, self.scale, self.clip, shading, self.report, ceiling=ceiling)


def _mixed(rgb: Float32, matrix: Float64) -> Float32:
    """(H, W, 3) times a (3, 3) matrix."""
    if (matrix == np.eye(3)).all():
        return rgb
    made = kernels.empty(rgb.shape)
    for channel, weights in enumerate(matrix.astype(np.float32)):
        np.multiply(rgb[..., 0], weights[0], out=made[..., channel])
        for plane in (1, 2):
            made[..., channel] += weights[plane] * rgb[..., plane]
    return made


def middles(samples: Samples, step: int) -> Samples:
    """The sample in the middle of each cell of `step` x `step` samples, whatever else their axes are.

    Cells at the end may be smaller; of one without a middle, the last sample.
    """
    middle = step // 2
    for axis in (0, 1):
        turned = samples.swapaxes(0, axis)
        seen = turned[middle::step]
        if len(seen) * step < len(turned):
            seen = np.concatenate([seen, turned[-1:]])
        samples = seen.swapaxes(0, axis)
    return samples


def linear_rows(raw: RawImage, view: Upright, asked: Asked, report: Report) -> LinearRows:
    """Look at linear raw as a whole, as its rows need it."""
    black, white = raw.black[0].astype(np.float64), raw.white[0].astype(np.float64)
    scale = asked.multipliers / np.maximum(white - black, 1.0)
    shading = Shading(np.ones((1, 1, 3), np.float32))
    if asked.shade:
        with report.stage("shading"):
            shading = shading_of(raw, view, report)
    clip = ceiling = None
    if asked.clipped != "leave":
        with report.stage("saturation"):
            levels = np.maximum(saturation_levels(raw, asked.multipliers, report)[0] - black, 1.0) * scale
        clip, ceiling = (levels, None) if asked.clipped == "rebuild" else (None, ceiling_of(levels, shading))
    denoiser = None
    if asked.denoise:
        below = -black * scale
        denoiser = prepare_denoise_linear(asked.noise, asked.multipliers, strength=asked.denoise, floor=below)
    made = LinearRows(view.samples, view.crop, black, scale, clip, shading, report, denoiser, ceiling)
    return made.seen_from_afar() if denoiser is not None and denoiser.passes == 2 else made
