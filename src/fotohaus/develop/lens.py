"""Opcode list 3 and its like on demosaiced camera RGB: one resampling for every warp, vignette and aberration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.develop.geometry import Upright, is_stretched, stretch
from fotohaus.develop.lens_model import Places, covers, map_gain, moves, source_places, vignette_gain
from fotohaus.raw import opcode_types as types
from fotohaus.raw.apply_opcodes import apply_to_part
from fotohaus.raw.image import RawImage, Rectangle
from fotohaus.raw.opcode_types import Opcode, Warp
from fotohaus.raw.opcodes import opcode_name
from fotohaus.records import record
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

CELL = 16  # px between nodes, as the kernel has it
LANES = 8
TAPS = 6
BAND = 128  # rows, and ...
_GROUP = 4  # ... cells in a row, that are made by one kernel
_KERNELS = ("lens_near", "lens_far", "lens_any")
_FARTHEST, _BRIGHTEST = 1e5, 1e3  # px of displacement and gain; more is a mistake
_SPREADS = ((1, 1), (3, 2))  # px that displacements may differ in LANES px, along x and y

_WARPS = (types.WarpRectilinear, types.WarpFisheye, types.WarpRectilinear2)
_POINTWISE = (
    types.MapTable,
    types.MapPolynomial,
    types.DeltaPerRow,
    types.DeltaPerColumn,
    types.ScalePerRow,
    types.ScalePerColumn,
)


@record
class Step:
    """An opcode, and the part of the active area that is its image: what TrimBounds before it has left.

    aspect : height of a pixel over its width.
    """

    opcode: Any
    image: Rectangle
    aspect: float = 1.0


@record
class LensMap:
    """How a corrected picture is made of the picture as the sensor saw it, in strips of any rows.

    Both are upright. The corrected picture has the default crop's size, stretched where pixels are oblong; the other
    one is counted as the `Upright` view that it was prepared for.

    shape : rows and columns of the corrected picture. columns : (first, last) column of the view that is read, last
    not included. nodes : (rows, columns, 9) at every 16 px of the corrected picture, beginning 16 px outside:
    displacements of the three planes along x, then along y, then gains. moving : whether anything is displaced.
    before, after : opcodes on values that stand in the file before the first and after the last warp.
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
            end = min(at + CELL * _GROUP * len(list(group)), self.shape[1])
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
            seen *= gain.clip(0, _BRIGHTEST)[..., None].astype(np.float32)
            return
        image = step.image
        place = corner[0] - image.top, corner[1] - image.left
        apply_to_part(seen, step.opcode, place, (image.height, image.width), self.floating)


def prepare_lens(
    raw: RawImage,
    view: Upright,
    *,
    opcodes: bool = True,
    profile: Sequence[Opcode] = (),
    aberration: Sequence[Warp] = (),
    multipliers: ArrayLike | None = None,
    report: Report | None = None,
) -> LensMap | None:
    """What opcode list 3 (and more) does to an upright view of the image; None where nothing is to be done.

    view : as much of the mosaic as may be read: with a large margin, corrections see beyond the crop.
    opcodes : whether the file's list 3 counts. profile : opcodes to take where the file has no warp or vignette, see
    `fotohaus.develop.lens_profile`. aberration : warps by plane in places as the sensor saw them, that is, before the
    others: lateral chromatic aberration measured in the picture. multipliers : (3,), the white balance in the pixels,
    for opcodes that change values; by default ones.
    """
    report = report or Report()
    height, width = raw.mosaic.shape[:2]
    image = Rectangle(0, 0, height, width)
    listed = _in_force(raw.opcodes_3 if opcodes else (), report)
    if not _any_correction(listed):
        # Gain maps of list 2 have evened out the light already.
        shaded = any(isinstance(o, types.GainMap) for o in raw.opcodes_2)
        listed += [o for o in _in_force(profile, report) if isinstance(o, _WARPS) or not shaded]
    steps, shown = _placed([*aberration, *listed], image, raw.scale[0] / raw.scale[1], report)
    before, mapped, after = _parts(steps, report)
    stretched = is_stretched(raw)
    if not before and not mapped and not after and not stretched and shown == image:
        return None

    crop = view.crop
    shape = (crop.height, crop.width)
    if stretched:
        shape = (round(crop.height * stretch(raw)[0]), round(crop.width * stretch(raw)[1]))
        report.note(f"oblong pixels: {crop.width} x {crop.height} made {shape[1]} x {shape[0]}")
    grid = _grid(*shape)
    flat = _squeezed(grid, shape, crop) if stretched else grid
    places = [_on_sensor(view, crop, flat, (shown.top, shown.left))] * 3
    gains: list[Float64] = [np.ones(grid[0].shape)] * 3
    with np.errstate(all="ignore"):  # a file may hold any coefficients
        for step in reversed(mapped):
            places, gains = _back(step, places, gains)
    seen = [_in_view(view, crop, p) for p in places]
    nodes = kernels.empty((*grid[0].shape, 9))
    for i in range(3):
        for axis in (0, 1):
            nodes[..., 3 * axis + i] = np.nan_to_num(seen[i][axis] - grid[axis]).clip(-_FARTHEST, _FARTHEST)
        nodes[..., 6 + i] = np.nan_to_num(gains[i], nan=1.0).clip(0, _BRIGHTEST)
    moving = bool(np.abs(nodes[..., :6]).max() > 1e-4)
    columns = (crop.left, crop.left + crop.width)
    if moving:
        columns = _reach(nodes[..., :3] + grid[0][..., None].astype(np.float32), crop.left, view.samples.shape[1])
    names = ", ".join(dict.fromkeys(opcode_name(s.opcode) for s in steps))
    largest = float(np.abs(nodes[1:-1, 1:-1, :6]).max())
    if names:
        report.note(f"lens: {names}; moved by up to {largest:.1f} px, gain up to {float(nodes[..., 6:].max()):.2f}")
    return LensMap(
        view=view,
        shape=shape,
        columns=columns,
        nodes=nodes,
        classes=_classes(nodes, crop.left - columns[0], columns[1] - columns[0]),
        moving=moving,
        before=tuple(before),
        after=tuple(after),
        multipliers=None if multipliers is None else np.asarray(multipliers, np.float32),
        floating=raw.mosaic.dtype != np.uint16,
        corner=(shown.top, shown.left),
    )


def corrects_itself(raw: RawImage) -> bool:
    """Whether a file's opcode list 3 holds a warp or a vignette: then no profile counts."""
    return _any_correction(_in_force(raw.opcodes_3, Report()))


def _any_correction(opcodes: Sequence[Opcode]) -> bool:
    return any(isinstance(o, (*_WARPS, types.FixVignetteRadial)) for o in opcodes)


def _in_force(opcodes: Sequence[Opcode], report: Report) -> list[Opcode]:
    """A list without what is not to be applied: what a better warp replaces, and what has no meaning here."""
    kept: list[Opcode] = []
    replaced = False
    for opcode in opcodes:
        skip = replaced and isinstance(opcode, (types.WarpRectilinear, types.WarpFisheye))
        replaced = isinstance(opcode, types.WarpRectilinear2) and opcode.optional
        if skip or (isinstance(opcode, _WARPS) and not moves(opcode)):
            continue
        if isinstance(opcode, types.OtherOpcode | types.FixBadPixelsConstant | types.FixBadPixelsList):
            say = report.note if opcode.optional else report.warn
            say(f"{opcode_name(opcode)} in opcode list 3 is not applied: there is no mosaic any more")
            continue
        kept.append(opcode)
    return kept


def _placed(opcodes: Sequence[Opcode], image: Rectangle, aspect: float, report: Report) -> tuple[list[Step], Rectangle]:
    """Opcodes with the image that each has to do with, and what of the active area is left after all."""
    steps: list[Step] = []
    for opcode in opcodes:
        if isinstance(opcode, types.TrimBounds):
            area = opcode.area
            top, left = image.top + area.top, image.left + area.left
            bottom = min(image.top + image.height, top + area.height)
            right = min(image.left + image.width, left + area.width)
            if bottom > top and right > left:
                image = Rectangle(top, left, bottom - top, right - left)
            else:
                report.warn("TrimBounds would leave nothing of the image, and is not applied")
            continue
        steps.append(Step(opcode, image, aspect))
    return steps, image


def _parts(steps: Sequence[Step], report: Report) -> tuple[list[Step], list[Step], list[Step]]:
    """Opcodes to apply to the pixels before they are resampled, those that make up the map, and those for after."""

    def on_values(step: Step) -> bool:
        return isinstance(step.opcode, _POINTWISE) or (
            isinstance(step.opcode, types.GainMap) and not covers(step.opcode, step.image)
        )

    warps = [i for i, step in enumerate(steps) if isinstance(step.opcode, _WARPS)]
    values = [i for i, step in enumerate(steps) if on_values(step)]
    first, last = (warps[0], warps[-1]) if warps else (len(steps), len(steps))
    begin = max((i + 1 for i in values if i < first), default=0)
    end = min((i for i in values if i > last), default=len(steps))
    for i in values:
        if first < i < last:
            report.warn(f"{opcode_name(steps[i].opcode)} between two warps is not applied")
    mapped = [step for i, step in enumerate(steps) if begin <= i < end and i not in values]
    return list(steps[:begin]), mapped, list(steps[end:])


def _grid(height: int, width: int) -> Places:
    """Places of the nodes: every CELL px from CELL px outside on, as many as a cubic needs, and blocks to the right."""
    rows = CELL * np.arange(-1.0, -(-height // CELL) + 2)
    columns = CELL * np.arange(-1.0, -(-width // CELL) + 3)
    x, y = np.meshgrid(columns, rows)
    return x, y


def _squeezed(places: Places, shape: tuple[int, int], crop: Rectangle) -> Places:
    """Places of a stretched picture of `shape` as places of the crop: borders come to lie on borders."""
    (x, y), (height, width) = places, shape
    return (x + 0.5) * (crop.width / width) - 0.5, (y + 0.5) * (crop.height / height) - 0.5


def _on_sensor(view: Upright, crop: Rectangle, places: Places, corner: tuple[int, int]) -> Places:
    """Places of the corrected picture in the sensor's coordinates; corner : of what is left of the active area."""
    x, y = places[0] + crop.left, places[1] + crop.top
    if view.transposed:
        x, y = y, x
    return view.columns[0] + view.columns[1] * x + corner[1], view.rows[0] + view.rows[1] * y + corner[0]


def _in_view(view: Upright, crop: Rectangle, places: Places) -> Places:
    """The reverse: places on the sensor as columns and rows from the crop's corner."""
    x, y = (places[0] - view.columns[0]) * view.columns[1], (places[1] - view.rows[0]) * view.rows[1]
    if view.transposed:
        x, y = y, x
    return x - crop.left, y - crop.top


def _back(step: Step, places: list[Places], gains: list[Float64]) -> tuple[list[Places], list[Float64]]:
    """What an opcode makes of places after it: places before it, and gains."""
    opcode, image, aspect = step.opcode, step.image, step.aspect
    if isinstance(opcode, types.FixVignetteRadial):
        same = all(p is places[0] for p in places) and all(g is gains[0] for g in gains)
        made = [gains[p] * vignette_gain(opcode, image, places[p], aspect) for p in range(1 if same else 3)]
        return places, made * 3 if same else made
    if isinstance(opcode, types.GainMap):
        planes = range(opcode.plane, opcode.plane + opcode.planes)
        return places, [gains[p] * map_gain(opcode, image, p, places[p]) if p in planes else gains[p] for p in range(3)]
    if len(opcode.coefficients) == 1 and all(p is places[0] for p in places):
        return [source_places(opcode, image, 0, places[0], aspect)] * 3, gains
    return [source_places(opcode, image, p, places[p], aspect) for p in range(3)], gains


def _reach(columns: Float32, left: int, width: int) -> tuple[int, int]:
    """First and last column of the view that is read."""
    inside = columns[1:-1, 1:-1]
    first = min(max(int(np.floor(inside.min())) - TAPS + left, 0), width - 1)
    return first, max(first + 1, min(int(np.ceil(inside.max())) + TAPS + 1 + left, width))


def _classes(nodes: Float32, left: int, width: int) -> NDArray[np.int8]:
    """For each band of rows and group of columns: 0, 1 or 2, the first kernel that can make all of it.

    left : of the crop in the source. width : of the source.
    """
    rows, columns = nodes.shape[0] - 3, nodes.shape[1] - 4
    difference = np.diff(nodes[:, : columns + 3, :6], axis=1)
    # From a node to the middle of two, as the cubic has it.
    before, here, after = (difference[:, i : i + columns] for i in range(3))
    half = 0.5 * np.abs(here) + 0.0625 * np.abs(before - after)
    spread_x, spread_y = (_over_rows(half[..., a : a + 3].max(axis=-1), rows, np.max) for a in (0, 3))
    at = nodes[..., :3] + (CELL * np.arange(-1.0, nodes.shape[1] - 1) + left)[:, None]
    low = _over_rows(np.minimum(at[:, 1 : columns + 1], at[:, 2 : columns + 2]).min(axis=-1), rows, np.min)
    high = _over_rows(np.maximum(at[:, 1 : columns + 1], at[:, 2 : columns + 2]).max(axis=-1), rows, np.max)
    found = np.full((rows, columns), len(_SPREADS), np.int8)
    for kind, (across, down) in reversed(list(enumerate(_SPREADS))):
        inside = (low >= across + 4) & (high + across + LANES + TAPS <= width)
        found[inside & (spread_x < 0.98 * across) & (spread_y < 0.98 * down)] = kind
    per_band = BAND // CELL
    found = np.pad(found, ((0, -rows % per_band), (0, -columns % _GROUP)), mode="edge")
    return np.asarray(found.reshape(-1, per_band, found.shape[1] // _GROUP, _GROUP).max(axis=(1, 3)))


def _over_rows(values: Float32, rows: int, which: Any) -> Float32:
    """The largest (or least) of the values at the four rows of nodes that each row of cells is made from."""
    return np.asarray(which([values[i : i + rows] for i in range(4)], axis=0))
