"""What the camera recorded about the capture, as EXIF (CIPA DC-008, EXIF 2.32).

Only facts: what is not known leaves no tag. Serial numbers, owner and place stay out unless asked for.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from fractions import Fraction

from fotohaus.raw import tags
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.tiff_write import Directory, Type, encode, rational

SRGB = 1
UNCALIBRATED = 0xFFFF
"""EXIF ColorSpace: any other space, said by the ICC profile."""

_LONGEST_TEXT = 1000
"""Characters of a text: an EXIF block must fit into one segment of a JPEG, whatever a raw file says."""


def software() -> str:
    """What the Software tag says."""
    from fotohaus import __version__

    return f"fotohaus {__version__}"


def encode_exif(
    capture: CaptureInfo,
    *,
    width: int,
    height: int,
    orientation: int = 1,
    software: str | None = None,
    color_space: int = SRGB,
    private: bool = False,
) -> bytes:
    """The EXIF block of a finished image, TIFF-structured, without the "Exif\\0\\0" that JPEG puts before it.

    width, height : the image's size in pixels as stored.
    orientation : EXIF Orientation, 1..8, of the image as stored.
    software : what made the image; by default "fotohaus VERSION"; "" leaves it out.
    color_space : EXIF ColorSpace, SRGB or UNCALIBRATED.
    private : also write serial numbers, owner and place.
    """
    root = Directory()
    root.set(tags.ORIENTATION, Type.SHORT, orientation)
    root.set(tags.X_RESOLUTION, Type.RATIONAL, Fraction(72))
    root.set(tags.Y_RESOLUTION, Type.RATIONAL, Fraction(72))
    root.set(tags.RESOLUTION_UNIT, Type.SHORT, 2)
    root.set(tags.YCBCR_POSITIONING, Type.SHORT, 1)  # centred, as JPEG encoders have it
    exif = add_capture(root, capture, software=software, private=private)
    exif.set(tags.COMPONENTS_CONFIGURATION, Type.UNDEFINED, bytes([1, 2, 3, 0]))  # Y Cb Cr
    exif.set(tags.FLASHPIX_VERSION, Type.UNDEFINED, b"0100")
    exif.set(tags.COLOR_SPACE, Type.SHORT, color_space)
    exif.set(tags.PIXEL_X_DIMENSION, Type.LONG, width)
    exif.set(tags.PIXEL_Y_DIMENSION, Type.LONG, height)
    return b"".join(encode(root))


def add_capture(
    root: Directory, capture: CaptureInfo, *, software: str | None = None, private: bool = False
) -> Directory:
    """Put the capture's facts into a file's first directory and an EXIF directory below it, which is returned."""
    _text(root, tags.IMAGE_DESCRIPTION, caption(capture.description))
    _text(root, tags.MAKE, capture.make)
    _text(root, tags.MODEL, capture.model)
    _text(root, tags.SOFTWARE, _software() if software is None else software)
    _text(root, tags.ARTIST, capture.artist)
    _text(root, tags.COPYRIGHT, capture.copyright)
    exif = root.below(tags.EXIF_IFD, Directory())
    exif.set(tags.EXIF_VERSION, Type.UNDEFINED, b"0232")
    _exposure(exif, capture)
    _time(root, exif, capture)
    _ratio(exif, tags.FOCAL_LENGTH, capture.focal_length)
    if capture.focal_length_35mm and 0.5 <= capture.focal_length_35mm < 65535.5:
        exif.set(tags.FOCAL_LENGTH_35MM, Type.SHORT, round(capture.focal_length_35mm))
    _text(exif, tags.LENS_MAKE, capture.lens_make)
    _text(exif, tags.LENS_MODEL, capture.lens_model)
    _lens_specification(exif, capture)
    if capture.frames > 1:
        from fotohaus.raw.composite import set_composite

        set_composite(exif, capture)
    if private:
        _text(exif, tags.CAMERA_OWNER_NAME, capture.owner)
        _text(exif, tags.BODY_SERIAL_NUMBER, capture.serial)
        _text(exif, tags.LENS_SERIAL_NUMBER, capture.lens_serial)
        if capture.position is not None:
            from fotohaus.raw.gps import place_directory

            gps = place_directory(capture)
            if gps is not None:
                root.below(tags.GPS_IFD, gps)
    return exif


_software = software


def caption(description: str | None) -> str | None:
    """A description, unless it is where a camera put the file, as some write there."""
    return None if description and re.match(r"[A-Za-z]:[\\/]|/\S*/\S*$", description) else description


def _lens_specification(exif: Directory, capture: CaptureInfo) -> None:
    known = capture.lens_specification
    if known is None or not any(known):
        return
    if all(v is None or (math.isfinite(v) and 1e-3 < v < 1e6) for v in known):
        parts = [(0, 0) if v is None else rational(v).as_integer_ratio() for v in known]
        exif.ratios(tags.LENS_SPECIFICATION, parts)


def _text(directory: Directory, tag: int, text: str | None) -> None:
    directory.text(tag, text and text[:_LONGEST_TEXT])


def _ratio(directory: Directory, tag: int, value: float | None) -> None:
    """A positive measured value; a camera that does not know writes 0, which says nothing."""
    if value is not None and math.isfinite(value) and 1e-9 < value < 1e9:
        directory.set(tag, Type.RATIONAL, rational(value))


def _exposure(exif: Directory, capture: CaptureInfo) -> None:
    _ratio(exif, tags.EXPOSURE_TIME, capture.exposure_time)
    _ratio(exif, tags.F_NUMBER, capture.f_number)
    _short(exif, tags.EXPOSURE_PROGRAM, capture.exposure_program)
    if capture.iso and capture.iso > 0:
        exif.set(tags.ISO, Type.SHORT, min(capture.iso, 0xFFFF))
        if capture.iso < 0xFFFF:
            exif.set(tags.SENSITIVITY_TYPE, Type.SHORT, 0)  # which kind of ISO 12232 is not known
        else:  # EXIF 2.32, 4.6.5: what a SHORT can't hold goes into another tag
            exif.set(tags.SENSITIVITY_TYPE, Type.SHORT, 2)
            exif.set(tags.RECOMMENDED_EXPOSURE_INDEX, Type.LONG, min(capture.iso, 0xFFFFFFFF))
    bias = capture.exposure_bias
    if bias is not None and math.isfinite(bias) and abs(bias) < 100:
        exif.set(tags.EXPOSURE_BIAS, Type.SRATIONAL, rational(bias, signed=True))
    _short(exif, tags.METERING_MODE, capture.metering)
    _short(exif, tags.FLASH, capture.flash)


def _short(directory: Directory, tag: int, value: int | None) -> None:
    if value is not None and 0 <= value <= 0xFFFF:
        directory.set(tag, Type.SHORT, value)


def is_zone(text: str) -> bool:
    """Whether a text is an offset from UTC as EXIF and XMP write it: "+08:00"."""
    # Without a pattern: compiling one takes longer than all the rest.
    digits = text[1:3] + text[4:]
    return len(text) == 6 and text[0] in "+-" and text[3] == ":" and digits.isascii() and digits.isdecimal()


def date_text(t: datetime) -> str:
    """A date as EXIF and OpenEXR write it."""
    # strftime does not pad years below 1000 on every platform.
    return f"{t.year:04}:{t.month:02}:{t.day:02} {t.hour:02}:{t.minute:02}:{t.second:02}"


_ORIGINAL = tags.DATE_TIME_ORIGINAL, tags.OFFSET_TIME_ORIGINAL, tags.SUBSEC_TIME_ORIGINAL
_DIGITIZED = tags.DATE_TIME_DIGITIZED, tags.OFFSET_TIME_DIGITIZED, tags.SUBSEC_TIME_DIGITIZED
_CHANGED = tags.DATE_TIME, tags.OFFSET_TIME, tags.SUBSEC_TIME
_TIMES = {"original": (_ORIGINAL, _DIGITIZED), "digitized": (_DIGITIZED,), "changed": (_CHANGED,)}


def _time(root: Directory, exif: Directory, capture: CaptureInfo) -> None:
    """When it was taken, under the name that the time had where it was read."""
    if capture.taken is None:
        return
    for date, offset, subsecond in _TIMES[capture.dated]:
        (root if date == tags.DATE_TIME else exif).text(date, date_text(capture.taken))
        if capture.utc_offset and is_zone(capture.utc_offset):
            exif.text(offset, capture.utc_offset)
        if capture.subsecond and re.fullmatch(r"\d{1,9}", capture.subsecond.strip()):
            exif.text(subsecond, capture.subsecond)
