"""What the camera recorded about the capture, as EXIF (CIPA DC-008, EXIF 2.32).

Only facts: what is not known leaves no tag. Serial number, owner and position stay out unless asked for.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from fractions import Fraction

from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.tiff_write import Directory, Type, encode, rational

SRGB = 1
UNCALIBRATED = 0xFFFF
"""EXIF ColorSpace: any other space, said by the ICC profile."""

_EXIF_IFD, _GPS_IFD = 34665, 34853


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
    software : what made the image; by default "fotohaus VERSION".
    color_space : EXIF ColorSpace, SRGB or UNCALIBRATED.
    private : also write serial number, owner and position.
    """
    root = Directory()
    root.set(274, Type.SHORT, orientation)
    root.set(282, Type.RATIONAL, Fraction(72))
    root.set(283, Type.RATIONAL, Fraction(72))
    root.set(296, Type.SHORT, 2)
    root.set(531, Type.SHORT, 1)  # YCbCrPositioning: centred, as JPEG encoders have it
    exif = add_capture(root, capture, software=software, private=private)
    exif.set(37121, Type.UNDEFINED, bytes([1, 2, 3, 0]))  # ComponentsConfiguration: Y Cb Cr
    exif.set(40960, Type.UNDEFINED, b"0100")  # FlashpixVersion
    exif.set(40961, Type.SHORT, color_space)
    exif.set(40962, Type.LONG, width)
    exif.set(40963, Type.LONG, height)
    return b"".join(encode(root))


def add_capture(
    root: Directory, capture: CaptureInfo, *, software: str | None = None, private: bool = False
) -> Directory:
    """Put the capture's facts into a file's first directory and an EXIF directory below it, which is returned."""
    root.text(270, capture.description)
    root.text(271, capture.make)
    root.text(272, capture.model)
    root.text(305, software or _software())
    root.text(315, capture.artist)
    root.text(33432, capture.copyright)
    exif = root.below(_EXIF_IFD, Directory())
    exif.set(36864, Type.UNDEFINED, b"0232")
    _exposure(exif, capture)
    _time(exif, capture)
    _ratio(exif, 37386, capture.focal_length)
    if capture.focal_length_35mm and 0.5 <= capture.focal_length_35mm < 65535.5:
        exif.set(41989, Type.SHORT, round(capture.focal_length_35mm))
    exif.text(42035, capture.lens_make)
    exif.text(42036, capture.lens_model)
    if capture.frames > 1:
        frames = min(capture.frames, 0xFFFF)
        exif.set(42080, Type.SHORT, 3)  # CompositeImage: made of frames captured together
        exif.set(42081, Type.SHORT, (frames, frames))  # SourceImageNumberOfCompositeImage: captured, used
    if private:
        exif.text(42032, capture.owner)
        exif.text(42033, capture.serial)
        if capture.position:
            root.below(_GPS_IFD, _gps(*capture.position))
    return exif


_software = software


def _ratio(directory: Directory, tag: int, value: float | None) -> None:
    """A positive measured value; a camera that does not know writes 0, which says nothing."""
    if value is not None and math.isfinite(value) and 1e-9 < value < 1e9:
        directory.set(tag, Type.RATIONAL, rational(value))


def _exposure(exif: Directory, capture: CaptureInfo) -> None:
    _ratio(exif, 33434, capture.exposure_time)
    _ratio(exif, 33437, capture.f_number)
    _short(exif, 34850, capture.exposure_program)
    if capture.iso and capture.iso > 0:
        exif.set(34855, Type.SHORT, min(capture.iso, 0xFFFF))
        if capture.iso < 0xFFFF:
            exif.set(34864, Type.SHORT, 0)  # SensitivityType: which of the ISO 12232 kinds is not known
        else:  # what a SHORT can't hold goes into RecommendedExposureIndex
            exif.set(34864, Type.SHORT, 2)
            exif.set(34866, Type.LONG, min(capture.iso, 0xFFFFFFFF))
    bias = capture.exposure_bias
    if bias is not None and math.isfinite(bias) and abs(bias) < 100:
        exif.set(37380, Type.SRATIONAL, rational(bias, signed=True))
    _short(exif, 37383, capture.metering)
    _short(exif, 37385, capture.flash)


def _short(directory: Directory, tag: int, value: int | None) -> None:
    if value is not None and 0 <= value <= 0xFFFF:
        directory.set(tag, Type.SHORT, value)


def date_text(t: datetime) -> str:
    """A date as EXIF and OpenEXR write it."""
    # strftime does not pad years below 1000 on every platform.
    return f"{t.year:04}:{t.month:02}:{t.day:02} {t.hour:02}:{t.minute:02}:{t.second:02}"


def _time(exif: Directory, capture: CaptureInfo) -> None:
    if capture.taken is None:
        return
    for tag in (36867, 36868):  # DateTimeOriginal, DateTimeDigitized
        exif.text(tag, date_text(capture.taken))
    if capture.utc_offset and re.fullmatch(r"[+-]\d\d:\d\d", capture.utc_offset):
        for tag in (36881, 36882):
            exif.text(tag, capture.utc_offset)
    if capture.subsecond and re.fullmatch(r"\d{1,9}", capture.subsecond.strip()):
        for tag in (37521, 37522):
            exif.text(tag, capture.subsecond)


def _gps(latitude: float, longitude: float) -> Directory:
    gps = Directory()
    gps.set(0, Type.BYTE, bytes([2, 3, 0, 0]))
    for tag, value, sides in ((1, latitude, "NS"), (3, longitude, "EW")):
        gps.text(tag, sides[value < 0])
        micro = round(abs(value) * 3600 * 10_000)
        degrees, rest = divmod(micro, 3600 * 10_000)
        minutes, seconds = divmod(rest, 60 * 10_000)
        gps.set(tag + 1, Type.RATIONAL, (Fraction(degrees), Fraction(minutes), Fraction(seconds, 10_000)))
    return gps
