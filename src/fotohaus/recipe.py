"""Recipe: everything that a person can choose, in one validated model.

It makes the command line's options, travels inside every output (XMP), and serialises to TOML. Developing a photo again
from the recipe inside it gives the same pixels.
"""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fotohaus.white_choice import FORMS, parse_white

STAGES = (
    "opcodes",
    "highlights",
    "denoise",
    "ca",
    "lens",
    "profile",
    "capture-sharpen",
    "tone",
    "sharpen",
    "dither",
)
"""Stages that can be switched off. "merge" is chosen by `merge = "off"`."""

Stage = Literal[
    "opcodes", "highlights", "denoise", "ca", "lens", "profile", "capture-sharpen", "tone", "sharpen", "dither"
]


def _stages(value: Any) -> Any:
    """Accept "a,b" and "all" as well as a list."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(part, str) for part in value):
        return tuple(sorted(set(STAGES if "all" in value else value)))
    return value


def _white(value: Any) -> Any:
    """The normal form of a white balance; Python may give a number of kelvin, as well."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = f"{value:.12g}"
    return str(parse_white(value)) if isinstance(value, str) else value


class Recipe(BaseModel):
    """How a photo is made from raw frames. Every field has a default that suits most photos."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    version: Literal[1] = 1
    mode: Literal["auto", "photo"] = Field("auto", description="What kind of photo the frames make.")
    merge: Literal["robust", "mean", "off"] = Field(
        "robust", description="How frames are merged: robust to motion, a plain mean, or off (the reference alone)."
    )
    reference: int | None = Field(
        None, ge=1, le=9999, description="Number of the frame that the others follow, from 1; by default the sharpest."
    )
    quad: Literal["bin", "full"] = Field(
        "bin", description="Quad Bayer raws: one sample per cell of four, or all of them, remosaiced."
    )
    lens: str = Field(
        "file",
        max_length=200,
        description="Lens corrections: file takes the file's; auto looks the lens up in lensfun's database where the "
        "file has none, as does a lens's name.",
    )
    denoise: float | None = Field(
        None, ge=0, le=1, description="Strength of denoising; by default, as the frame's noise asks for."
    )
    look: Literal["neutral", "camera"] = Field(
        "neutral", description="The look of the photo; camera is the one that its maker put into the raw file."
    )
    ev: float = Field(0.0, ge=-10, le=10, description="Exposure on top of the automatic one, in EV.")
    auto_exposure: bool = Field(True, description="Choose the exposure from the scene; otherwise the camera's stands.")
    # What lens and sensor blurred has been undone by then: more than a little shows as hard edges.
    sharpen: float = Field(0.12, ge=0, le=1, description="Strength of sharpening for the display.")
    wb: Annotated[str, BeforeValidator(_white)] = Field("as-shot", description=f"White balance: {FORMS}.")
    gamut: Literal["srgb", "p3"] = Field("p3", description="Colour space of display-referred files.")
    quality: int = Field(92, ge=1, le=100, description="JPEG quality.")
    off: Annotated[tuple[Stage, ...], BeforeValidator(_stages)] = Field(
        (), description=f"Stages to leave out, with commas: {', '.join(STAGES)}, or all."
    )

    def enabled(self, stage: Stage) -> bool:
        """Whether a stage takes part."""
        return stage not in self.off

    def to_toml(self) -> str:
        """The recipe as TOML, every field written out; a field without a value is left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """Read a recipe from TOML.

        Raises ValueError (tomllib.TOMLDecodeError or pydantic.ValidationError) for anything that is not one.
        """
        return cls.model_validate(tomllib.loads(text))
