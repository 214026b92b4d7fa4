"""ICC profiles of our own, about half a kilobyte each: version 4 matrix profiles with a parametric curve.

ICC.1:2022 (profile version 4.4). Colorants are the primaries adapted from D65 to the D50 of the profile connection
space by the Bradford transform (annex E), as the `chad` tag says.
"""

from __future__ import annotations

import functools
import struct

import numpy as np
from numpy.typing import NDArray

from fotohaus.records import record

D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D65_XY = (0.3127, 0.3290)


@record
class Space:
    """An RGB space with a D65 white: its name, the xy of its primaries, its curve as ICC's type 3 parameters."""

    name: str
    primaries: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    curve: tuple[float, float, float, float, float]  # linear = (a * v + b) ** g from d on, c * v below: g, a, b, c, d


SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1
# ITU-R BT.2020-2, table 4, inverted
REC2020_CURVE = (1 / 0.45, 1 / 1.09929682680944, 0.09929682680944 / 1.09929682680944, 1 / 4.5, 0.081242858298635)

SPACES = {
    "srgb": Space("sRGB", ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), SRGB_CURVE),
    "p3": Space("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), SRGB_CURVE),
    "rec2020": Space("Rec. 2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), REC2020_CURVE),
}


@functools.cache
def profile(space: str) -> bytes:
    """The ICC profile of "srgb", "p3" or "rec2020"."""
    asked = SPACES[space]
    adapt = _adaptation()
    colorants = _fixed(adapt @ _to_xyz(asked.primaries))
    # Rounding must not tint white: the columns add up to exactly what D50 is in this encoding.
    colorants[:, 1] += _fixed(D50) - colorants.sum(axis=1)
    text = {"desc": _text(asked.name), "cprt": _text("Public domain")}
    curve_tag = b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(np.array(asked.curve)).astype(">i4").tobytes()
    data = {
        **text,
        "wtpt": _xyz(_fixed(D50)),
        "chad": b"sf32" + bytes(4) + _fixed(adapt).astype(">i4").tobytes(),
        **{f"{c}XYZ": _xyz(colorants[:, i]) for i, c in enumerate("rgb")},
        **{f"{c}TRC": curve_tag for c in "rgb"},
    }
    return _assemble(data)


def _fixed(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """s15Fixed16Number."""
    return np.round(np.asarray(values) * 65536).astype(np.int64)


def _xy_to_xyz(xy: tuple[float, float]) -> NDArray[np.float64]:
    return np.array([xy[0], xy[1], 1 - xy[0] - xy[1]]) / xy[1]


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """Linear RGB to XYZ under D65."""
    columns = np.stack([_xy_to_xyz(p) for p in primaries], axis=1)
    scaled: NDArray[np.float64] = columns * np.linalg.solve(columns, _xy_to_xyz(D65_XY))
    return scaled


def _adaptation() -> NDArray[np.float64]:
    """Bradford, D65 to D50."""
    gains = (BRADFORD @ D50) / (BRADFORD @ _xy_to_xyz(D65_XY))
    adapted: NDArray[np.float64] = np.linalg.inv(BRADFORD) @ np.diag(gains) @ BRADFORD
    return adapted


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(encoded), 28) + encoded


def _xyz(fixed: NDArray[np.int64]) -> bytes:
    return b"XYZ " + bytes(4) + fixed.astype(">i4").tobytes()


def _assemble(data: dict[str, bytes]) -> bytes:
    """Header, tag table and tags; equal tags are stored once (7.3.1)."""
    offsets: dict[bytes, int] = {}
    body = b""
    start = 128 + 4 + 12 * len(data)
    for tag in data.values():
        if tag not in offsets:
            offsets[tag] = start + len(body)
            body += tag + bytes(-len(tag) % 4)
    table = struct.pack(">I", len(data))
    table += b"".join(struct.pack(">4sII", k.encode(), offsets[v], len(v)) for k, v in data.items())
    illuminant = _fixed(D50).astype(">i4").tobytes()
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x04400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    # Platform, flags, manufacturer, model, attributes, intent: all unset; perceptual intent.
    # The profile's ID, an MD5 that costs importing it more than everything else here, may be left zero (7.2.18).
    return head + bytes(28) + illuminant + bytes(4) + bytes(16) + bytes(28) + table + body
