"""The capture's facts as XMP properties, the same as in EXIF (CIPA DC-010, Exif metadata for XMP; ISO 16684-1)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fotohaus.raw.exif import caption, is_zone
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.tiff_write import rational

NAMESPACES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
}

Property = tuple[str, str | list[str], str]
"""A name, a text or several, and the kind of array that holds them: "Seq", "Alt" or "" for a plain text."""

# What EXIF's three times are in XMP (Metadata Working Group 2010, section 5.5).
_DATES = {
    "original": ("xmp:CreateDate", "photoshop:DateCreated"),
    "digitized": ("xmp:CreateDate",),
    "changed": ("xmp:ModifyDate",),
}

_LONGEST = 1000  # characters of a text, as in EXIF


def facts(capture: CaptureInfo, private: bool = False) -> Iterator[Property]:
    """The properties of a capture; `private` brings its place and serial numbers too."""
    for name in _DATES[capture.dated]:
        yield name, date_time(capture), ""
    yield "dc:creator", _list(capture.artist), "Seq"
    yield "dc:rights", _list(capture.copyright), "Alt"
    yield "dc:description", _list(caption(capture.description)), "Alt"
    yield "tiff:Make", _line(capture.make), ""
    yield "tiff:Model", _line(capture.model), ""
    yield "exif:ExposureTime", _ratio(capture.exposure_time), ""
    yield "exif:FNumber", _ratio(capture.f_number), ""
    yield "exifEX:PhotographicSensitivity", _whole(capture.iso), ""
    yield "exif:FocalLength", _ratio(capture.focal_length), ""
    yield "exif:FocalLengthIn35mmFilm", _whole(capture.focal_length_35mm), ""
    yield "exifEX:LensMake", _line(capture.lens_make), ""
    yield "exifEX:LensModel", _line(capture.lens_model), ""
    if capture.frames > 1:
        known = capture.composite
        captured = capture.frames if known is None else known.captured
        yield "exifEX:CompositeImage", "3", ""
        yield "exifEX:CompositeImageCount", [str(captured), str(capture.frames)], "Seq"
        if known is not None and known.total:
            yield "fotohaus:totalExposure", f"{known.total:.9g}", ""
    if private:
        yield from _private(capture)


def date_time(capture: CaptureInfo) -> str:
    """A capture's time, as XMP writes dates (ISO 8601); "" if nobody knows."""
    if capture.taken is None:
        return ""
    digits, zone = (capture.subsecond or "").strip(), capture.utc_offset or ""
    fraction = f".{digits}" if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else ""
    return capture.taken.isoformat(timespec="seconds") + fraction + (zone if is_zone(zone) else "")


def _line(text: str | None) -> str:
    return "".join(c if c.isprintable() else " " for c in (text or "")[:_LONGEST]).strip()


def _list(text: str | None) -> list[str]:
    line = _line(text)
    return [line] if line else []


def _ratio(value: float | None) -> str:
    if value is None or not math.isfinite(value) or not 1e-9 < value < 1e9:
        return ""
    above, below = rational(value).as_integer_ratio()
    return f"{above}/{below}"


def _whole(value: float | None) -> str:
    return str(round(value)) if value is not None and math.isfinite(value) and 0.5 <= value < 2**32 else ""


def _private(capture: CaptureInfo) -> Iterator[Property]:
    yield "exifEX:CameraOwnerName", _line(capture.owner), ""
    yield "exifEX:BodySerialNumber", _line(capture.serial), ""
    yield "exifEX:LensSerialNumber", _line(capture.lens_serial), ""
    if capture.position is None:
        return
    from fotohaus.raw.gps import HIGHEST

    for name, degrees, sides in zip(("Latitude", "Longitude"), capture.position, ("NS", "EW"), strict=True):
        whole, rest = divmod(round(abs(degrees) * 60 * 1_000_000), 60 * 1_000_000)
        yield f"exif:GPS{name}", f"{whole},{rest / 1_000_000:.6f}{sides[degrees < 0]}", ""
    if capture.altitude is not None and abs(capture.altitude) <= HIGHEST:
        yield "exif:GPSAltitudeRef", str(int(capture.altitude < 0)), ""
        yield "exif:GPSAltitude", f"{round(abs(capture.altitude) * 100)}/100", ""
    if capture.fix_time is not None:
        yield "exif:GPSTimeStamp", f"{capture.fix_time.isoformat(timespec='seconds')}Z", ""
