"""Parts of DNGs and what is developed of them, beside Adobe's SDK: for tests and benchmarks/adobe_combinations.py."""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from dng_files import make_dng
from fotohaus import kernels
from fotohaus.develop import develop
from fotohaus.develop.geometry import orient
from fotohaus.develop.profile_look import apply_profile_look
from fotohaus.develop.profile_tables import rec2020_to_prophoto, total_baseline_exposure
from fotohaus.raw import read_raw

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


def mosaic(light: Any, cfa: str = "RGGB") -> Any:
    """The samples that a Bayer array takes of (H, W, 3) light."""
    out = np.empty(light.shape[:2])
    for position, color in enumerate(cfa):
        y, x = divmod(position, 2)
        out[y::2, x::2] = light[y::2, x::2, "RGB".index(color)]
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
    return bytes(make_dng(codes(CAMERA), raw=raw, main=main, **more))


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


def pixels(path: Path, look: bool) -> Any:
    """What is developed of a file, as stored, in linear ProPhoto: in its look, or without baseline exposure."""
    raw = read_raw(path)
    scene = develop(raw, off=STAGES)
    made = scene.pixels * np.float32(1 if look else 2.0 ** -total_baseline_exposure(raw))
    if look:
        assert scene.camera_look is not None
        made = apply_profile_look(kernels.planar(made), scene.camera_look)
    return orient(made, {6: 8, 8: 6}.get(raw.orientation, raw.orientation)) @ rec2020_to_prophoto().T
