"""Frames a finished photo: its pixels, its facts and its gain map stay what they are, on larger paper."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import extensions
from fotohaus.cameras import complete
from fotohaus.errors import ReadError, WriteError
from fotohaus.framing.framed import Canvas, Paint, framed_gain_map
from fotohaus.framing.layout import Layout, lay_out
from fotohaus.framing.shelf import load_template
from fotohaus.framing.words import words
from fotohaus.metadata import Metadata
from fotohaus.output.atomic import check_target, save
from fotohaus.output.jpeg_again import Coded
from fotohaus.output.label import Label
from fotohaus.output.xmp import recipe_text
from fotohaus.raw import tags
from fotohaus.raw.exif import SRGB, UNCALIBRATED
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.reading import reading
from fotohaus.raw.rendered import photo_facts, read_samples
from fotohaus.raw.rendered_profile import RgbProfile, read_rgb_profile
from fotohaus.raw.sources import kind_of
from fotohaus.raw.tiff import Source, Tiff, TiffError
from fotohaus.recipe import Recipe
from fotohaus.records import record
from fotohaus.render import color
from fotohaus.render.gain_map import GainMap
from fotohaus.report import Report

KINDS = {"JPEG": extensions.JPEG, "PNG": extensions.PNG, "TIFF": extensions.TIFF}
"""Extensions of what can be framed."""

_OWN = b"fotohaus.org/ns"  # in packets that hold a recipe
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ELSEWHERE = (b"MPF\0", b"urn:iso:std:iso:ts:21496:-1\0")  # segments that tell of images behind this one


@record
class _Held:
    """A finished photo as stored: samples (H, W, C), 8 or 16 bits, of a JPEG as `coded`; orientation is EXIF's."""

    format: str
    samples: NDArray[Any]
    capture: CaptureInfo
    orientation: int
    icc: bytes = b""
    xmp: bytes = b""
    coded: Coded | None = None


def frame_photo(
    photo: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    recipe: Recipe | None = None,
    report: Report | None = None,
    *,
    private: bool = False,
    metadata: Metadata | None = None,
) -> Path:
    """Put a JPEG, PNG or TIFF into the frame that the recipe's `frame`, `caption` and `place` say; returns the file.

    A recipe without a frame takes the strip. out : of the same kind as the photo; by default beside it, "NAME-framed".
    A JPEG is coded again with its own tables on its own grid, so that next to nothing is lost; its gain map is framed
    too. private : keep all that the file says of itself, position, serial numbers and owner as well; otherwise the
    capture's facts, and the recipe if fotohaus made the photo, are written anew as `metadata` says, without those.

    Raises ReadError for a photo that can't be read or framed, WriteError for an output that can't be written.
    """
    report, recipe = report or Report(), recipe or Recipe(frame="strip")
    path = Path(photo)
    target = Path(out) if out is not None else path.with_name(f"{path.stem}-framed{path.suffix}")
    template = load_template("strip" if recipe.frame == "none" else recipe.frame)
    check_target(target)
    if target.exists() and path.exists() and target.samefile(path):
        raise WriteError(target, "is the input, which is never overwritten")
    with reading(path), Source(path=path) as source, report.stage("read"):
        _check_kind(source, path)
        data = bytes(source.read(0, source.size))
        held = _held(source, data)
        gain = _gain_map(path, report) if held.format == "JPEG" else None
    if target.suffix.lower() not in KINDS[held.format]:
        raise WriteError(target, f"a framed {held.format} is a {held.format} again: {KINDS[held.format][0]}")
    high, wide = held.samples.shape[:2]
    capture = complete(replace(held.capture, sources=(path.name,)), (wide, high), report)
    with report.stage("frame"):
        upright = (wide, high) if held.orientation >= 5 else (high, wide)
        label = Label(metadata or Metadata(), capture)
        said = words(capture, caption=recipe.caption, place=recipe.place)
        layout = lay_out(upright, template, said, report.warn).turned(held.orientation)
    with report.stage("write"):
        try:
            pieces = _WRITERS[held.format](held, layout, data, label, private, gain)
        except WriteError as error:
            raise WriteError(target, error.reason) from None
        except ValueError as error:
            raise WriteError(target, str(error)) from None
        save(target, pieces)
    return target


def _check_kind(source: Source, path: Path) -> None:
    """TiffError for a file that is no finished photo of a kind that can be framed."""
    try:
        kind = kind_of(source, path)
    except TiffError as error:
        # It speaks of raw files, which nobody asked for here.
        told = re.fullmatch(r"(is an? [^,]*), (not a raw file|which is not read yet.*)", str(error))
        unknown = str(error) == "is not a raw file of a known kind"
        if told or unknown:
            what = told[1] if told else "is of no known kind"
            raise TiffError(f"{what}: JPEG, PNG and TIFF can be framed") from None
        raise
    if kind != "rendered":
        raise TiffError("is no finished photo: fotohaus develop --frame makes a framed one of a raw file")


def _held(source: Source, data: bytes) -> _Held:
    facts = photo_facts(source)
    kind = facts["format"]
    turned = facts.get("orientation") or 1
    orientation = turned if 1 <= turned <= 8 else 1
    capture = facts.get("capture") or CaptureInfo()
    if kind == "JPEG":
        from fotohaus.output.jpeg_again import decode

        coded = decode(data)
        return _Held(kind, coded.samples, capture, orientation, coded.icc, coded=coded)
    _, samples, icc = read_samples(source)
    if samples.dtype not in (np.uint8, np.uint16):
        raise TiffError(f"samples of {samples.dtype} are not supported in a photo")
    xmp = b""
    if kind == "TIFF":
        tiff = Tiff(source)
        xmp = bytes(tiff.ifd(tiff.first).raw(tags.XMP))
    return _Held(kind, samples if samples.ndim == 3 else samples[..., None], capture, orientation, icc, xmp)


def _gain_map(path: Path, report: Report) -> GainMap | None:
    """A JPEG's gain map; None if it has none, or one that can't be kept, which is told."""
    from fotohaus.output.embedded import read_gain_map

    try:
        return read_gain_map(path)
    except ReadError as error:
        report.warn(str(error))
        return None


def _in_space(icc: bytes) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """sRGB-encoded colours to encoded ones of a profile's space."""
    profile = read_rgb_profile(icc) if icc else None
    return (lambda rgb: rgb) if profile is None else lambda rgb: _encoded(rgb, profile)


def _encoded(rgb: NDArray[np.float64], profile: RgbProfile) -> NDArray[np.float64]:
    light = color.decode_srgb(rgb) @ np.linalg.solve(profile.to_xyz, color.rgb_to_xyz("srgb")).T
    codes = np.linspace(0, 1, 4096)
    out = [np.interp(light[..., i], profile.curves[i](codes), codes) for i in range(3)]
    return np.stack(out, axis=-1)


def _on_paper(samples: NDArray[Any], layout: Layout, paint: Paint) -> NDArray[Any]:
    return Canvas(layout, paint).rows(0, layout.shape[0], lambda top, bottom: samples[top:bottom])


def _exif(held: _Held, label: Label, layout: Layout) -> bytes:
    space = UNCALIBRATED if held.icc else SRGB
    height, width = layout.shape
    return label.exif(width=width, height=height, orientation=held.orientation, color_space=space)


def _own_xmp(xmp: bytes, label: Label) -> bytes:
    """A packet of our own written anew, for it may tell what is not to be told; nothing for anybody else's."""
    if _OWN not in xmp:
        return b""
    try:
        return label.xmp(Recipe.from_toml(recipe_text(xmp)))
    except ValueError:
        return b""


def _jpeg(held: _Held, layout: Layout, data: bytes, label: Label, private: bool, gain: GainMap | None) -> list[bytes]:
    from fotohaus.output import jpeg_again
    from fotohaus.output.jpeg_stream import segment

    coded = held.coded
    if coded is None:
        raise ValueError("was not decoded as a JPEG")
    channels = coded.samples.shape[2]
    convert = _in_space(held.icc)
    whole = _on_paper(coded.samples, layout, lambda rgb: jpeg_again.paint(convert(rgb), channels))
    kept: list[bytes] = []
    found = jpeg_again.header_segments(data)
    xmp = next((body[len(_XMP) :] for marker, body in found if marker == 0xE1 and body.startswith(_XMP)), b"")
    if not private:
        kept.append(segment(0xE1, b"Exif\0\0" + _exif(held, label, layout)))
    for marker, body in found:
        said = marker == 0xE2 and body.startswith(b"ICC_PROFILE\0")
        if private and marker == 0xE1 and body.startswith(b"Exif\0\0"):
            body, said = b"Exif\0\0" + resized_exif(body[6:], layout.shape), True
        elif private and (0xE1 <= marker <= 0xEF or marker == 0xFE) and marker != 0xEE:
            said = not body.startswith((_XMP, *_ELSEWHERE))
        if said:
            kept.append(segment(marker, body))
    xmp = without_gain_map(xmp) if private else _own_xmp(xmp, label)

    def base(more: Sequence[bytes] = (), told: bytes = xmp) -> list[bytes]:
        return jpeg_again.encode(whole, coded, [*kept, *([segment(0xE1, _XMP + told)] if told else []), *more])

    if gain is None or gain.headroom <= 0:
        return base()
    from fotohaus.output.ultra_hdr import with_gain_map

    return with_gain_map(framed_gain_map(gain, layout), xmp or label.xmp(None), base)


def without_gain_map(xmp: bytes) -> bytes:
    """An XMP packet without what it says of a gain map and of where it lies; what is not understood goes as a whole."""
    xmp = re.sub(rb"<(G?Container):Directory\b.*?</\1:Directory>\s*", b"", xmp, flags=re.DOTALL)
    xmp = re.sub(rb"\s+hdrgm:\w+\s*=\s*(\"[^\"]*\"|'[^']*')", b"", xmp)
    xmp = re.sub(rb"<hdrgm:(\w+)\b.*?</hdrgm:\1>\s*", b"", xmp, flags=re.DOTALL)
    used = re.search(rb"<(hdrgm|G?Container):|\s(hdrgm|G?Container):", xmp)
    return b"" if used or b"</rdf:RDF>" not in xmp else xmp


def resized_exif(block: bytes, shape: tuple[int, int]) -> bytes:
    """An EXIF block that tells the new size (H, W), and shows no thumbnail of the old picture; all else as it was."""
    out = bytearray(block)
    order = "<" if block[:2] == b"II" else ">"
    try:
        tiff = Tiff(Source(block))
        root = tiff.ifd(tiff.first)
        for ifd in (root, root.child(tags.EXIF_IFD)):
            for tag, side in (
                (tags.IMAGE_WIDTH, 1),
                (tags.IMAGE_LENGTH, 0),
                (tags.PIXEL_X_DIMENSION, 1),
                (tags.PIXEL_Y_DIMENSION, 0),
            ):
                entry = ifd.entries.get(tag) if ifd is not None else None
                if entry is not None and entry.count == 1 and entry.type in (3, 4):
                    struct.pack_into(order + {3: "H", 4: "I"}[entry.type], out, entry.offset, shape[side])
        count = struct.unpack_from(order + "H", out, tiff.first)[0]
        struct.pack_into(order + "I", out, tiff.first + 2 + 12 * count, 0)
    except (TiffError, struct.error):
        return block
    return bytes(out)


def _rgb_on_paper(held: _Held, layout: Layout) -> NDArray[Any]:
    """8- or 16-bit samples on paper: RGB, with opaque paper if they have transparency."""
    samples = held.samples
    most = np.iinfo(samples.dtype).max
    convert = _in_space(held.icc)
    colors = samples[..., :3] if samples.shape[2] >= 3 else samples[..., :1].repeat(3, axis=2)
    out = _on_paper(colors, layout, lambda rgb: np.rint(convert(rgb) * most).astype(samples.dtype))
    if samples.shape[2] not in (2, 4):
        return out
    clear = np.full((*layout.shape, 1), most, samples.dtype)
    rows, columns = layout.picture
    clear[layout.top : layout.top + rows, layout.left : layout.left + columns] = samples[..., -1:]
    return np.concatenate([out, clear], axis=2)


def _png(held: _Held, layout: Layout, data: bytes, label: Label, private: bool, gain: GainMap | None) -> list[bytes]:
    from fotohaus.output.photo_again import encode_png, png_chunks

    spaces = {b"gAMA", b"cHRM", b"sRGB", b"cICP", b"pHYs"} | ({b"iCCP"} if held.icc[16:20] == b"RGB " else set())
    kept = []
    for kind, body in png_chunks(data):
        if kind in spaces or (private and kind in (b"tEXt", b"zTXt", b"iTXt", b"tIME")):
            kept.append((kind, body))
        elif kind == b"iTXt" and (xmp := _own_xmp(body, label)):
            kept.append((kind, b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
        elif kind == b"eXIf" and private:
            kept.append((kind, resized_exif(body, layout.shape)))
    if not private:
        kept.append((b"eXIf", _exif(held, label, layout)))
    return encode_png(_rgb_on_paper(held, layout), kept)


def _tiff(held: _Held, layout: Layout, data: bytes, label: Label, private: bool, gain: GainMap | None) -> list[bytes]:
    from fotohaus.output.photo_again import encode_tiff

    xmp = held.xmp if private else _own_xmp(held.xmp, label)
    icc = held.icc if held.icc[16:20] == b"RGB " else b""
    capture = held.capture if private else label.capture
    samples = _rgb_on_paper(held, layout)[..., :3]
    return encode_tiff(samples, capture, xmp=xmp, icc=icc, orientation=held.orientation, private=True)


_WRITERS: dict[str, Callable[..., list[bytes]]] = {"JPEG": _jpeg, "PNG": _png, "TIFF": _tiff}
