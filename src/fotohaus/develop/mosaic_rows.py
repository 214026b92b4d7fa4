"""From a Bayer mosaic to rows of RGB: levels, shading, highlights, demosaic, on as much of the mosaic as they need."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fotohaus.denoising.denoiser import DENOISE_MARGIN, Denoiser, prepare_denoise
from fotohaus.develop import aberration, cut_off
from fotohaus.develop.aberration import LateralAberration
from fotohaus.develop.asked import Asked
from fotohaus.develop.cut_off import CutOff
from fotohaus.develop.demosaic import MARGIN as DEMOSAIC_MARGIN
from fotohaus.develop.demosaic import demosaic as interpolate
from fotohaus.develop.geometry import Upright, cfa_of
from fotohaus.develop.highlights import LOWEST, Highlights, ceiling_of, cut_at, prepare_highlights, saturation_levels
from fotohaus.develop.linear_rows import LinearRows, middles
from fotohaus.develop.linearize import apply_gain_maps, linearize
from fotohaus.develop.shading import Shading, shading_of
from fotohaus.raw.image import PLANES, CfaPattern, RawImage, Rectangle
from fotohaus.records import record
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


MARGIN = DEMOSAIC_MARGIN + aberration.MARGIN + max(DENOISE_MARGIN, cut_off.MARGIN)
"""Samples around a pixel that may have a say in it."""


@record
class MosaicRows:
    """A mosaic whose levels are known, as rows of its upright view.

    black, scale : (2, 2), per position of the view's CFA; scale holds the white balance. highlights : None where
    nothing is clipped. aberration, denoiser : None where there is nothing to do. lost : for the demosaic, see
    `light_taken`. cut : what the file's 0 has done to dark light, where no denoiser undoes it. fine : the view's
    samples as floats, on the same scale, where that is how the file has them: what rounding took is given back.
    ceiling : where all colours are cut, if clipped samples are not rebuilt, see `ceiling_of`.
    """

    view: Upright
    cfa: CfaPattern
    black: Float32
    scale: Float32
    shading: Shading
    highlights: Highlights | None
    report: Report
    denoiser: Denoiser | None = None
    aberration: LateralAberration | None = None
    lost: Float32 | None = None
    cut: CutOff | None = None
    fine: Float32 | None = None
    ceiling: Shading | None = None

    @property
    def crop(self) -> Rectangle:
        """The picture within the view."""
        return self.view.crop

    def clip_level(self) -> float:
        """The lowest white-balanced value at which a sample is saturated."""
        if self.ceiling is not None:
            return float(self.ceiling.grid.min())
        if self.highlights is None:
            return 1.0
        return float(((self.highlights.saturation - self.black) * self.scale).min())

    def rows(self, top: int, bottom: int, matrix: Float64, columns: tuple[int, int] | None = None) -> Float32:
        """Rows of the view as RGB, white-balanced camera values times a (3, 3) matrix: (bottom - top, W, 3).

        columns : the first and the last, not included, that are made; by default the crop's.
        """
        crop, around = self.view.crop, DEMOSAIC_MARGIN
        around += (self.aberration.margin if self.aberration else 0) + (self.denoiser.margin if self.denoiser else 0)
        around += cut_off.MARGIN * (self.cut is not None)
        left, right = columns or (crop.left, crop.left + crop.width)
        # An even row begins the part, so that the CFA looks the same in it.
        first = max(0, top - around) // 2 * 2
        last = min(self.view.samples.shape[0], bottom + around)
        shading = self.shading.below(first)
        with self.report.stage("linearize"):
            if self.highlights is None:
                linear = linearize(self.view.samples[first:last], self.black, self.scale, shading)
            else:
                linear = self.highlights.linearize(self.view.samples, first, last - first)
            if self.fine is not None:
                rest = self.fine[first:last] - self.view.samples[first:last]
                scale = np.tile(self.scale, (-(-rest.shape[0] // 2), -(-rest.shape[1] // 2)))
                linear += apply_gain_maps(rest * scale[: rest.shape[0], : rest.shape[1]], shading)
            if self.ceiling is not None:
                cut_at(linear, self.ceiling.below(first))
        if self.cut is not None:
            with self.report.stage("linearize"):
                linear = self.cut.undo(linear, shading, first)
        if self.denoiser is not None:
            # Not at the top: photos in good light need none of it.
            from fotohaus.denoising.shrink import denoise

            with self.report.stage("denoise"):
                linear = denoise(linear, self.denoiser, shading, origin=(first, 0))
        if self.aberration is not None:
            with self.report.stage("ca"):
                linear = aberration.correct(linear, self.cfa, self.aberration, origin=(0, first))
        with self.report.stage("demosaic"):
            part = Rectangle(top - first, left, bottom - top, right - left)
            return interpolate(linear, self.cfa, matrix=matrix, crop=part, lost=self.lost)

    def small(self, cells: int) -> LinearRows:
        """The scene in small, in about `cells` cells: the CFA tile in the middle of each, which has all colours.

        Not a mean of the cell: light would no longer be as bright as it is anywhere, nor a lamp as bright as it is.
        """
        crop, samples = self.view.crop, self.view.samples if self.fine is None else self.fine
        top, left = (-(-start // 2) * 2 for start in (crop.top, crop.left))
        bottom, right = ((start + size) // 2 * 2 for start, size in ((crop.top, crop.height), (crop.left, crop.width)))
        if bottom <= top or right <= left:  # a crop thinner than a tile
            top, left, bottom, right = 0, 0, samples.shape[0] // 2 * 2, samples.shape[1] // 2 * 2
        step = 2 * max(1, ceil(((bottom - top) * (right - left) / 4 / cells) ** 0.5))
        tiles = samples[top:bottom, left:right]
        middle = step // 4 * 2 + 0.5
        planes: dict[str, list[Float32]] = {name: [] for name in PLANES}
        levels: dict[str, list[tuple[float, float, float]]] = {name: [] for name in PLANES}
        for position, name in enumerate(self.cfa):
            i, j = divmod(position, 2)
            planes[name].append(middles(tiles[i::2, j::2], step // 2).astype(np.float32))
            saturation = np.inf if self.highlights is None else self.highlights.saturation[i, j]
            clip = (saturation - self.black[i, j]) * self.scale[i, j]
            levels[name].append((self.black[i, j], self.scale[i, j], clip))
        grid = np.stack(
            [self.shading.grid[..., [p for p in range(4) if self.cfa[p] == name]].mean(axis=-1) for name in PLANES], -1
        )
        (origin_x, origin_y), (step_x, step_y) = self.shading.origin, self.shading.step
        black, scale, clip = (np.array([np.mean([v[k] for v in levels[n]]) for n in PLANES]) for k in range(3))
        seen = np.stack([sum(planes[n][1:], planes[n][0]) / np.float32(len(planes[n])) for n in PLANES], axis=-1)
        origin = origin_x + (left + middle) * step_x, origin_y + (top + middle) * step_y
        shading = Shading(np.ascontiguousarray(grid, np.float32), origin, (step * step_x, step * step_y))
        return LinearRows(
            seen,
            Rectangle(0, 0, *seen.shape[:2]),
            black,
            scale,
            None if self.highlights is None else clip,
            shading,
            self.report,
            ceiling=None if self.ceiling is None else replace(shading, grid=self.ceiling.grid),
        )


def mosaic_rows(raw: RawImage, view: Upright, pattern: CfaPattern, asked: Asked, report: Report) -> MosaicRows:
    """Look at a mosaic as a whole, as its rows need it.

    view : its crop and, where the mosaic goes on, `MARGIN` around it. pattern : the raw image's CFA.
    """
    cfa, multipliers = cfa_of(view, pattern), asked.multipliers
    black, white = (view.at_positions(level).astype(np.float64) for level in (raw.black, raw.white))
    balance = np.array([multipliers[PLANES.index(name)] for name in cfa]).reshape(2, 2)
    scale = balance / np.maximum(white - black, 1.0)
    denoiser = None
    if asked.denoise:
        denoiser = prepare_denoise(cfa, asked.noise, multipliers, strength=asked.denoise, floor=-black * scale)
    shading = Shading()
    if asked.shade:
        with report.stage("shading"):
            shading = shading_of(raw, view, report)
    found = ceiling = None
    if asked.clipped != "leave" and raw.mosaic.max() >= (black + LOWEST * (white - black)).min():
        with report.stage("highlights"):
            saturation = view.at_positions(saturation_levels(raw, multipliers, report))
            if asked.clipped == "rebuild":
                found = prepare_highlights(view.samples, cfa, black, scale, saturation, shading, report, asked.noise)
            else:
                ceiling = ceiling_of((saturation - black) * scale, shading)
    levels = black.astype(np.float32), scale.astype(np.float32)
    if denoiser is not None and denoiser.passes == 2:
        from fotohaus.denoising.coarse import look_from_afar

        with report.stage("denoise"):
            denoiser = look_from_afar(
                denoiser,
                view.samples.shape,
                lambda first, last: linearize(view.samples[first:last], *levels, shading.below(first)),
                shading,
            )
    return MosaicRows(
        view=view,
        cfa=cfa,
        black=levels[0],
        scale=levels[1],
        shading=shading,
        highlights=found,
        report=report,
        denoiser=denoiser,
        ceiling=ceiling,
    )
