"""Small DNGs of every kind that is read, and mutants of them: for the fuzz in CI and the long one in benchmarks."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

JPEG_XL, LOSSY_JPEG = 52546, 34892
SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, FLOAT, DOUBLE, BYTE, ASCII = 3, 4, 5, 7, 10, 11, 12, 1, 2

# What a kind asks of the maker of DNGs; "planes" is 0 for a mosaic.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "packed": {"bits": 12, "rows_per_strip": 10},
    "lossless JPEG": {"compression": 7, "frame": "pairs", "tile": (16, 16), "sub_ifd": True},
    "deflate": {"compression": 8, "predictor": 2, "rows_per_strip": 10},
    "BigTIFF": {"big": True, "compression": 7},
    "big-endian": {"order": ">", "tile": (16, 16), "bits": 10},
    "half floats": {"floating": True, "bits": 16, "compression": 8, "predictor": 34894, "tile": (16, 16)},
    "24-bit floats": {"floating": True, "bits": 24, "compression": 8, "predictor": 3},
    "floats": {"floating": True, "bits": 32},
    "JPEG XL mosaic": {"compression": JPEG_XL, "fields": (2, 2), "tile": (32, 32)},
    "JPEG XL linear": {"compression": JPEG_XL, "planes": 3, "quality": 1.0},
    "JPEG XL halves": {"compression": JPEG_XL, "planes": 3, "floating": True, "bits": 16},
    "lossy JPEG": {"compression": LOSSY_JPEG, "planes": 3, "bits": 8, "tile": (16, 16)},
    "linear, separate planes": {"planes": 3, "separate": True, "compression": 8},
    "monochrome": {"planes": 1, "compression": 7},
    "interleaved, in blocks": {"fields": (2, 3), "block": (4, 4), "tile": (16, 16)},
    "32 bits": {"bits": 32, "compression": 8, "predictor": 34893},
    "VC-5": {"compression": 9},
    "quad Bayer": {"bits": 10, "cell": 2},
    "staggered": {"filters": ((0, 1), (1, 2)), "layout": 4},
    "four colours": {"filters": ((1, 4), (3, 5), (4, 1), (3, 5)), "colors": (5, 3, 1, 4)},
}


def opcode(number: int, data: bytes, version: int = 0x01030000) -> bytes:
    return struct.pack(">4I", number, version, 0, len(data)) + data


def opcode_list(*opcodes: bytes) -> tuple[int, bytes]:
    return UNDEFINED, struct.pack(">I", len(opcodes)) + b"".join(opcodes)


def opcodes() -> dict[int, Any]:
    area = struct.pack(">8I", 2, 2, 30, 40, 0, 1, 2, 2)
    gains = np.ones((3, 4), ">f4").tobytes()
    grid = struct.pack(">2I4dI", 3, 4, 0.5, 1 / 3, 0, 0, 1)
    lines = struct.pack(">I14f", 14, *[1.0] * 14)
    first = (
        opcode(5, struct.pack(">9I", 0, 1, 1, 5, 5, 10, 10, 12, 12)),
        opcode(7, area + struct.pack(">I64H", 64, *range(64))),
        opcode(12, area + lines),
    )
    second = (
        opcode(9, area + grid + gains),
        opcode(8, area + struct.pack(">I3d", 2, 0, 1, 0.1)),
        opcode(10, area + lines),
    )
    third = (
        opcode(1, struct.pack(">I8d", 1, 1, 0, 0, 0, 0, 0, 0.5, 0.5)),
        opcode(3, struct.pack(">7d", 0.1, 0, 0, 0, 0, 0.5, 0.5)),
        opcode(14, struct.pack(">I21dI", 1, 1, *[0] * 17, 1, 0.5, 0.5, 0), 0x01060000),
        opcode(6, struct.pack(">4I", 0, 0, 40, 48)),
    )
    return {51008: opcode_list(*first), 51009: opcode_list(*second), 51022: opcode_list(*third)}


def profile() -> dict[int, Any]:
    gains = struct.pack("<2I4dI5f", 2, 2, 1, 1, 0, 0, 8, 0.3, 0.3, 0.3, 0, 0.1) + np.ones(32, "<f4").tobytes()
    colors = struct.pack("<2IH5B", 1, 0, 0, 2, 0, 1, 0, 1) + bytes(24)
    return {
        50937: (LONG, [4, 3, 1]),
        50938: (FLOAT, [0.0, 1.0, 1.0] * 12),
        50981: (LONG, [2, 2, 2]),
        50982: (FLOAT, [0.0, 1.0, 1.0] * 8),
        50940: (FLOAT, [0.0, 0.0, 0.5, 0.6, 1.0, 1.0]),
        52525: (UNDEFINED, gains),
        52543: (UNDEFINED, colors),
    }


def make(dng: Callable[..., bytes], kind: str, seed: int) -> bytes:
    """A sound DNG of a kind, with levels, opcodes, a profile, EXIF and a depth map."""
    choice = dict(KINDS[kind])
    planes, floating, cell = choice.pop("planes", 0), choice.pop("floating", False), choice.pop("cell", 1)
    filters, layout, colors = choice.pop("filters", ()), choice.pop("layout", 1), choice.pop("colors", (0, 1, 2))
    bits, order = choice.get("bits", 16), choice.get("order", "<")
    rng = np.random.default_rng(seed)
    shape = (40, 48, planes) if planes else (40, 48)
    walk = np.cumsum(rng.normal(0, 1, shape), axis=1)
    walk = (walk - walk.min()) / (walk.max() - walk.min())
    image = walk.astype(np.float32) if floating else np.round(walk * ((1 << min(bits, 16)) - 1)).astype(np.uint32)
    samples = max(planes, 1)
    raw: dict[int, Any] = {
        50713: (SHORT, [2, 2]),
        50714: (RATIONAL, [0 if floating else 2, 1, 1, 10, *[0, 1, 3, 10][:4]] * samples),
        50829: (LONG, [2, 2, 38, 46]),
        50719: (RATIONAL, [1, 1, 1, 1]),
        50720: (LONG, [40, 30]),
        50830: (LONG, [0, 0, 2, 48]),
        51041: (DOUBLE, [1e-4, 1e-8]),
        **opcodes(),
    }
    if not floating and bits <= 16 and planes != 1:
        raw[50712] = (SHORT, list(range(0, 1 << bits, max(1, (1 << bits) // 4096))))
    if cell > 1:
        pattern = np.array([[0, 1], [1, 2]]).repeat(cell, 0).repeat(cell, 1)
        raw |= {33421: (SHORT, [2 * cell, 2 * cell]), 33422: (BYTE, pattern.ravel().tolist())}
    if filters:
        raw |= {33421: (SHORT, list(np.shape(filters))), 33422: (BYTE, np.ravel(filters).tolist())}
        raw |= {50710: (BYTE, list(colors)), 50711: (SHORT, layout)}
    main: dict[int, Any] = {52548: (UNDEFINED, b"com.barnes.1\0Burst\0\0" + struct.pack(">2IB", 1, 2, 0))}
    if planes != 1:
        main |= {50722: (SRATIONAL, [7, 10, 0, 1, 0, 1, 0, 1, 9, 10, 0, 1, 0, 1, 0, 1, 8, 10]), 50779: (SHORT, 17)}
    if len(colors) == 4:
        four = [9, 10, 8, 10, 1, 10, 1, 10, 9, 10, 8, 10, 1, 10, 1, 1, 2, 10, 9, 10, 1, 10, 8, 10]
        main |= {50721: (SRATIONAL, four), 50722: (SRATIONAL, four), 50728: (RATIONAL, [1, 1, 9, 10, 1, 1, 8, 10])}
        main |= {50725: (SRATIONAL, four), 50726: (SRATIONAL, four)}
    if order == "<":
        main |= profile()

    def depth(tiff: Any) -> list[int]:
        fields = {254: (LONG, 8), 256: (LONG, 8), 257: (LONG, 6), 258: (SHORT, 8), 259: (SHORT, 1)}
        fields |= {262: (LONG, 51177), 273: (LONG, tiff.add(bytes(48))), 277: (SHORT, 1), 278: (LONG, 6)}
        return [tiff.ifd(fields)]

    exif = {34855: (SHORT, 100), 33434: (RATIONAL, [1, 100]), 36867: (ASCII, "2026:01:01 00:00:00")}
    gps = {1: (ASCII, "N"), 2: (RATIONAL, [1, 1, 2, 1, 3, 1]), 3: (ASCII, "W"), 4: (RATIONAL, [1, 1, 2, 1, 3, 1])}
    return dng(image, main=main, raw=raw, exif=exif, gps=gps, subs=depth, **choice)


def mutant(rng: np.random.Generator, data: bytes) -> bytes:
    """A copy with flipped bytes, extreme numbers, swaps and cuts: in the samples, or (mostly) behind them."""
    extremes = [0, 1, 2, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, len(data), len(data) - 1, len(data) // 2]
    copy = bytearray(data)
    structure = max(64, len(data) - 4500)
    for _ in range(rng.integers(1, 6)):
        low = 8 if rng.random() < 0.3 else structure
        at = int(rng.integers(low, len(copy) - 12))
        kind = rng.integers(0, 6)
        if kind == 0:
            copy[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            copy[at] = int(rng.integers(0, 256))
        elif kind == 2:
            copy[at : at + 4] = extremes[rng.integers(0, len(extremes))].to_bytes(4, "little")
        elif kind == 3:
            copy[at : at + 2] = (extremes[rng.integers(0, len(extremes))] & 65535).to_bytes(2, "little")
        elif kind == 4:
            other = int(rng.integers(structure, len(copy) - 12))
            copy[at : at + 12], copy[other : other + 12] = copy[other : other + 12], copy[at : at + 12]
        elif rng.random() < 0.3:
            del copy[int(rng.integers(len(copy) // 2, len(copy))) :]
            copy += bytes(max(0, structure + 64 - len(copy)))
    return bytes(copy)
