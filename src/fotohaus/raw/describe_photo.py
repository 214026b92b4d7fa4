"""What a finished photo says about itself: JPEG, PNG, OpenEXR, and TIFF that is not raw."""

from __future__ import annotations

import struct
from typing import Any

from fotohaus.raw import tags
from fotohaus.raw.capture import read_capture
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.jpeg_frame import jpeg_segments
from fotohaus.raw.layout import JPEG, OLD_JPEG
from fotohaus.raw.tiff import Source, Tiff, TiffError

TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two of BigTIFF
_MAX_PARTS = 10_000  # chunks of a PNG, attributes of an EXR
# TIFF 6.0, PhotometricInterpretation, of what no photo here has.
_UNREAD = {0: "inverted grey", 3: "palette colours", 5: "CMYK", 6: "YCbCr without JPEG", 9: "Lab", 10: "Lab"}
_UNREAD |= {tags.PHOTOMETRIC_CFA: "a raw mosaic", tags.PHOTOMETRIC_LINEAR_RAW: "linear raw"}
_EXR_COMPRESSION = ("none", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")


def describe_photo(source: Source) -> dict[str, Any] | None:
    """Format, size, bit depth and capture of a finished photo; None if the file is none.

    Raises TiffError if the file is damaged.
    """
    head = bytes(source.read(0, min(8, source.size)))
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg(source)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(source)
    if head.startswith(b"\x76\x2f\x31\x01"):
        return _exr(source)
    if head[:4] in TIFF_MARKS:
        return _tiff(source)
    return None


def _exif(block: bytes) -> CaptureInfo | None:
    try:
        return read_capture(Tiff(Source(block)))
    except TiffError:
        return None


def _orientation(block: bytes) -> int | None:
    try:
        tiff = Tiff(Source(block))
        return tiff.ifd(tiff.first).integer(tags.ORIENTATION, 1)
    except TiffError:
        return None


def _jpeg(source: Source) -> dict[str, Any]:
    facts: dict[str, Any] = {"format": "JPEG"}
    for marker, at, size in jpeg_segments(source, 0, source.size):
        if marker == 0xFFE1 and source.read(at, min(6, size)) == b"Exif\0\0":
            block = bytes(source.read(at + 6, size - 6))
            facts["capture"], facts["orientation"] = _exif(block), _orientation(block)
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC) and size >= 6:
            bits, height, width, components = struct.unpack(">BHHB", source.read(at, 6))
            return facts | {"width": width, "height": height, "channels": components, "bits": bits}
    raise TiffError("is damaged: a JPEG without a frame")


def _png(source: Source) -> dict[str, Any]:
    width, height, bits, color = struct.unpack(">IIBB", source.read(16, 10))
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(color)
    facts: dict[str, Any] = {"format": "PNG", "width": width, "height": height, "channels": channels, "bits": bits}
    at = 8
    for _ in range(_MAX_PARTS):
        if at + 8 > source.size:
            break
        length, kind = struct.unpack(">I4s", source.read(at, 8))
        if kind == b"eXIf" and length < 1 << 24:
            block = bytes(source.read(at + 8, length))
            facts["capture"], facts["orientation"] = _exif(block), _orientation(block)
        at += 12 + length
    return facts


def _tiff(source: Source) -> dict[str, Any] | None:
    tiff = Tiff(source)
    main = tiff.ifd(tiff.first)
    raw = (tags.PHOTOMETRIC_CFA, tags.PHOTOMETRIC_LINEAR_RAW)
    if tags.DNG_VERSION in main or any(i.integer(tags.PHOTOMETRIC, 0) in raw for i in tiff.images()):
        return None
    # Raw formats that are TIFF at heart have a first image of their own kind, or a small preview.
    photometric, jpeg = main.integer(tags.PHOTOMETRIC, 0), main.integer(tags.COMPRESSION, 1) == JPEG
    if photometric not in (1, 2, 8, *(6,) * jpeg) or main.integer(tags.NEW_SUBFILE_TYPE, 0) & 1:
        return None
    return {
        "format": "TIFF",
        "width": main.integer(tags.IMAGE_WIDTH, 0),
        "height": main.integer(tags.IMAGE_LENGTH, 0),
        "channels": main.integer(tags.SAMPLES_PER_PIXEL, 1),
        "bits": main.integer(tags.BITS_PER_SAMPLE, 1),
        "orientation": main.integer(tags.ORIENTATION, 1),
        "capture": read_capture(tiff),
    }


def unread_tiff(source: Source) -> TiffError:
    """What to say of a TIFF that `describe_photo` knows nothing of."""
    return TiffError(f"is a TIFF image of {_first_image(source)}: RGB and grey ones of 8 or 16 bits are read")


def _first_image(source: Source) -> str:
    tiff = Tiff(source)
    main = tiff.ifd(tiff.first)
    if main.integer(tags.NEW_SUBFILE_TYPE, 0) & 1:
        return "a preview alone"
    if main.integer(tags.COMPRESSION, 1) == OLD_JPEG:
        return "an older kind of JPEG"
    return _UNREAD.get(main.integer(tags.PHOTOMETRIC, -1), "samples of an unknown kind")


def _exr(source: Source) -> dict[str, Any]:
    """The header's attributes: name, type, size, value (OpenEXR file layout)."""
    facts: dict[str, Any] = {"format": "OpenEXR"}
    head = bytes(source.read(0, min(source.size, 1 << 16)))
    at = 8
    for _ in range(_MAX_PARTS):
        name, rest = _word(head, at)
        if not name:
            break
        _, rest = _word(head, rest)  # its type
        size = int.from_bytes(head[rest : rest + 4], "little")
        value = head[rest + 4 : rest + 4 + size]
        at = rest + 4 + size
        if name == b"dataWindow" and len(value) == 16:
            left, top, right, bottom = struct.unpack("<4i", value)
            facts |= {"width": right - left + 1, "height": bottom - top + 1}
        elif name == b"channels":
            facts["channels"] = _exr_channels(value)
        elif name == b"compression" and len(value) == 1:
            facts["compression"] = _EXR_COMPRESSION[value[0]] if value[0] < len(_EXR_COMPRESSION) else str(value[0])
        elif name == b"chromaticities" and len(value) == 32:
            facts["chromaticities"] = [round(v, 5) for v in struct.unpack("<8f", value)]
    if "width" not in facts:
        raise TiffError("is damaged: an OpenEXR file without a data window")
    return facts


def _word(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b"\0", at, at + 256)
    return (b"", at) if end < 0 else (data[at:end], end + 1)


def _exr_channels(value: bytes) -> list[str]:
    names: list[str] = []
    at = 0
    while len(names) < 64:
        name, rest = _word(value, at)
        if not name:
            break
        depth = {0: "uint32", 1: "half", 2: "float"}.get(value[rest] if rest < len(value) else -1, "?")
        names.append(f"{name.decode('latin-1')} {depth}")
        at = rest + 16
    return names
