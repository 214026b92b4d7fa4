"""What a file says about itself, as plain data: what `fotohaus info` prints."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

import numpy as np

from fotohaus.raw import levels, tags
from fotohaus.raw.calibration import read_color, read_noise
from fotohaus.raw.capture import read_capture
from fotohaus.raw.decode import COMPRESSION_NAMES, read_layout
from fotohaus.raw.describe_photo import describe_photo
from fotohaus.raw.dng_read import active_area, default_crop, is_linear, plane_order, raw_ifd, read_cfa
from fotohaus.raw.image import CaptureInfo, ColorCalibration, GainMap, Opcode, Rectangle
from fotohaus.raw.libraw import ORIENTATION_OF_FLIP, libraw_header
from fotohaus.raw.opcodes import opcode_name, parse_opcodes
from fotohaus.raw.sources import goes_to_libraw, reading
from fotohaus.raw.tiff import Ifd, Source, Tiff, TiffError

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
# EXIF 2.32, LightSource
ILLUMINANTS = {
    1: "daylight",
    2: "fluorescent",
    3: "tungsten",
    4: "flash",
    9: "fine weather",
    10: "cloudy",
    11: "shade",
    12: "daylight fluorescent",
    13: "day white fluorescent",
    14: "cool white fluorescent",
    15: "white fluorescent",
    17: "standard light A",
    18: "standard light B",
    19: "standard light C",
    20: "D55",
    21: "D65",
    22: "D75",
    23: "D50",
    24: "ISO studio tungsten",
    255: "other",
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
_PRIVATE = ("serial", "owner", "position")


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
            facts |= photo
        elif goes_to_libraw(source, path):
            facts |= _describe_libraw(path)
        else:
            facts |= _describe_dng(Tiff(source))
    return _finished(facts)


def _describe_dng(tiff: Tiff) -> dict[str, Any]:
    main, image = tiff.ifd(tiff.first), raw_ifd(tiff)
    height, width = image.integer(tags.IMAGE_LENGTH, 0), image.integer(tags.IMAGE_WIDTH, 0)
    facts: dict[str, Any] = {
        "format": "DNG " + ".".join(map(str, (main.integers(tags.DNG_VERSION) or [1, 0])[:2])),
        "capture": read_capture(tiff),
    }
    raw: dict[str, Any] = {"width": width, "height": height}
    facts["raw"] = raw
    samples = image.integer(tags.SAMPLES_PER_PIXEL, 1)
    try:
        read_layout(image)
        cfa = read_cfa(image, samples)
    except TiffError as error:
        facts["not_supported"] = str(error)
        cfa = None
    raw["kind"] = "linear" if is_linear(image) else "mosaic"
    raw["cfa"] = cfa
    raw["bits"] = image.integer(tags.BITS_PER_SAMPLE, 1)
    compression = image.integer(tags.COMPRESSION, 1)
    raw["compression"] = COMPRESSION_NAMES.get(compression, str(compression))
    if tags.TILE_WIDTH in image:
        raw["tile"] = [image.integer(tags.TILE_WIDTH, 0), image.integer(tags.TILE_LENGTH, 0)]
    active = active_area(image, height, width)
    raw["active_area"] = _rectangle(active)
    raw["crop"] = _rectangle(default_crop(image, active))
    raw["orientation"] = main.integer(tags.ORIENTATION, image.integer(tags.ORIENTATION, 1))
    table = levels.linearization_table(image)
    raw["linearization_table"] = None if table is None else f"{table.size} entries"
    black, uneven = levels.black_level(image, samples, active.height, active.width)
    raw["black"] = _numbers(black)
    raw["black_varies"] = True if uneven is not None else None
    raw["white"] = _numbers(levels.white_level(image, samples, raw["bits"], table))
    order = plane_order(main, image)
    facts["color"] = _color(read_color(main, order))
    noise = read_noise(main, image, order)
    facts["noise"] = None if noise is None else {"scale": _numbers(noise.scale), "offset": _numbers(noise.offset)}
    lists = {1: tags.OPCODE_LIST_1, 2: tags.OPCODE_LIST_2, 3: tags.OPCODE_LIST_3}
    facts["opcodes"] = [_opcode(number, o) for number, tag in lists.items() for o in parse_opcodes(image.raw(tag))]
    facts["previews"] = [_preview(ifd) for ifd in tiff.images() if ifd is not image]
    return facts


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
            "cfa": "".join(header["colors"][i] for row in header["pattern"] or [] for i in row),
            "orientation": ORIENTATION_OF_FLIP.get(header["flip"], 1),
            "black": _numbers(black),
            "white": header["white"],
        },
    }


def _opcode(number: int, opcode: Opcode) -> dict[str, Any]:
    facts: dict[str, Any] = {"list": number, "name": opcode_name(opcode)}
    if isinstance(opcode, GainMap):
        facts["points"] = list(opcode.gains.shape)
        facts["gains"] = [round(float(opcode.gains.min()), 4), round(float(opcode.gains.max()), 4)]
        facts["applied"] = number == 2
    else:
        facts["optional"] = opcode.optional
        facts["applied"] = False
    return facts


def _preview(ifd: Ifd) -> dict[str, Any]:
    compression = ifd.integer(tags.COMPRESSION, 1)
    names = COMPRESSION_NAMES | {6: "JPEG", 7: "JPEG"}
    return {
        "width": ifd.integer(tags.IMAGE_WIDTH, 0),
        "height": ifd.integer(tags.IMAGE_LENGTH, 0),
        "compression": names.get(compression, str(compression)),
        "subfile_type": ifd.integer(tags.NEW_SUBFILE_TYPE, 0),
    }


def _color(color: ColorCalibration) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "illuminant_1": ILLUMINANTS.get(color.illuminant_1, color.illuminant_1),
        "color_matrix_1": _numbers(color.color_matrix_1),
        "forward_matrix_1": _numbers(color.forward_matrix_1),
        "calibration_1": _numbers(color.calibration_1) if (color.calibration_1 != np.eye(3)).any() else None,
    }
    if color.color_matrix_2 is not None:
        facts |= {
            "illuminant_2": ILLUMINANTS.get(color.illuminant_2 or 0, color.illuminant_2),
            "color_matrix_2": _numbers(color.color_matrix_2),
            "forward_matrix_2": _numbers(color.forward_matrix_2),
            "calibration_2": _numbers(color.calibration_2) if (color.calibration_2 != np.eye(3)).any() else None,
        }
    facts |= {
        "analog_balance": _numbers(color.analog_balance),
        "as_shot_neutral": _numbers(color.as_shot_neutral),
        "as_shot_white_xy": _numbers(color.as_shot_white_xy),
        "baseline_exposure_ev": _numbers(color.baseline_exposure),
    }
    return facts


def _rectangle(rectangle: Rectangle) -> str:
    return f"{rectangle.width} x {rectangle.height} at {rectangle.left}, {rectangle.top}"


def _numbers(values: Any) -> Any:
    """Numbers as plain ones in (nested) lists, one where all are the same, with the digits that mean something."""
    if values is None:
        return None
    array = np.asarray(values, np.float64)
    if array.size and (array == array.flat[0]).all():
        array = array.reshape(-1)[0]

    def short(value: Any) -> Any:
        if isinstance(value, list):
            return [short(v) for v in value]
        return int(value) if value == int(value) else float(f"{value:.6g}")

    return short(array.tolist())


def _exposure(seconds: float) -> str:
    return f"1/{1 / seconds:.0f} s" if seconds < 0.3 else f"{seconds:g} s"


def _camera_and_capture(info: CaptureInfo) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    values = asdict(info)
    camera = {k: values[k] for k in ("make", "model", "unique_model", "software", "lens_make", "lens_model")}
    private = {k: values[k] for k in _PRIVATE}
    if info.position is not None:
        private["position"] = [round(degrees, 6) for degrees in info.position]
    capture = {
        "taken": None if info.taken is None else info.taken.isoformat(sep=" "),
        "subsecond": info.subsecond,
        "utc_offset": info.utc_offset,
        "exposure": None if info.exposure_time is None else _exposure(info.exposure_time),
        "exposure_time_s": _numbers(info.exposure_time),
        "f_number": _numbers(info.f_number),
        "iso": info.iso,
        "exposure_bias_ev": _numbers(info.exposure_bias),
        "focal_length_mm": _numbers(info.focal_length),
        "focal_length_35mm_mm": _numbers(info.focal_length_35mm),
        "flash": None if info.flash is None else "fired" if info.flash & 1 else "did not fire",
        "metering": METERINGS.get(info.metering or 0),
        "exposure_program": PROGRAMS.get(info.exposure_program or 0),
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
