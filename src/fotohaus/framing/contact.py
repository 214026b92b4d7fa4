"""Pages of a contact sheet: pictures in cells, with their names and facts below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fotohaus.framing.faces import Weight
from fotohaus.framing.typeset import Item, draw, set_rows, showable
from fotohaus.framing.words import clean
from fotohaus.records import record

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, HEIGHT = 2480, 3508
"""A page in px: A4, upright, at 300 dpi."""
DPI = 300

_MARGIN, _GAP, _HEAD = 120, 40, 110
_NAME, _FACTS, _LEADING = 26.0, 22.0, 32
_LOWEST = 0.8  # of a cell's width: its height, at least
_PAPER, _INK, _FAINT, _EMPTY = (255, 255, 255), (22, 22, 22), (112, 112, 112), (238, 238, 238)

Color = tuple[int, int, int]


@record
class Cell:
    """A picture with its words: a name, rows of facts, how many frames it stands for; or why there is no picture."""

    picture: Image | None
    name: str
    facts: tuple[str, ...] = ()
    count: int = 1
    trouble: str = ""


@record
class Grid:
    """How many columns and rows a page has, and the room for a cell's picture in px."""

    columns: int
    rows: int
    wide: int
    high: int

    @property
    def cells(self) -> int:
        """Cells of a page."""
        return self.columns * self.rows


def grid(columns: int) -> Grid:
    """The grid of so many columns that fills a page."""
    wide = (WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    room = HEIGHT - 2 * _MARGIN - _HEAD + _GAP
    rows = max(1, int(room // (_LOWEST * wide + _words_height() + _GAP)))
    return Grid(columns, rows, wide, min(wide, room // rows - _words_height() - _GAP))


def _words_height() -> int:
    return 14 + 3 * _LEADING


class Page:
    """A page, cell by cell. Only as high as its rows need, if it is the only one."""

    def __init__(self, layout: Grid, title: str, note: str, rows: int) -> None:
        from PIL import Image

        self.layout = layout
        high = HEIGHT if rows == layout.rows else 2 * _MARGIN + _HEAD + rows * (layout.high + _words_height() + _GAP)
        self.image = Image.new("RGB", (WIDTH, min(high, HEIGHT)), _PAPER)
        right = WIDTH - _MARGIN
        taken = self._write(note, (right, _MARGIN + 36), 26, "regular", _FAINT, 600, end=True)
        self._write(title, (_MARGIN, _MARGIN + 36), 40, "bold", _INK, right - _MARGIN - taken - _GAP)

    def put(self, number: int, cell: Cell) -> None:
        """A cell at its place on the page, counted from 0."""
        wide, high = self.layout.wide, self.layout.high
        row, column = divmod(number, self.layout.columns)
        left = _MARGIN + column * (wide + _GAP)
        top = _MARGIN + _HEAD + row * (high + _words_height() + _GAP)
        if cell.picture is None:
            self._trouble(cell.trouble, left, top)
        else:
            self.image.paste(cell.picture, (left, top + high - cell.picture.height))
        below = top + high + 14 + 24
        taken = 0
        if cell.count > 1:
            taken = self._write(f"× {cell.count}", (left + wide, below), _NAME, "regular", _FAINT, wide, end=True) + 12
        self._write(cell.name, (left, below), _NAME, "bold", _INK, wide - taken, keep_end=True)
        for i, text in enumerate(cell.facts[:2], 1):
            self._write(text, (left, below + i * _LEADING), _FACTS, "regular", _FAINT, wide)

    def _trouble(self, text: str, left: int, top: int) -> None:
        from PIL import ImageDraw

        wide, high = self.layout.wide, self.layout.high
        ImageDraw.Draw(self.image).rectangle((left, top, left + wide - 1, top + high - 1), fill=_EMPTY)
        shown, _ = showable(clean(text), "regular")
        rows = set_rows([Item("caption", shown)], "", weight="regular", size=_FACTS, width=wide - 40, rows=5)
        first = top + high // 2 - (len(rows) - 1) * 15 + 8
        for i, row in enumerate(rows):
            mask, _, up = draw(row)
            self._ink(mask, left + (wide - mask.shape[1]) // 2, first + 30 * i + up, _FAINT)

    def _write(
        self,
        text: str,
        at: tuple[int, int],
        size: float,
        weight: Weight,
        color: Color,
        width: int,
        *,
        end: bool = False,
        keep_end: bool = False,
    ) -> int:
        """A row of text from (or, with `end`, up to) a place on its baseline; returns its width."""
        shown, _ = showable(clean(text), weight)
        if not shown or width < 20:
            return 0
        name = "iso" if not keep_end else "caption"
        rows = set_rows([Item(name, shown)], "", weight=weight, size=size, width=width)
        if keep_end and (not rows or any(run.text.endswith("…") for run in rows[-1].runs)):
            rows = set_rows([Item(name, _ended(shown, weight, size, width))], "", weight=weight, size=size, width=width)
        if not rows:
            return 0
        mask, _, up = draw(rows[0])
        taken: int = mask.shape[1]
        self._ink(mask, at[0] - taken if end else at[0], at[1] + up, color)
        return taken

    def _ink(self, mask: object, left: int, top: int, color: Color) -> None:
        from PIL import Image

        stencil = Image.fromarray(mask)  # type: ignore[arg-type]
        self.image.paste(color, (left, top), stencil)


def _ended(text: str, weight: Weight, size: float, width: float) -> str:
    """The end of a name that is too long: of names, it is the end that differs."""
    from fotohaus.framing.typeset import natural_width

    while len(text) > 4 and natural_width([Item("caption", "…" + text)], "", weight, 0.8 * size) > width:
        text = text[1:]
    return "…" + text


def facts_of(said: dict[str, str]) -> tuple[str, ...]:
    """The two rows of facts below a name; none for what is not known."""
    exposure = " · ".join(said[name] for name in ("focal", "aperture", "shutter", "iso") if name in said)
    when = "  ".join(said[name] for name in ("date", "time") if name in said)
    rows: Sequence[str] = (when, exposure)
    return tuple(row for row in rows if row)
