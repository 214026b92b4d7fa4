"""Opcode list 3 and its like on demosaiced camera RGB: one resampling for every warp, vignette and aberration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.develop.geometry import Upright, is_stretched, stretch
from fotohaus.develop.lens_map import BAND, BRIGHTEST, CELL, GROUP, LANES, TAPS, LensChain, LensMap
from fotohaus.develop.lens_model import Places, map_gain, source_places, vignette_gain
from fotohaus.develop.lens_steps import WARPS, Group, Step, any_correction, grouped, in_force, placed
from fotohaus.raw import opcode_types as types
from fotohaus.raw.image import RawImage, Rectangle
from fotohaus.raw.opcode_types import Opcode, Warp
from fotohaus.raw.opcodes import opcode_name
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_FARTHEST = 1e5  # px of displacement; more is a mistake
_SPREADS = ((1, 1), (3, 2))  # px that displacements may differ in LANES px, along x and y


def prepare_lens(
    raw: RawImage,
    view: Upright,
    *,
    opcodes: bool = True,
    profile: Sequence[Opcode] = (),
    aberration: Sequence[Warp] = (),
    multipliers: ArrayLike | None = None,
    floating: bool | None = None,
    report: Report | None = None,
) -> LensMap | LensChain | None:
    """What opcode list 3 (and more) does to an upright view of the image; None where nothing is to be done.

    view : as much of the mosaic as may be read: with a large margin, corrections see beyond the crop.
    opcodes : whether the file's list 3 counts. profile : opcodes to take where the file has no warp or vignette, see
    `fotohaus.develop.lens_profile`. aberration : warps by plane in places as the sensor saw them, that is, before the
    others: lateral chromatic aberration measured in the picture. multipliers : (3,), the white balance in the pixels,
    for opcodes that change values; by default ones. floating : whether the file's samples are floats; by default,
    whether the mosaic's are.
    """
    report = report or Report()
    height, width = raw.mosaic.shape[:2]
    image = Rectangle(0, 0, height, width)
    listed = in_force(raw.opcodes_3 if opcodes else (), report)
    if not any_correction(listed):
        # Gain maps of list 2 have evened out the light already.
        shaded = any(isinstance(o, types.GainMap) for o in raw.opcodes_2)
        listed += [o for o in in_force(profile, report) if isinstance(o, WARPS) or not shaded]
    steps, shown = placed([*aberration, *listed], image, raw.scale[0] / raw.scale[1], report)
    stretched = is_stretched(raw)
    if not steps and not stretched and shown == image:
        return None
    groups = grouped(steps)
    if stretched and groups[-1].after:
        groups.append(Group())  # Lines are counted before pixels are stretched.

    def one(group: Group, view: Upright, shape: tuple[int, int], corner: tuple[int, int]) -> LensMap:
        return _map(
            group, view, shape, corner, multipliers, raw.mosaic.dtype != np.uint16 if floating is None else floating
        )

    # Maps before the last leave everything where the sensor has it.
    whole = replace(view, crop=Rectangle(0, 0, *view.samples.shape[:2]))
    crop = view.crop
    shape = (crop.height, crop.width)
    if stretched:
        shape = (round(crop.height * stretch(raw)[0]), round(crop.width * stretch(raw)[1]))
        report.note(f"oblong pixels: {crop.width} x {crop.height} made {shape[1]} x {shape[0]}")
    *early, late = groups
    maps = [one(group, whole, (whole.crop.height, whole.crop.width), (0, 0)) for group in early]
    maps.append(one(late, view, shape, (shown.top, shown.left)))
    names = ", ".join(dict.fromkeys(opcode_name(s.opcode) for s in steps))
    if names:
        moved = max(float(np.abs(m.nodes[1:-1, 1:-1, :6]).max()) for m in maps)
        gain = max(float(m.nodes[..., 6:].max()) for m in maps)
        report.note(f"lens: {names}; moved by up to {moved:.1f} px, gain up to {gain:.2f}")
    chain: LensMap | LensChain = maps[0]
    for following in maps[1:]:
        chain = LensChain(chain, following)
    return chain


def _map(
    group: Group,
    view: Upright,
    shape: tuple[int, int],
    corner: tuple[int, int],
    multipliers: ArrayLike | None,
    floating: bool,
) -> LensMap:
    """One resampling of the view, to a picture of `shape` of its crop; corner : of what trims have left."""
    crop = view.crop
    grid = _grid(*shape)
    flat = _squeezed(grid, shape, crop) if shape != (crop.height, crop.width) else grid
    places = [_on_sensor(view, crop, flat, corner)] * 3
    gains: list[Float64] = [np.ones(grid[0].shape)] * 3
    with np.errstate(all="ignore"):  # a file may hold any coefficients
        for step in reversed(group.mapped):
            places, gains = _back(step, places, gains)
    seen = [_in_view(view, crop, p) for p in places]
    nodes = kernels.empty((*grid[0].shape, 9))
    for i in range(3):
        for axis in (0, 1):
            nodes[..., 3 * axis + i] = np.nan_to_num(seen[i][axis] - grid[axis]).clip(-_FARTHEST, _FARTHEST)
        nodes[..., 6 + i] = np.nan_to_num(gains[i], nan=1.0).clip(0, BRIGHTEST)
    moving = bool(np.abs(nodes[..., :6]).max() > 1e-4)
    columns = (crop.left, crop.left + crop.width)
    if moving:
        columns = _reach(nodes[..., :3] + grid[0][..., None].astype(np.float32), crop.left, view.samples.shape[1])
    return LensMap(
        view=view,
        shape=shape,
        columns=columns,
        nodes=nodes,
        classes=_classes(nodes, crop.left - columns[0], columns[1] - columns[0]),
        moving=moving,
        before=group.before,
        after=group.after,
        multipliers=None if multipliers is None else np.asarray(multipliers, np.float32),
        floating=floating,
        corner=corner,
    )


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
    found = np.pad(found, ((0, -rows % per_band), (0, -columns % GROUP)), mode="edge")
    return np.asarray(found.reshape(-1, per_band, found.shape[1] // GROUP, GROUP).max(axis=(1, 3)))


def _over_rows(values: Float32, rows: int, which: Any) -> Float32:
    """The largest (or least) of the values at the four rows of nodes that each row of cells is made from."""
    return np.asarray(which([values[i : i + rows] for i in range(4)], axis=0))
