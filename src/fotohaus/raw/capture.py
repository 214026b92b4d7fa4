"""CaptureInfo from TIFF and EXIF fields (EXIF 2.32 section 4.6), tolerant of what cameras leave empty."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePath
from typing import Any, TypeVar

from fotohaus.raw import tags
from fotohaus.raw.image import CaptureInfo, Composite, ImageSequence
from fotohaus.raw.tiff import Ifd, Tiff, TiffError

_T = TypeVar("_T")


def read_capture(tiff: Tiff, name: str | None = None) -> CaptureInfo:
    """What a TIFF, DNG or EXIF block says about the capture.

    A value that is empty, 0/0, or zero where zero means nothing (exposure time, aperture, ISO, focal length) is None.
    `name` is the name of the file, for `sources`.
    """
    ifds = [tiff.ifd(tiff.first)]
    if (exif := ifds[0].child(tags.EXIF_IFD)) is not None:
        ifds.insert(0, exif)
    fields = _Fields(ifds)
    times = (fields.time(tags.DATE_TIME_ORIGINAL), fields.time(tags.DATE_TIME_DIGITIZED), fields.time(tags.DATE_TIME))
    subseconds = (tags.SUBSEC_TIME_ORIGINAL, tags.SUBSEC_TIME_DIGITIZED, tags.SUBSEC_TIME)
    program = fields.integer(tags.EXPOSURE_PROGRAM)
    metering = fields.integer(tags.METERING_MODE)
    frames, composite = _merged(fields)
    return CaptureInfo(
        make=fields.text(tags.MAKE),
        model=fields.text(tags.MODEL),
        unique_model=fields.text(tags.UNIQUE_CAMERA_MODEL),
        software=fields.text(tags.SOFTWARE),
        taken=_first(times),
        dated="original" if times[0] or not any(times) else "digitized" if times[1] else "changed",
        subsecond=_digits(_first(fields.text(t) for t in subseconds)),
        utc_offset=_first(
            fields.text(t) for t in (tags.OFFSET_TIME_ORIGINAL, tags.OFFSET_TIME_DIGITIZED, tags.OFFSET_TIME)
        ),
        exposure_time=fields.positive(tags.EXPOSURE_TIME),
        f_number=fields.positive(tags.F_NUMBER),
        iso=_iso(fields),
        exposure_bias=fields.number(tags.EXPOSURE_BIAS),
        focal_length=fields.positive(tags.FOCAL_LENGTH),
        focal_length_35mm=fields.positive(tags.FOCAL_LENGTH_35MM),
        lens_make=fields.text(tags.LENS_MAKE),
        lens_model=fields.text(tags.LENS_MODEL),
        lens_specification=_lens_specification(fields),
        flash=fields.integer(tags.FLASH),
        metering=metering or None,
        exposure_program=program or None,
        artist=fields.text(tags.ARTIST),
        copyright=fields.text(tags.COPYRIGHT),
        description=fields.text(tags.IMAGE_DESCRIPTION),
        serial=fields.text(tags.BODY_SERIAL_NUMBER) or fields.text(tags.CAMERA_SERIAL_NUMBER),
        owner=fields.text(tags.CAMERA_OWNER_NAME),
        lens_serial=fields.text(tags.LENS_SERIAL_NUMBER),
        sources=() if name is None else (PurePath(name).name,),
        frames=frames,
        sequence=_sequence(ifds[-1]),
        composite=composite,
        **_place(ifds[-1].child(tags.GPS_IFD)),
    )


class _Fields:
    """Fields of several IFDs, the first that has one winning; damaged fields count as absent."""

    def __init__(self, ifds: list[Ifd]) -> None:
        self.ifds = ifds

    def text(self, tag: int) -> str | None:
        for ifd in self.ifds:
            try:
                if text := ifd.text(tag):
                    return text
            except TiffError:
                continue
        return None

    def number(self, tag: int) -> float | None:
        for ifd in self.ifds:
            try:
                if (number := ifd.number(tag)) is not None:
                    return number
            except TiffError:
                continue
        return None

    def positive(self, tag: int) -> float | None:
        number = self.number(tag)
        return number if number is not None and number > 0 else None

    def integer(self, tag: int) -> int | None:
        number = self.number(tag)
        return None if number is None else round(number)

    def time(self, tag: int) -> datetime | None:
        try:
            day, _, clock = (self.text(tag) or "")[:19].partition(" ")
            return datetime.fromisoformat(f"{day.replace(':', '-')} {clock}")
        except ValueError:
            return None


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((v for v in values if v is not None), None)


def _digits(text: str | None) -> str | None:
    return text if text is not None and text.isdigit() else None


def _iso(fields: _Fields) -> int | None:
    iso = fields.integer(tags.ISO) or 0
    # 65535 in the 16-bit field means: see the wider ones.
    if not 0 < iso < 65535:
        wider = (tags.ISO_SPEED, tags.RECOMMENDED_EXPOSURE_INDEX, tags.STANDARD_OUTPUT_SENSITIVITY)
        iso = next((v for t in wider if (v := fields.integer(t) or 0) > 0), iso)
    return iso if iso > 0 else None


def _lens_specification(
    fields: _Fields,
) -> tuple[float | None, float | None, float | None, float | None] | None:
    """Focal lengths and f-numbers; what is 0/0 is unknown (EXIF 2.32, LensSpecification; DNG 1.7.1, LensInfo)."""
    for tag in (tags.LENS_SPECIFICATION, tags.LENS_INFO):
        for ifd in fields.ifds:
            try:
                values = ifd.floats(tag, 4)
            except TiffError:
                continue
            if values is not None:
                a, b, c, d = (float(v) if math.isfinite(v) and 0 < v < 1e6 else None for v in values)
                if a is not None and b is not None:
                    return a, b, c, d
    return None


def _place(gps: Ifd | None) -> dict[str, Any]:
    if gps is None:
        return {}
    # Not at the top: most photos do not say where they were taken.
    from fotohaus.raw.gps import read_place

    return read_place(gps)


def _merged(fields: _Fields) -> tuple[int, Composite | None]:
    """How many frames a composite is made of, and what else is known of them."""
    if (fields.integer(tags.COMPOSITE_IMAGE) or 0) < 2:
        return 1, None
    from fotohaus.raw.composite import read_composite

    composite = read_composite(fields.ifds[0])
    return (1, None) if composite is None else (composite.used, composite)


def _sequence(main: Ifd) -> ImageSequence | None:
    """ImageSequenceInfo: three strings that end with NUL, then index, count (big-endian) and whether it is the last."""
    try:
        parts = bytes(main.raw(tags.IMAGE_SEQUENCE_INFO)).split(b"\0", 3)
    except TiffError:
        return None
    if len(parts) != 4 or len(parts[3]) < 9 or not parts[0] or max(map(len, parts[:3])) > 1024:
        return None
    names = ["".join(c if c.isprintable() else " " for c in p.decode("utf-8", "replace")).strip() for p in parts[:3]]
    index, count = (int.from_bytes(parts[3][i : i + 4], "big") for i in (0, 4))
    return ImageSequence(
        names[0], names[1], names[2], index or None, count or None, {0: False, 1: True}.get(parts[3][8])
    )
