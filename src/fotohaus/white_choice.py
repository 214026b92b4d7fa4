"""What a person may ask for as white: words, a temperature, a chromaticity, or a place in the picture."""

from __future__ import annotations

import re

from fotohaus.records import record

PRESETS = {
    "daylight": (5500.0, 10.0),
    "cloudy": (6500.0, 10.0),
    "shade": (7500.0, 10.0),
    "tungsten": (2850.0, 0.0),
    "fluorescent": (3800.0, 21.0),
    "flash": (5500.0, 0.0),
}
"""Temperature in K and tint of the named lights: the presets of Adobe Camera Raw."""

LOWEST, HIGHEST = 2000.0, 50000.0  # K
TINT_LIMIT = 150.0
FORMS = f"as-shot, auto, {', '.join(PRESETS)}, KELVIN[,TINT], x,y or pick:X,Y"

_NUMBER = r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,25})?|\.[0-9]{1,25})"
_NUMBERS = rf"({_NUMBER})(k)?(?:\s*,\s*({_NUMBER}))?"
_PICK = r"pick\s*:\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})"


@record
class AsShot:
    """The camera's own white balance."""

    def __str__(self) -> str:
        return "as-shot"


@record
class Auto:
    """White found from the picture."""

    def __str__(self) -> str:
        return "auto"


@record
class Preset:
    """A named light of `PRESETS`."""

    name: str

    def __str__(self) -> str:
        return self.name


@record
class Temperature:
    """A light by its correlated colour temperature in K and its tint in Adobe's units, 3000 to 1 in CIE 1960 uv."""

    kelvin: float
    tint: float = 0.0

    def __str__(self) -> str:
        return _text(self.kelvin) + (f",{_text(self.tint)}" if self.tint else "")


@record
class Chromaticity:
    """A light by its CIE 1931 x and y."""

    x: float
    y: float

    def __str__(self) -> str:
        return f"{_text(self.x)},{_text(self.y)}"


@record
class Pick:
    """The surroundings of a pixel (column x, row y from the top left) of the upright developed picture are neutral."""

    x: int
    y: int

    def __str__(self) -> str:
        return f"pick:{self.x},{self.y}"


White = AsShot | Auto | Preset | Temperature | Chromaticity | Pick


def parse_white(text: str) -> White:
    """The choice that a text means; `str` of a choice is its normal form, which means the same.

    Raises ValueError with one sentence for what is none.
    """
    words = text.strip().lower().replace("_", "-") if len(text) <= 100 else ""
    if words == "as-shot":
        return AsShot()
    if words == "auto":
        return Auto()
    if words in PRESETS:
        return Preset(words)
    if found := re.fullmatch(_PICK, words):
        return Pick(int(found[1]), int(found[2]))
    if found := re.fullmatch(_NUMBERS, words):
        return _from_numbers(float(found[1]), None if found[3] is None else float(found[3]), bool(found[2]))
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    raise ValueError(f"{shown!r} is no white balance; choose {FORMS}")


def _from_numbers(first: float, second: float | None, kelvin: bool) -> White:
    if not kelvin and second is not None and abs(first) <= 1:
        if not (first > 0 and second > 0 and first + second < 1):
            raise ValueError("a chromaticity x,y has x and y over 0 and a sum under 1")
        return Chromaticity(first, second)
    if not LOWEST <= first <= HIGHEST:
        raise ValueError(f"a temperature must be {LOWEST:.0f} to {HIGHEST:.0f} K")
    if second is not None and abs(second) > TINT_LIMIT:
        raise ValueError(f"a tint must be -{TINT_LIMIT:.0f} to {TINT_LIMIT:.0f}")
    return Temperature(first, second or 0.0)


def _text(value: float) -> str:
    """A number without an exponent and without needless zeros, exact."""
    text = f"{value:.25f}" if abs(value) < 1e-4 else repr(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
