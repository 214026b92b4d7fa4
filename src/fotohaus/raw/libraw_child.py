"""Reads one raw file with LibRaw in a process of its own, so that damage to that process harms nobody.

Run as a script: `python -P libraw_child.py PATH image|header`. Writes to its standard output: the header's length
(8 bytes, little-endian), the header as JSON, the EXIF block of the embedded preview, and the visible image as uint16:
the mosaic of a Bayer or monochrome sensor; of any other, linear camera RGB without white balance, demosaiced by LibRaw.
Imports nothing of fotohaus, which keeps its start short.
"""

import json
import os
import struct
import sys
from typing import Any

MEMORY_LIMIT = 4 << 30  # bytes of address space
CPU_LIMIT = 120  # s
X_TRANS_LEAST = 512  # px: the side of LibRaw's tiles


def _bound() -> None:
    """Limits that the kernel enforces, where the system has them."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def _preview_exif(raw: Any, jpeg: Any) -> bytes:
    """The EXIF block of the embedded preview; LibRaw makes one with the camera's name where there is none."""
    try:
        preview = raw.extract_thumb()
    except Exception:  # no preview, or one that LibRaw can't read: both leave the rest untouched
        return b""
    if preview.format != jpeg:
        return b""
    data: bytes = preview.data
    at = data.find(b"Exif\0\0", 0, 1 << 16)
    return data[at + 6 : at - 2 + int.from_bytes(data[at - 2 : at], "big")] if at >= 4 else b""


def _header(raw: Any) -> dict[str, Any]:
    sizes, other, lens = raw.sizes, raw.other, raw.lens
    pattern = raw.raw_pattern
    return {
        "size": [sizes.height, sizes.width],
        "margin": [sizes.top_margin, sizes.left_margin],
        "crop": [sizes.crop_top_margin, sizes.crop_left_margin, sizes.crop_height, sizes.crop_width],
        "flip": sizes.flip,
        "pixel_aspect": sizes.pixel_aspect,
        "flat": raw.raw_type.name == "Flat",
        "planes": raw.num_colors,
        "colors": raw.color_desc.decode("ascii", "replace"),
        "pattern": None if pattern is None else pattern.tolist(),
        "black": list(raw.black_level_per_channel),
        "white": raw.white_level,
        "white_balance": list(raw.camera_whitebalance),
        "xyz_to_camera": raw.rgb_xyz_matrix.tolist(),
        "iso": other.iso_speed,
        "exposure_time": other.shutter_speed,
        "f_number": other.aperture,
        "focal_length": other.focal_length,
        "taken": None if other.timestamp is None else other.timestamp.isoformat(),
        "artist": other.artist,
        "lens_make": lens.make,
        "lens_model": lens.model,
    }


def _gains(raw: Any) -> list[float]:
    """White balance of red, green and blue: what is neutral must be equal while it is demosaiced."""
    for gains in (raw.camera_whitebalance, raw.daylight_whitebalance):
        if all(0.01 < g < 100 for g in gains[:3]):
            return [float(g) for g in gains[:3]]
    return [1.0, 1.0, 1.0]


def _image(raw: Any, rawpy: Any) -> Any:
    """The visible mosaic of a Bayer or monochrome sensor, else (H, W, 3) of white 65535 and black 0.

    Raises ValueError, with the reason, if neither can be had.
    """
    pattern = raw.raw_pattern
    flat = raw.raw_type.name == "Flat"
    if flat and (raw.num_colors == 1 or (pattern is not None and pattern.shape == (2, 2))):
        return raw.raw_image_visible.astype("<u2")
    colors = raw.color_desc.decode("ascii", "replace")
    if raw.num_colors != 3 or set(colors) - set("RGB"):
        raise ValueError(f"its {raw.num_colors} colours ({colors}) are not red, green and blue")
    if flat and pattern is not None and min(raw.sizes.height, raw.sizes.width) < X_TRANS_LEAST:
        size = f"{raw.sizes.width} x {raw.sizes.height}"
        raise ValueError(f"LibRaw demosaics no {size} image of a sensor that is not Bayer: it is too small")
    gains = _gains(raw)
    linear = raw.postprocess(
        user_wb=[*gains, gains[1]],
        # The largest gain is 1 then: nothing is clipped.
        highlight_mode=rawpy.HighlightMode.Ignore,
        gamma=(1, 1),
        no_auto_bright=True,
        output_color=rawpy.ColorSpace.raw,
        output_bps=16,
        user_flip=0,
        # The white level is the camera's, not what happens to be the brightest sample.
        adjust_maximum_thr=0.0,
    )
    for c in range(3):
        plane = linear[..., c]
        plane[...] = (plane * (max(gains) / gains[c]) + 0.5).clip(0, 65535)
    return linear.astype("<u2", copy=False)


def main(path: str, wanted: str) -> None:
    """Read `path` and write what was `wanted`."""
    # LibRaw's own messages must not end up between the bytes.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _bound()
    import rawpy

    exif, mosaic = b"", None
    try:
        with rawpy.RawPy() as raw:
            raw.open_file(path)
            exif = _preview_exif(raw, rawpy.ThumbFormat.JPEG)
            if wanted == "image":
                raw.unpack()
                mosaic = _image(raw, rawpy)
            header = _header(raw)
    except rawpy.LibRawError as error:
        text = error.args[0] if error.args else ""
        header = {"error": text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)}
    except ValueError as error:
        header = {"refused": str(error)}
    except MemoryError:
        header = {"error": "needs more memory than a raw image should"}
    header["exif"] = len(exif)
    header["shape"] = None if mosaic is None else mosaic.shape
    text = json.dumps(header).encode()
    out.write(struct.pack("<Q", len(text)) + text + exif)
    if mosaic is not None:
        out.write(mosaic.tobytes() if not mosaic.flags.c_contiguous else mosaic.data)
    out.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
