"""A camera profile's fields on their way into a DNG (DNG 1.7.1 chapter 4)."""

from __future__ import annotations

import struct

import numpy as np

from fotohaus.raw import tags
from fotohaus.raw.profile import CameraProfile, GainTableMap, HueSatMap, RgbTables
from fotohaus.raw.tiff_write import Directory, Type

_MAPS = (tags.PROFILE_HUE_SAT_MAP_DATA_1, tags.PROFILE_HUE_SAT_MAP_DATA_2, tags.PROFILE_HUE_SAT_MAP_DATA_3)
_GAMMAS = ("linear", "sRGB", "1.8", "2.2", "Rec. 2020")
_PRIMARIES = ("sRGB", "Adobe RGB", "Display P3", "Rec. 2020", "ProPhoto")


def set_profile(root: Directory, profile: CameraProfile) -> None:
    """The tables, curve and names of a profile; its matrices are the raw image's colour calibration.

    A profile that must never be embedded (ProfileEmbedPolicy 2) leaves nothing but its name.
    """
    root.text(tags.PROFILE_NAME, profile.name)
    if profile.embed_policy == 2:
        return
    root.text(tags.PROFILE_GROUP_NAME, profile.group)
    root.text(tags.PROFILE_COPYRIGHT, profile.copyright)
    root.set(tags.PROFILE_EMBED_POLICY, Type.LONG, profile.embed_policy)
    maps = profile.hue_sat_maps
    if maps and len({m.shifts.shape for m in maps}) == 1:
        _dims(root, tags.PROFILE_HUE_SAT_MAP_DIMS, maps[0])
        for tag, table in zip(_MAPS, maps, strict=False):
            root.set(tag, Type.FLOAT, table.shifts.ravel().tolist())
        root.set(tags.PROFILE_HUE_SAT_MAP_ENCODING, Type.LONG, int(maps[0].encoding == "sRGB"))
    if profile.look_table is not None:
        _dims(root, tags.PROFILE_LOOK_TABLE_DIMS, profile.look_table)
        root.set(tags.PROFILE_LOOK_TABLE_DATA, Type.FLOAT, profile.look_table.shifts.ravel().tolist())
        root.set(tags.PROFILE_LOOK_TABLE_ENCODING, Type.LONG, int(profile.look_table.encoding == "sRGB"))
    if profile.tone_curve is not None:
        root.set(tags.PROFILE_TONE_CURVE, Type.FLOAT, profile.tone_curve.ravel().tolist())
    if profile.baseline_exposure_offset:
        # The standard says RATIONAL, which can't hold the offset below 0 that it gives as an example.
        root.set(tags.BASELINE_EXPOSURE_OFFSET, Type.SRATIONAL, profile.baseline_exposure_offset)
    if profile.black_render == "none":
        root.set(tags.DEFAULT_BLACK_RENDER, Type.LONG, 1)
    if profile.gain_table_map is not None:
        root.set(tags.PROFILE_GAIN_TABLE_MAP_2, Type.UNDEFINED, _gains(profile.gain_table_map))
    if profile.rgb_tables is not None:
        root.set(tags.RGB_TABLES, Type.UNDEFINED, _rgb_tables(profile.rgb_tables))
    if profile.dynamic_range == "HDR":
        root.set(tags.PROFILE_DYNAMIC_RANGE, Type.UNDEFINED, struct.pack("<2Hf", 1, 1, profile.peak or 0.0))


def _dims(root: Directory, tag: int, table: HueSatMap) -> None:
    values, hues, saturations = table.shifts.shape[:3]
    root.set(tag, Type.LONG, (hues, saturations, values))


def _gains(table: GainTableMap) -> bytes:
    down, across, entries = table.gains.shape
    grid = (table.spacing_v, table.spacing_h, table.origin_v, table.origin_h)
    head = struct.pack("<2I4dI5f", down, across, *grid, entries, *table.weights)
    # The range of gains means nothing for floats, but Adobe's SDK refuses one that begins at 0.
    return head + struct.pack("<I3f", 3, table.gamma, 1.0, 1.0) + table.gains.astype("<f4").tobytes()


def _rgb_tables(tables: RgbTables) -> bytes:
    parts = [struct.pack("<2I", len(tables.tables), int(tables.method == "sequential"))]
    for table in tables.tables:
        name = table.mask.encode("latin-1", "replace")
        kinds = (_GAMMAS.index(table.gamma), _PRIMARIES.index(table.primaries), table.extend_gamut)
        parts.append(struct.pack("<H", len(name)) + name + struct.pack("<5B", len(table.table), 2, *kinds))
        parts.append(np.asarray(table.table, "<f4").tobytes())
    return b"".join(parts)
