"""The catalogue's files, read when they are asked for."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

from fotohaus.cameras.countries import countries
from fotohaus.cameras.facts import Phone, Sensor, Source, parse_phone, parse_sensors, parse_sources
from fotohaus.cameras.index import plain
from fotohaus.errors import ReadError

DATA = Path(__file__).resolve().parent / "data"


def keys() -> list[str]:
    """The phones there are, by the names of their files."""
    return sorted(path.stem for path in (DATA / "phones").glob("*.toml"))


@functools.cache
def sources() -> dict[str, Source]:
    """Every source, by its key."""
    return parse_sources(_table(DATA / "sources.toml"))


@functools.cache
def sensors() -> dict[str, Sensor]:
    """Every sensor, by its name."""
    return parse_sensors(_table(DATA / "sensors.toml"), sources())


@functools.cache
def load(key: str) -> Phone:
    """A phone by its key. A file that is wrong is a ValueError: it is the package's own."""
    return parse_phone(key, _table(DATA / "phones" / f"{key}.toml"), sources(), sensors(), countries())


def phones() -> list[Phone]:
    """Every phone, in the order of their makers and names."""
    return sorted(map(load, keys()), key=lambda phone: (phone.make.casefold(), _natural(phone.name)))


def find(name: str) -> Phone:
    """The phone that a name, or a part of one, or a model's code stands for: "12s ultra", "2203121C".

    Raises ReadError, with the nearest names, if it stands for none, or for several.
    """
    wanted = plain(name)
    names = {phone.name: [plain(text) for text in (phone.name, phone.key, *phone.models.value)] for phone in phones()}
    words = wanted.split()
    exact = [title for title, known in names.items() if wanted and any(wanted in (k, _bare(k)) for k in known)]
    parts = [title for title, known in names.items() if words and any({*words} <= {*k.split()} for k in known)]
    for found in (exact, parts):
        if len(found) == 1:
            return next(phone for phone in phones() if phone.name == found[0])
        if found:
            raise ReadError(None, f"{name!r} may be any of: {', '.join(found)}")
    raise ReadError(None, f"there is no camera {name!r}; the nearest are {', '.join(_nearest(wanted, names))}")


def _nearest(wanted: str, names: dict[str, list[str]]) -> list[str]:
    from difflib import SequenceMatcher

    def likeness(title: str) -> float:
        return max(
            SequenceMatcher(None, wanted, text).ratio() for known in names[title] for text in (known, _bare(known))
        )

    return sorted(names, key=likeness, reverse=True)[:3]


def _bare(name: str) -> str:
    """A name without its first word, which is the maker's."""
    return name.partition(" ")[2]


def _natural(name: str) -> list[tuple[int, str]]:
    words = name.casefold().split()
    return [(int(digits) if (digits := "".join(filter(str.isdigit, word))) else 0, word) for word in words]


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: {error}") from None
