"""Reads the recipe and the gain map back out of an output file."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fotohaus.errors import ReadError
from fotohaus.output.xmp import MAX_PACKET, NO_RECIPE, XmpError, recipe_text
from fotohaus.raw import tags
from fotohaus.raw.boxes import boxes, extents
from fotohaus.raw.gain_map_metadata import GainMapMetadata
from fotohaus.raw.jpeg_frame import jpeg_segments
from fotohaus.raw.photo_gain_map import find_gain_map
from fotohaus.raw.relight import read_pixels
from fotohaus.raw.tiff import Source, Tiff, TiffError
from fotohaus.recipe import Recipe
from fotohaus.render.gain_map import GainMap

MAX_TOML = 1 << 16
_MAX_PARTS = 100_000  # chunks of a PNG
_KINDS = "JPEG, AVIF, JPEG XL, TIFF, PNG, EXR, DNG"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_XMP = b"XML:com.adobe.xmp\0"


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """The recipe inside a photo that fotohaus wrote (JPEG, AVIF, JPEG XL, TIFF, PNG, EXR, DNG), or in a TOML file.

    The kind of file is told from its first bytes. Raises ReadError for a file that is missing or unreadable, holds no
    recipe, or holds one with a mistake in it; the reason names the field.
    """
    path = Path(path)
    try:
        with Source(path=path) as source:
            text = _text(source)
    except OSError as error:
        raise ReadError(path, (error.strerror or str(error)).lower()) from None
    except (TiffError, XmpError) as error:
        raise ReadError(path, str(error)) from None
    from pydantic import ValidationError

    try:
        return _beside(Recipe.from_toml(text), path.parent)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # The name of an unknown field is the file's choice.
        field = "".join(c if c.isprintable() else "?" for c in ".".join(map(str, first["loc"])))[:60]
        raise ReadError(path, f"recipe: {field or 'recipe'}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise ReadError(path, f"is not a recipe: {reason}") from None


def _beside(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe, with the path of its look's file if that lies beside it: it names the file alone."""
    look = recipe.look
    if look is None:
        return recipe
    if look.lower().endswith((".toml", ".cube", ".png")) and Path(look).name == look and (folder / look).is_file():
        return replace(recipe, look=str(folder / look))
    return recipe


def read_gain_map(path: str | os.PathLike[str]) -> GainMap | None:
    """The gain map of a JPEG, whoever wrote it, in terms of its own primaries; None if it has none.

    Raises ReadError for a file that is missing or unreadable, and for a gain map that is damaged or meant for other
    primaries than the photo's.
    """
    path = Path(path)
    try:
        with Source(path=path) as source:
            found = find_gain_map(source) if source.read(0, min(2, source.size)) == b"\xff\xd8" else None
            if found is None:
                return None
            if not found.metadata.base_colors:
                raise TiffError("it is meant for other primaries than the photo's")
            return _as_stops(read_pixels(source, found), found.metadata)
    except OSError as error:
        raise ReadError(path, (error.strerror or str(error)).lower()) from None
    except TiffError as error:
        raise ReadError(path, f"its gain map can't be used: {error}") from None


def _as_stops(pixels: NDArray[np.uint8], metadata: GainMapMetadata) -> GainMap:
    grey = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    low, high, gamma = metadata.low, metadata.high, metadata.gamma
    if metadata.linear:
        gains = np.log2(metadata.factors()[:: (len(metadata.factors()) - 1) // 255, 0])
        grey = np.rint(gains / max(high[0], 1e-6) * 255).astype(np.uint8)[grey]
    return GainMap(grey, low, high, gamma, metadata.offset_sdr, metadata.offset_hdr, metadata.headroom)


def _text(source: Source) -> str:
    head = bytes(source.read(0, min(8, source.size)))
    if head.startswith(b"\xff\xd8"):
        return recipe_text(_jpeg(source))
    if head == b"\x89PNG\r\n\x1a\n":
        return recipe_text(_png(source))
    if head.startswith(b"\x76\x2f\x31\x01"):
        return recipe_text(_exr(source))
    if head[4:8] == b"ftyp":
        return recipe_text(_avif(source))
    if head == b"\0\0\0\x0cJXL ":
        return recipe_text(_jxl(source))
    if head[:4] in (b"II*\0", b"MM\0*"):
        return recipe_text(_tiff(source))
    if not head:
        raise XmpError("is empty")
    if source.size > MAX_TOML:
        raise XmpError(f"holds no recipe: it is none of {_KINDS}, and too large for a TOML file")
    try:
        return bytes(source.read(0, source.size)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise XmpError(f"holds no recipe: it is none of {_KINDS}, TOML") from None


def _packet(source: Source, offset: int, size: int) -> bytes:
    if size > MAX_PACKET:
        raise XmpError("its XMP is unreasonably large")
    return bytes(source.read(offset, size))


def _jpeg(source: Source) -> bytes:
    for marker, offset, size in jpeg_segments(source, 0, source.size):
        if marker == 0xFFE1 and source.read(offset, min(size, len(_JPEG_XMP))) == _JPEG_XMP:
            return _packet(source, offset + len(_JPEG_XMP), size - len(_JPEG_XMP))
    raise XmpError(NO_RECIPE)


def _tiff(source: Source) -> bytes:
    tiff = Tiff(source)
    entry = tiff.ifd(tiff.first).entries.get(tags.XMP)
    if entry is None:
        raise XmpError(NO_RECIPE)
    return _packet(source, entry.offset, entry.nbytes)


def _png(source: Source) -> bytes:
    offset = 8
    for _ in range(_MAX_PARTS):
        size, kind = struct.unpack(">I4s", source.read(offset, 8))
        if kind == b"IEND":
            raise XmpError(NO_RECIPE)
        if kind == b"iTXt" and source.read(offset + 8, min(size, len(_PNG_XMP))) == _PNG_XMP:
            data = _packet(source, offset + 8, size)[len(_PNG_XMP) :]
            # Two bytes say whether and how it is compressed; a language and a translated keyword follow.
            text = data[2:].split(b"\0", 2)[-1]
            return _inflate(text) if data[:1] == b"\1" else text
        offset += 12 + size
    raise XmpError(NO_RECIPE)


def _inflate(data: bytes) -> bytes:
    try:
        text = zlib.decompressobj().decompress(data, MAX_PACKET + 1)
    except zlib.error:
        raise XmpError("its XMP is damaged") from None
    if len(text) > MAX_PACKET:
        raise XmpError("its XMP is unreasonably large")
    return text


def _exr(source: Source) -> bytes:
    head = bytes(source.read(8, min(source.size - 8, 2 * MAX_PACKET)))
    offset = 0
    while head[offset : offset + 1] not in (b"\0", b""):
        name_end = head.find(b"\0", offset)
        type_end = head.find(b"\0", name_end + 1)
        if name_end < 0 or type_end < 0:
            break
        size = int.from_bytes(head[type_end + 1 : type_end + 5], "little")
        value = head[type_end + 5 : type_end + 5 + size]
        if head[offset:name_end] == b"xmp":
            return value
        offset = type_end + 5 + size
    raise XmpError(NO_RECIPE)


def _jxl(source: Source) -> bytes:
    for kind, begin, end in boxes(source, 0, source.size):
        if kind == b"xml ":
            return _packet(source, begin, end - begin)
    raise XmpError(NO_RECIPE)


def _avif(source: Source) -> bytes:
    """The item that is XMP, by the lists of items' kinds and places (ISO/IEC 14496-12, 8.11.3 and 8.11.6)."""
    for kind, begin, end in boxes(source, 0, source.size):
        if kind == b"meta":
            inside = {name: (first, last) for name, first, last in boxes(source, begin + 4, end)}
            if b"iinf" in inside and b"iloc" in inside:
                number = _xmp_item(source, *inside[b"iinf"])
                try:
                    places = extents(source, *inside[b"iloc"], number, inside.get(b"idat", (0, 0))[0])
                except TiffError:
                    raise XmpError("its list of items is damaged") from None
                if len(places) != 1:
                    break
                first, last = places[0]
                if last > source.size:
                    raise XmpError("its XMP lies outside of it")
                return _packet(source, first, last - first)
    raise XmpError(NO_RECIPE)


def _xmp_item(source: Source, begin: int, end: int) -> int:
    version = bytes(source.read(begin, 1))[0]
    for kind, first, last in boxes(source, begin + (6 if version == 0 else 8), end):
        if kind == b"infe" and last - first >= 12:
            entry = bytes(source.read(first, min(last - first, 64)))
            wide = entry[0] >= 3
            if entry[0] >= 2 and b"mime" in entry[6:14] and b"application/rdf+xml" in entry:
                return int.from_bytes(entry[4 : 8 if wide else 6], "big")
    raise XmpError(NO_RECIPE)
