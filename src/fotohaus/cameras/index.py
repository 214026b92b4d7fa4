"""The index of the catalogue: what it takes to know a camera and to fill what its files lack, one line a camera.

It is made from the catalogue's files (`python -m fotohaus.cameras.build_index`), because reading one takes longer than
a photo should wait; the tests hold it to them.
"""

from __future__ import annotations

import os

from fotohaus.records import record

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "index.tsv")


@record
class Number:
    """A number, and whether it is undisputed: otherwise it tells cameras apart, but is written nowhere."""

    value: float
    sure: bool = True


@record
class Entry:
    """One rear camera. None is what is not known.

    focal_length, focal_length_35mm : mm. f_numbers : the one aperture, or the widest and the smallest. crop_factor : of
    the whole sensor. size : its width and height in pixels, before any are binned. noise : S and O at ISO 100.
    """

    phone: str
    camera: str
    key: str
    models: tuple[str, ...]
    focal_length: Number | None = None
    focal_length_35mm: Number | None = None
    f_numbers: tuple[Number, ...] = ()
    crop_factor: Number | None = None
    size: tuple[int, int] | None = None
    noise: tuple[float, float] | None = None


def plain(name: str) -> str:
    """A name as names are compared: lower case, words of letters and digits."""
    return " ".join("".join(c if c.isalnum() else " " for c in name.replace("+", " plus ").casefold()).split())


def model_name(make: str, model: str) -> str:
    """A camera's name by EXIF Make and Model; many cameras put the make into the model as well."""
    maker, name = plain(make), plain(model)
    return name if name.startswith(maker + " ") else f"{maker} {name}"


def write_line(entry: Entry) -> str:
    """The entry as a line of the index."""
    size = "" if entry.size is None else "x".join(map(str, entry.size))
    apertures = "-".join(map(_written, entry.f_numbers))
    lengths = (_written(entry.focal_length), _written(entry.focal_length_35mm))
    models = "|".join(entry.models)
    noise = "" if entry.noise is None else " ".join(f"{value:g}" for value in entry.noise)
    return "\t".join(
        (models, entry.key, entry.phone, entry.camera, *lengths, apertures, _written(entry.crop_factor), size, noise)
    )


def entries(model: str) -> list[Entry]:
    """The cameras of the phone of that name (`model_name`); none if it is not in the catalogue."""
    with open(PATH, encoding="utf-8") as file:
        lines = file.read().splitlines()
    return [_read_line(line) for line in lines if model in line.partition("\t")[0].split("|")]


def _read_line(line: str) -> Entry:
    models, key, phone, camera, focal, equivalent, apertures, crop, size, noise = line.split("\t")
    width, _, height = size.partition("x")
    scale, _, offset = noise.partition(" ")
    return Entry(
        phone=phone,
        camera=camera,
        key=key,
        models=tuple(models.split("|")),
        focal_length=_read(focal),
        focal_length_35mm=_read(equivalent),
        f_numbers=tuple(number for text in apertures.split("-") if (number := _read(text)) is not None),
        crop_factor=_read(crop),
        size=(int(width), int(height)) if size else None,
        noise=(float(scale), float(offset)) if noise else None,
    )


def _written(number: Number | None) -> str:
    return "" if number is None else f"{number.value:g}" + ("" if number.sure else "?")


def _read(text: str) -> Number | None:
    return Number(float(text.rstrip("?")), not text.endswith("?")) if text else None
