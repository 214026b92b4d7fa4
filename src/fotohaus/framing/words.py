"""What a frame can say about a photo: the facts of its capture as words, set as a typographer would."""

from __future__ import annotations

import math
import re
import unicodedata

from fotohaus.cameras import called
from fotohaus.raw.image import CaptureInfo

NAMES = ("camera", "lens", "focal", "aperture", "shutter", "iso", "date", "time", "place", "caption")
"""What a template can ask for."""
LONGEST = 600
"""Characters of one text at most."""

THIN = "\u202f"  # a narrow space that no line breaks at
_MARKS = 4  # accents on one letter: more are no writing
_JOINERS = "\u200c\u200d"  # that shape Arabic, Persian, Indic scripts and emoji
_CORPORATE = re.compile(
    r"(?i)[\s,]+(corporation|corp\.?|company|co\.?,?\s*ltd\.?|limited|ltd\.?|inc\.?|imaging\s+corp\.?|electronics"
    r"|optical\s+co\.?,?\s*ltd\.?|computer\s+co\.?,?\s*ltd\.?)$"
)
_CAPITALS = {"OPPO", "ASUS", "RICOH", "TCL", "HTC", "ZTE", "HMD", "DJI", "LG", "BLU", "IQOO"}  # write themselves so
_MONTHS = ["January", "February", "March", "April", "May", "June", "July"]
_MONTHS += ["August", "September", "October", "November", "December"]


def clean(text: str | None) -> str:
    """Text from a stranger as one line: no control characters, line breaks, or marks that turn the writing's direction.

    Composed (NFC), white space single, at most 600 characters, at most four accents on a letter.
    """
    kept: list[str] = []
    marks = 0
    for c in unicodedata.normalize("NFC", (text or "")[: 4 * LONGEST]):
        kind = unicodedata.category(c)
        if kind in ("Cc", "Zl", "Zp", "Zs"):
            c = c if c in ("\u00a0", THIN, "\u2009") else " "
        elif kind[0] == "C" and c not in _JOINERS:
            continue
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks <= _MARKS:
            kept.append(c)
    return re.sub(" {2,}", " ", "".join(kept)).strip(" " + _JOINERS)[:LONGEST].rstrip(" " + _JOINERS)


def words(capture: CaptureInfo, *, caption: str = "", place: str = "") -> dict[str, str]:
    """Each of NAMES that is known, as the frame writes it.

    place : the name of the place; "gps" is the position that the file tells. Times are those of the capture's place.
    """
    said = {
        "camera": camera(capture),
        "lens": clean(capture.lens_model),
        "focal": focal_length(capture.focal_length, capture.focal_length_35mm),
        "aperture": aperture(capture.f_number),
        "shutter": shutter(capture.exposure_time),
        "iso": f"ISO\u00a0{capture.iso}" if capture.iso and 0 < capture.iso < 10_000_000 else "",
        "date": "",
        "time": "",
        "place": position(capture.position) if place.strip().lower() == "gps" else clean(place),
        "caption": clean(caption),
    }
    taken = capture.taken
    if taken is not None and taken.year > 1826:  # a clock that was never set says 0001 or 1904; photography is younger
        said["date"] = f"{taken.day}\u00a0{_MONTHS[taken.month - 1]} {taken.year}"
        said["time"] = f"{taken.hour:02}:{taken.minute:02}"
    if said["lens"] and said["lens"].casefold() == said["camera"].casefold():
        said["lens"] = ""
    return {name: text for name, text in said.items() if text}


def camera(capture: CaptureInfo) -> str:
    """Maker and model as people call them: "NIKON CORPORATION", "NIKON Z 6" is a Nikon Z 6.

    A code that the camera catalogue knows is that phone: "Xiaomi", "2203121C" is a Xiaomi 12S Ultra.
    """
    if (name := called(capture)) is not None:
        return name
    make, model = clean(capture.make), clean(capture.model) or clean(capture.unique_model)
    while (shorter := _CORPORATE.sub("", make)) != make:
        make = shorter
    if model.casefold().startswith(make.casefold()):
        model = model[len(make) :].strip()
    if len(make) > 2 and make.isupper() and make.isascii() and make not in _CAPITALS:
        make = make.title()
    return f"{make} {model}".strip()


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and 0 < value < 1e6 else None


def focal_length(length: float | None, equivalent: float | None) -> str:
    """The 35 mm equivalent where it is known and another length, marked as such; else the length."""
    length, equivalent = _number(length), _number(equivalent)
    if equivalent is not None and equivalent >= 1 and (length is None or abs(equivalent / length - 1) > 0.05):
        return f"{equivalent:.0f}{THIN}mm\u00a0eq."
    if length is None or length < 0.05:
        return ""
    return f"{length:.0f}{THIN}mm" if length >= 10 or length == round(length) else f"{length:.1f}{THIN}mm"


def aperture(number: float | None) -> str:
    """ƒ/1.9, ƒ/2, ƒ/11."""
    number = _number(number)
    if number is None or not 0.3 <= number < 1000:
        return ""
    return f"ƒ/{number:.0f}" if number >= 9.95 or abs(number - round(number)) < 0.05 else f"ƒ/{number:.1f}"


def shutter(time: float | None) -> str:
    """1/125 s, 0.4 s, 2.5 s, 30 s, 4 min."""
    time = _number(time)
    if time is None or time < 1e-6:
        return ""
    if time < 0.29:
        return f"1/{1 / time:.0f}{THIN}s" if time < 0.095 or abs(1 / time - round(1 / time)) < 0.1 else _seconds(time)
    if time < 120:
        return _seconds(time)
    minutes, seconds = divmod(round(time), 60)
    return f"{minutes}{THIN}min" + (f" {seconds}{THIN}s" if seconds else "")


def _seconds(time: float) -> str:
    return f"{time:.0f}{THIN}s" if time >= 9.95 or abs(time - round(time)) < 0.05 else f"{time:.1f}{THIN}s"


def position(place: tuple[float, float] | None) -> str:
    """Degrees, minutes and seconds: 45°27′51″ N 9°11′22″ E."""
    if place is None or not all(math.isfinite(v) for v in place):
        return ""
    said = []
    for value, sides in zip(place, ("NS", "EW"), strict=True):
        degrees, rest = divmod(round(abs(value) * 3600), 3600)
        said.append(f"{degrees}°{rest // 60:02}′{rest % 60:02}″{THIN}{sides[value < 0]}")
    return "\u2002".join(said)
