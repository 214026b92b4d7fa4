"""Writes a noun to a file; the extension says what kind. What a kind takes is imported for it alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from fotohaus.develop.scene import Scene
from fotohaus.errors import WriteError
from fotohaus.metadata import Metadata
from fotohaus.output.atomic import check_target, replacing, save
from fotohaus.output.jpeg import encode_jpeg
from fotohaus.output.xmp import packet
from fotohaus.raw.exif import SRGB, UNCALIBRATED, encode_exif
from fotohaus.raw.image import CaptureInfo, RawImage
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture
from fotohaus.render.pipeline import Rendering
from fotohaus.report import Report

Noun = Picture | Scene | RawImage

HOLDS: dict[str, type[Noun]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".tif", ".tiff", ".png"), Picture),
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
    """Write a picture (.jpg, .tif, .png), a scene (.exr) or a raw image (.dng); returns the file's path.

    The file carries the capture's facts, its colour space, and the recipe, from which `read_recipe` gets it back; a
    picture's own recipe unless another is given. A rendering is made as it is written, strip by strip if the format
    allows; a DNG brings a preview of the photo that the recipe makes. Serial numbers, owner and place go into a file
    only where `metadata` asks for them. It appears under its name when it is whole: a failure, a full disk say, leaves
    nothing and what was there before.

    Raises WriteError for an extension that is unknown or does not hold this noun, for a place that can't be written
    to, and for an image that the format can't hold.
    """
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
    label = _Label(metadata or Metadata(), noun.capture)
    with report.stage("write"):
        try:
            if isinstance(noun, (Picture, Rendering)):
                save(path, _encode_picture(noun, kind, recipe or noun.recipe, label, report))
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


class _Label:
    """What a file says besides its picture: the capture with nothing in it that should stay private."""

    def __init__(self, metadata: Metadata, capture: CaptureInfo) -> None:
        self.capture = metadata.published(capture)
        self.bare = metadata.bare
        self.software = "" if metadata.bare else None

    def xmp(self, recipe: Recipe | None) -> bytes:
        return packet(recipe, self.capture, private=True, bare=self.bare)

    def exif(self, *, width: int, height: int, color_space: int) -> bytes:
        size = {"width": width, "height": height}
        return encode_exif(self.capture, **size, color_space=color_space, software=self.software, private=True)


def _encode_dng(raw: RawImage, recipe: Recipe | None, label: _Label, report: Report) -> bytes:
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


def _encode_picture(noun: Picture | Rendering, kind: str, recipe: Recipe, label: _Label, report: Report) -> list[bytes]:
    if isinstance(noun, Picture):
        _check_pixels(noun.pixels.shape)
    xmp = label.xmp(recipe)
    height, width = noun.shape
    space = SRGB if noun.gamut == "srgb" else UNCALIBRATED
    exif = label.exif(width=width, height=height, color_space=space)
    if kind in (".jpg", ".jpeg"):
        if isinstance(noun, Rendering):
            noun.collect_gain_map()
        chosen: dict[str, Any] = {"quality": recipe.quality, "dither": recipe.enabled("dither"), "hdr": not recipe.sdr}
        return encode_jpeg(noun, **chosen, exif=exif, xmp=xmp, report=report)
    picture = noun.picture() if isinstance(noun, Rendering) else noun
    if kind == ".png":
        from fotohaus.output.png import encode_png

        return encode_png(picture, exif=exif, xmp=xmp)
    from fotohaus.output.tiff import encode_tiff

    shown = replace(picture, capture=label.capture)
    return encode_tiff(shown, xmp=xmp, software=label.software, private=True)


def _check_pixels(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise WriteError(None, f"an image of shape {shape} is not (height, width, 3)")
