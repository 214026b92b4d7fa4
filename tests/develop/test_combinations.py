"""Valid files that hold several things at once, the whole way from bytes to a picture, beside Adobe's SDK."""

import importlib.util
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop import develop
from fotohaus.develop.geometry import orient
from fotohaus.develop.profile_look import apply_profile_look
from fotohaus.develop.profile_tables import rec2020_to_prophoto, total_baseline_exposure
from fotohaus.raw import read_raw


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, made)
    spec.loader.exec_module(made)
    return made


HERE = Path(__file__).resolve()
adobe_sdk = _module(HERE.parents[2] / "benchmarks" / "adobe_sdk.py")
profiles = _module(HERE.with_name("profiles.py"))
conftest = _module(HERE.parents[1] / "raw" / "conftest.py")
make = conftest.make_dng

pytestmark = pytest.mark.skipif(adobe_sdk.library() is None, reason="needs dngpy 0.1.3 on x86-64 Linux")

ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, FLOAT = 2, 3, 4, 5, 7, 10, 11
HEIGHT, WIDTH = 120, 150
STAGES = ("defringe", "denoise", "capture-sharpen", "highlights", "ca")
EDGE = 6  # px; the SDK's resampling reads beyond its last row


def camera() -> Any:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / np.array([HEIGHT, WIDTH]).reshape(2, 1, 1)
    waves = np.stack([np.sin(2 * x + y), np.cos(x - 2 * y), np.sin(2 * y + x + 1)], -1)
    return (0.32 + 0.15 * waves) * (0.5, 1, 0.625)


CAMERA = camera()


def codes(light: Any, black: Any = 0, white: int = 65535) -> Any:
    return np.rint(black + light * (white - np.max(black))).astype(np.uint16)


def mosaic(light: Any) -> Any:
    out = np.empty(light.shape[:2])
    for position, plane in enumerate((0, 1, 1, 2)):
        y, x = divmod(position, 2)
        out[y::2, x::2] = light[y::2, x::2, plane]
    return out


def rationals(*values: float) -> list[int]:
    return [part for v in values for part in (round(v * 10000), 10000)]


def opcodes(*of: tuple[int, bytes]) -> tuple[int, bytes]:
    parts = [struct.pack(">4I", number, 0x01030000, 0, len(data)) + data for number, data in of]
    return UNDEFINED, struct.pack(">I", len(parts)) + b"".join(parts)


def area(height: int, width: int) -> bytes:
    return struct.pack(">8I", 0, 0, height, width, 0, 3, 1, 1)


def gain_map(rows: int, columns: int, curve: float) -> tuple[int, bytes]:
    y, x = (np.mgrid[0:rows, 0:columns] / np.array([rows - 1, columns - 1]).reshape(2, 1, 1)) - 0.5
    grid = struct.pack(">2I4dI", rows, columns, 1 / (rows - 1), 1 / (columns - 1), 0, 0, 1)
    return 9, area(HEIGHT, WIDTH) + grid + (1 + curve * (x * x + y * y)).astype(">f4").tobytes()


def lines(opcode: int, height: int, width: int, values: Any) -> tuple[int, bytes]:
    return opcode, area(height, width) + struct.pack(">I", height) + values.astype(">f4").tobytes()


TRIM = (6, struct.pack(">4I", 4, 6, HEIGHT - 2, WIDTH - 4))
CROP = {50719: (LONG, [10, 12]), 50720: (LONG, [100, 80])}
WARP = (1, struct.pack(">I6d2d", 1, 1.0, -0.05, 0.02, 0, 0.002, 0.001, 0.45, 0.55))
FISHEYE = (2, struct.pack(">I4d2d", 1, 0.96, 0.038, 0, 0, 0.45, 0.55))
VIGNETTE = (3, struct.pack(">7d", 0.4, 0, 0, 0, 0, 0.45, 0.55))
WAVE = np.sin(np.arange(HEIGHT) / 7)
BACK = (1, struct.pack(">I6d2d", 1, 1.0, 0.04, 0.01, 0, 0, 0, 0.5, 0.5))
PART = (12, struct.pack(">8I", 20, 30, 90, 100, 0, 3, 1, 1) + struct.pack(">I70f", 70, *[0.85] * 70))
POLYNOMIAL = (8, struct.pack(">8I", 0, 0, HEIGHT, WIDTH, 0, 3, 1, 1) + struct.pack(">I3d", 2, 0, 0.8, 0.2))
OBLONG = {50718: (RATIONAL, [1, 1, 2, 1])}
WIDE = {50718: (RATIONAL, [3, 2, 1, 1])}
CURVE = {50940: (FLOAT, [0.0, 0.0, 0.25, 0.4, 0.5, 0.7, 1.0, 1.0])}
HDR = {52551: (UNDEFINED, struct.pack("<2Hf", 1, 1, 4.0))}


def linear(*, raw: dict[int, Any] | None = None, main: dict[int, Any] | None = None, **more: Any) -> bytes:
    return bytes(make(codes(CAMERA), raw=raw, main=main, **more))


def look_table() -> dict[int, Any]:
    shifts = np.random.default_rng(3).uniform((-15, 0.7, 0.9), (15, 1.3, 1.1), (4, 6, 5, 3))
    shifts[:, :, 0, 2] = 1
    return {50981: (LONG, [6, 5, 4]), 50982: (FLOAT, shifts.ravel().tolist())}


def color_tables(order: str, *regions: str) -> dict[int, Any]:
    steps = np.linspace(0, 1, 9)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1)
    data = struct.pack(order + "2I", len(regions), 0)
    for seed, name in enumerate(regions):
        colors = np.clip(cube + np.random.default_rng(seed).uniform(-0.08, 0.08, cube.shape), 0, 1)
        data += struct.pack(order + "H", len(name)) + name.encode() + bytes([9, 1, 1, 0, 1])
        data += np.rint(colors * 65535).astype("<u2").tobytes()
    return {52543: (UNDEFINED, data)}


def masks(tiff: Any) -> list[int]:
    """Two semantic masks at a quarter of the size: a ramp across, and one down."""
    height, width = HEIGHT // 4, WIDTH // 4
    y, x = np.mgrid[0:height, 0:width]
    made = []
    for name, values in (("sky", 255 * x // (width - 1)), ("skin", 200 * y // (height - 1))):
        at = tiff.add(values.astype(np.uint8).tobytes())
        fields = {254: (LONG, 65540), 256: (LONG, width), 257: (LONG, height), 258: (SHORT, 8), 259: (SHORT, 1)}
        fields |= {262: (SHORT, 52527), 273: (LONG, at), 277: (SHORT, 1), 278: (LONG, height)}
        made.append(tiff.ifd(fields | {279: (LONG, values.size), 52526: (ASCII, name)}))
    return made


def black_of_4_by_4() -> bytes:
    black = 60 + np.random.default_rng(5).uniform(0, 12, (4, 4, 3)).round(2)
    levels = {50713: (SHORT, [4, 4]), 50714: (RATIONAL, rationals(*black.ravel()))}
    stored = codes(CAMERA, np.tile(black, (HEIGHT // 4, WIDTH // 4 + 1, 1))[:, :WIDTH], 1023)
    return bytes(make(stored, bits=10, raw=levels))


def three_lights() -> bytes:
    """The third of 3200 K, which the SDK has as a temperature."""
    matrices = [np.array(conftest.MATRIX) * scale for scale in (1.0, 1.05, 0.96)]
    matrices[1][[1, 3]] -= 0.06
    matrices[2][[2, 6]] += 0.05
    numbers = zip((50721, 50722, 52531), matrices, strict=True)
    lights = {50778: (SHORT, 21), 50779: (SHORT, 15), 52529: (SHORT, 24)}
    warm = {50728: (RATIONAL, rationals(0.62, 1, 0.45))}
    return linear(main={tag: (SRATIONAL, rationals(*matrix)) for tag, matrix in numbers} | lights | warm)


def white_without_a_tag() -> bytes:
    table = np.rint(np.linspace(0, 1, 65536) * 16383).astype(int).tolist()
    return linear(raw={50717: None, 50712: (SHORT, table)}, main={50730: (SRATIONAL, [2, 1])})


def float_mosaic() -> bytes:
    bright = lines(10, HEIGHT, WIDTH, 0.02 * WAVE)
    stored = mosaic(CAMERA).astype(np.float32)
    return bytes(make(stored, bits=32, raw={51022: opcodes(bright, WARP)}))


# The file, and whether the look of its profile takes part.
FILES: dict[str, tuple[Callable[[], bytes], bool]] = {
    "negative exposure, tone curve": (lambda: linear(main={50730: (SRATIONAL, [-3, 4])} | CURVE), True),
    "negative exposure, look table": (lambda: linear(main={50730: (SRATIONAL, [-1, 2])} | look_table()), True),
    "negative offset of exposure, both": (
        lambda: linear(main={50730: (SRATIONAL, [1, 4]), 51109: (SRATIONAL, [-1, 1])} | look_table() | CURVE),
        True,
    ),
    "negative exposure, HDR": (lambda: linear(main={50730: (SRATIONAL, [-1, 1])} | HDR | look_table()), True),
    "negative exposure, HDR, tone curve": (lambda: linear(main={50730: (SRATIONAL, [-3, 5])} | HDR | CURVE), True),
    "output-referred": (lambda: linear(main={50879: (SHORT, 1)}), False),
    "output-referred, high dynamic range": (lambda: linear(main={50879: (SHORT, 2), 50728: None}), False),
    "trim in list 1": (lambda: linear(raw=CROP | {51008: opcodes(TRIM)}), False),
    "trim in list 1, active area": (
        lambda: linear(raw=CROP | {51008: opcodes(TRIM), 50829: (LONG, [2, 4, HEIGHT - 8, WIDTH - 12])}),
        False,
    ),
    "trim alone in list 3": (lambda: linear(raw=CROP | {51022: opcodes(TRIM)}), False),
    "trim, warp, rows scaled": (
        lambda: linear(raw=CROP | {51022: opcodes(TRIM, WARP, lines(12, HEIGHT - 6, WIDTH - 10, 1 + 0.1 * WAVE[:-6]))}),
        False,
    ),
    "warp, rows scaled, fisheye": (
        lambda: linear(raw=CROP | {51022: opcodes(WARP, lines(12, HEIGHT, WIDTH, 1 + 0.1 * WAVE), FISHEYE)}),
        False,
    ),
    "warp, part scaled, warp, polynomial, turned": (
        lambda: linear(main={274: (SHORT, 6)}, raw={51022: opcodes(WARP, PART, FISHEYE, POLYNOMIAL)}),
        False,
    ),
    "three warps with rows between, trim": (
        lambda: linear(
            raw=CROP | {51022: opcodes(FISHEYE, lines(10, HEIGHT, WIDTH, 900 * WAVE), WARP, TRIM, PART, BACK)}
        ),
        False,
    ),
    "warp in list 2, rows scaled in list 3, warp": (
        lambda: linear(raw={51009: opcodes(WARP), 51022: opcodes(lines(12, HEIGHT, WIDTH, 1 + 0.1 * WAVE), BACK)}),
        False,
    ),
    "oblong pixels, warp, rows scaled": (
        lambda: linear(raw=OBLONG | {51022: opcodes(WARP, lines(12, HEIGHT, WIDTH, 1 + 0.1 * WAVE))}),
        False,
    ),
    "oblong pixels, fisheye, part scaled, turned": (
        lambda: linear(main={274: (SHORT, 8)}, raw=CROP | WIDE | {51022: opcodes(FISHEYE, PART)}),
        False,
    ),
    "oblong pixels, fisheye": (
        lambda: linear(raw={50718: (RATIONAL, [1, 1, 2, 1]), 51022: opcodes(FISHEYE)}),
        False,
    ),
    "oblong pixels, vignette in list 3": (
        lambda: linear(raw={50718: (RATIONAL, [2, 1, 1, 1]), 51022: opcodes(VIGNETTE)}),
        False,
    ),
    "oblong pixels, vignette in list 2": (
        lambda: linear(raw={50718: (RATIONAL, [1, 1, 6, 5]), 51009: opcodes(VIGNETTE)}),
        False,
    ),
    "gain maps of two grids": (
        lambda: linear(raw={51009: opcodes(gain_map(4, 5, 0.6), gain_map(5, 4, 0.4))}),
        False,
    ),
    "black of 4 x 4, 10 bits": (black_of_4_by_4, False),
    "third light of 3200 K": (three_lights, False),
    "white without a tag, behind a table": (white_without_a_tag, False),
    "float mosaic, rows brightened before a warp": (float_mosaic, False),
    "colour table, big-endian": (lambda: linear(order=">", main=color_tables(">", "")), True),
    "colour tables for regions": (
        lambda: linear(sub_ifd=True, subs=masks, main=color_tables("<", "sky", "skin", "")),
        True,
    ),
}


def pixels(path: Path, look: bool) -> Any:
    """What is developed of a file, as stored, in linear ProPhoto: in its look, or without baseline exposure."""
    raw = read_raw(path)
    scene = develop(raw, off=STAGES)
    made = scene.pixels * np.float32(1 if look else 2.0 ** -total_baseline_exposure(raw))
    if look:
        assert scene.camera_look is not None
        made = apply_profile_look(kernels.planar(made), scene.camera_look)
    return orient(made, {6: 8, 8: 6}.get(raw.orientation, raw.orientation)) @ rec2020_to_prophoto().T


@pytest.mark.parametrize("name", FILES)
def test_agrees_with_the_sdk(name: str, tmp_path: Path) -> None:
    build, look = FILES[name]
    path = tmp_path / "made.dng"
    path.write_bytes(build())
    theirs = adobe_sdk.stages(path, look=look).render
    mine = pixels(path, look)
    height, width = (min(pair) for pair in zip(theirs.shape[:2], mine.shape[:2], strict=True))
    inner = slice(EDGE, height - EDGE), slice(EDGE, width - EDGE)
    theirs, mine = theirs[inner], mine[inner]
    kept = profiles.inside(theirs)
    assert kept.mean() > 0.9
    error = profiles.delta_e(theirs, mine)[kept]
    assert np.median(error) < 0.05
    assert np.percentile(error, 99) < 0.25


def test_white_stays_white_under_a_negative_exposure(tmp_path: Path) -> None:
    path = tmp_path / "made.dng"
    ramp = np.linspace(0.02, 1, WIDTH) * np.ones((HEIGHT, 1))
    dark = {50730: (SRATIONAL, [-1, 1]), 50940: (FLOAT, [0.0, 0.0, 1.0, 1.0])}
    path.write_bytes(make(codes(ramp[..., None] * (0.5, 1, 0.625)), main=dark))
    line = pixels(path, True)[HEIGHT // 2, :, 1]
    assert line[-1] > 0.98
    assert (np.diff(line) > 0).all()
    np.testing.assert_allclose(line[:30], ramp[0, :30] / 2, rtol=2e-3)


def test_a_file_that_is_gone_leaves_tables_for_regions_out(tmp_path: Path) -> None:
    from fotohaus.report import Report

    path = tmp_path / "made.dng"
    path.write_bytes(linear(sub_ifd=True, subs=masks, main=color_tables("<", "sky")))
    raw, report = read_raw(path), Report()
    path.unlink()
    assert develop(raw, off=STAGES, report=report).camera_look is None
    assert any("regions" in line for line in report.warnings)
