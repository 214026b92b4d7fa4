"""Opcode list 3 sorted out: what of it counts, for which image, and what can be done in one resampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fotohaus.develop.lens_model import covers, moves
from fotohaus.raw import opcode_types as types
from fotohaus.raw.image import RawImage, Rectangle
from fotohaus.raw.opcode_types import Opcode
from fotohaus.raw.opcodes import opcode_name
from fotohaus.records import record
from fotohaus.report import Report

WARPS = (types.WarpRectilinear, types.WarpFisheye, types.WarpRectilinear2)
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
class Group:
    """Opcodes for one resampling: to the pixels before it, those that make up its map, and to the pixels after it."""

    before: tuple[Step, ...] = ()
    mapped: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()


def corrects_itself(raw: RawImage) -> bool:
    """Whether a file's opcode list 3 holds a warp or a vignette: then no profile counts."""
    return any_correction(in_force(raw.opcodes_3, Report()))


def any_correction(opcodes: Sequence[Opcode]) -> bool:
    """Whether there is a warp or a vignette among opcodes."""
    return any(isinstance(o, (*WARPS, types.FixVignetteRadial)) for o in opcodes)


def in_force(opcodes: Sequence[Opcode], report: Report) -> list[Opcode]:
    """A list without what is not to be applied: what a better warp replaces, and what has no meaning here."""
    kept: list[Opcode] = []
    replaced = False
    for opcode in opcodes:
        skip = replaced and isinstance(opcode, (types.WarpRectilinear, types.WarpFisheye))
        replaced = isinstance(opcode, types.WarpRectilinear2) and opcode.optional
        if skip or (isinstance(opcode, WARPS) and not moves(opcode)):
            continue
        if isinstance(opcode, types.OtherOpcode | types.FixBadPixelsConstant | types.FixBadPixelsList):
            say = report.note if opcode.optional else report.warn
            say(f"{opcode_name(opcode)} in opcode list 3 is not applied: there is no mosaic any more")
            continue
        kept.append(opcode)
    return kept


def placed(opcodes: Sequence[Opcode], image: Rectangle, aspect: float, report: Report) -> tuple[list[Step], Rectangle]:
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


def grouped(steps: Sequence[Step]) -> list[Group]:
    """Opcodes in as few resamplings as they allow: those on values stay where they are among warps."""
    groups: list[Group] = []
    before: list[Step] = []
    mapped: list[Step] = []
    after: list[Step] = []
    for step in steps:
        warped = any(isinstance(s.opcode, WARPS) for s in mapped)
        if isinstance(step.opcode, WARPS) and after:
            groups.append(Group(tuple(before), tuple(mapped), tuple(after)))
            before, mapped, after = [], [step], []
        elif after or (_on_values(step) and warped):
            after.append(step)
        elif _on_values(step):
            before, mapped = [*before, *mapped, step], []
        else:
            mapped.append(step)
    return [*groups, Group(tuple(before), tuple(mapped), tuple(after))]


def _on_values(step: Step) -> bool:
    return isinstance(step.opcode, _POINTWISE) or (
        isinstance(step.opcode, types.GainMap) and not covers(step.opcode, step.image)
    )
