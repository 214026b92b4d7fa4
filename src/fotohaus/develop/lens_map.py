"""A lens correction as a resampling: which pixels the rows of the corrected picture are made of, and those rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.develop.geometry import Upright
from fotohaus.develop.lens_model import vignette_gain
from fotohaus.develop.lens_steps import Step
from fotohaus.raw import opcode_types as types
from fotohaus.raw.apply_opcodes import apply_to_part
from fotohaus.records import record

Float32 = NDArray[np.float32]

CELL = 16  # px between nodes, as the kernel has it
LANES = 8
TAPS = 6
BAND = 128  # rows, and ...
GROUP = 4  # ... cells in a row, that are made by one kernel
BRIGHTEST = 1e3  # gain; more is a mistake
_KERNELS = ("lens_near", "lens_far", "lens_any")
_APART = 0.02  # px by which two colours are moved differently; less is rounding


@record
class LensMap:
    """How a corrected picture is made of the picture as the sensor saw it, in strips of any rows.

    Both are upright. The corrected picture has the default crop's size, stretched where pixels are oblong; the other
    one is counted as the `Upright` view that it was prepared for.

    shape : rows and columns of the corrected picture. columns : (first, last) column of the view that is read, last
    not included. nodes : (rows, columns, 9) at every 16 px of the corrected picture, beginning 16 px outside:
    displacements of the three planes along x, then along y, then gains. moving : whether anything is displaced.
    before, after : opcodes on values that stand in the file before and after its warps.
    corner : row and column of the active area at which the image begins that trims have left.
    """

    view: Upright
    shape: tuple[int, int]
    columns: tuple[int, int]
    nodes: Float32
    classes: NDArray[np.int8]
    moving: bool
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    multipliers: Float32 | None = None
    floating: bool = False
    corner: tuple[int, int] = (0, 0)

    @property
    def apart(self) -> bool:
        """Whether the colours are displaced differently: as a lens's lateral chromatic aberration asks for."""
        across, down = self.nodes[..., :3], self.nodes[..., 3:6]
        return any(bool(np.abs(moved - moved[..., 1:2]).max() > _APART) for moved in (across, down))

    def source_rows(self, top: int, bottom: int) -> tuple[int, int]:
        """(first, last) row of the view that rows `top` to before `bottom` are made from, last not included."""
        height, crop = self.view.samples.shape[0], self.view.crop
        if not self.moving:
            return crop.top + top, crop.top + bottom
        first, last = top // CELL, -(-bottom // CELL) + 3
        rows = CELL * np.arange(first - 1, last - 1)[:, None, None] + self.nodes[first:last, :, 3:6]
        low, high = float(rows[1:-1].min()), float(rows[1:-1].max())
        reach = TAPS // 2 + 1
        begin = min(max(int(np.floor(low)) - reach + crop.top, 0), height - 1)
        return begin, max(begin + 1, min(int(np.ceil(high)) + reach + 1 + crop.top, height))

    def apply(
        self, pixels: Float32, region_top: int, top: int, bottom: int, matrix: ArrayLike | None = None
    ) -> Float32:
        """Rows `top` to before `bottom` of the corrected picture: (bottom - top, W, 3) float32, planar.

        pixels : (h, w, 3), rows of the view from `region_top` on, all that `source_rows` names, and its `columns`:
        white-balanced camera RGB. matrix : (3, 3), applied to each pixel on the way out. The result does not depend on
        how a picture is cut into strips. Raises ValueError where rows are missing.
        """
        first, last = self.source_rows(top, bottom)
        width = self.columns[1] - self.columns[0]
        if region_top > first or region_top + pixels.shape[0] < last or pixels.shape[1] != width:
            raise ValueError(f"needs rows {first} to {last} and {width} columns, got {pixels.shape} from {region_top}")
        weights = np.ascontiguousarray(np.eye(3) if matrix is None else matrix, np.float32)
        pixels = kernels.planar(pixels, np.float32)
        if self.before:
            pixels = self._changed(pixels, (region_top, self.columns[0]), self.before)
        made = kernels.empty((bottom - top, self.shape[1], 3))
        inner = weights if not self.after else np.eye(3, dtype=np.float32)
        for band in range(top // BAND, -(-bottom // BAND)):
            begin, end = max(top, band * BAND), min(bottom, (band + 1) * BAND)
            node = begin // CELL
            for kernel, left, right in self._runs(band):
                kernels.call(
                    kernel,
                    source=pixels,
                    map=self.nodes[node : -(-end // CELL) + 3],
                    matrix=inner,
                    block=left // LANES,
                    top=begin - node * CELL,
                    left=left + self.view.crop.left - self.columns[0],
                    above=begin + self.view.crop.top - region_top,
                    rgb=made[begin - top : end - top, left:right],
                )
        if self.after:
            made = self._changed(made, (self.view.crop.top + top, self.view.crop.left), self.after, self.corner)
            made[...] = made @ weights.T
        return made

    def in_small(self, pixels: Float32) -> Float32:
        """The corrected picture in small, about, from the crop in small as the sensor saw it: both (h, w, 3)."""
        places = [(np.arange(n) + 0.5) * full / n for n, full in zip(pixels.shape, self.shape, strict=False)]
        node = np.ix_(*(np.rint(p / CELL).astype(int) + 1 for p in places))
        moved = self.nodes[node]
        seen = []
        crop = self.view.crop
        for axis, (place, shift, length) in enumerate(
            zip(np.ix_(*places), (4, 1), (crop.height, crop.width), strict=True)
        ):
            n = pixels.shape[axis]
            seen.append(((place + moved[..., shift]) * n / length).astype(int).clip(0, n - 1))
        return np.asarray(pixels[seen[0], seen[1]] * moved[..., 6:].mean(axis=-1, keepdims=True))

    def _runs(self, band: int) -> list[tuple[str, int, int]]:
        """Which kernel makes which columns of a band: always the same one, so that strips do not show."""
        if not self.moving:
            return [("lens_gain", 0, self.shape[1])]
        runs, at = [], 0
        for kind, group in groupby(self.classes[band].tolist()):
            end = min(at + CELL * GROUP * len(list(group)), self.shape[1])
            runs.append((_KERNELS[kind], at, end))
            at = end
        return runs

    def _changed(
        self, pixels: Float32, corner: tuple[int, int], steps: Sequence[Step], trimmed: tuple[int, int] = (0, 0)
    ) -> Float32:
        """Some pixels of the picture put through opcodes on values; corner : their first row and column in the view.

        trimmed : how far the view's first row and column lie from those of the active area.
        """
        out = kernels.empty(pixels.shape)
        balance = np.ones(3, np.float32) if self.multipliers is None else self.multipliers
        np.divide(pixels, balance, out=out)
        # As the sensor has them: rows and columns of the active area, in its order.
        rows, columns = self.view.rows, self.view.columns
        seen, size = (out.swapaxes(0, 1), corner[::-1]) if self.view.transposed else (out, corner)
        starts = []
        for axis, (start, sign), offset in ((0, rows, size[0]), (1, columns, size[1])):
            length = seen.shape[axis]
            begin = start + sign * offset + trimmed[axis]
            starts.append(begin if sign > 0 else begin - length + 1)
            if sign < 0:
                seen = np.flip(seen, axis)
        # Opcodes are for values up to white; what was rebuilt above it keeps its proportion.
        above = np.maximum(out, 1)
        np.minimum(out, 1, out=out)
        with np.errstate(all="ignore"):
            for step in steps:
                self._change(seen, (starts[0], starts[1]), step)
        out *= above * balance
        return out

    def _change(self, seen: Float32, corner: tuple[int, int], step: Step) -> None:
        if isinstance(step.opcode, types.FixVignetteRadial):
            places = np.meshgrid(
                np.arange(seen.shape[1]) + float(corner[1]), np.arange(seen.shape[0]) + float(corner[0])
            )
            gain = np.nan_to_num(vignette_gain(step.opcode, step.image, (places[0], places[1]), step.aspect), nan=1.0)
            seen *= gain.clip(0, BRIGHTEST)[..., None].astype(np.float32)
            return
        image = step.image
        place = corner[0] - image.top, corner[1] - image.left
        apply_to_part(seen, step.opcode, place, (image.height, image.width), self.floating)


@record
class LensChain:
    """Two corrections, one after the other: opcodes on values stand between warps, or between a warp and a stretch.

    first : of the whole view; its picture is the view that `last` is made from.
    """

    first: LensMap | LensChain
    last: LensMap

    @property
    def apart(self) -> bool:
        """As `LensMap.apart`."""
        return self.first.apart or self.last.apart

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the corrected picture."""
        return self.last.shape

    @property
    def columns(self) -> tuple[int, int]:
        """As `LensMap.columns`."""
        return self.first.columns

    def source_rows(self, top: int, bottom: int) -> tuple[int, int]:
        """As `LensMap.source_rows`."""
        return self.first.source_rows(*self.last.source_rows(top, bottom))

    def apply(
        self, pixels: Float32, region_top: int, top: int, bottom: int, matrix: ArrayLike | None = None
    ) -> Float32:
        """As `LensMap.apply`."""
        first, last = self.last.source_rows(top, bottom)
        between = self.first.apply(pixels, region_top, first, last)
        return self.last.apply(between[:, slice(*self.last.columns)], first, top, bottom, matrix)

    def in_small(self, pixels: Float32) -> Float32:
        """As `LensMap.in_small`, of the last correction alone."""
        return self.last.in_small(pixels)
