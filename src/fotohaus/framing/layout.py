"""Where everything of a frame is: the paper, the picture on it, its keyline, and the rows of type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fotohaus.framing.faces import CAP_HEIGHT, Weight
from fotohaus.framing.template import Block, Line, Template
from fotohaus.framing.typeset import Item, Row, draw, natural_width, set_rows, showable
from fotohaus.records import record

GRID = 16
"""Borders are multiples of it, px: a JPEG's blocks and a gain map's pixels stay what they are under a frame."""
LEAST_UNIT = 560.0
LEAST_TYPE = 9.0
"""px below which nobody reads type."""

_ROW_LEADING = 1.32  # of the size, between rows of one line
_SIDE_BY_SIDE = 0.8  # blocks shrink so far before they are stacked


@record
class Mark:
    """Ink on the paper: (h, w) uint8 of coverage, its place on the canvas in px, and its colour as "#rrggbb"."""

    top: int
    left: int
    mask: NDArray[np.uint8]
    color: str

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right."""
        return self.top, self.left, self.top + self.mask.shape[0], self.left + self.mask.shape[1]


@record
class Layout:
    """A framed picture's geometry in px.

    shape : of the whole, (H, W). top, left : of the picture's first pixel. picture : its shape.
    paper : the colour as "#rrggbb". marks : keyline and type, none of them on the picture.
    """

    shape: tuple[int, int]
    top: int
    left: int
    picture: tuple[int, int]
    paper: str
    marks: tuple[Mark, ...] = ()

    def turned(self, orientation: int) -> Layout:
        """The same on a canvas that is stored with an EXIF Orientation, for a picture that is stored so."""
        if orientation == 1:
            return self
        high, wide = self.shape

        def stored(top: int, left: int, shape: tuple[int, int]) -> tuple[int, int]:
            if orientation in (3, 4, 7, 8):
                top = high - top - shape[0]
            if orientation in (2, 3, 6, 7):
                left = wide - left - shape[1]
            return (left, top) if orientation >= 5 else (top, left)

        marks = []
        for mark in self.marks:
            top, left = stored(mark.top, mark.left, (mark.mask.shape[0], mark.mask.shape[1]))
            marks.append(Mark(top, left, _as_stored(mark.mask, orientation), mark.color))
        top, left = stored(self.top, self.left, self.picture)
        turn = orientation >= 5
        shape = (wide, high) if turn else (high, wide)
        picture = (self.picture[1], self.picture[0]) if turn else self.picture
        return Layout(shape, top, left, picture, self.paper, tuple(marks))


def _as_stored(mask: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    flip_y, flip_x = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    turned = mask[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return np.ascontiguousarray(turned.swapaxes(0, 1) if orientation >= 5 else turned)


def unit_of(shape: tuple[int, int]) -> float:
    """What a template's lengths are hundredths of, px: the side of a square of the picture's area, held back for
    panoramas by their short side; never so small that type can't be read."""
    return max(LEAST_UNIT, min(math.sqrt(shape[0] * shape[1]), 1.65 * min(shape)))


@record
class _Set:
    """A line that is set: its rows, and how it stands."""

    rows: tuple[Row, ...]
    leading: float
    tone: str


def lay_out(
    shape: tuple[int, int], template: Template, said: Mapping[str, str], warn: Callable[[str], None] = lambda text: None
) -> Layout:
    """A template's frame around a picture of a shape (H, W), px, with `words.words` to choose from.

    warn : is told, once, what no face at hand can show; that is left out. What is not known leaves no gap.
    """
    unit = unit_of(shape)

    def px(length: float) -> float:
        return length * unit / 100

    top, right, left = (_up(px(getattr(template.borders, side))) for side in ("top", "right", "left"))
    wide = left + shape[1] + right
    margin = min(px(template.margin), 0.12 * shape[1])
    blocks = _spoken(template, said, warn)
    columns = _columns(blocks, shape[1] - 2 * margin, unit, px(template.gap))
    caps = max((_cap(lines[0]) for _, lines in columns), default=0.0)
    tallest = max((_height(lines, caps) for _, lines in columns), default=0.0)
    line = template.keyline
    outside = max(1.0, px(line.width)) + px(line.gap) if line.width else 0.0
    needed = tallest + 2 * px(template.padding) if columns else 0.0
    bottom = _up(max(px(template.borders.bottom), needed + outside))
    free_from = top + shape[0] + outside
    marks = list(_keyline(template, shape, top, left, right, unit))
    for align, lines in columns:
        # A line of its own stands in the middle; blocks of several begin on one baseline.
        alone = len(lines) == 1 and len(lines[0].rows) == 1
        height = _height(lines, caps) if alone else tallest
        free = bottom - outside - height
        baseline = free_from + free * (1 - template.rise) / 2 + caps
        for i, one in enumerate(lines):
            baseline += one.leading if i else 0.0
            for j, row in enumerate(one.rows):
                baseline += _ROW_LEADING * row.size if j else 0.0
                marks += _placed(
                    row, align, round(baseline), left + margin, left + shape[1] - margin, getattr(template, one.tone)
                )
    return Layout((top + shape[0] + bottom, wide), top, left, shape, template.paper, tuple(marks))


def _up(length: float) -> int:
    return -(-round(length) // GRID) * GRID


def _spoken(
    template: Template, said: Mapping[str, str], warn: Callable[[str], None]
) -> list[tuple[Block, list[tuple[Line, list[Item]]]]]:
    """The lines that say something: of each place the first that is known; nothing is said twice."""
    used: set[str] = set()
    missing: list[str] = []
    blocks = []
    for block in template.block:
        lines = []
        for line in block.line:
            items = []
            for choices in line.show:
                for name in choices.split("|"):
                    if name in used or not said.get(name):
                        continue
                    text, unknown = showable(said[name], line.weight)
                    missing += unknown
                    if text:
                        items.append(Item(name, text))
                        used.add(name)
                        break
            if items:
                lines.append((line, items))
        if lines:
            blocks.append((block, lines))
    if missing:
        letters = "".join(dict.fromkeys(missing))
        more = f" and {len(letters) - 12} more" if len(letters) > 12 else ""
        warn(f"no font at hand can show {letters[:12]}{more}: left out of the frame")
    return blocks


def _columns(
    blocks: list[tuple[Block, list[tuple[Line, list[Item]]]]], width: float, unit: float, gap: float
) -> list[tuple[str, list[_Set]]]:
    """Blocks as set lines: beside each other if their first lines fit, slightly smaller perhaps; else stacked."""
    if len(blocks) == 2:
        first, second = ([_natural(line, items, unit) for line, items in lines] for _, lines in blocks)
        heads = first[0] + second[0]
        if heads + gap <= width or heads * _SIDE_BY_SIDE + gap <= width:
            scale = min(1.0, (width - gap) / heads)
            # What is not wide leaves its room to the other; the exposure, at the right, is not cut for a caption.
            right = min(max(second) * scale, width - gap - first[0] * scale)
            left = width - gap - right
            columns = [
                (block.align, _set(lines, one, unit * scale, unit))
                for (block, lines), one in zip(blocks, (left, right), strict=True)
            ]
            return [(align, lines) for align, lines in columns if lines]
        stacked = [line for _, lines in blocks for line in lines]
        lines = _set(stacked, width, unit, unit)
        return [(blocks[0][0].align, lines)] if lines else []
    return [(block.align, made) for block, lines in blocks if (made := _set(lines, width, unit, unit))]


def _natural(line: Line, items: list[Item], unit: float) -> float:
    weight: Weight = line.weight
    return natural_width(items, line.join, weight, line.size * unit / 100)


def _set(lines: list[tuple[Line, list[Item]]], width: float, unit: float, whole: float) -> list[_Set]:
    made = []
    for line, items in lines:
        size = max(line.size * unit / 100, LEAST_TYPE)
        rows = set_rows(items, line.join, weight=line.weight, size=size, width=width, rows=line.rows, least=LEAST_TYPE)
        if rows:
            made.append(_Set(tuple(rows), line.leading * whole / 100, line.tone))
    return made


def _cap(one: _Set) -> float:
    return CAP_HEIGHT * one.rows[0].size


def _height(lines: list[_Set], cap: float) -> float:
    """From the top of the first line's capitals to the last baseline."""
    height = cap
    for i, one in enumerate(lines):
        height += one.leading if i else 0.0
        height += sum(_ROW_LEADING * row.size for row in one.rows[1:])
    return height


def _placed(row: Row, align: str, baseline: int, first: float, last: float, color: str) -> list[Mark]:
    """A row's ink on the canvas. It is the ink that meets the margin: letters bring white of their own."""
    mask, _, up = draw(row)
    if not mask.size:
        return []
    if align == "left":
        left = round(first)
    elif align == "right":
        left = round(last) - mask.shape[1]
    else:
        left = round((first + last - mask.shape[1]) / 2)
    return [Mark(baseline + up, max(0, left), mask, color)]


def _keyline(template: Template, shape: tuple[int, int], top: int, left: int, right: int, unit: float) -> list[Mark]:
    line = template.keyline
    if not line.width:
        return []
    thick, gap = max(1, round(line.width * unit / 100)), round(line.gap * unit / 100)
    room = min(top, left, right)
    if room < thick:
        return []
    gap = min(gap, room - thick)
    outer_top, outer_left = top - gap - thick, left - gap - thick
    high, wide = shape[0] + 2 * (gap + thick), shape[1] + 2 * (gap + thick)
    flat = np.full((thick, wide), 255, np.uint8)
    upright = np.full((high - 2 * thick, thick), 255, np.uint8)
    return [
        Mark(outer_top, outer_left, flat, line.color),
        Mark(outer_top + high - thick, outer_left, flat, line.color),
        Mark(outer_top + thick, outer_left, upright, line.color),
        Mark(outer_top + thick, outer_left + wide - thick, upright, line.color),
    ]
