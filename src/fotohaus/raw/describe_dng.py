"""What a DNG says about itself, as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from fotohaus.raw import levels, tags
from fotohaus.raw import opcode_types as types
from fotohaus.raw.calibration import gray_color, read_color, read_noise, read_noise_reduction
from fotohaus.raw.capture import read_capture
from fotohaus.raw.cfa import Filters, OtherCfa, is_linear, read_filters
from fotohaus.raw.dng_read import (
    active_area,
    check_version,
    default_crop,
    default_scale,
    enhanced_ifd,
    plane_order,
    raw_ifd,
    read_profile,
)
from fotohaus.raw.extras import depth_facts, extra_ifds
from fotohaus.raw.image import ColorCalibration, Rectangle
from fotohaus.raw.layout import COMPRESSION_NAMES, read_layout
from fotohaus.raw.opcode_types import GainMap, Opcode, OtherOpcode
from fotohaus.raw.opcodes import opcode_name, parse_opcodes
from fotohaus.raw.profile import CameraProfile, HueSatMap
from fotohaus.raw.profile_read import LeftOut, extra_profiles
from fotohaus.raw.tiff import Ifd, Tiff, TiffError

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
_REFERENCES = {1: "output-referred", 2: "output-referred, high dynamic range"}


def describe_dng(tiff: Tiff) -> dict[str, Any]:
    """Everything that a DNG's fields say; samples are not decoded. Raises TiffError if the file is damaged."""
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
        check_version(main)
        layout = read_layout(image)
        bits, floating = layout.bits, layout.floating
        filters = read_filters(image, samples)
        rows, columns = default_scale(image)
        raw["pixels"] = f"{columns:.4g} x {rows:.4g}" if (rows, columns) != (1, 1) else None
    except OtherCfa as cfa:
        facts["demosaiced_by_libraw"] = str(cfa)
        filters = Filters("mosaic")
    except TiffError as error:
        facts["not_supported"] = str(error)
        bits, floating = min(max(image.integer(tags.BITS_PER_SAMPLE, 1), 1), 32), False
        filters = Filters("linear" if is_linear(image) else "mosaic")
    raw["kind"] = filters.kind if filters.kind != "other" else "linear" if filters.array is None else "mosaic"
    raw["cfa"] = filters.pattern or _array(filters)
    raw["cfa_layout"] = filters.layout if filters.layout > 1 else None
    raw["binned"] = f"{filters.cell} x {filters.cell}" if filters.cell > 1 else None
    raw["bits"] = bits
    raw["samples"] = "floating point" if floating else None
    compression = image.integer(tags.COMPRESSION, 1)
    raw["compression"] = COMPRESSION_NAMES.get(compression, str(compression))
    if tags.TILE_WIDTH in image:
        raw["tile"] = [image.integer(tags.TILE_WIDTH, 0), image.integer(tags.TILE_LENGTH, 0)]
    active = active_area(image, height, width)
    raw["active_area"] = _rectangle(active)
    raw["crop"] = _rectangle(default_crop(main, image, active))
    raw["orientation"] = main.integer(tags.ORIENTATION, image.integer(tags.ORIENTATION, 1))
    table = levels.linearization_table(image)
    raw["linearization_table"] = None if table is None else f"{table.size} entries"
    black = levels.black_level(image, samples, active.height, active.width, filters.period)
    raw["black"] = numbers(black.level[..., 0] if samples == 1 else black.level)
    raw["black_varies"] = True if black.uneven is not None else None
    depth = levels.stored_bits(image, bits, floating, table)
    raw["white"] = numbers(levels.white_level(image, samples, depth, table, floating))
    raw["masked_areas"] = [_rectangle(r) for r in levels.masked_areas(image, height, width)]
    raw["noise_reduction_applied"] = read_noise_reduction(main, image) or None
    fields = [max(image.integer(t, 1), 1) for t in (tags.ROW_INTERLEAVE_FACTOR, tags.COLUMN_INTERLEAVE_FACTOR)]
    raw["interleaved"] = fields if fields != [1, 1] else None
    gray = filters.kind == "monochrome"
    order = filters.order or plane_order(main, image)
    four = len(filters.colors) == 4
    profile, camera, left_out = read_profile(tiff, image, filters, order)
    if gray:
        facts["color"] = {"baseline_exposure_ev": numbers(gray_color(main).baseline_exposure)}
    elif four:
        facts["color"] = {"baseline_exposure_ev": numbers(gray_color(main).baseline_exposure), "planes": 4}
    else:
        facts["color"] = _color(read_color(camera, order, profile))
        facts["color"]["reference"] = _REFERENCES.get(main.integer(tags.COLORIMETRIC_REFERENCE, 0))
    facts["profile"] = _profile(profile, left_out)
    facts["other_profiles"] = [ifd.text(tags.PROFILE_NAME) or "unnamed" for ifd in extra_profiles(tiff)]
    facts["original_raw"] = _original(main)
    noise = None if four else read_noise(main, image, order)
    facts["noise"] = None if noise is None else {"scale": numbers(noise.scale), "offset": numbers(noise.offset)}
    lists = {1: tags.OPCODE_LIST_1, 2: tags.OPCODE_LIST_2, 3: tags.OPCODE_LIST_3}
    facts["opcodes"] = [_opcode(number, o) for number, tag in lists.items() for o in parse_opcodes(image.raw(tag))]
    beside = extra_ifds(tiff)
    facts["extras"] = [_extra(kind, ifd, main) for kind, ifd in beside]
    enhanced = enhanced_ifd(tiff)
    facts["enhanced"] = None if enhanced in (None, image) or enhanced is None else _preview(enhanced)
    other = {image.offset, *(ifd.offset for _, ifd in beside), *([enhanced.offset] if enhanced else [])}
    facts["previews"] = [_preview(ifd) for ifd in tiff.images() if ifd.offset not in other]
    return facts


def _original(main: Ifd) -> dict[str, Any] | None:
    """The file that a converter made this one from: its name, and the bytes of it that are within."""
    data = main.entries.get(tags.ORIGINAL_RAW_FILE_DATA)
    facts = {"name": main.text(tags.ORIGINAL_RAW_FILE_NAME), "embedded_bytes": None if data is None else data.nbytes}
    return facts if any(facts.values()) else None


def _array(filters: Filters) -> str | None:
    """The rows of an array that is no Bayer pattern, in the letters of its colours (EXIF 2.32, CFAPattern)."""
    if filters.array is None:
        return None
    letters = "RGBCMYW"
    return " / ".join("".join(letters[c] if c < len(letters) else str(c) for c in row) for row in filters.array)


def _opcode(number: int, opcode: Opcode) -> dict[str, Any]:
    facts: dict[str, Any] = {"list": number, "name": opcode_name(opcode), "optional": opcode.optional}
    match opcode:
        case GainMap():
            facts["points"] = list(opcode.gains.shape)
            facts["gains"] = [round(float(opcode.gains.min()), 4), round(float(opcode.gains.max()), 4)]
        case types.WarpRectilinear() | types.WarpFisheye() | types.WarpRectilinear2():
            facts["coefficients"] = numbers(opcode.coefficients)
            facts["center"] = numbers(opcode.center)
        case types.FixVignetteRadial():
            facts["coefficients"] = numbers(opcode.coefficients)
            facts["center"] = numbers(opcode.center)
        case types.MapPolynomial():
            facts["coefficients"] = numbers(opcode.coefficients)
        case types.FixBadPixelsConstant():
            facts["constant"] = opcode.constant
        case types.FixBadPixelsList():
            facts["points"], facts["rectangles"] = len(opcode.points), len(opcode.rectangles)
        case types.TrimBounds():
            facts["area"] = _rectangle(opcode.area)
        case types.MapTable():
            facts["entries"] = opcode.table.size
        case OtherOpcode():
            facts["bytes"] = len(opcode.data)
            facts["understood"] = False
        case _:
            facts["values"] = opcode.values.size
    return facts


def _extra(kind: str, ifd: Ifd, main: Ifd) -> dict[str, Any]:
    facts = {"kind": kind} | _preview(ifd)
    del facts["subfile_type"]
    if kind == "mask":
        facts |= {"name": ifd.text(tags.SEMANTIC_NAME), "instance": ifd.text(tags.SEMANTIC_INSTANCE_ID)}
    if kind == "depth":
        depth = depth_facts(main)
        unit = "_m" if depth.meters else ""
        facts |= {"format": depth.format, f"near{unit}": depth.near, "measure": depth.measure}
        facts[f"far{unit}"] = None if depth.far is None else depth.far if np.isfinite(depth.far) else "infinity"
    return {k: v for k, v in facts.items() if v is not None}


def _table(table: HueSatMap | None) -> str | None:
    if table is None:
        return None
    values, hues, saturations = table.shifts.shape[:3]
    return f"{hues} x {saturations} x {values}, {table.encoding}"


def _profile(profile: CameraProfile, left_out: LeftOut) -> dict[str, Any]:
    gains, tables = profile.gain_table_map, profile.rgb_tables
    return {
        "name": profile.name,
        "group": profile.group,
        "copyright": profile.copyright,
        "embed_policy": profile.embed_policy or None,
        "hue_sat_maps": [_table(m) for m in profile.hue_sat_maps],
        "look_table": _table(profile.look_table),
        "tone_curve": None if profile.tone_curve is None else f"{len(profile.tone_curve)} points",
        "baseline_exposure_offset_ev": profile.baseline_exposure_offset or None,
        "black_render": None if profile.black_render == "auto" else profile.black_render,
        "gain_table_map": None if gains is None else " x ".join(map(str, gains.gains.shape)),
        "rgb_tables": None if tables is None else [t.mask or "background" for t in tables.tables],
        "dynamic_range": None if profile.dynamic_range == "SDR" else profile.dynamic_range,
        "left_out": [f"{table}: {reason}" for table, reason in left_out.items()],
    }


def _preview(ifd: Ifd) -> dict[str, Any]:
    compression = ifd.integer(tags.COMPRESSION, 1)
    lossy = ifd.integer(tags.PHOTOMETRIC, 0) in (1, 6)
    names = COMPRESSION_NAMES | ({6: "JPEG", 7: "JPEG"} if lossy else {})
    return {
        "width": ifd.integer(tags.IMAGE_WIDTH, 0),
        "height": ifd.integer(tags.IMAGE_LENGTH, 0),
        "compression": names.get(compression, str(compression)),
        "subfile_type": ifd.integer(tags.NEW_SUBFILE_TYPE, 0),
    }


def _color(color: ColorCalibration) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "illuminant_1": ILLUMINANTS.get(color.illuminant_1, color.illuminant_1),
        "color_matrix_1": numbers(color.color_matrix_1),
        "forward_matrix_1": numbers(color.forward_matrix_1),
        "calibration_1": numbers(color.calibration_1) if (color.calibration_1 != np.eye(3)).any() else None,
    }
    if color.color_matrix_2 is not None:
        facts |= {
            "illuminant_2": ILLUMINANTS.get(color.illuminant_2 or 0, color.illuminant_2),
            "color_matrix_2": numbers(color.color_matrix_2),
            "forward_matrix_2": numbers(color.forward_matrix_2),
            "calibration_2": numbers(color.calibration_2) if (color.calibration_2 != np.eye(3)).any() else None,
        }
    if color.color_matrix_3 is not None:
        facts |= {
            "illuminant_3": ILLUMINANTS.get(color.illuminant_3 or 0, color.illuminant_3),
            "color_matrix_3": numbers(color.color_matrix_3),
            "forward_matrix_3": numbers(color.forward_matrix_3),
            "calibration_3": numbers(color.calibration_3) if (color.calibration_3 != np.eye(3)).any() else None,
        }
    if any(color.illuminant_whites):
        facts["illuminant_whites"] = [numbers(xy) for xy in color.illuminant_whites]
    facts |= {
        "analog_balance": numbers(color.analog_balance),
        "as_shot_neutral": numbers(color.as_shot_neutral),
        "as_shot_white_xy": numbers(color.as_shot_white_xy),
        "baseline_exposure_ev": numbers(color.baseline_exposure),
    }
    return facts


def _rectangle(rectangle: Rectangle) -> str:
    return f"{rectangle.width} x {rectangle.height} at {rectangle.left}, {rectangle.top}"


def numbers(values: Any) -> Any:
    """Numbers as plain ones in (nested) lists, one where all are the same, with the digits that mean something."""
    if values is None:
        return None
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        return str(array.tolist())
    if array.size and (array == array.flat[0]).all():
        array = array.reshape(-1)[0]

    def short(value: Any) -> Any:
        if isinstance(value, list):
            return [short(v) for v in value]
        return int(value) if value == int(value) else float(f"{value:.6g}")

    return short(array.tolist())
