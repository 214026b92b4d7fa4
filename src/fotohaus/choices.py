"""What people write for a choice of a recipe, and the normal form that the recipe keeps of it."""

from __future__ import annotations

import os
import re
from typing import Any, Literal, get_args

from fotohaus.white_choice import parse_white

Stage = Literal[
    "opcodes",
    "highlights",
    "denoise",
    "ca",
    "defringe",
    "lens",
    "profile",
    "capture-sharpen",
    "local-tone",
    "tone",
    "texture",
    "sharpen",
    "vignette",
    "halation",
    "grain",
    "dither",
]

STAGES: tuple[str, ...] = get_args(Stage)
"""Stages that can be switched off. "merge" is chosen by `merge = "off"`."""


def as_stages(value: Any) -> Any:
    """Accept "a,b" and "all" as well as a list."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(part, str) for part in value):
        return tuple(sorted(set(STAGES if "all" in value else value)))
    return value


def stages(off: Any) -> tuple[str, ...]:
    """Names of stages, as a recipe's `off` takes them: "a,b", "all" or a collection. Raises ValueError for others."""
    named = as_stages(off)
    unknown = [name for name in named if name not in STAGES]
    if unknown:
        raise ValueError(f"there is no stage {unknown[0]!r} to switch off: {', '.join(STAGES)} are there, or all")
    return tuple(named)


def as_white(value: Any) -> Any:
    """The normal form of a white balance; Python may give a number of kelvin, as well."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = f"{value:.12g}"
    return str(parse_white(value)) if isinstance(value, str) else value


def as_reference(value: Any) -> Any:
    """A number that is written as text is a number."""
    if isinstance(value, str) and value.isascii() and value.strip().isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and not 1 <= value <= 9999:
        raise ValueError("a frame's number is from 1 to 9999")
    if isinstance(value, str) and not 1 <= len(value) <= 1000:
        raise ValueError("a file's name has 1 to 1000 characters")
    return value


def _name_or_path(value: Any, paths: str, reason: str) -> Any:
    """The text of a name, or of a path that matches; raises ValueError for the reason if it is neither."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    # No name has a space or a capital letter.
    if isinstance(value, str) and not re.fullmatch(rf"[a-z0-9][a-z0-9-]{{0,62}}|{paths}", value):
        raise ValueError(reason)
    return value


def as_look(value: Any) -> Any:
    """A look's name, or the path of its file; whether it is there is seen when a picture is made."""
    reason = "a look is a name (fotohaus looks list) or the path of a .toml, .cube or .png file"
    return _name_or_path(value, r".*(\.toml|\.cube|\.png|[/\\]).*", reason)


_NUMBER = r"\s*(\d{1,5}(?:\.\d{1,4})?)\s*"


def as_crop(value: Any) -> Any:
    """The normal form of a crop: an aspect ratio, "W:H", and the place of its middle unless that is the picture's."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(rf"{_NUMBER}[:x/]{_NUMBER}(?:@{_NUMBER},{_NUMBER})?", value, re.ASCII)
    across, down, *place = (float(v) for v in found.groups(0.5)) if found else (0.0, 0.0)
    if not (across and down and 1 / 20 <= across / down <= 20):
        raise ValueError("a ratio is W:H, as in 3:2, and at most 20:1, a crop with its place as in 3:2@0.5,0.3")
    if max(place) > 1:
        raise ValueError("the place of a crop is two shares of the picture, from the left and from the top: @0.5,0.3")
    at = "" if place == [0.5, 0.5] else f"@{place[0]:.9g},{place[1]:.9g}"
    return f"{across:.9g}:{down:.9g}{at}"


_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}


def size_in_bytes(text: str) -> int:
    """Bytes of a file's size as people write it: 500kB, 2MB, 1.5MiB, 300000.

    Raises ValueError for what is none, or less than 1 kB.
    """
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kmg]i?)?b?", text.strip().lower(), re.ASCII)
    size = round(float(found[1]) * _UNITS[found[2] or ""]) if found else 0
    if size < 1000:
        raise ValueError("a size is as in 500kB, 2MB or 1.5MiB, and at least 1kB")
    return size


def as_size(value: Any) -> Any:
    """A file's size as text; whether it is one is seen here."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        value = value.strip()
        size_in_bytes(value)
    return value


def as_frame(value: Any) -> Any:
    """A frame's name, or the path of its template; whether it is there is seen when a picture is framed."""
    reason = "a frame is strip, polaroid, passepartout, caption, none or the path of a .toml file"
    return _name_or_path(value, r".*\.toml", reason)
