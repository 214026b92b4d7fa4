"""What a file's metadata says about where its frame belongs; no pixels are decoded."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from fotohaus.raw import tags
from fotohaus.raw.capture import read_capture
from fotohaus.raw.cfa import OtherCfa, read_filters
from fotohaus.raw.describe_photo import describe_photo
from fotohaus.raw.dng_read import active_area, orientation, raw_ifd
from fotohaus.raw.image import CaptureInfo, RawImage
from fotohaus.raw.reading import reading
from fotohaus.raw.sources import kind_of
from fotohaus.raw.tiff import Source, Tiff, TiffError
from fotohaus.records import record

MAX_EV = 0.2
"""Frames whose exposures differ by more are not equal."""

_EPOCH = datetime(1970, 1, 1)
_FOCAL_RATIO = 1.02  # by which the focal lengths of one burst may differ


@record
class FrameFacts:
    """What is known of a frame before it is decoded; None is what the file does not say (or says to LibRaw only).

    size : (height, width) in px as stored. colors : "RGGB" and so on, "linear", "monochrome". bytes : the file's size.
    """

    name: str
    capture: CaptureInfo
    size: tuple[int, int] | None = None
    colors: str | None = None
    orientation: int | None = None
    bytes: int = 0

    @property
    def begins(self) -> float | None:
        """When the exposure began, in seconds from an arbitrary time on."""
        if self.capture.taken is None:
            return None
        digits = self.capture.subsecond or ""
        return (self.capture.taken - _EPOCH).total_seconds() + (float(f"0.{digits}") if digits.isdecimal() else 0.0)

    @property
    def camera(self) -> str:
        """Make and model, as far as they are known."""
        return camera_name(self.capture)

    @property
    def blurred_time(self) -> float:
        """How far `begins` may be too early, s."""
        return 1.0 if self.capture.subsecond is None else 0.0

    @property
    def ev(self) -> float | None:
        """Exposure in EV on an arbitrary scale."""
        return exposure_value(self.capture)


def camera_name(capture: CaptureInfo) -> str:
    """Make and model, as far as they are known."""
    make, model = capture.make or "", capture.model or ""
    if model.casefold().startswith(make.casefold()):
        return model or capture.unique_model or ""
    return f"{make} {model}".strip()


def exposure_value(capture: CaptureInfo) -> float | None:
    """log2 of exposure time x ISO / f-number squared: equal for equal exposures; None without an exposure time."""
    if not capture.exposure_time or capture.exposure_time <= 0:
        return None
    ev = math.log2(capture.exposure_time)
    if capture.iso and capture.iso > 0:
        ev += math.log2(capture.iso)
    if capture.f_number and capture.f_number > 0:
        ev -= 2 * math.log2(capture.f_number)
    return ev


def read_facts(path: str | os.PathLike[str]) -> FrameFacts:
    """The facts of a raw file, or of a photo that is read as one.

    Raises ReadError if it is missing, unreadable, damaged so that this shows without decoding, or of another kind.
    """
    with reading(path), Source(path=path) as source:
        kind = kind_of(source, path)
        if kind == "dng":
            return _dng_facts(Tiff(source), path, source.size)
        if kind == "rendered":
            return _photo_facts(source, path)
        try:
            # Most raw formats are TIFF at heart: LibRaw, a process of its own, is slow to ask.
            tiff = Tiff(source)
            turned = tiff.ifd(tiff.first).integer(tags.ORIENTATION, 1)
            return FrameFacts(os.fspath(path), read_capture(tiff, os.fspath(path)), None, None, turned, source.size)
        except TiffError:
            return _libraw_facts(path, source.size)


def _dng_facts(tiff: Tiff, path: str | os.PathLike[str], size: int) -> FrameFacts:
    main, image = tiff.ifd(tiff.first), raw_ifd(tiff)
    area = active_area(image, image.integer(tags.IMAGE_LENGTH, 0), image.integer(tags.IMAGE_WIDTH, 0))
    try:
        filters = read_filters(image, image.integer(tags.SAMPLES_PER_PIXEL, 1))
        colors = filters.pattern or filters.kind
    except OtherCfa:
        colors = "linear"  # as LibRaw will give it
    return FrameFacts(
        os.fspath(path),
        read_capture(tiff, os.fspath(path)),
        (area.height, area.width),
        colors,
        orientation(main, image),
        size,
    )


def _photo_facts(source: Source, path: str | os.PathLike[str]) -> FrameFacts:
    facts = describe_photo(source)
    if facts is None:
        raise TiffError("is not a photo of a known kind")
    capture, turned = facts.get("capture") or CaptureInfo(), facts.get("orientation") or 1
    capture = replace(capture, sources=(Path(path).name,))
    return FrameFacts(os.fspath(path), capture, (facts["height"], facts["width"]), "linear", turned, source.size)


def _libraw_facts(path: str | os.PathLike[str], size: int) -> FrameFacts:
    from fotohaus.raw.libraw import ORIENTATION_OF_FLIP, libraw_header

    header, capture, _ = libraw_header(path)
    height, width = header["size"]
    return FrameFacts(os.fspath(path), capture, (height, width), None, ORIENTATION_OF_FLIP.get(header["flip"], 1), size)


def facts_of(raw: RawImage) -> FrameFacts:
    """The facts of a frame that has been read."""
    height, width = raw.mosaic.shape[:2]
    colors = raw.cfa or ("monochrome" if raw.monochrome else "linear")
    return FrameFacts(raw.name, raw.capture, (height, width), colors, raw.orientation)


def mismatch(frame: FrameFacts, other: FrameFacts) -> str | None:
    """Why a frame can't belong to the burst of another one; None if, as far as both tell, it can."""
    a, b, name = frame.capture, other.capture, Path(other.name).name
    models = (a.model, b.model) if a.model and b.model else (a.unique_model, b.unique_model)
    if _differ(a.make, b.make) or _differ(*models):
        return f"another camera ({frame.camera}) than {name} ({other.camera})"
    if _differ(a.serial, b.serial):
        return f"another {frame.camera or 'camera'} than that of {name}"
    if frame.size and other.size and frame.size != other.size:
        size, theirs = (f"{width} x {height}" for height, width in (frame.size, other.size))
        return f"{size} px, but {name} has {theirs}"
    if _differ(frame.colors, other.colors):
        return f"CFA {frame.colors}, but {name} has {other.colors}"
    if frame.orientation and other.orientation and frame.orientation != other.orientation:
        return f"orientation {frame.orientation}, but {name} has {other.orientation}"
    if a.focal_length and b.focal_length:
        lengths = sorted((a.focal_length, b.focal_length))
        if lengths[1] > _FOCAL_RATIO * lengths[0]:
            return f"focal length {a.focal_length:g} mm, but {name} has {b.focal_length:g} mm"
    if _differ(a.lens_model, b.lens_model):
        return f"another lens ({a.lens_model}) than {name} ({b.lens_model})"
    return None


def _differ(one: str | None, other: str | None) -> bool:
    return bool(one and other and one.casefold() != other.casefold())
