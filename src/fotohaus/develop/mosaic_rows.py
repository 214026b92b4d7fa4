"""From a Bayer mosaic to rows of RGB: levels, shading, highlights, demosaic, on as much of the mosaic as they need."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop.demosaic import MARGINS, Method
from fotohaus.develop.demosaic import demosaic as interpolate
from fotohaus.develop.geometry import Upright, cfa_of
from fotohaus.develop.highlights import CLIPPED, HIGHLIGHTS_MARGIN, LOWEST, clipped_border_offset, saturation_levels
from fotohaus.develop.highlights import reconstruct_highlights as reconstruct
from fotohaus.develop.linear_rows import LinearRows
from fotohaus.develop.linearize import linearize
from fotohaus.develop.shading import Shading, shading_of
from fotohaus.raw.image import PLANES, CfaPattern, RawImage, Rectangle
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


def margin(method: Method) -> int:
    """Samples around a pixel that have a say in it."""
    return MARGINS[method] + HIGHLIGHTS_MARGIN


@dataclass(frozen=True)
class MosaicRows:
    """A mosaic whose levels are known, as rows of its upright view.

    black, scale : (2, 2), per position of the view's CFA; scale holds the white balance. clip, offset : see
    `reconstruct_highlights`; None where nothing is clipped.
    """

    view: Upright
    cfa: CfaPattern
    black: Float32
    scale: Float32
    shading: Shading
    clip: Float32 | None
    offset: Float32 | None
    method: Method
    report: Report

    @property
    def crop(self) -> Rectangle:
        """The picture within the view."""
        return self.view.crop

    def rows(self, top: int, bottom: int, matrix: Float64, columns: tuple[int, int] | None = None) -> Float32:
        """Rows of the view as RGB, white-balanced camera values times a (3, 3) matrix: (bottom - top, W, 3).

        columns : the first and the last, not included, that are made; by default the crop's.
        """
        crop, around = self.view.crop, margin(self.method)
        left, right = columns or (crop.left, crop.left + crop.width)
        # An even row begins the part, so that the CFA looks the same in it.
        first = max(0, top - around) // 2 * 2
        last = min(self.view.samples.shape[0], bottom + around)
        shading = self.shading.below(first)
        with self.report.stage("linearize"):
            linear = linearize(self.view.samples[first:last], self.black, self.scale, shading)
        if self.clip is not None and self.offset is not None:
            with self.report.stage("highlights"):
                linear = reconstruct(linear, self.cfa, self.clip, shading, offset=self.offset)
        with self.report.stage("demosaic"):
            part = Rectangle(top - first, left, bottom - top, right - left)
            return interpolate(linear, self.cfa, matrix=matrix, crop=part, method=self.method)

    def small(self, cells: int) -> LinearRows:
        """About `cells` CFA tiles of the crop, on a regular grid, as a picture that has all colours at each pixel."""
        crop, samples = self.view.crop, self.view.samples
        top, left = (-(-start // 2) * 2 for start in (crop.top, crop.left))
        bottom, right = ((start + size) // 2 * 2 for start, size in ((crop.top, crop.height), (crop.left, crop.width)))
        if bottom <= top or right <= left:  # a crop thinner than a tile
            top, left, bottom, right = 0, 0, samples.shape[0] // 2 * 2, samples.shape[1] // 2 * 2
        step = 2 * max(1, ceil(((bottom - top) * (right - left) / 4 / cells) ** 0.5))
        planes: dict[str, list[NDArray[np.uint16]]] = {name: [] for name in PLANES}
        levels: dict[str, list[tuple[float, float, float]]] = {name: [] for name in PLANES}
        for position, name in enumerate(self.cfa):
            i, j = divmod(position, 2)
            planes[name].append(samples[top + i : bottom : step, left + j : right : step])
            clip = np.inf if self.clip is None else self.clip[i, j]
            levels[name].append((self.black[i, j], self.scale[i, j], clip))
        grid = np.stack(
            [self.shading.grid[..., [p for p in range(4) if self.cfa[p] == name]].mean(axis=-1) for name in PLANES], -1
        )
        (origin_x, origin_y), (step_x, step_y) = self.shading.origin, self.shading.step
        black, scale, clip = (np.array([np.mean([v[k] for v in levels[n]]) for n in PLANES]) for k in range(3))
        seen = np.stack([np.mean(planes[n], axis=0).astype(np.uint16) for n in PLANES], axis=-1)
        return LinearRows(
            seen,
            Rectangle(0, 0, *seen.shape[:2]),
            black,
            scale,
            None if self.clip is None else clip,
            Shading(
                np.ascontiguousarray(grid, np.float32),
                (origin_x + (left + 0.5) * step_x, origin_y + (top + 0.5) * step_y),
                (step * step_x, step * step_y),
            ),
            self.report,
        )


def mosaic_rows(
    raw: RawImage,
    view: Upright,
    pattern: CfaPattern,
    multipliers: Float64,
    *,
    method: Method = "directional",
    shade: bool = True,
    highlights: bool = True,
    report: Report | None = None,
) -> MosaicRows:
    """Look at a mosaic as a whole, as its rows need it.

    view : its crop and, where the mosaic goes on, `margin(method)` around it. multipliers : (3,) white balance. shade, highlights : whether gain maps are applied and clipped samples rebuilt.
    """
    report = report or Report()
    cfa = cfa_of(view, pattern)
    black, white = (view.at_positions(level).astype(np.float64) for level in (raw.black, raw.white))
    balance = np.array([multipliers[PLANES.index(name)] for name in cfa]).reshape(2, 2)
    scale = balance / np.maximum(white - black, 1.0)
    shading = Shading()
    if shade:
        with report.stage("shading"):
            shading = shading_of(raw, view, report)
    clip = offset = None
    if highlights:
        with report.stage("saturation"):
            brightest = view.samples.max()
            if brightest >= (black + LOWEST * (white - black)).min():
                saturation = view.at_positions(saturation_levels(raw, multipliers, report))
                if brightest >= (CLIPPED * (saturation - black) + black).min():
                    clip = (np.maximum(saturation - black, 1.0) * scale).astype(np.float32)
                    offset = clipped_border_offset(view.samples, cfa, black, scale, clip, shading)
                    shown = ", ".join(f"{v:+.3f}" for v in offset)
                    report.note(f"clipped highlights rebuilt, colour offset {shown}")
    return MosaicRows(
        view, cfa, black.astype(np.float32), scale.astype(np.float32), shading, clip, offset, method, report
    )
