"""A look: everything about a picture's character, as numbers; read from TOML, checked, blended, written.

Every number of a look is 0 where it changes nothing (the sharpening apart), so that looks can be blended number by
number, and `Look()` is the neutral one. Files of looks come from anywhere: what is in them is checked here.
"""

from __future__ import annotations

import functools
from dataclasses import MISSING, Field, field, replace
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from fotohaus.records import record

if TYPE_CHECKING:
    from fotohaus.recipe import Recipe

VERSION = 1
SHARPEN = 0.12
"""Sharpening of the neutral look: what lens and sensor blurred has been undone by then."""
HUES = {
    "red": 25.0,
    "orange": 58.0,
    "yellow": 100.0,
    "green": 135.0,
    "aqua": 190.0,
    "blue": 250.0,
    "purple": 300.0,
    "magenta": 345.0,
}
"""Sectors of hue and the Oklab angle, in degrees, where each has its full say. Skin is orange."""

LEAST_WHITE = 0.1
"""What the channels of a black and white mix add up to at least: with nothing, every picture is black."""

T = TypeVar("T")


@record
class Limits:
    """What a number of a look may be."""

    least: float
    most: float


Share = Annotated[float, Limits(0, 1)]
Change = Annotated[float, Limits(-1, 1)]


@record
class Tone:
    """How the look's curve differs from the neutral one; EV are relative to mid-grey, slopes are in log-log.

    brightness : exposure before the curve, in EV. slope : added to the slope at mid-grey, over about `width` EV to both
    sides. toe : added to the slope of the deep shadows, from about 3 EV below mid-grey on; negative lifts them.
    shoulder : how much earlier and softer (negative) or later and harder (positive) light rolls off. black : what black
    is lifted to, linear light of the display.
    """

    brightness: Annotated[float, Limits(-2, 2)] = 0.0
    slope: Annotated[float, Limits(-0.6, 1)] = 0.0
    width: Annotated[float, Limits(0.3, 3)] = 0.8
    toe: Annotated[float, Limits(-0.5, 1)] = 0.0
    shoulder: Annotated[float, Limits(-0.6, 1)] = 0.0
    black: Annotated[float, Limits(0, 0.05)] = 0.0


@record
class Chroma:
    """Chroma by lightness: `amount` everywhere, more in `shadows` and `highlights`; -1 is none, 0 as it is, 1 double.

    restraint : how much strong colour is held back: at an Oklab chroma of 0.2, by 1/sqrt(1 + 0.04 restraint^2).
    """

    amount: Change = 0.0
    shadows: Change = 0.0
    highlights: Change = 0.0
    restraint: Annotated[float, Limits(0, 8)] = 0.0


@record
class Sector:
    """What happens to one sector of hue.

    chroma : -1 none, 0 as it is, 1 double. hue : turn in degrees of Oklab, positive from red to yellow. lightness :
    added to Oklab's L for each unit of chroma.
    """

    chroma: Change = 0.0
    hue: Annotated[float, Limits(-30, 30)] = 0.0
    lightness: Annotated[float, Limits(-0.5, 0.5)] = 0.0


@record
class Hues:
    """The sectors of hue; between their centres the one passes smoothly into the next."""

    red: Sector = field(default_factory=Sector)
    orange: Sector = field(default_factory=Sector)
    yellow: Sector = field(default_factory=Sector)
    green: Sector = field(default_factory=Sector)
    aqua: Sector = field(default_factory=Sector)
    blue: Sector = field(default_factory=Sector)
    purple: Sector = field(default_factory=Sector)
    magenta: Sector = field(default_factory=Sector)


@record
class Tint:
    """A colour that greys get: Oklab's hue in degrees, and its chroma."""

    hue: Annotated[float, Limits(0, 360)] = 0.0
    chroma: Annotated[float, Limits(0, 0.15)] = 0.0


@record
class Split:
    """Tints of shadows and highlights; they fade into each other in the mid-tones, and into black and white."""

    shadows: Tint = field(default_factory=Tint)
    highlights: Tint = field(default_factory=Tint)


@record
class Texture:
    """Local contrast: fine (a thousandth of the frame's height) and coarse (a fiftieth); negative softens."""

    fine: Change = 0.0
    coarse: Change = 0.0


@record
class Grain:
    """Film grain: how strong it is in the mid-tones, and how coarse relative to the frame (1: 1/2500 of its height)."""

    amount: Share = 0.0
    size: Annotated[float, Limits(0.5, 4)] = 1.0


@record
class Halation:
    """Light that spreads around lamps: `glow` red and close by, as through film's base; `bloom` white and wide."""

    glow: Share = 0.0
    bloom: Share = 0.0


@record
class Mono:
    """Black and white: how far (1: entirely), and the scene-linear mix of red, green and blue (Rec. 2020) it is of.

    A colour whose mix is negative is black.
    """

    amount: Share = 0.0
    red: Annotated[float, Limits(-1, 2)] = 0.2627
    green: Annotated[float, Limits(-1, 2)] = 0.6780
    blue: Annotated[float, Limits(-1, 2)] = 0.0593


@record
class Look:
    """A look. `Look()` is neutral.

    local_tone, sharpen, vignette : strengths, 0..1; a vignette of v takes 2 v EV of light from the corners.
    warmth : -1 bluish, 1 yellowish.
    """

    title: str = "Neutral"
    about: str = ""
    version: int = VERSION
    local_tone: Share = 0.0
    sharpen: Share = SHARPEN
    vignette: Share = 0.0
    warmth: Change = 0.0
    tone: Tone = field(default_factory=Tone)
    chroma: Chroma = field(default_factory=Chroma)
    hues: Hues = field(default_factory=Hues)
    split: Split = field(default_factory=Split)
    texture: Texture = field(default_factory=Texture)
    grain: Grain = field(default_factory=Grain)
    halation: Halation = field(default_factory=Halation)
    mono: Mono = field(default_factory=Mono)


def is_curve_only(look: Look) -> bool:
    """Whether there is no more to the look than a curve and sharpening: the plain rendering makes it, then."""
    grain = Grain() if look.grain.amount == 0 else look.grain
    plain = Look(look.title, look.about, look.version, look.local_tone, look.sharpen, tone=look.tone)
    return replace(look, grain=grain) == plain


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def default_of(about: Field[Any]) -> Any:
    """The default of a record's field."""
    return about.default if about.default_factory is MISSING else about.default_factory()


def parse(values: Any, kind: Any, place: str = "") -> Any:
    """A record of numbers from a TOML table.

    Raises ValueError, one line that names the place, for what is unknown, no number, or out of its range.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{place or 'a look'} must be a table")
    hints: dict[str, Any] = _hints(kind)
    made: dict[str, Any] = {}
    for name, value in values.items():
        at = f"{place}.{name}" if place else str(name)
        hint = hints.get(name)
        if hint is None:
            raise ValueError(f"{at[:80]!r} is unknown here: {', '.join(hints)} are known")
        if get_origin(hint) is Annotated:
            limits = get_args(hint)[1]
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
                raise ValueError(f"{at} must be a number")
            if not limits.least <= value <= limits.most:
                raise ValueError(f"{at} must be from {limits.least:g} to {limits.most:g}, is {value:g}")
            made[name] = float(value)
        elif hint is str:
            if not isinstance(value, str) or len(value) > 500 or not value.isprintable():
                raise ValueError(f"{at} must be one line of at most 500 characters")
            made[name] = value
        elif hint is int:
            if value != VERSION or isinstance(value, bool):
                raise ValueError(f"{at} must be {VERSION}: the look is for another version of fotohaus")
            made[name] = VERSION
        else:
            made[name] = parse(value, hint, at)
    return kind(**made)


def parse_look(text: str) -> Look:
    """A look from TOML.

    Raises ValueError, one line, for what is none.
    """
    from fotohaus.toml import parse_toml

    values = parse_toml(text)
    if "version" not in values:
        raise ValueError("no look: it says no version")
    look: Look = parse(values, Look)
    mono = look.mono
    if mono.amount and (white := mono.red + mono.green + mono.blue) < LEAST_WHITE:
        raise ValueError(f"mono.red, green and blue must add up to {LEAST_WHITE:g} at least, not {white:.3g}")
    return look


def different(values: Any) -> dict[str, Any]:
    """A look as nested tables, without what is as in the neutral one."""
    made: dict[str, Any] = {}
    for name, about in type(values).__dataclass_fields__.items():
        value, default = getattr(values, name), default_of(about)
        if hasattr(value, "__dataclass_fields__"):
            if part := different(value):
                made[name] = part
        elif value != default or name in ("version", "title"):
            made[name] = round(value, 6) if isinstance(value, float) else value
    return made


def to_toml(look: Look) -> str:
    """The look as TOML; what is as in the neutral look is left out."""
    import tomli_w

    return tomli_w.dumps(different(look))


def blend(first: T, second: T, share: float) -> T:
    """Between two records of numbers: the first at 0, the second at 1. Text is the second's."""
    if share == 1:
        return second
    made: dict[str, Any] = {}
    for name in type(first).__dataclass_fields__:  # type: ignore[attr-defined]
        a, b = getattr(first, name), getattr(second, name)
        if hasattr(a, "__dataclass_fields__"):
            made[name] = blend(a, b, share)
        elif isinstance(b, float):
            made[name] = a + share * (b - a)
        else:
            made[name] = b
    return type(first)(**made)


def _towards_neutral(look: Look, strength: float) -> Look:
    """The look at a strength of 0 to 1. What is no strength but a kind (a tint's hue, a mix) stays as it is."""
    if strength == 0:
        return Look()
    neutral = Look()
    start = replace(
        neutral,
        tone=replace(neutral.tone, width=look.tone.width),
        split=Split(replace(Tint(), hue=look.split.shadows.hue), replace(Tint(), hue=look.split.highlights.hue)),
        grain=replace(neutral.grain, size=look.grain.size),
        mono=replace(look.mono, amount=0.0),
    )
    return blend(start, look, strength)


def chosen(look: Look, recipe: Recipe) -> Look:
    """The look with the recipe's sliders and without the stages that it switches off.

    strength goes first: from 0, the neutral look, to 1. tone and warmth come on top of the look's; texture, vignette,
    grain, local_tone and sharpen take their places.
    """
    look = _towards_neutral(look, recipe.strength)

    def limited(value: float, least: float, most: float) -> float:
        return min(max(value, least), most)

    if recipe.tone:
        tone = look.tone
        slope = limited(tone.slope + 0.3 * recipe.tone, -0.6, 1)
        toe = limited(tone.toe + 0.2 * recipe.tone, -0.5, 1)
        look = replace(look, tone=replace(tone, slope=slope, toe=toe))
    if recipe.warmth:
        look = replace(look, warmth=limited(look.warmth + recipe.warmth, -1, 1))
    texture = recipe.texture if recipe.enabled("texture") else 0.0
    if texture is not None:
        look = replace(look, texture=Texture(texture, texture))
    vignette = recipe.vignette if recipe.enabled("vignette") else 0.0
    if vignette is not None:
        look = replace(look, vignette=vignette)
    grain = recipe.grain if recipe.enabled("grain") else 0.0
    if grain is not None:
        look = replace(look, grain=replace(look.grain, amount=grain))
    sharpen = recipe.sharpen if recipe.enabled("sharpen") else 0.0
    if sharpen is not None:
        look = replace(look, sharpen=sharpen)
    local_tone = recipe.local_tone if recipe.enabled("local-tone") else 0.0
    if local_tone is not None:
        look = replace(look, local_tone=local_tone)
    if not recipe.enabled("halation"):
        look = replace(look, halation=Halation())
    if not recipe.enabled("tone"):
        keep = {n: getattr(look, n) for n in ("texture", "grain", "halation", "vignette", "sharpen", "local_tone")}
        look = Look(look.title, look.about, **keep)
    return look
