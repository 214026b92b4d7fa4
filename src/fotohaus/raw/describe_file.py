"""What a file says about itself, as plain data: what `fotohaus info` prints."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from fotohaus.raw.describe_dng import describe_dng, numbers
from fotohaus.raw.describe_photo import describe_photo, unread_tiff
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.libraw import ORIENTATION_OF_FLIP, libraw_header
from fotohaus.raw.reading import reading
from fotohaus.raw.sources import kind_of
from fotohaus.raw.tiff import Source, Tiff, TiffError

ORIENTATIONS = {
    1: "as stored",
    2: "mirrored left to right",
    3: "turned by 180°",
    4: "mirrored top to bottom",
    5: "mirrored left to right, turned by 270° clockwise",
    6: "turned by 90° clockwise",
    7: "mirrored left to right, turned by 90° clockwise",
    8: "turned by 270° clockwise",
}
PROGRAMS = {
    1: "manual",
    2: "normal",
    3: "aperture priority",
    4: "shutter priority",
    5: "creative",
    6: "action",
    7: "portrait",
    8: "landscape",
}
METERINGS = {1: "average", 2: "centre-weighted", 3: "spot", 4: "multi-spot", 5: "pattern", 6: "partial"}
_PRIVATE = ("serial", "lens_serial", "owner", "position", "altitude", "direction")


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Everything that a raw file, or a photo that fotohaus wrote, says about itself; samples are not decoded.

    The result can be written as JSON; sizes are in px, levels in DN, what is absent from the file is absent from the
    result. `private_facts` names private facts, whose values are under `private` only. A raw file that is sound
    but can't be developed yet has the reason under `not_supported`. Raises ReadError for a file that is missing,
    unreadable, damaged or of another kind.
    """
    with reading(path), Source(path=path) as source:
        facts: dict[str, Any] = {"file": os.fspath(path), "bytes": source.size}
        photo = describe_photo(source)
        if photo is not None:
            facts |= photo | (_gain_map(source) if photo["format"] == "JPEG" else {})
        elif (kind := kind_of(source, path)) == "libraw":
            facts |= _describe_libraw(path)
        elif kind == "rendered":
            raise unread_tiff(source)
        else:
            facts |= describe_dng(Tiff(source))
    return _finished(facts)


def _gain_map(source: Source) -> dict[str, Any]:
    from fotohaus.raw.photo_gain_map import find_gain_map

    try:
        found = find_gain_map(source)
    except TiffError as error:
        return {"gain_map": {"not_usable": str(error)}}
    return {} if found is None else {"gain_map": found.facts()}


def _describe_libraw(path: str | os.PathLike[str]) -> dict[str, Any]:
    header, capture, _ = libraw_header(path)
    height, width = header["size"]
    black = header["black"]
    return {
        "format": "raw, read by LibRaw",
        "capture": capture,
        "raw": {
            "width": width,
            "height": height,
            "kind": "mosaic" if header["flat"] else "other",
            "cfa": _cfa(header),
            "orientation": ORIENTATION_OF_FLIP.get(header["flip"], 1),
            "black": numbers(black),
            "white": header["white"],
        },
    }


def _cfa(header: dict[str, Any]) -> str:
    """The colours of the filters, row after row, those of larger patterns with slashes between."""
    rows = ["".join(header["colors"][i] for i in row) for row in header["pattern"] or []]
    return ("" if len(rows) == 2 else "/").join(rows)


def _exposure(seconds: float) -> str:
    return f"1/{1 / seconds:.0f} s" if seconds < 0.3 else f"{seconds:g} s"


def _lens_range(info: CaptureInfo) -> str | None:
    """Focal lengths and f-numbers of a lens, as lenses have them on their front."""
    if info.lens_specification is None:
        return None
    lengths, apertures = (
        "-".join(dict.fromkeys(f"{v:.4g}" for v in pair if v is not None))
        for pair in (info.lens_specification[:2], info.lens_specification[2:])
    )
    return f"{lengths} mm" + (f" f/{apertures}" if apertures else "")


def _camera_and_capture(info: CaptureInfo) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    values = asdict(info)
    camera = {k: values[k] for k in ("make", "model", "unique_model", "software", "lens_make", "lens_model")}
    private = {k: values[k] for k in _PRIVATE}
    if info.position is not None:
        private["position"] = [round(degrees, 6) for degrees in info.position]
    private |= {"altitude_m": numbers(private.pop("altitude")), "direction_degrees": numbers(private.pop("direction"))}
    if info.direction is not None and info.magnetic:
        private["direction_from"] = "magnetic north"
    private["position_time_utc"] = None if info.fix_time is None else info.fix_time.isoformat(sep=" ")
    capture = {
        "taken": None if info.taken is None else info.taken.isoformat(sep=" "),
        "subsecond": info.subsecond,
        "utc_offset": info.utc_offset,
        "exposure": None if info.exposure_time is None else _exposure(info.exposure_time),
        "exposure_time_s": numbers(info.exposure_time),
        "f_number": numbers(info.f_number),
        "iso": info.iso,
        "exposure_bias_ev": numbers(info.exposure_bias),
        "focal_length_mm": numbers(info.focal_length),
        "focal_length_35mm_mm": numbers(info.focal_length_35mm),
        "lens_range": _lens_range(info),
        "frames_merged": info.frames if info.frames > 1 else None,
        "total_exposure_s": None if info.composite is None else numbers(info.composite.total),
        "flash": None if info.flash is None else "fired" if info.flash & 1 else "did not fire",
        "metering": METERINGS.get(info.metering or 0),
        "exposure_program": PROGRAMS.get(info.exposure_program or 0),
        "sequence": None if info.sequence is None else asdict(info.sequence),
        "artist": info.artist,
        "copyright": info.copyright,
        "description": info.description,
    }
    return camera, capture, private


def _finished(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts with the capture spelled out, orientations in words, and nothing that is absent."""
    camera, capture, private = _camera_and_capture(facts.pop("capture", None) or CaptureInfo())
    first = {k: facts.pop(k) for k in ("file", "bytes", "format")}
    ordered = first | {"camera": camera, "capture": capture} | facts
    private = _present(private)
    ordered |= {"private_facts": sorted(private), "private": private}
    for part in (ordered, ordered.get("raw", {})):
        if "orientation" in part:
            number = part["orientation"]
            part["orientation"] = f"{number} ({ORIENTATIONS.get(number, 'unknown')})"
    return _present(ordered)


def _present(facts: dict[str, Any]) -> dict[str, Any]:
    nested = {k: _present(v) if isinstance(v, dict) else v for k, v in facts.items()}
    return {k: v for k, v in nested.items() if v is not None and v != {} and v != [] and v != ""}
