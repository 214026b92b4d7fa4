"""Lines of type: which face shows which letters, how they break, shrink and end, and their pixels."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fotohaus.framing.faces import Face, Weight, coverage, face_for, face_of, font, own, shapes
from fotohaus.records import record

LEAST_SHRINK = 0.74
"""Type that does not fit shrinks so far before words are left out."""
ELLIPSIS = "…"

_STEPS = (1.0, 0.95, 0.9, 0.85, 0.8, LEAST_SHRINK)
_NEUTRAL = "\u200c\u200d\ufe0e\ufe0f"  # no glyph of their own
_DRAWN = 96.0  # px
_TABULAR = ("tnum",)
_PLAIN = ("camera", "lens", "caption")


@record
class Item:
    """A text on a line, and which of `words.NAMES` it is: facts have figures that are all of one width."""

    name: str
    text: str


@record
class Run:
    """Text in one face, with the OpenType features that it is set with."""

    text: str
    face: Face
    features: tuple[str, ...] = ()


@record
class Row:
    """A row of type: its runs, the size in px, and the advance in px."""

    runs: tuple[Run, ...]
    size: float
    width: float


def is_rtl(text: str) -> bool:
    """Whether a text has letters that are written from right to left."""
    return any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text)


def showable(text: str, weight: Weight) -> tuple[str, str]:
    """What of a text the faces at hand can show, and the characters that they can't."""
    if is_rtl(text):
        if not shapes():
            return "", "".join(c for c in text if not c.isspace())
        # Several faces would have to be put in order by hand: one must do.
        if face_for(_visible(text), weight) is not None:
            return text, ""
        face = face_for(frozenset(c for c in _visible(text) if is_rtl(c)), weight)
        if face is None:
            return "", "".join(sorted(_visible(text)))
        known = coverage(face)
        left = "".join(c for c in text if c.isspace() or c in _NEUTRAL or ord(c) in known)
        return re.sub(" {2,}", " ", left).strip(), "".join(sorted(set(text) - set(left)))
    kept: list[str] = []
    missing: list[str] = []
    for c in text:
        gone = not c.isspace() and c not in _NEUTRAL and face_of(c, weight) is None
        # What joins or varies a letter goes with it.
        if gone or (c in _NEUTRAL and missing and (not kept or kept[-1] == " ")):
            missing.append(c)
        else:
            kept.append(c)
    return re.sub(" {2,}", " ", "".join(kept)).strip(), "".join(dict.fromkeys(c for c in missing if c not in _NEUTRAL))


def _visible(text: str) -> frozenset[str]:
    return frozenset(c for c in text if not c.isspace() and c not in _NEUTRAL)


@functools.lru_cache(maxsize=2048)
def _runs(text: str, weight: Weight, features: tuple[str, ...]) -> tuple[Run, ...]:
    """A text's runs, each in one face."""
    if not text:
        return ()
    if is_rtl(text):
        return (Run(text, face_for(_visible(text), weight) or own(weight), features),)
    made: list[Run] = []
    for c in text:
        last = made[-1].face if made else own(weight)
        plain = c.isspace() or c in _NEUTRAL or unicodedata.combining(c)
        face = last if plain else face_of(c, weight) or own(weight)
        if made and made[-1].face == face:
            made[-1] = Run(made[-1].text + c, face, features)
        else:
            made.append(Run(c, face, features))
    return tuple(made)


def _item_runs(item: Item, weight: Weight) -> tuple[Run, ...]:
    if item.name in _PLAIN:
        return _runs(item.text, weight, ())
    return _runs(item.text, weight, _TABULAR)


def _larger(size: float) -> int:
    """How much larger type is drawn than shown: hinted to whole pixels, small letters would stand unevenly."""
    return max(1, math.ceil(_DRAWN / size))


@functools.lru_cache(maxsize=8192)
def _advance(run: Run, size: float) -> float:
    times = _larger(size)
    return float(font(run.face, size * times).getlength(run.text, features=_features(run))) / times


def _features(run: Run) -> list[str] | None:
    return list(run.features) if run.features and shapes() else None


@record
class _Word:
    item: int
    text: str


def _words(items: Sequence[Item]) -> list[_Word]:
    """Where rows may break: at spaces, and between the signs of scripts that have none."""
    made = []
    for i, item in enumerate(items):
        for part in item.text.split(" "):
            piece = ""
            for c in part:
                if piece and (unicodedata.east_asian_width(c) in "WF" and unicodedata.category(c) == "Lo"):
                    made.append(_Word(i, piece))
                    piece = ""
                piece += c
            made.append(_Word(i, piece + " "))
    return made


def _row(words: Sequence[_Word], items: Sequence[Item], join: str, weight: Weight, size: float, cut: bool) -> Row:
    """A row of these words: those of one item are one text, so that they are shaped as one."""
    runs: list[Run] = []
    at = 0
    while at < len(words):
        item = words[at].item
        end = at
        while end < len(words) and words[end].item == item:
            end += 1
        text = "".join(word.text for word in words[at:end]).rstrip()
        if cut and end == len(words):
            text = text.rstrip(" ,;:.–—·-(") + ELLIPSIS
        if runs and text:
            runs += _runs(join, weight, ())
        runs += _item_runs(Item(items[item].name, text), weight)
        at = end
    return Row(tuple(runs), size, sum(_advance(run, size) for run in runs))


def natural_width(items: Sequence[Item], join: str, weight: Weight, size: float) -> float:
    """Width in px of items on one row."""
    return _row(_words(items), items, join, weight, size, False).width


def set_rows(
    items: Sequence[Item], join: str, *, weight: Weight, size: float, width: float, rows: int = 1, least: float = 0.0
) -> list[Row]:
    """Items on rows of at most `width` px: broken if they may be, then shrunk, then cut at a word, with an ellipsis.

    size : px. rows : how many there may be. least : no type is smaller, in px. No rows if nothing fits.
    """
    words = _words(items)
    sizes = [size * step for step in _STEPS if size * step >= least] or [size]
    for one in sizes:
        broken = _broken(words, items, join, weight, one, width, rows)
        if broken is not None:
            return _balanced(broken, words, items, join, weight, one)
    return _cut(words, items, join, weight, sizes[-1], width, rows)


def _broken(
    words: Sequence[_Word], items: Sequence[Item], join: str, weight: Weight, size: float, width: float, rows: int
) -> list[Row] | None:
    """Rows filled one after the other; None if there are too many, or a word is too long."""
    made: list[Row] = []
    at = 0
    while at < len(words):
        row = _row(words[at : at + 1], items, join, weight, size, False)
        if row.width > width or len(made) == rows:
            return None
        end = at + 1
        while end < len(words):
            longer = _row(words[at : end + 1], items, join, weight, size, False)
            if longer.width > width:
                break
            row, end = longer, end + 1
        made.append(row)
        at = end
    return made


def _balanced(
    rows: list[Row], words: Sequence[_Word], items: Sequence[Item], join: str, weight: Weight, size: float
) -> list[Row]:
    """The same number of rows, as even as they can be: a last row of one word looks like a mistake."""
    low, high = 0.0, max(row.width for row in rows)
    for _ in range(8 if len(rows) > 1 else 0):
        middle = (low + high) / 2
        tried = _broken(words, items, join, weight, size, middle, len(rows))
        if tried is None:
            low = middle
        else:
            rows, high = tried, middle
    return rows


def _cut(
    words: Sequence[_Word], items: Sequence[Item], join: str, weight: Weight, size: float, width: float, rows: int
) -> list[Row]:
    made: list[Row] = []
    at = 0
    while at < len(words) and len(made) < rows:
        last = len(made) == rows - 1
        best = None
        for end in range(at + 1, len(words) + 1):
            cut = last and end < len(words)
            row = _row(words[at:end], items, join, weight, size, cut)
            if row.width > width:
                break
            best = row, end
        if best is None:
            # One word is too long for the row: it is cut within, and what follows is left out.
            text = words[at].text.rstrip()
            while text:
                row = _row([_Word(words[at].item, text)], items, join, weight, size, True)
                if row.width <= width:
                    return [*made, row]
                text = text[:-1]
                while text and (unicodedata.combining(text[-1]) or text[-1] in _NEUTRAL):
                    text = text[:-1]
            return made
        row, at = best
        made.append(row)
    return made


def draw(row: Row) -> tuple[NDArray[np.uint8], int, int]:
    """A row's pixels, cropped to its ink: (h, w) uint8 of coverage; and where its first is, from the baseline's start.

    Returns mask, left, top in px; top is negative above the baseline.
    """
    from PIL import Image, ImageDraw

    times = _larger(row.size)
    pad = (int(2 * row.size) + 2) * times
    baseline = (int(2 * row.size) + 2) * times
    image = Image.new("L", ((int(row.width) + 1) * times + 2 * pad, 2 * baseline))
    pen = ImageDraw.Draw(image)
    x = float(pad)
    for run in row.runs:
        face = font(run.face, row.size * times)
        pen.text((x, baseline), run.text, fill=255, font=face, anchor="ls", features=_features(run))
        x += _advance(run, row.size) * times
    # Letters begin at whole pixels, so that flush ones are sharp at the edge.
    box = image.getbbox()
    if box is None:
        return np.zeros((0, 0), np.uint8), 0, 0
    flush = image.crop((box[0], 0, box[0] + -(-(box[2] - box[0]) // times) * times, image.height)).reduce(times)
    inked = flush.getbbox()
    if inked is None:
        return np.zeros((0, 0), np.uint8), 0, 0
    mask = np.asarray(flush.crop((0, inked[1], flush.width, inked[3])))
    return mask, round((box[0] - pad) / times), inked[1] - baseline // times
