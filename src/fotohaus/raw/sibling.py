"""What another file of the same photo knows: the JPEG that a phone wrote beside a raw file, most of all."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from fotohaus.raw.frame_facts import camera_name, read_facts
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.reading import reading
from fotohaus.raw.tiff import Source, Tiff, TiffError
from fotohaus.report import Report

ALIKE = 60.0
"""Seconds by which the clocks of two files of one photo may differ: some write the moment of saving."""

_LENS = ("lens_make", "lens_model", "lens_specification", "lens_serial", "focal_length_35mm")
_PLACE = ("altitude", "direction", "magnetic", "fix_time")
_SHOT = ("make", "model", "exposure_time", "f_number", "iso", "exposure_bias", "focal_length", "flash", "metering")
_OWN = ("exposure_program", "serial", "owner")
_NAMES = ("artist", "copyright", "description")


def read_metadata(path: str | os.PathLike[str]) -> CaptureInfo:
    """What a file says about its capture: a raw file, JPEG, TIFF, PNG, HEIC, AVIF or JPEG XL.

    Raises ReadError for a file that is missing, damaged or of another kind, and for one that says nothing.
    """
    with reading(path):
        with Source(path=path) as source:
            head = bytes(source.read(0, min(source.size, 12)))
            if head[4:8] in (b"ftyp", b"JXL "):
                from fotohaus.raw.boxes import exif_block

                block = exif_block(source)
                capture = CaptureInfo() if block is None else _capture(block)
            else:
                capture = replace(read_facts(path).capture, sources=())
        if capture == CaptureInfo():
            raise TiffError("says nothing about its capture")
        return capture


def _capture(block: bytes) -> CaptureInfo:
    from fotohaus.raw.capture import read_capture

    return read_capture(Tiff(Source(block)))


def filled(capture: CaptureInfo, other: CaptureInfo, name: str, report: Report | None = None) -> CaptureInfo:
    """A capture with what it lacks taken from that of another file of the same photo, whose `name` is for messages.

    Its own facts stand. A lens is taken whole or not at all, and not from another focal length; a zone and fractions of
    a second only from a clock that shows the same time. Another camera, time or focal length gets a warning; of another
    maker's camera neither lens nor settings are taken, but place, zone and names: a phone in the pocket knows those.
    """
    report = report or Report()
    makers = {name.split()[0].casefold() for name in (capture.make, other.make) if name and name.split()}
    alone = _NAMES if len(makers) == 2 else (*_SHOT, *_OWN, *_NAMES)
    taken: dict[str, Any] = {f: getattr(other, f) for f in alone if getattr(capture, f) is None}
    lengths = sorted(length for length in (capture.focal_length, other.focal_length) if length)
    same_length = len(lengths) < 2 or lengths[1] <= 1.02 * lengths[0]
    same_lens = not (capture.lens_model and other.lens_model) or capture.lens_model == other.lens_model
    if same_length and same_lens and len(makers) < 2:
        taken |= {f: getattr(other, f) for f in _LENS if getattr(capture, f) is None}
    if capture.position is None and other.position is not None:
        taken |= {f: getattr(other, f) for f in ("position", *_PLACE)}
    seconds = _apart(capture, other)
    if capture.taken is None:
        taken |= {f: getattr(other, f) for f in ("taken", "dated", "subsecond", "utc_offset")}
    elif seconds is not None and abs(seconds) <= ALIKE:
        taken |= {"utc_offset": capture.utc_offset or other.utc_offset}
        taken |= {"subsecond": capture.subsecond or other.subsecond} if not seconds else {}
    for reason in _differences(capture, other, seconds, same_length):
        report.warn(f"{name}: {reason}")
    new = sorted(f for f, value in taken.items() if value not in (None, False) and value != getattr(capture, f))
    report.note(f"from {os.path.basename(name)}: {', '.join(n.replace('_', ' ') for n in new) or 'nothing new'}")
    return replace(capture, **taken)


def _apart(capture: CaptureInfo, other: CaptureInfo) -> float | None:
    """Seconds from one clock to the other."""
    if capture.taken is None or other.taken is None:
        return None
    return (other.taken - capture.taken).total_seconds()


def _differences(capture: CaptureInfo, other: CaptureInfo, seconds: float | None, same_length: bool) -> list[str]:
    found: list[str] = []
    if capture.model and other.model and capture.model.casefold() != other.model.casefold():
        found.append(f"taken by another camera ({camera_name(other)}) than the raw image ({camera_name(capture)})")
    if seconds is not None and abs(seconds) > ALIKE:
        length = f"{abs(seconds) / 3600:.1f} hours" if abs(seconds) >= 7200 else f"{abs(seconds):.0f} s"
        found.append(f"its clock shows {length} {'more' if seconds > 0 else 'less'} than the raw image's")
    if not same_length:
        found.append(f"its focal length is {other.focal_length:g} mm, the raw image's {capture.focal_length:g} mm")
    return found
