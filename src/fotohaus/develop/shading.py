"""Lens shading: the GainMap opcodes of an image as one grid of gains (DNG 1.7.1, chapter 7, GainMap)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fotohaus.develop.geometry import Upright
from fotohaus.raw.image import GainMap, RawImage
from fotohaus.report import Report
from fotohaus.shading import Shading, bilinear

__all__ = ["Shading", "combine_gain_maps", "gain_positions", "shading_of"]


def gain_positions(gain_map: GainMap, height: int, width: int, cfa: bool) -> list[int] | None:
    """What of the last axis of the combined grid a map multiplies; None if it is not the whole image."""
    area = gain_map.area
    pitches = gain_map.row_pitch, gain_map.col_pitch
    reach_v, reach_h = area.top + area.height + pitches[0] - 1, area.left + area.width + pitches[1] - 1
    if area.top >= pitches[0] or area.left >= pitches[1] or reach_v < height or reach_h < width:
        return None
    if not cfa:
        return list(range(gain_map.plane, min(3, gain_map.plane + gain_map.planes))) if pitches == (1, 1) else None
    if not set(pitches) <= {1, 2}:
        return None
    rows = [area.top & 1] if pitches[0] == 2 else [0, 1]
    columns = [area.left & 1] if pitches[1] == 2 else [0, 1]
    return [2 * row + column for row in rows for column in columns] if gain_map.plane == 0 else []


def _finer(points: int) -> int:
    """Points of a grid on which maps of other grids lose little: between them, a sixteenth of what they would."""
    return max(points, min(4 * (points - 1) + 1, 257))


def combine_gain_maps(
    maps: Sequence[GainMap], height: int, width: int, cfa: bool, report: Report | None = None
) -> Shading:
    """All gain maps of a (height, width) image as one grid, in the sensor's coordinates.

    Maps with one common grid (as phones write them) are taken as they are; others are sampled on a finer grid than any
    of them. A map over a part of the image only is left out and the report says so.
    """
    report = report or Report()
    applied = []
    for gain_map in maps:
        positions = gain_positions(gain_map, height, width, cfa)
        if positions is None:
            report.warn("a gain map over a part of the image is not applied")
        elif positions:
            applied.append((gain_map, positions))
    if not applied:
        return Shading(np.ones((1, 1, 4 if cfa else 3), np.float32))
    first = applied[0][0]

    layouts = {
        (m.origin_v, m.origin_h, m.spacing_v, m.spacing_h, m.gains.shape[0], m.gains.shape[1]) for m, _ in applied
    }
    if len(layouts) == 1:
        origin, spacing = (first.origin_v, first.origin_h), (first.spacing_v, first.spacing_h)
        points = first.gains.shape[:2]
    else:
        down, across = (max(m.gains.shape[axis] for m, _ in applied) for axis in (0, 1))
        points = (_finer(down), _finer(across))
        origin, spacing = (0.0, 0.0), (1 / max(1, points[0] - 1), 1 / max(1, points[1] - 1))
    grid = np.ones((*points, 4 if cfa else 3))
    for gain_map, positions in applied:
        gains = gain_map.gains.astype(np.float64)
        if len(layouts) > 1:
            at_v, at_h = (np.linspace(0, 1, n) if n > 1 else np.zeros(1) for n in points)
            own_v = (at_v - gain_map.origin_v) / (gain_map.spacing_v or 1)
            own_h = (at_h - gain_map.origin_h) / (gain_map.spacing_h or 1)
            gains = bilinear(gains, own_v, own_h)
        for i, position in enumerate(positions):
            grid[..., position] *= gains[..., 0 if cfa else min(i, gains.shape[2] - 1)]
    report.note(f"{len(applied)} gain maps, up to {grid.max():.2f}x")
    # Sample centres lie half a sample inside; a grid of one row or column has no spacing to speak of.
    step_v, step_h = (1 / (s * n) if s > 0 else 0.0 for s, n in zip(spacing, (height, width), strict=True))
    origin_v, origin_h = (-o / s if s > 0 else 0.0 for o, s in zip(origin, spacing, strict=True))
    return Shading(grid.astype(np.float32), (origin_h + 0.5 * step_h, origin_v + 0.5 * step_v), (step_h, step_v))


def shading_of(raw: RawImage, view: Upright, report: Report | None = None) -> Shading:
    """The image's gain maps as they lie over an upright view of it."""
    height, width = raw.mosaic.shape[:2]
    maps = [opcode for opcode in raw.opcodes_2 if isinstance(opcode, GainMap)]
    sensor = combine_gain_maps(maps, height, width, raw.cfa is not None, report)
    grid = sensor.grid
    if raw.cfa is not None:
        grid = grid[..., view.positions.ravel()]
    axes = []
    for axis, (start, step) in ((0, view.columns), (1, view.rows)):
        axes.append((sensor.origin[axis] + start * sensor.step[axis], step * sensor.step[axis]))
    if view.transposed:
        grid, axes = grid.swapaxes(0, 1), axes[::-1]
    (origin_x, step_x), (origin_y, step_y) = axes
    return Shading(np.ascontiguousarray(grid), (origin_x, origin_y), (step_x, step_y))
