"""Which camera made a file, and what its metadata lack filled from the catalogue."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

from fotohaus.cameras.index import Entry, Number, entries, model_name, plain
from fotohaus.raw.image import CaptureInfo, NoiseProfile
from fotohaus.records import record
from fotohaus.report import Report

_CLOSE = 0.06
"""How much lengths that mean the same lens may differ: both are rounded, and focusing changes them."""
_SAME_APERTURE = 0.04
_SAME_SIZE = 0.015
_BINNED = (1, 2, 3, 4)
"""Pixels along a side that make one: raw files are of the whole sensor, or of 2 x 2, 3 x 3 or 4 x 4 binned."""


_WHOLE = 0.6
"""Share of the sensor's long side above which pixels are not binned."""


@record
class Match:
    """A phone of the catalogue, and which of its rear cameras it was; `by` says what told.

    camera is None where the file does not tell, or contradicts the catalogue. key : the phone's file in it. cameras :
    how many the phone has.
    """

    phone: str
    key: str
    cameras: int
    camera: Entry | None = None
    by: str | None = None


def lacks(capture: CaptureInfo) -> bool:
    """Whether something is missing that `complete` fills, in a file that says which camera it is from."""
    missing = (capture.focal_length, capture.focal_length_35mm, capture.lens_model, capture.f_number)
    return None in missing and bool(capture.model or capture.unique_model)


def match(capture: CaptureInfo, size: tuple[int, int] | None = None) -> Match | None:
    """The phone and its camera that a capture is from; None if the phone is not in the catalogue.

    The phone is known by EXIF Make and Model (or DNG's UniqueCameraModel), marketing names and codes alike; the camera
    by whatever the file has of its lens's name, focal lengths, aperture and size. size : width and height of the raw
    image in pixels, in any orientation. Front cameras are not in the catalogue.
    """
    known = _phone(capture)
    if not known:
        return None
    phone, key = known[0].phone, known[0].key
    lens = capture.lens_model or ""
    if "front" in lens.casefold():
        return Match(phone, key, len(known))
    left, telling = known, []
    for name, holds in _evidence(capture, lens, size).items():
        # Digital zoom and crops change these two: they only choose between cameras.
        if name in ("equivalent", "size") and len(left) == 1:
            break
        fitting = [entry for entry in left if holds(entry)]
        if len(fitting) < len(left):
            telling.append(name)
        left = fitting
    if len(left) != 1:
        return Match(phone, key, len(known))
    return Match(phone, key, len(known), left[0], " and ".join(telling) or "being its only one")


def called(capture: CaptureInfo) -> str | None:
    """The name that a phone is sold by, where its files have its maker's code instead (2203121C, SM-S908B).

    None where the file has a name, and where the catalogue does not know the code or has several phones in one entry.
    """
    model = capture.model or capture.unique_model
    known = _phone(capture) if model else []
    if not model or not known:
        return None
    name, own = plain(known[0].phone).split(), plain(model).split()
    maker = plain(capture.make or model).split()[:1]
    return None if {*own} <= {*name} or "and" in name or maker != name[:1] else known[0].phone


def complete(capture: CaptureInfo, size: tuple[int, int] | None = None, report: Report | None = None) -> CaptureInfo:
    """The capture with the lens, focal length, 35 mm equivalent and aperture that it lacks, if the catalogue has them.

    Nothing that the file says is changed. Nothing is filled that is unverified or disputed in the catalogue, or where
    it is not certain which camera it was; the only lens of a camera needs no name. The equivalent is true to the crop:
    that of an image which is smaller than the sensor grows with it, and is left out where the sizes do not explain each
    other. Arguments as of `match`; the report is told what was filled.
    """
    if not lacks(capture):
        return capture
    found = match(capture, size)
    if found is None or found.camera is None:
        return capture
    filled = _filled(capture, found.camera, size, named=found.cameras > 1)
    if report is not None and filled:
        with report.stage("catalogue"):
            report.note(f"{found.phone}, {found.camera.camera} camera by {found.by}: {_told(filled)}")
    return replace(capture, **filled)


def known_noise(capture: CaptureInfo, size: tuple[int, int] | None = None) -> NoiseProfile | None:
    """The noise of a camera's samples at a capture's sensitivity, if the catalogue has it. Arguments as of `match`.

    S grows with the sensitivity and O with its square, as where all noise is the light's and what comes before the
    amplifier. Binned pixels have another noise: None for them.
    """
    if not capture.iso or not (capture.model or capture.unique_model):
        return None
    found = match(capture, size)
    if found is None or found.camera is None or found.camera.noise is None:
        return None
    if size and found.camera.size and max(size) < _WHOLE * max(found.camera.size):
        return None
    scale, offset = found.camera.noise
    gain = capture.iso / 100
    return NoiseProfile((gain * scale,) * 3, (gain**2 * offset,) * 3, source="catalogue")


def _filled(capture: CaptureInfo, camera: Entry, size: tuple[int, int] | None, named: bool) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    if capture.lens_model is None and named:
        filled["lens_model"] = f"{_name(capture, camera)} {camera.camera} camera"
    if capture.f_number is None and len(camera.f_numbers) == 1:
        filled["f_number"] = _sure(camera.f_numbers[0])
    focal = capture.focal_length
    if focal is None:
        filled["focal_length"] = _sure(camera.focal_length)
    if capture.focal_length_35mm is None:
        crop, scale = _sure(camera.crop_factor), crop_of(size, camera.size)
        equivalent = _sure(camera.focal_length_35mm)
        if equivalent is None and focal is not None and crop is not None:
            equivalent = focal * crop
        filled["focal_length_35mm"] = equivalent * scale if equivalent is not None and scale is not None else None
    return {name: value for name, value in filled.items() if value is not None}


def _name(capture: CaptureInfo, camera: Entry) -> str:
    """What the phone calls itself, if that is its name and not a code."""
    model = capture.model or ""
    return model if model and {*plain(model).split()} <= {*plain(camera.phone).split()} else camera.phone


def crop_of(size: tuple[int, int] | None, sensor: tuple[int, int] | None) -> float | None:
    """How many times longer the sensor's diagonal is than that of an image of it, given both in pixels.

    The image spans the sensor along at least one side, its pixels perhaps binned; None if it does not. 1 if a size is
    not known.
    """
    if size is None or sensor is None:
        return 1.0
    long, short = max(size), min(size)
    for side in _BINNED:
        whole = max(sensor) / side, min(sensor) / side
        fits = [abs(a - b) <= _SAME_SIZE * b for a, b in zip((long, short), whole, strict=True)]
        if all(fits):
            return 1.0
        if any(fits) and long <= whole[0] * (1 + _SAME_SIZE) and short <= whole[1] * (1 + _SAME_SIZE):
            return math.hypot(*whole) / math.hypot(long, short)
    return None


def _phone(capture: CaptureInfo) -> list[Entry]:
    for make, model in ((capture.make, capture.model), ("", capture.unique_model), ("", capture.model)):
        if model and (found := entries(model_name(make or "", model).strip())):
            return found
    return []


def _evidence(capture: CaptureInfo, lens: str, size: tuple[int, int] | None) -> dict[str, Any]:
    """What a file tells about its camera: tests of the entries that have the fact in question."""
    tests: dict[str, Any] = {}
    named = re.search(r"(\d+(?:\.\d+)?) ?mm f/(\d+(?:\.\d+)?)", lens)
    focal, aperture = capture.focal_length, capture.f_number
    if named:
        focal, aperture = focal or float(named[1]), aperture or float(named[2])
    if focal:
        tests["focal length"] = lambda entry: _near(focal, entry.focal_length, _CLOSE)
    if aperture:
        tests["aperture"] = lambda entry: _has_aperture(aperture, entry.f_numbers)
    if equivalent := capture.focal_length_35mm:
        tests["equivalent"] = lambda entry: _near(equivalent, entry.focal_length_35mm, 2 * _CLOSE)
    if size:
        tests["size"] = lambda entry: crop_of(size, entry.size) is not None
    return tests


def _near(value: float, known: Number | None, most: float) -> bool:
    return known is None or abs(value / known.value - 1) <= most


def _has_aperture(value: float, known: tuple[Number, ...]) -> bool:
    if not known:
        return True
    least, most = known[0].value, known[-1].value
    return least * (1 - _SAME_APERTURE) <= value <= most * (1 + _SAME_APERTURE)


def _sure(number: Number | None) -> float | None:
    return number.value if number is not None and number.sure else None


def _told(filled: dict[str, Any]) -> str:
    words = {
        "lens_model": "the lens's name",
        "f_number": "f/{:g}",
        "focal_length": "{:g} mm",
        "focal_length_35mm": "{:.0f} mm equivalent",
    }
    return ", ".join(words[name].format(value) for name, value in filled.items())
