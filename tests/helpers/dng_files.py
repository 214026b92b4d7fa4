"""A maker of small DNG files, written apart from the code under test."""

import struct
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np

import vc5_encoder

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, FLOAT, DOUBLE = 1, 2, 3, 4, 5, 7, 10, 11, 12
FORMATS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 6: "b", 7: "B", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d", 16: "Q"}

MATRIX = (0.8, -0.2, -0.1, -0.4, 1.2, 0.2, -0.1, 0.2, 0.6)


def rational(*values: float, below: int = 10_000) -> list[int]:
    return [part for v in values for part in (round(v * below), below)]


class Tiff:
    """Bytes of a TIFF, written from the leaves up."""

    def __init__(self, order: str = "<", big: bool = False) -> None:
        self.order, self.big = order, big
        self.out = bytearray(16 if big else 8)

    def add(self, data: bytes) -> int:
        self.out += bytes(-len(self.out) % 8)
        self.out += data
        return len(self.out) - len(data)

    def ifd(self, fields: dict[int, tuple[int, Any]], following: int = 0) -> int:
        size = 8 if self.big else 4
        rows = []
        for tag, (kind, values) in sorted(fields.items()):
            if isinstance(values, str):
                values = values.encode() + b"\0"
            values = [values] if isinstance(values, (int, float)) else list(values)
            data = struct.pack(f"{self.order}{len(values)}{FORMATS[kind]}", *values)
            count = len(values) // (2 if kind in (5, 10) else 1)
            if len(data) > size:
                data = struct.pack(self.order + ("Q" if self.big else "I"), self.add(data))
            head = struct.pack(self.order + ("HHQ" if self.big else "HHI"), tag, kind, count)
            rows.append(head + data.ljust(size, b"\0"))
        counted = struct.pack(self.order + ("Q" if self.big else "H"), len(rows))
        return self.add(counted + b"".join(rows) + struct.pack(self.order + ("Q" if self.big else "I"), following))

    def finish(self, first: int) -> bytes:
        mark = b"II" if self.order == "<" else b"MM"
        head = struct.pack(self.order + ("HHHQ" if self.big else "HI"), *((43, 8, 0) if self.big else (42,)), first)
        self.out[: len(mark + head)] = mark + head
        return bytes(self.out)


def pack(samples: np.ndarray, bits: int, order: str) -> bytes:
    """Rows of samples as TIFF packs them: 8 and 16 bits plainly, others from the highest bit on, rows whole bytes."""
    if bits in (8, 16, 32):
        return samples.astype(f"{order}u{bits // 8}").tobytes()
    shifts = np.arange(bits - 1, -1, -1).astype(np.uint64)
    ones = (samples[..., None].astype(np.uint64) >> shifts & np.uint64(1)).reshape(samples.shape[0], -1)
    return np.packbits(ones.astype(np.uint8), axis=1).tobytes()


def lossless(samples: np.ndarray, shape: str) -> bytes:
    """A lossless JPEG of rows x columns samples, its frame as pairs, as rows, as double rows, or as RGB."""
    rows, columns = samples.shape
    frame = {
        "pairs": (rows, columns // 2, 2),
        "rows": (rows, columns),
        "double": (rows // 2, columns * 2),
        "rgb": (rows, columns // 3, 3),
    }[shape]
    data = np.ascontiguousarray(samples.reshape(frame).astype(np.uint16))
    return bytes(imagecodecs.jpeg8_encode(data, lossless=True, predictor=1, bitspersample=16))


def segments(image: np.ndarray, rows: int, columns: int, tiled: bool) -> list[np.ndarray]:
    """Strips or tiles of an (H, W, planes) image."""
    height, width = image.shape[:2]
    if tiled:
        image = np.pad(image, ((0, -height % rows), (0, -width % columns), (0, 0)), mode="edge")
    return [
        image[y : y + rows, x : x + columns]
        for y in range(0, image.shape[0], rows)
        for x in range(0, image.shape[1], columns)
    ]


def floats24(samples: np.ndarray, order: str = ">") -> bytes:
    """1 sign, 7 exponent (bias 63) and 16 mantissa bits, cut off; for normal numbers and 0."""
    code = samples.astype(np.float32).view(np.uint32)
    exponent = (code >> 23 & 255).astype(np.int64) - 127 + 63
    small = np.where(
        exponent > 0, code >> 31 << 23 | exponent.clip(0, 126).astype(np.uint32) << 16 | code >> 7 & 65535, 0
    )
    parts = small.astype(">u4").reshape(-1, 1).view(np.uint8)[:, 1:]
    return (parts if order == ">" else parts[:, ::-1]).tobytes()


def predicted_floats(part: np.ndarray, bits: int, distance: int) -> bytes:
    """Technical Note 3: the highest bytes of a row first, then differences between bytes."""
    rows, planes = part.shape[0], part.shape[2]
    plain = floats24(part) if bits == 24 else part.astype(f">f{bits // 8}").tobytes()
    turned = np.frombuffer(plain, np.uint8).reshape(rows, -1, bits // 8).swapaxes(1, 2).reshape(rows, -1).astype(int)
    step = planes * distance
    turned[:, step:] -= turned[:, :-step].copy()
    return (turned % 256).astype(np.uint8).tobytes()


def predicted(part: np.ndarray, bits: int, distance: int) -> np.ndarray:
    out = part.astype(np.int64)
    out[:, distance:] -= part[:, :-distance].astype(np.int64)
    return out % (1 << bits)


def deflated(part: np.ndarray, bits: int, order: str, predictor: int) -> bytes:
    floating = part.dtype.kind == "f"
    if predictor in (3, 34894, 34895):
        data = predicted_floats(part, bits, {3: 1, 34894: 2, 34895: 4}[predictor])
    elif predictor in (2, 34892, 34893):
        data = pack(predicted(part, bits, {2: 1, 34892: 2, 34893: 4}[predictor]).reshape(len(part), -1), bits, order)
    else:
        data = plain_floats(part, bits, order) if floating else pack(part.reshape(len(part), -1), bits, order)
    return bytes(imagecodecs.zlib_encode(data))


def plain_floats(part: np.ndarray, bits: int, order: str) -> bytes:
    return floats24(part, order) if bits == 24 else part.astype(f"{order}f{bits // 8}").tobytes()


def jpeg_xl(part: np.ndarray, bits: int, distance: float) -> bytes:
    kind = {"f": np.float16 if bits == 16 else np.float32, "u": np.uint8 if bits == 8 else np.uint16}[part.dtype.kind]
    gray = part.shape[2] == 1
    options = {"distance": distance} if distance else {"lossless": True}
    if part.dtype.kind == "u":
        options |= {"bitspersample": bits}
    image = np.ascontiguousarray((part[..., 0] if gray else part).astype(kind))
    photometric = "minisblack" if gray else "rgb"
    return bytes(imagecodecs.jpegxl_encode(image, photometric=photometric, usecontainer=False, **options))


def encoded(
    part: np.ndarray, compression: int, bits: int, order: str, frame: str, predictor: int, quality: float, cfa: str
) -> bytes:
    """One strip or tile."""
    flat = part.reshape(part.shape[0], -1)
    if compression == 7:
        return lossless(flat, frame)
    if compression == 8:
        return deflated(part, bits, order, predictor)
    if compression == 9:
        return bytes(vc5_encoder.encode(flat, divmod(cfa.index("R"), 2)))
    if compression == 52546:
        return jpeg_xl(part, bits, quality)
    if compression == 34892:
        image = np.ascontiguousarray((part[..., 0] if part.shape[2] == 1 else part).astype(np.uint8))
        return bytes(imagecodecs.jpeg8_encode(image, level=int(quality or 98), subsampling="444"))
    return plain_floats(part, bits, order) if part.dtype.kind == "f" else pack(flat, bits, order)


def fields_of(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Every rows-th row from the first, then from the second, ...; columns alike."""
    image = np.concatenate([image[i::rows] for i in range(rows)])
    return np.concatenate([image[:, i::columns] for i in range(columns)], axis=1)


def blocks_of(tile: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A tile as blocks, one after the other."""
    parts = [
        tile[y : y + rows, x : x + columns].reshape(-1, tile.shape[2])
        for y in range(0, tile.shape[0], rows)
        for x in range(0, tile.shape[1], columns)
    ]
    return np.concatenate(parts).reshape(tile.shape)


def make_dng(
    samples: np.ndarray,
    *,
    cfa: str = "RGGB",
    order: str = "<",
    big: bool = False,
    bits: int = 16,
    compression: int = 1,
    frame: str = "rows",
    predictor: int = 1,
    tile: tuple[int, int] | None = None,
    rows_per_strip: int | None = None,
    sub_ifd: bool = False,
    separate: bool = False,
    fields: tuple[int, int] = (1, 1),
    block: tuple[int, int] = (1, 1),
    quality: float = 0,
    subs: Callable[[Tiff], list[int]] | None = None,
    raw_at: int = 0,
    main: dict[int, tuple[int, Any] | None] | None = None,
    raw: dict[int, tuple[int, Any] | None] | None = None,
    exif: dict[int, tuple[int, Any]] | None = None,
    gps: dict[int, tuple[int, Any]] | None = None,
) -> bytes:
    """A DNG of (H, W) mosaic, (H, W, 1) monochrome or (H, W, 3) linear samples, of floats if they are.

    quality : JPEG XL's distance (0: lossless), JPEG's quality.
    subs : adds further IFDs to the file and returns their offsets; a raw image in a SubIFD stands at place `raw_at`.
    main, raw : fields of the first and the raw image's IFD on top of the usual ones; None leaves one out.
    """
    tiff = Tiff(order, big)
    height, width = samples.shape[:2]
    planes = 1 if samples.ndim == 2 else samples.shape[2]
    rows, columns = tile or (rows_per_strip or height, width)
    floating = samples.dtype.kind == "f"
    image = fields_of(samples.reshape(height, width, planes), *fields)
    stored = []
    for layer in [image[..., i : i + 1] for i in range(planes)] if separate else [image]:
        for part in segments(layer, rows, columns, tile is not None):
            part = blocks_of(part, *block) if block != (1, 1) else part
            data = encoded(part, compression, bits, order, frame, predictor, quality, cfa)
            stored.append((tiff.add(data), len(data)))
    pixels: dict[int, tuple[int, Any] | None] = {
        254: (LONG, 0),
        256: (LONG, width),
        257: (LONG, height),
        258: (SHORT, [bits] * planes),
        259: (SHORT, compression),
        262: (SHORT, 32803 if samples.ndim == 2 else 34892),
        277: (SHORT, planes),
        284: (SHORT, 2 if separate else 1),
        317: (SHORT, predictor),
        (324 if tile else 273): (LONG, [offset for offset, _ in stored]),
        (325 if tile else 279): (LONG, [count for _, count in stored]),
    }
    if tile:
        pixels |= {322: (SHORT, columns), 323: (SHORT, rows)}
    else:
        pixels |= {278: (LONG, rows)}
    if floating:
        pixels |= {339: (SHORT, [3] * planes)}
    if fields != (1, 1):
        pixels |= {50975: (LONG, fields[0]), 52547: (LONG, fields[1])}
    if block != (1, 1):
        pixels |= {50974: (LONG, list(block))}
    if samples.ndim == 2:
        pixels |= {33421: (SHORT, [2, 2]), 33422: (BYTE, ["RGB".index(c) for c in cfa])}
    pixels |= {50717: (LONG, [1 if floating else (1 << bits) - 1] * planes)}
    pixels |= raw or {}
    first: dict[int, tuple[int, Any] | None] = {
        271: (ASCII, "Barnes"),
        272: (ASCII, "Testcam 1"),
        274: (SHORT, 1),
        50706: (BYTE, [1, 7, 1, 0] if compression == 52546 or fields[1] > 1 else [1, 4, 0, 0]),
        50708: (ASCII, "Barnes Testcam 1"),
    }
    if samples.ndim == 2 or planes == 3:
        first |= {
            50721: (SRATIONAL, rational(*MATRIX)),
            50728: (RATIONAL, rational(0.5, 1, 0.625)),
            50778: (SHORT, 21),
        }
    first |= main or {}
    if exif:
        first[34665] = (LONG, tiff.ifd(exif))
    if gps:
        first[34853] = (LONG, tiff.ifd(gps))
    if sub_ifd:
        below = tiff.ifd({k: v for k, v in pixels.items() if v is not None})
        # A preview in front, as cameras have.
        preview = tiff.add(bytes(8 * 8 * 3))
        first |= {254: (LONG, 1), 256: (LONG, 8), 257: (LONG, 8), 258: (SHORT, [8, 8, 8]), 259: (SHORT, 1)}
        first |= {262: (SHORT, 2), 273: (LONG, preview), 277: (SHORT, 3), 278: (LONG, 8), 279: (LONG, 192)}
        others = subs(tiff) if subs else []
        first[330] = (LONG, [*others[:raw_at], below, *others[raw_at:]])
    else:
        first = pixels | first
        if subs:
            first[330] = (LONG, subs(tiff))
    return tiff.finish(tiff.ifd({k: v for k, v in first.items() if v is not None}))
