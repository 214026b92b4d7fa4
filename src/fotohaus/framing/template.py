"""A frame's template: its paper, borders and lines of type as numbers; read from TOML and checked.

Lengths are hundredths of the picture's unit, which `layout.unit_of` takes from its size: the same template suits any.
Files of templates come from anywhere: what is in them is checked here.
"""

from __future__ import annotations

import re
from dataclasses import field
from math import isfinite
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from fotohaus.framing.words import NAMES
from fotohaus.records import record
from fotohaus.toml import parse_toml

VERSION = 1
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_MOST_TEXT = 500
_MOST_LINES = 8


@record
class Limits:
    """What a number of a template may be."""

    least: float
    most: float


Length = Annotated[float, Limits(0, 60)]


@record
class Line:
    """One line of type.

    show : what it says, joined by `join`; each is one of `words.NAMES`, or several of which the first that is known
        and not said yet, as "caption|lens". What is not known leaves no gap; a line that says nothing is no line.
    size : of the type. weight, tone : regular or bold, in the template's `ink` or its `faint` colour. leading : from
    the baseline before to this one. rows : how many rows it may take before it is cut.
    """

    show: tuple[str, ...]
    join: str = " · "
    size: Annotated[float, Limits(0.3, 10)] = 1.6
    weight: Literal["regular", "bold"] = "regular"
    tone: Literal["ink", "faint"] = "ink"
    leading: Annotated[float, Limits(0, 20)] = 2.6
    rows: Annotated[int, Limits(1, 6)] = 1


@record
class Block:
    """Lines below the picture, at one side or in the middle. Two that do not fit beside each other are stacked."""

    line: tuple[Line, ...]
    align: Literal["left", "center", "right"] = "left"


@record
class Borders:
    """How wide the paper is on each side; below the picture it is as high as its type needs, if that is more."""

    top: Length = 0.0
    right: Length = 0.0
    bottom: Length = 0.0
    left: Length = 0.0


@record
class Keyline:
    """A thin line around the picture, or none (0): how thick, how far outside, and its colour."""

    width: Annotated[float, Limits(0, 5)] = 0.0
    gap: Annotated[float, Limits(0, 20)] = 0.0
    color: str = "#d0d0d0"


@record
class Template:
    """A frame.

    margin : from the picture's sides to the type below it. padding : at least between type and the picture, and the
    lower edge. gap : at least between blocks. rise : how far above the middle of the paper below the picture the type
    stands, as a share of what is free.
    """

    version: Literal[1] = 1
    title: str = ""
    about: str = ""
    paper: str = "#ffffff"
    ink: str = "#161616"
    faint: str = "#7d7d7d"
    margin: Length = 4.0
    padding: Length = 2.0
    gap: Length = 5.0
    rise: Annotated[float, Limits(-1, 1)] = 0.0
    borders: Borders = field(default_factory=Borders)
    keyline: Keyline = field(default_factory=Keyline)
    block: tuple[Block, ...] = ()


def parse_template(text: str) -> Template:
    """A template from TOML.

    Raises ValueError, one line that names the field, for text that is none.
    """
    try:
        values = parse_toml(text)
    except ValueError as error:
        raise ValueError(f"no frame: {error}") from None
    if values.get("version") != VERSION:
        raise ValueError(f"no frame of version {VERSION}: version is {values.get('version')!r}"[:120])
    template: Template = _built(Template, values, "")
    if len(template.block) > 2:
        raise ValueError("no frame: block: at most two fit beside each other")
    for name in ("paper", "ink", "faint"):
        _check_color(name, getattr(template, name))
    _check_color("keyline.color", template.keyline.color)
    for block in template.block:
        if len(block.line) > _MOST_LINES:
            raise ValueError(f"no frame: block.line: at most {_MOST_LINES}")
        for line in block.line:
            unknown = [name for one in line.show for name in one.split("|") if name not in NAMES]
            if unknown or not line.show:
                known = ", ".join(NAMES)
                raise ValueError(f"no frame: line.show: {_short(unknown[:1] or line.show)} is none of {known}")
    return template


def _check_color(name: str, value: str) -> None:
    if not _COLOR.fullmatch(value):
        raise ValueError(f"no frame: {name}: {_short(value)} is no colour as #ffffff")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _built(kind: Any, values: Any, at: str) -> Any:
    """A record from a table, each field as its type says."""
    if not isinstance(values, dict):
        raise ValueError(f"no frame: {at or 'it'} is no table")
    hints = get_type_hints(kind, include_extras=True)
    made = {}
    for name, value in values.items():
        place = f"{at}.{name}" if at else name
        if name not in hints:
            raise ValueError(f"no frame: {_short(place)} is not known")
        made[name] = _value(hints[name], value, place)
    try:
        return kind(**made)
    except TypeError as error:
        raise ValueError(f"no frame: {at or 'it'}: {error}") from None


def _value(hint: Any, value: Any, place: str) -> Any:
    if hasattr(hint, "__dataclass_fields__"):
        return _built(hint, value, place)
    origin = get_origin(hint)
    if origin is tuple:
        if not isinstance(value, list) or len(value) > 50:
            raise ValueError(f"no frame: {place} is no list")
        return tuple(_value(get_args(hint)[0], part, place) for part in value)
    if origin is Literal:
        if type(value) not in {type(one) for one in get_args(hint)} or value not in get_args(hint):
            raise ValueError(f"no frame: {place}: {_short(value)} is none of {', '.join(map(str, get_args(hint)))}")
        return value
    if hint is str:
        if not isinstance(value, str) or len(value) > _MOST_TEXT or not value.isprintable():
            raise ValueError(f"no frame: {place}: one line of at most {_MOST_TEXT} characters")
        return value
    assert not isinstance(hint, UnionType)
    limits, whole = hint.__metadata__[0], hint.__origin__ is int
    number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool) and isfinite(value)
    if not number or not limits.least <= value <= limits.most:
        raise ValueError(f"no frame: {place}: {_short(value)} is no number from {limits.least:g} to {limits.most:g}")
    return value if whole else float(value)
