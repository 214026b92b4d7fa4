"""Opcodes of one image, for a part of it or for its binned form."""

from __future__ import annotations

from dataclasses import replace

from fotohaus.raw.cfa import Filters
from fotohaus.raw.opcode_types import GainMap, Opcode
from fotohaus.raw.opcodes import opcode_name
from fotohaus.raw.rectangle import Rectangle
from fotohaus.report import Report


def binned_opcodes(opcodes: tuple[Opcode, ...], filters: Filters, report: Report) -> tuple[Opcode, ...]:
    """The gain maps of list 2 for a mosaic of which each cell has become one sample; what else there is goes."""
    cell, (top, left) = filters.cell, filters.offset
    kept: list[Opcode] = []
    for opcode in opcodes:
        if not isinstance(opcode, GainMap):
            report.note(f"{opcode_name(opcode)} is for pixels that are binned, and left out")
            continue
        area = opcode.area
        pitches = (max(1, opcode.row_pitch // cell), max(1, opcode.col_pitch // cell))
        first_y, first_x = (area.top - top) // cell, (area.left - left) // cell
        # Of a cell that is cut at the corner, the next that the pitch meets.
        first_y, first_x = (n if n >= 0 else n % p for n, p in zip((first_y, first_x), pitches, strict=True))
        last_y, last_x = -(-(area.top + area.height - top) // cell), -(-(area.left + area.width - left) // cell)
        if last_y > first_y and last_x > first_x:
            place = Rectangle(first_y, first_x, last_y - first_y, last_x - first_x)
            made = replace(opcode, area=place, row_pitch=pitches[0], col_pitch=pitches[1])
            # A map for each pixel of a cell: the one for the first stands for all.
            if not any(isinstance(k, GainMap) and (k.area, k.row_pitch) == (place, pitches[0]) for k in kept):
                kept.append(made)
    return tuple(kept)


def fit_gain_maps(opcodes: tuple[Opcode, ...], image: Rectangle, full: tuple[int, int]) -> tuple[Opcode, ...]:
    """Gain maps of a list that counts pixels from the corner of a full image, for the part `image` of it.

    full : (H, W) of the image that the list is for. Areas are clipped to the part; maps for none of its pixels go.
    """
    fitted: list[Opcode] = []
    for opcode in opcodes:
        if not isinstance(opcode, GainMap):
            fitted.append(opcode)
            continue
        area = opcode.area
        # The first row and column inside the part that the pitch meets.
        top = area.top + max(0, -(-(image.top - area.top) // opcode.row_pitch)) * opcode.row_pitch
        left = area.left + max(0, -(-(image.left - area.left) // opcode.col_pitch)) * opcode.col_pitch
        bottom = min(area.top + area.height, image.top + image.height)
        right = min(area.left + area.width, image.left + image.width)
        if bottom <= top or right <= left:
            continue
        fitted.append(
            replace(
                opcode,
                area=Rectangle(top - image.top, left - image.left, bottom - top, right - left),
                origin_v=(opcode.origin_v * full[0] - image.top) / image.height,
                origin_h=(opcode.origin_h * full[1] - image.left) / image.width,
                spacing_v=opcode.spacing_v * full[0] / image.height,
                spacing_h=opcode.spacing_h * full[1] / image.width,
            )
        )
    return tuple(fitted)
