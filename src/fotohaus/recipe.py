"""Recipe: everything that a person can choose, in one validated model.

It makes the command line's options, travels inside every output (XMP), and serialises to TOML. Developing a photo again
from the recipe inside it gives the same pixels.

Pydantic checks what anybody chose, and is imported for what is not plainly right (`plain.py`): importing it takes a
fifth of the time of a photo.

Annotations are no text here: they are read whenever the program starts, and would have to be compiled.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fotohaus.choices import (
    STAGES,
    Stage,
    as_crop,
    as_frame,
    as_look,
    as_reference,
    as_size,
    as_stages,
    as_white,
)
from fotohaus.plain import plain_value
from fotohaus.records import record
from fotohaus.white_choice import FORMS

if TYPE_CHECKING:
    from pydantic import BaseModel

DEFAULT_LOOK, FINISHED_LOOK = "authentic", "neutral"
"""Looks that photos get where none is chosen: from raw files, and those that were finished before."""

_FILES = ("reference", "look")  # fields that may name one


@record
class About:
    """What a field is for, and what it may hold besides its type; `normal` brings values to their normal form."""

    help: str = ""
    least: float | None = None
    most: float | None = None
    longest: int | None = None
    normal: Callable[[Any], Any] | None = None
    metavar: str | None = None


@record(kw_only=True)
class Recipe:
    """How a photo is made from raw frames. Every field has a default that suits most photos.

    Raises ValueError (pydantic.ValidationError) for a choice that can't be.
    """

    version: Literal[1] = 1
    mode: Annotated[Literal["auto", "photo"], About("What kind of photo the frames make.")] = "auto"
    merge: Annotated[
        Literal["robust", "max", "mean", "off"],
        About(
            "How frames are merged: robust to motion; max, as well as can be, in a minute; a plain mean; or off (the "
            "reference alone)."
        ),
    ] = "robust"
    merge_denoise: Annotated[
        float, About("Strength of denoising what was merged, before anything else is done with it.", 0, 1)
    ] = 0.0
    reference: Annotated[
        int | str | None,
        About(
            "The frame that the others follow: its number, from 1, or file; by default the sharpest of the first.",
            normal=as_reference,
            metavar="N|FILE",
        ),
    ] = None
    quad: Annotated[
        Literal["bin", "full"], About("Quad Bayer raws: one sample per cell of four, or all of them, remosaiced.")
    ] = "bin"
    lens: Annotated[
        str,
        About(
            "Lens corrections: file takes the file's; auto looks the lens up in lensfun's database where the file has "
            "none, as does a lens's name.",
            longest=200,
        ),
    ] = "file"
    defringe: Annotated[
        Literal["auto", "all"],
        About("Coloured fringes of strong edges: auto undoes those that are plain; all also faint ones."),
    ] = "auto"
    denoise: Annotated[
        float | None, About("Strength of denoising; by default, as the frame's noise asks for.", 0, 1)
    ] = None
    look: Annotated[
        str | None,
        About(
            "The look of the photo: a name (fotohaus looks list), a .toml file, or a LUT (.cube, or a .png of a Hald "
            "CLUT); camera is the one that its maker put into the raw file. By default, authentic; neutral for a photo "
            "that was finished before.",
            longest=4096,
            normal=as_look,
        ),
    ] = None
    strength: Annotated[float, About("How much of the look: 0 is neutral.", 0, 1)] = 1.0
    tone: Annotated[float, About("Contrast on top of the look's: softer below 0, deeper above.", -1, 1)] = 0.0
    warmth: Annotated[float, About("Warmer than the look above 0, cooler below.", -1, 1)] = 0.0
    texture: Annotated[
        float | None, About("Local contrast, 0 for none, softer below; by default, as the look has it.", -1, 1)
    ] = None
    vignette: Annotated[float | None, About("Darker corners, 1 is two EV; by default, as the look has it.", 0, 1)] = (
        None
    )
    grain: Annotated[float | None, About("Film grain; by default, as the look has it.", 0, 1)] = None
    ev: Annotated[float, About("Exposure on top of the automatic one, in EV.", -10, 10)] = 0.0
    auto_exposure: Annotated[
        bool | None,
        About("Choose the exposure from the scene; otherwise the camera's stands. By default, it is chosen for raws."),
    ] = None
    local_tone: Annotated[
        float | None,
        About(
            "How far lights and shadows beyond the display's range are brought into it, place by place; by default, as "
            "the look has it.",
            0,
            1,
        ),
    ] = None
    sharpen: Annotated[
        float | None, About("Strength of sharpening for the display; by default, as the look has it.", 0, 1)
    ] = None
    wb: Annotated[str, About(f"White balance: {FORMS}.", normal=as_white)] = "as-shot"
    frame: Annotated[
        str,
        About(
            "The paper around the photo: strip, polaroid, passepartout, caption or none; or a template of your own "
            "(.toml).",
            longest=4096,
            normal=as_frame,
        ),
    ] = "none"
    caption: Annotated[str, About("A line of your own on the frame.", longest=2000, metavar="TEXT")] = ""
    place: Annotated[
        str, About("The place that the frame names; gps is the position that the file tells.", longest=200)
    ] = ""
    gamut: Annotated[Literal["srgb", "p3"], About("Colour space of display-referred files.")] = "p3"
    sdr: Annotated[bool, About("Leave the HDR rendition out: a picture for displays without headroom alone.")] = False
    headroom: Annotated[
        float, About("How far lamps, the sun and other highlights may shine above display white in HDR, in EV.", 0, 4)
    ] = 2.3
    gain_map: Annotated[
        Literal["grey", "rgb"],
        About("What leads from SDR to HDR in a JPEG: a gain for all colours, or for each, which keeps more colour."),
    ] = "grey"
    gain_size: Annotated[
        Literal["auto", "half", "quarter"],
        About("Size of the gain map, of the picture's; auto is half, all of it for pictures under 7 MP."),
    ] = "auto"
    quality: Annotated[
        int,
        About(
            "Quality of JPEG, AVIF and JPEG XL, on JPEG's scale; 100 is lossless in JPEG XL. On the command line, max "
            "also merges as --merge max.",
            1,
            100,
        ),
    ] = 95
    effort: Annotated[int, About("Time to spend on AVIF and JPEG XL: 1 is fast, 9 makes small files.", 1, 9)] = 5
    max_size: Annotated[
        str | None,
        About(
            "The file's size at most, as in 2MB or 500kB: JPEG, AVIF and JPEG XL are coded again, with less quality, "
            "until they fit.",
            normal=as_size,
            metavar="SIZE",
        ),
    ] = None
    hdr: Annotated[bool, About("AVIF and JPEG XL: the HDR rendition, in PQ (Rec. 2100), in place of the SDR one.")] = (
        False
    )
    long_edge: Annotated[
        int | None,
        About("Make finished pictures smaller: pixels of the longer side, at most.", 16, 65535, metavar="PX"),
    ] = None
    crop: Annotated[
        str | None,
        About(
            "Crop finished pictures to a ratio: 3:2, 16:9, 65:24, ...; upright ones to 2:3 and so on. From the middle, "
            "or about a place: 3:2@0.5,0.3 is half of the width from the left, 0.3 of the height from the top.",
            normal=as_crop,
            metavar="W:H[@X,Y]",
        ),
    ] = None
    dng_compression: Annotated[
        Literal["lossless", "jxl", "none"],
        About("DNG: lossless is lossless JPEG; jxl is JPEG XL, which needs a reader of DNG 1.7.1."),
    ] = "lossless"
    dng_distance: Annotated[
        float,
        About("What jxl may lose of a mosaic: 0 nothing, 0.01 far less than the noise, 1 fine noise itself.", 0, 3),
    ] = 0.0
    off: Annotated[
        tuple[Stage, ...],
        About(f"Stages to leave out, with commas: {', '.join(STAGES)}, or all.", normal=as_stages),
    ] = ()

    def __post_init__(self) -> None:
        """Check what differs from the defaults."""
        chosen = {name: self.__dict__[name] for name, value in defaults().items() if self.__dict__[name] is not value}
        if chosen:
            self.__dict__.update(_checked(chosen))

    def with_look(self, look: str) -> "Recipe":
        """The recipe with a look if none was chosen."""
        return self if self.look is not None else replace(self, look=look)

    def enabled(self, stage: Stage) -> bool:
        """Whether a stage takes part."""
        return stage not in self.off

    def model_dump(self) -> dict[str, Any]:
        """Every field and its value."""
        return asdict(self)

    @classmethod
    def model_validate(cls, values: Mapping[str, Any]) -> "Recipe":
        """A recipe from its fields' values, as they come from a file or a form.

        Raises ValueError (pydantic.ValidationError) for a field that is not one, or a value that can't be.
        """
        return cls(**_checked(values))

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """The JSON schema of a recipe."""
        return _model().model_json_schema()

    def without_folders(self) -> "Recipe":
        """The recipe with nothing but the names of the files in it: what is passed on does not say where they were."""
        changes: dict[str, Any] = {}
        for name, value in self.__dict__.items():
            if not isinstance(value, str) or not ("/" in value or "\\" in value):
                continue
            if not (name in _FILES or re.match(r"(/|~|\\\\|[A-Za-z]:[\\/])\S", value)):
                continue
            last = re.split(r"[\\/]", value.rstrip("\\/"))[-1]
            if last != value:
                # A look that is a file without an ending is known by a slash.
                named = name != "look" or last.lower().endswith((".toml", ".cube", ".png"))
                changes[name] = last if named else f"./{last}"
        return replace(self, **changes) if changes else self

    def to_toml(self) -> str:
        """The recipe as TOML, every field written out; a field without a value is left out."""
        import tomli_w

        return tomli_w.dumps({name: value for name, value in self.model_dump().items() if value is not None})

    @classmethod
    def from_toml(cls, text: str) -> "Recipe":
        """Read a recipe from TOML.

        Raises ValueError (pydantic.ValidationError for what a recipe can't hold) for anything that is not one.
        """
        from fotohaus.toml import parse_toml

        return cls.model_validate(parse_toml(text))


@functools.cache
def defaults() -> dict[str, Any]:
    """Every field's default."""
    return {name: about.default for name, about in Recipe.__dataclass_fields__.items()}


@functools.cache
def fields() -> dict[str, tuple[Any, About]]:
    """Every field's type, and what it is about."""
    return {
        name: (kind.__origin__, kind.__metadata__[0]) if hasattr(kind, "__metadata__") else (kind, About())
        for name, kind in Recipe.__annotations__.items()
    }


@functools.cache
def _model() -> "type[BaseModel]":
    """The pydantic model that checks recipes."""
    from pydantic import BeforeValidator, ConfigDict, Field, create_model

    made: dict[str, Any] = {}
    for name, (kind, about) in fields().items():
        limited = Field(ge=about.least, le=about.most, max_length=about.longest, description=about.help)
        first = (BeforeValidator(about.normal),) if about.normal else ()
        made[name] = (Annotated[kind, limited, *first], defaults()[name])
    return create_model("Recipe", __config__=ConfigDict(extra="forbid"), **made)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {name: plain_value(*fields()[name], value) for name, value in values.items()}
    except (KeyError, ValueError):
        pass  # a field that is none, or a value that takes more than a look
    return _model().model_validate(dict(values)).model_dump(exclude_unset=True)
