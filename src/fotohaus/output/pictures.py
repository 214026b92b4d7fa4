"""A finished picture to the bytes of its file: as large as the recipe says, framed, coded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fotohaus.extensions import JPEG
from fotohaus.metadata import Metadata
from fotohaus.output.jpeg import encode_jpeg
from fotohaus.output.label import Label
from fotohaus.raw.exif import SRGB, UNCALIBRATED
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture, Rendition, picture_of
from fotohaus.render.pipeline import Rendering
from fotohaus.report import Report

Coder = Callable[[Rendition, int, Report], list[bytes]]

_SMALLEST = 16
"""Long edge in px below which a framed picture is not made, however small the paper should be."""


def encode_picture(
    noun: Picture | Rendering, kind: str, recipe: Recipe, metadata: Metadata, report: Report
) -> list[bytes]:
    """The file of a picture, in pieces. kind : ".jpg", ".avif", ".jxl", ".png", or else TIFF.

    Raises WriteError for what the format can't hold.
    """
    jpeg = kind in JPEG
    if jpeg and isinstance(noun, Rendering) and not recipe.sdr:
        noun.collect_gain_map()
    picture = _composed(noun, recipe, report)
    label = Label(metadata, picture.capture)
    xmp = label.xmp(recipe)
    height, width = picture.shape
    hdr = recipe.hdr and not recipe.sdr and kind in (".avif", ".jxl")
    if recipe.hdr and recipe.sdr:
        report.warn("--hdr left aside: --sdr leaves the HDR rendition out")
    space = SRGB if picture.gamut == "srgb" and not hdr else UNCALIBRATED
    exif = label.exif(width=width, height=height, color_space=space)
    if jpeg or kind in (".avif", ".jxl"):
        encode = _coder(kind, recipe, hdr, exif, xmp)
        if recipe.max_size is None:
            return encode(picture, recipe.quality, report)
        from fotohaus.output.limited import held, smaller

        return smaller(held(picture, hdr, report), encode, recipe.quality, recipe.max_size, report)
    asked = [name for name, wish in (("--hdr", recipe.hdr and not recipe.sdr), ("--max-size", recipe.max_size)) if wish]
    if asked:
        report.warn(f"{' and '.join(asked)} left aside: a {kind} file is lossless and SDR")
    whole = picture if isinstance(picture, Picture) else picture_of(picture, report)
    if kind == ".png":
        from fotohaus.output.png import encode_png

        return encode_png(whole, exif=exif, xmp=xmp)
    from fotohaus.output.tiff import encode_tiff

    return encode_tiff(replace(whole, capture=label.capture), xmp=xmp, software=label.software, private=True)


def _composed(noun: Picture | Rendering, recipe: Recipe, report: Report) -> Rendition:
    """The picture as large as the recipe says, and in its frame: the long edge is that of the whole."""
    picture: Rendition = noun
    if recipe.crop is not None or recipe.long_edge is not None:
        from fotohaus.output.resized import fitted

        picture = fitted(noun, recipe)
    if recipe.frame != "none":
        from fotohaus.framing.framed import framed

        longest = room = recipe.long_edge
        while longest and room and room > _SMALLEST and (paper := max(framed(picture, recipe).shape)) > longest:
            # Paper grows with the picture, but for rounding.
            room = max(_SMALLEST, min(room - 1, int(room * longest / paper)))
            picture = fitted(noun, replace(recipe, long_edge=room))
        picture = framed(picture, recipe, report)
    if picture.shape != noun.shape:
        report.note(f"{picture.shape[1]} x {picture.shape[0]}")
    return picture


def _coder(kind: str, recipe: Recipe, hdr: bool, exif: bytes, xmp: bytes) -> Coder:
    """What codes a picture with a quality."""

    def encode(picture: Rendition, quality: int, report: Report) -> list[bytes]:
        if kind in JPEG:
            # Where bytes are short, coarse colour costs less than coarse lightness.
            chroma = None if quality == recipe.quality else False
            return encode_jpeg(
                picture,
                quality=quality,
                dither=recipe.enabled("dither"),
                hdr=not recipe.sdr,
                full_chroma=chroma,
                exif=exif,
                xmp=xmp,
                report=report,
            )
        if kind == ".avif":
            from fotohaus.output.avif import encode_avif as encode_modern
        else:
            from fotohaus.output.jxl import encode_jxl as encode_modern
        return encode_modern(picture, quality=quality, effort=recipe.effort, hdr=hdr, exif=exif, xmp=xmp, report=report)

    return encode
