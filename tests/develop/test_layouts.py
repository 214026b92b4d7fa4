"""Whole files as makers are known to lay them out, beside Adobe's SDK, and what `fotohaus info` shows of them."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adobe_sdk
import dng_parts as kit
import profiles
import structures
from dng_files import MATRIX, make_dng
from fotohaus.raw import describe

pytestmark = pytest.mark.skipif(adobe_sdk.library() is None, reason="needs dngpy 0.1.3 on x86-64 Linux")

SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, DOUBLE = 3, 4, 5, 7, 10, 12
HEIGHT, WIDTH, CAMERA = kit.HEIGHT, kit.WIDTH, kit.CAMERA
JPEG_XL = 52546
BLOCK = 10
NEWEST = {50706: (1, [1, 7, 1, 0]), 50707: (1, [1, 7, 0, 0])}
TWO = {
    50721: (SRATIONAL, kit.rationals(*np.array(MATRIX) * 1.05)),
    50722: (SRATIONAL, kit.rationals(*MATRIX)),
    50778: (SHORT, 17),
    50779: (SHORT, 21),
    50728: (RATIONAL, kit.rationals(0.52, 1, 0.61)),
}
FORWARD = [0.55, 0.3, 0.1142, 0.25, 0.75, 0.0, 0.02, 0.1, 0.7049]
FORWARDS = {tag: (SRATIONAL, kit.rationals(*FORWARD)) for tag in (50964, 50965)}


def gain_maps(cfa: str) -> list[tuple[int, bytes]]:
    """One for each position of the array, as Android writes lens shading."""
    y, x = (np.mgrid[0:13, 0:17] / np.array([12, 16]).reshape(2, 1, 1)) - 0.5
    made = []
    for at, color in enumerate(cfa):
        gains = 1 + {"R": 0.9, "G": 0.7, "B": 0.6}[color] * (x * x + y * y)
        area = struct.pack(">8I", at // 2, at % 2, HEIGHT, WIDTH, 0, 1, 2, 2)
        made.append((9, area + struct.pack(">2I4dI", 13, 17, 1 / 12, 1 / 16, 0, 0, 1) + gains.astype(">f4").tobytes()))
    return made


def gain_table(order: str) -> bytes:
    gains = (0.8 + np.cumsum(np.random.default_rng(2).uniform(0, 0.05, (6, 8, 17)), 2)).astype(order + "f4")
    return struct.pack(order + "2I4dI5f", 6, 8, 1 / 5, 1 / 7, 0, 0, 17, 0.1, 0.3, 0.1, 0.1, 0.3) + gains.tobytes()


def mosaic(cfa: str, black: Any, white: int, bits: int = 16, **more: Any) -> bytes:
    """Black of each position of the array."""
    level = np.tile(np.reshape(black, (2, 2)), (HEIGHT // 2, WIDTH // 2))
    stored = kit.codes(kit.mosaic(CAMERA, cfa), level, white)
    levels = {50713: (SHORT, [2, 2]), 50714: (RATIONAL, kit.rationals(*np.ravel(black))), 50717: (LONG, white)}
    raw = levels | more.pop("raw", {})
    return bytes(make_dng(stored, cfa=cfa, bits=bits, raw=raw, main=TWO | more.pop("main", {}), **more))


def android(further: dict[int, Any] | None = None) -> bytes:
    """10 bits in 16, lossless JPEG, lens shading of four maps, a warp, noise of each colour."""
    raw = {51009: kit.opcodes(*gain_maps("RGGB")), 51022: kit.opcodes(kit.WARP)}
    raw |= {51041: (DOUBLE, [2e-4, 1e-6, 1e-4, 1e-6, 3e-4, 2e-6])}
    more = FORWARDS | {50723: (SRATIONAL, kit.rationals(1.01, 0, 0, 0, 1, 0, 0, 0, 0.98)), 50730: (SRATIONAL, [3, 10])}
    more |= further or {}
    return mosaic("RGGB", [64, 64.25, 63.75, 64], 1023, raw=raw, main=more, compression=7, frame="pairs", tile=(48, 64))


def android_by_xy() -> bytes:
    more = {50728: None, 50729: (RATIONAL, kit.rationals(0.345, 0.352))}
    return mosaic("GRBG", [64] * 4, 1023, main=more, rows_per_strip=1)


def rangefinder() -> bytes:
    """14 bits in 16, uncompressed, blue at the corner, a border and a crop, profile tables."""
    area = {50829: (LONG, [2, 0, HEIGHT, WIDTH - 4]), 50719: (LONG, [4, 4]), 50720: (LONG, [130, 100])}
    return mosaic("BGGR", [512] * 4, 16383, raw=area, main=FORWARDS | kit.look_table() | kit.CURVE)


def pentax() -> bytes:
    """Big-endian, in rows of a strip each, masked pixels beside."""
    masked = {50829: (LONG, [4, 6, HEIGHT, WIDTH]), 50830: (LONG, [4, 0, HEIGHT, 6])}
    return mosaic("RGGB", [64] * 4, 16383, order=">", rows_per_strip=1, raw=masked)


def drone() -> bytes:
    raw = {51022: kit.opcodes(kit.VIGNETTE, kit.WARP), 50730: (SRATIONAL, [1, 2])}
    return mosaic("RGGB", [4096] * 4, 65535, raw=raw, compression=7, frame="double", sub_ifd=True)


def cinema(bits: int, table: bool) -> bytes:
    """Packed samples in one strip; of 8 bits, through a table."""
    if not table:
        return mosaic("RGGB", [4 << bits >> 6] * 4, (1 << bits) - 1, bits)
    entries = np.rint(65535 * (np.arange(1 << bits) / ((1 << bits) - 1)) ** 2).astype(int)
    stored = np.rint(np.sqrt(kit.mosaic(CAMERA, "RGGB")) * ((1 << bits) - 1)).astype(np.uint16)
    raw = {50712: (SHORT, entries.tolist()), 50714: (SHORT, 0), 50717: (LONG, 65535)}
    return bytes(make_dng(stored, bits=bits, raw=raw, main=TWO, tile=(60, 76)))


def expert() -> bytes:
    """A phone's merged linear raw: 16 bits, black of a Bayer array for each plane, lossless JPEG in one strip."""
    levels = {50713: (SHORT, [2, 2]), 50714: (SHORT, [1024] * 12), 50717: (LONG, [65535] * 3)}
    stored = kit.codes(CAMERA, 1024)
    return bytes(make_dng(stored, raw=levels, main=TWO | FORWARDS, compression=7, frame="rgb"))


def proraw() -> bytes:
    """Linear raw in tiles of a SubIFD, gains for every part of the picture, masks, a preview first."""
    raw = {50714: (SHORT, [0] * 3), 50717: (LONG, [65535] * 3), 52525: (UNDEFINED, gain_table(">"))}
    main = TWO | NEWEST | kit.CURVE | {50730: (SRATIONAL, [-6, 10]), 274: (SHORT, 6), 50936: (2, "Apple Embedded")}

    def others(tiff: Any) -> list[int]:
        return structures.beside(tiff, ["masks", "depth", "preview"], HEIGHT, WIDTH)  # type: ignore[no-any-return]

    more = {"order": ">", "compression": JPEG_XL, "tile": (48, 64), "sub_ifd": True, "subs": others, "raw_at": 1}
    return bytes(make_dng(kit.codes(CAMERA), raw=raw, main=main, **more))


def converted() -> bytes:
    """A converter's: lossy mosaic in four fields of JPEG XL, with copies of it for speed, the original within."""

    def others(tiff: Any) -> list[int]:
        return structures.beside(tiff, ["preview", "raw preview"], HEIGHT, WIDTH)  # type: ignore[no-any-return]

    main = NEWEST | {
        50827: (2, "photo.raf"),
        50828: (UNDEFINED, bytes(64)),
        51110: (LONG, 1),
        50935: (RATIONAL, [1, 2]),
    }
    more = {"compression": JPEG_XL, "fields": (2, 2), "sub_ifd": True, "subs": others, "main": main}
    return mosaic("GBRG", [1022] * 4, 15600, quality=0.02, **more)


# The file, whether its look takes part, and what is shown of it.
FILES: dict[str, tuple[Callable[[], bytes], bool, dict[str, Any]]] = {
    "phone, four gain maps, warp": (android, False, {"bits": 16, "compression": "lossless JPEG", "cfa": "RGGB"}),
    "phone, white by x and y": (android_by_xy, False, {"cfa": "GRBG", "white": 1023}),
    "rangefinder, look": (rangefinder, True, {"active_area": "146 x 118 at 0, 2", "crop": "130 x 100 at 4, 4"}),
    "reflex, big-endian, masked": (pentax, False, {"masked_areas": ["6 x 116 at 0, 4"]}),
    "drone, vignette and warp": (drone, False, {"compression": "lossless JPEG"}),
    "cinema, 10 bits": (lambda: cinema(10, False), False, {"bits": 10, "compression": "none"}),
    "cinema, 12 bits": (lambda: cinema(12, False), False, {"bits": 12}),
    "cinema, 14 bits": (lambda: cinema(14, False), False, {"bits": 14}),
    "cinema, 8 bits through a table": (lambda: cinema(8, True), False, {"linearization_table": "256 entries"}),
    "phone, merged": (expert, False, {"kind": "linear", "black": 1024}),
    "phone, linear, gain table": (proraw, True, {"kind": "linear", "compression": "JPEG XL", "tile": [64, 48]}),
    "converter, lossy mosaic": (converted, False, {"interleaved": [2, 2], "cfa": "GBRG"}),
}


def means(image: Any) -> Any:
    height, width = (n // BLOCK * BLOCK for n in image.shape[:2])
    return image[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, -1).mean((1, 3))


@pytest.mark.parametrize("name", FILES)
def test_agrees_with_the_sdk(name: str, tmp_path: Path) -> None:
    build, look, shown = FILES[name]
    path = tmp_path / "made.dng"
    path.write_bytes(build())
    facts = describe(path)
    assert "not_supported" not in facts
    assert {key: facts["raw"][key] for key in shown} == shown
    theirs, mine = adobe_sdk.stages(path, look=look).render, kit.pixels(path, look)
    assert theirs.shape == mine.shape
    inner = slice(kit.EDGE, -kit.EDGE), slice(kit.EDGE, -kit.EDGE)
    kept = means(profiles.inside(theirs)[inner][..., None])[..., 0] == 1
    assert kept.mean() > 0.9
    error = profiles.delta_e(means(theirs[inner]), means(mine[inner]))[kept]
    assert np.median(error) < 0.06
    assert np.percentile(error, 99) < 0.25


def test_everything_beside_the_raw_image_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "made.dng"
    path.write_bytes(proraw())
    facts = describe(path)
    assert [extra["kind"] for extra in facts["extras"]] == ["mask", "mask", "depth"]
    assert facts["profile"]["gain_table_map"] == "6 x 8 x 17"
    assert facts["profile"]["name"] == "Apple Embedded"
    assert facts["previews"]
    path.write_bytes(android({50879: (SHORT, 1)}))
    facts = describe(path)
    assert [o["name"] for o in facts["opcodes"]] == ["GainMap"] * 4 + ["WarpRectilinear"]
    assert len(facts["noise"]["scale"]) == 3
    assert facts["raw"]["black"] == [[64, 64.25], [63.75, 64]]
    assert facts["color"]["reference"] == "output-referred"
    path.write_bytes(converted())
    facts = describe(path)
    assert facts["original_raw"] == {"name": "photo.raf", "embedded_bytes": 64}
    assert facts["raw"]["noise_reduction_applied"] == 0.5
