"""Makes the catalogue's index: `python -m fotohaus.cameras.build_index`."""

from __future__ import annotations

import math
from pathlib import Path

from fotohaus.cameras import catalogue
from fotohaus.cameras.derived import Derived, aspect_ratio, contradictions, derive
from fotohaus.cameras.facts import Camera, Phone
from fotohaus.cameras.index import PATH, Entry, Number, model_name, write_line

OWN = ("maker", "firmware", "file")
"""Kinds of sources that are the camera's own word."""


def build() -> str:
    """The index of all phones."""
    return "\n".join(write_line(entry) for phone in catalogue.phones() for entry in phone_entries(phone)) + "\n"


def phone_entries(phone: Phone) -> list[Entry]:
    """The entries of a phone's cameras: nothing in them that is unverified, and what is contradicted is not sure."""
    against = {(found.camera, found.fact) for found in contradictions(phone) if found.settled is None}
    models = tuple(dict.fromkeys(model_name(phone.make, model) for model in (*phone.models.value, phone.name)))
    return [_entry(phone, camera, models, {n for c, n in against if c == camera.name}) for camera in phone.cameras]


def _entry(phone: Phone, camera: Camera, models: tuple[str, ...], against: set[str]) -> Entry:
    derived = derive(camera, verified=True)
    geometry = not against & {"format", "pixels", "pixel_pitch", "megapixels"}
    equivalent = camera.value("focal_length_35mm", True)
    stated = "focal_length_35mm" not in against
    if equivalent is not None:
        length_35mm = Number(equivalent, stated)
    elif derived.focal_length_35mm is not None and not derived.approximate:
        length_35mm = Number(round(derived.focal_length_35mm, 1), stated and geometry)
    else:
        length_35mm = None
    apertures = camera.value("f_number", True)
    apertures = apertures if isinstance(apertures, list) else [] if apertures is None else [apertures]
    crop = None if derived.approximate or derived.crop_factor is None else round(derived.crop_factor, 3)
    return Entry(
        phone=phone.name,
        camera=camera.name,
        key=phone.key,
        models=models,
        focal_length=_focal_length(camera, derived, against, geometry),
        focal_length_35mm=length_35mm,
        f_numbers=tuple(Number(value, "f_number" not in against) for value in apertures),
        crop_factor=None if crop is None else Number(crop, geometry),
        size=_size(camera, geometry),
        noise=None if (noise := camera.value("noise", True)) is None else (noise[0], noise[1]),
    )


def _focal_length(camera: Camera, derived: Derived, against: set[str], geometry: bool) -> Number | None:
    """What is stated, or else what follows from the equivalent.

    Where both are stated and disagree, what the camera itself says of its focal length stands.
    """
    fact, agrees = camera.facts.get("focal_length"), "focal_length_35mm" not in against
    if fact is None or not fact.verified:
        follows = derived.focal_length
        return None if follows is None or derived.approximate else Number(round(follows, 1), agrees and geometry)
    own = any(catalogue.sources()[key].kind in OWN for key in fact.sources)
    return Number(fact.value, "focal_length" not in against and (own or agrees))


def _size(camera: Camera, sure: bool) -> tuple[int, int] | None:
    pixels, megapixels = camera.value("pixels", True), camera.value("megapixels", True)
    if pixels is not None:
        return pixels[0], pixels[1]
    # A number of megapixels stands for a size only where it is told to a tenth.
    if not sure or megapixels is None or megapixels == round(megapixels):
        return None
    height = math.sqrt(megapixels * 1e6 / aspect_ratio(camera))
    return round(height * aspect_ratio(camera)), round(height)


if __name__ == "__main__":
    Path(PATH).write_text(build(), "utf-8")
