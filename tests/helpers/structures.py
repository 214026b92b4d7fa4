"""Parts of DNGs that hold more than a raw image, for Adobe's SDK to judge: in tests and in adobe_structures.py."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import imagecodecs
import numpy as np

import dng_files

ASCII, SHORT, LONG = 2, 3, 4
PROFILE = 0x4352
_PLACE = 0x7EED0000  # stands for an offset until it is known


def profile_block(fields: dict[int, Any], order: str) -> bytes:
    """A camera profile as ExtraCameraProfiles has it: TIFF's structure with a magic number of its own."""
    made = dng_files.Tiff(order)
    data = bytearray(made.finish(made.ifd(fields)))
    data[2:4] = struct.pack(order + "H", PROFILE)
    return bytes(data)


def places(count: int) -> tuple[int, Any]:
    """The field ExtraCameraProfiles for so many profiles, to be settled by `with_blocks`."""
    return LONG, [_PLACE + i for i in range(count)]


def with_blocks(data: bytes, blocks: Sequence[bytes], order: str) -> bytes:
    """A file with blocks behind it, and their offsets in their places."""
    for i, block in enumerate(blocks):
        data += bytes(-len(data) % 4)
        mark = struct.pack(order + "I", _PLACE + i)
        assert data.count(mark) == 1
        data = data.replace(mark, struct.pack(order + "I", len(data))) + block
    return data


def light(kind: str, number: int, order: str) -> bytes:
    """IlluminantData: a white by x and y, or a spectrum."""
    if kind == "xy":
        x, y = ((0.44, 0.40), (0.315, 0.325), (0.36, 0.37))[number]
        return struct.pack(order + "H4I", 0, round(x * 10000), 10000, round(y * 10000), 10000)
    waves = np.arange(380, 781, 10)
    powers = 1000 + (number - 1) * 2 * (waves - 580)
    values = [part for power in powers for part in (int(power), 1000)]
    return struct.pack(f"{order}HI4I{len(values)}I", 1, len(waves), 380, 1, 10, 1, *values)


def beside(tiff: Any, kinds: Sequence[str], height: int, width: int, crop: dict[int, Any] | None = None) -> list[int]:
    """IFDs of other images than the raw one: previews, masks, depth, an enhanced and a smaller raw image.

    crop : fields of the enhanced image, which is as large as the active area.
    """
    made: list[int] = []
    for kind in kinds:
        made += _enhanced(tiff, height, width, crop or {}) if kind == "enhanced" else _BESIDE[kind](tiff, height, width)
    return made


def _image(tiff: Any, values: Any, kind: int, photometric: int, **more: Any) -> int:
    data = more.pop("data", None)
    planes = values.shape[2] if values.ndim == 3 else 1
    wide = values.dtype.itemsize > 1
    stored = data or values.astype(f"{tiff.order}u2" if wide else "u1").tobytes()
    fields = {254: (LONG, kind), 256: (LONG, values.shape[1]), 257: (LONG, values.shape[0])}
    fields |= {258: (SHORT, [16 if wide else 8] * planes), 259: (SHORT, more.pop("compression", 1))}
    fields |= {262: (SHORT, photometric), 273: (LONG, tiff.add(stored)), 277: (SHORT, planes)}
    fields |= {278: (LONG, values.shape[0]), 279: (LONG, len(stored)), 284: (SHORT, 1)}
    return int(tiff.ifd(fields | more.pop("fields", {})))


def _ramp(height: int, width: int) -> Any:
    return (np.add.outer(np.arange(height), np.arange(width)) * 255 // (height + width)).astype(np.uint8)


def _preview(tiff: Any, height: int, width: int) -> list[int]:
    picture = np.repeat(_ramp(height // 2, width // 2)[..., None], 3, 2)
    jpeg = bytes(imagecodecs.jpeg8_encode(picture, level=90, subsampling="444"))
    # 601's weights, no subsampling, full range.
    ranges = [part for v in (0, 255, 128, 255, 128, 255) for part in (v, 1)]
    color = {529: (5, [299, 1000, 587, 1000, 114, 1000]), 530: (SHORT, [1, 1]), 532: (5, ranges)}
    return [_image(tiff, picture, 1, 6, compression=7, data=jpeg, fields=color)]


def _masks(tiff: Any, height: int, width: int) -> list[int]:
    gray = _ramp(height // 4, width // 4)
    jpeg = bytes(imagecodecs.jpegxl_encode(gray, lossless=True, usecontainer=False))
    whole = {52526: (ASCII, "sky"), 52528: (ASCII, "first")}
    part = {52526: (ASCII, "skin"), 52536: (LONG, [5, 6, width // 2, height // 2])}
    return [
        _image(tiff, gray, 65540, 52527, fields=whole),
        _image(tiff, gray, 65540, 52527, compression=52546, data=jpeg, fields=part),
    ]


def _depth(tiff: Any, height: int, width: int) -> list[int]:
    return [_image(tiff, _ramp(height // 2, width // 2).astype(np.uint16) * 257, 8, 51177)]


def _enhanced(tiff: Any, height: int, width: int, crop: dict[int, Any]) -> list[int]:
    """What a reader of the raw image must leave aside."""
    picture = np.repeat(_ramp(height, width)[..., None].astype(np.uint16) * 99, 3, 2)
    return [_image(tiff, picture, 16, 34892, fields={50717: (LONG, [65535] * 3), 51182: (ASCII, "Denoised")} | crop)]


def _raw_preview(tiff: Any, height: int, width: int) -> list[int]:
    picture = np.repeat(_ramp(height // 2, width // 2)[..., None].astype(np.uint16) * 99, 3, 2)
    return [_image(tiff, picture, 1, 34892, fields={50717: (LONG, [65535] * 3)})]


_BESIDE = {"preview": _preview, "masks": _masks, "depth": _depth, "raw preview": _raw_preview}
