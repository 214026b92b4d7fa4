"""Countries by their ISO 3166-1 alpha-2 codes, and their short English names."""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path

from fotohaus.errors import ReadError

ALSO = {
    **{"usa": "US", "america": "US", "united states of america": "US", "uk": "GB", "britain": "GB"},
    **{"great britain": "GB", "korea": "KR", "mainland china": "CN", "macau": "MO", "turkey": "TR"},
    **{"czech republic": "CZ", "holland": "NL", "uae": "AE", "ivory coast": "CI"},
}
"""Other names that people write, plain."""


@functools.cache
def countries() -> dict[str, str]:
    """Every code and its country's name."""
    text = (Path(__file__).parent / "data" / "countries.tsv").read_text("utf-8")
    return dict(line.split("\t") for line in text.splitlines())


def country_code(text: str) -> str:
    """The code that a code or an English name, in any case, stands for.

    Raises ReadError, with the nearest names, if there is no such country.
    """
    if text.upper() in countries():
        return text.upper()
    names = {_plain(name): code for code, name in countries().items()}
    wanted = _plain(text)
    found = names.get(wanted) or ALSO.get(wanted)
    if found is not None:
        return found
    from difflib import get_close_matches

    near = [f"{names[name]} ({countries()[names[name]]})" for name in get_close_matches(wanted, names, 3, 0.5)]
    hint = f"; near it: {', '.join(near)}" if near else ", neither by its ISO 3166 code nor by its English name"
    raise ReadError(None, f"there is no country {text!r}{hint}")


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split())
