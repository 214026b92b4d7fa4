"""Writes a noun to a file; the extension says what kind. What a kind takes is imported for it alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fotohaus.develop.scene import Scene
from fotohaus.errors import WriteError
from fotohaus.extensions import JPEG, PNG, TIFF
from fotohaus.metadata import Metadata
from fotohaus.output.atomic import check_target, replacing, save
from fotohaus.raw.image import RawImage
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture
from fotohaus.report import Report

if TYPE_CHECKING:
    from fotohaus.output.label import Label
    from fotohaus.render.pipeline import Rendering

Noun = Picture | Scene | RawImage

HOLDS: dict[str, type[Noun]] = {
    **dict.fromkeys((*JPEG, ".avif", ".jxl", *TIFF, *PNG), Picture),
    ".exr": Scene,
    ".dng": RawImage,
}
"""What each kind of file holds."""

_NAMES: dict[type, str] = {Picture: "finished picture", Scene: "scene in linear light", RawImage: "raw image"}


def write(
    noun: Noun | Rendering,
    path: str | os.PathLike[str],
    *,
    recipe: Recipe | None = None,
    report: Report | None = None,
    metadata: Metadata | None = None,
) -> Path:
    """Write a picture (.jpg, .avif, .jxl, .tif, .png), a scene (.exr) or a raw image (.dng); returns the file's path.

    The file carries the capture's facts, its colour space, and the recipe, from which `read_recipe` gets it back; a
    picture's own recipe unless another is given. A rendering is made as it is written, strip by strip if the format
    allows. Pictures are cropped, made smaller and framed as the recipe says; a scene and a raw image stay whole. A DNG
    brings a preview of the photo that the recipe makes. Serial numbers, owner and place go into a file only where
    `metadata` asks for them. It appears under its name when it is whole: a failure, a full disk say, leaves nothing and
    what was there before.

    Raises WriteError for an extension that is unknown or does not hold this noun, for a place that can't be written
    to, and for an image that the format can't hold.
    """
    # Not at the top: which kinds there are is asked before a file is read, and nothing is written until much later.
    from fotohaus.output.label import Label
    from fotohaus.output.pictures import encode_picture
    from fotohaus.render.pipeline import Rendering

    path = Path(path)
    report = report or Report()
    kind = path.suffix.lower()
    holds = HOLDS.get(kind)
    if holds is None:
        raise WriteError(path, f"unknown kind of file {kind!r}: {', '.join(HOLDS)} can be written")
    pictured = holds is Picture and isinstance(noun, Rendering)
    if not isinstance(noun, holds) and not pictured:
        fitting = ", ".join(extension for extension, held in HOLDS.items() if isinstance(noun, held))
        what = _NAMES.get(type(noun), type(noun).__name__)
        raise WriteError(path, f"a {kind} file holds a {_NAMES[holds]}, not a {what}: use {fitting or 'another'}")
    check_target(path)
    metadata = metadata or Metadata()
    label = Label(metadata, noun.capture)
    if recipe is not None and holds is not Picture:
        _warn_whole(recipe, kind, report)
    with report.stage("write"):
        try:
            if isinstance(noun, (Picture, Rendering)):
                if isinstance(noun, Picture):
                    _check(noun)
                save(path, encode_picture(noun, kind, recipe or noun.recipe, metadata, report))
            elif isinstance(noun, Scene):
                _check_pixels(noun.pixels.shape)
                with replacing(path) as partial:
                    from fotohaus.output.exr import write_exr

                    shown = replace(noun, capture=label.capture)
                    write_exr(shown, partial, xmp=label.xmp(recipe), program=label.software, private=True)
            else:
                save(path, [_encode_dng(noun, recipe, label, report)])
        except WriteError as error:
            raise WriteError(path, error.reason) from None
        report.note(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
    return path


def _encode_dng(raw: RawImage, recipe: Recipe | None, label: Label, report: Report) -> bytes:
    from fotohaus.output.preview import preview
    from fotohaus.raw.dng import encode_dng

    chosen = recipe or Recipe()
    return encode_dng(
        replace(raw, capture=label.capture),
        xmp=label.xmp(recipe),
        preview=preview(raw, chosen, report),
        compression=chosen.dng_compression,
        distance=chosen.dng_distance,
        software=label.software,
        private=True,
    )


def _warn_whole(recipe: Recipe, kind: str, report: Report) -> None:
    """Say which choices are for finished pictures alone."""
    asked = [f"--{name.replace('_', '-')}" for name in ("crop", "long_edge", "max_size") if getattr(recipe, name)]
    if recipe.frame != "none":
        asked.append("--frame")
    if asked:
        report.warn(f"{' and '.join(asked)} left aside: a {kind} file holds all that was recorded")


def _check(picture: Picture) -> None:
    try:
        picture.check()
    except ValueError as error:
        raise WriteError(None, str(error)) from None


def _check_pixels(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise WriteError(None, f"an image of shape {shape} is not (height, width, 3)")
