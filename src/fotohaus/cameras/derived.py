"""What follows from a camera's facts, and where its facts contradict each other."""

from __future__ import annotations

import math
from typing import Any

from fotohaus.cameras import geometry
from fotohaus.cameras.facts import CAMERA_FACTS, Camera, Phone
from fotohaus.records import record

AGREES = 0.03
"""Numbers that are as close as this agree; so do two that differ by the rounding of one."""


@record
class Derived:
    """Follows from a camera's facts; None where they do not suffice. Lengths in mm, angles in degrees.

    binned_pixel_pitch : in micrometres, of as many pixels as the camera bins into one; None if it bins none.
    approximate : the sensor's size is only known by its optical format. focal_length, focal_length_35mm : the fact, or
    what follows from the other one. f_number : the widest aperture.
    """

    binned_pixel_pitch: float | None = None
    diagonal: float | None = None
    size: tuple[float, float] | None = None
    approximate: bool = False
    crop_factor: float | None = None
    focal_length: float | None = None
    focal_length_35mm: float | None = None
    equivalent_aperture: float | None = None
    circle_of_confusion: float | None = None
    hyperfocal_distance: float | None = None
    field_of_view: tuple[float, float, float] | None = None  # horizontal, vertical, diagonal


def derive(camera: Camera, verified: bool = False) -> Derived:
    """What follows from the camera's facts; with `verified`, from those alone that are."""

    def fact(name: str) -> Any:
        return camera.value(name, verified)

    focal, equivalent, f_number = fact("focal_length"), fact("focal_length_35mm"), fact("f_number")
    f_number = f_number[0] if isinstance(f_number, list) else f_number
    aspect = aspect_ratio(camera)
    pitch, binning = fact("pixel_pitch"), fact("binning")
    binned = round(pitch * math.sqrt(binning), 4) if pitch and binning and binning > 1 else None
    diagonal, approximate = _diagonal(camera, verified)
    if diagonal is None and focal and equivalent and camera.projection == "rectilinear":
        diagonal, approximate = geometry.FULL_FRAME * focal / equivalent, True
    if diagonal is None:
        return Derived(binned_pixel_pitch=binned, focal_length=focal, focal_length_35mm=equivalent)
    crop = geometry.crop_factor(diagonal)
    straight = camera.projection == "rectilinear"
    if straight and focal is None and equivalent is not None:
        focal = equivalent / crop
    if straight and equivalent is None and focal is not None:
        equivalent = focal * crop
    height = diagonal / math.hypot(aspect, 1)
    size = (height * aspect, height)
    hyperfocal = None
    circle = geometry.circle_of_confusion(diagonal)
    if focal and f_number:
        hyperfocal = geometry.hyperfocal_distance(focal, f_number, circle)
    view = None
    if straight and focal:
        view = tuple(geometry.field_of_view(side, focal) for side in (*size, diagonal))
    return Derived(
        binned_pixel_pitch=binned,
        diagonal=diagonal,
        size=size,
        approximate=approximate,
        crop_factor=crop,
        focal_length=focal,
        focal_length_35mm=equivalent,
        equivalent_aperture=f_number and f_number * crop,
        circle_of_confusion=circle,
        hyperfocal_distance=hyperfocal,
        field_of_view=view,  # type: ignore[arg-type]
    )


def aspect_ratio(camera: Camera) -> float:
    """Width over height: by the pixels, or as stated, or 4:3 as with nearly all phones."""
    pixels = camera.value("pixels")
    return float(pixels[0] / pixels[1] if pixels else camera.value("aspect") or 4 / 3)


def _diagonal(camera: Camera, verified: bool) -> tuple[float | None, bool]:
    pitch, megapixels = camera.value("pixel_pitch", verified), camera.value("megapixels", verified)
    pixels = camera.value("pixels", verified)
    if pitch and pixels:
        return pitch * 1e-3 * math.hypot(*pixels), False
    if pitch and megapixels:
        return geometry.sensor_diagonal(pitch, megapixels, aspect_ratio(camera)), False
    stated = camera.value("format", verified)
    return (None, True) if stated is None else (geometry.format_diagonal(inches(stated)), True)


def inches(stated: str) -> float:
    """The number that an optical format, such as 1/1.28, stands for."""
    above, _, below = stated.partition("/")
    return float(above) / float(below or 1)


@record
class Contradiction:
    """A camera's fact that a source or another fact speaks against; `settled` says why it stands, if it does."""

    camera: str
    fact: str
    text: str
    settled: str | None = None


def contradictions(phone: Phone) -> list[Contradiction]:
    """Where the facts of a phone disagree with each other."""
    return [
        Contradiction(camera.name, name, text, camera.facts[name].settled)
        for camera in phone.cameras
        for name, text in (*_other_sources(camera), *_among_facts(camera))
    ]


def agree(one: Any, other: Any) -> bool:
    """Whether two values say the same: numbers within 3 %, everything else exactly."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= AGREES * max(abs(one), abs(other))
    return bool(one == other)


def show(name: str, value: Any) -> str:
    """A fact's value as it is written, with its unit."""
    if name == "format":
        return f'{value}"'
    if name == "pixels":
        return f"{value[0]} x {value[1]}"
    if name == "f_number":
        return "-".join(f"f/{n:g}" for n in value) if isinstance(value, list) else f"f/{value:g}"
    if name == "noise":
        return "S {:g}, O {:g} of the white level".format(*value)
    number = f"{value:g}" if isinstance(value, (int, float)) else str(value)
    return f"{number} {CAMERA_FACTS[name].unit}".strip()


def _other_sources(camera: Camera) -> list[tuple[str, str]]:
    found = []
    for name, fact in camera.facts.items():
        for other in fact.others:
            if not agree(fact.value, other.value):
                against = f"{show(name, other.value)} ({', '.join(other.sources)})"
                found.append((name, f"{show(name, fact.value)} ({', '.join(fact.sources)}), but {against}"))
    return found


def _among_facts(camera: Camera) -> list[tuple[str, str]]:
    """Facts that should follow from others, and do not."""
    found = []
    pixels, megapixels = camera.value("pixels"), camera.value("megapixels")
    if pixels and megapixels and not agree(pixels[0] * pixels[1] / 1e6, megapixels):
        found.append(("pixels", f"{show('pixels', pixels)} are not {megapixels:g} megapixels"))
    diagonal, approximate = _diagonal(camera, False)
    stated = camera.value("format")
    if diagonal and not approximate and stated:
        by_format = geometry.format_diagonal(inches(stated))
        if not agree(diagonal, by_format):
            by_pixels = f"{diagonal:.2f} mm by pitch and pixels"
            found.append(("format", f"{by_pixels}, about {by_format:.1f} mm by its format {show('format', stated)}"))
    focal, equivalent = camera.value("focal_length"), camera.value("focal_length_35mm")
    if focal and equivalent and diagonal and not approximate and camera.projection == "rectilinear":
        follows = focal * geometry.crop_factor(diagonal)
        if not agree(follows, equivalent) and abs(follows - equivalent) > 0.5:
            text = f"{equivalent:g} mm stated, {follows:.1f} mm by {focal:g} mm and the crop factor"
            found.append(("focal_length_35mm", text))
    view = camera.value("field_of_view")
    follows_view = derive(camera).field_of_view
    if view and follows_view and not any(abs(view - angle) <= AGREES * view + 1 for angle in follows_view):
        by_length = f"{follows_view[2]:.0f} (diagonal) by the focal length of a lens without distortion"
        found.append(("field_of_view", f"{show('field_of_view', view)} stated, {by_length}"))
    return found
