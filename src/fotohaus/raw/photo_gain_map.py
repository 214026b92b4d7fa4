"""Finds the gain map in a JPEG file: Ultra HDR, ISO 21496-1, and Apple's."""

from __future__ import annotations

import re
import struct
from typing import Any

from fotohaus.raw import tags
from fotohaus.raw.gain_map_metadata import GainMapMetadata, apple_headroom, read_iso, read_xmp
from fotohaus.raw.jpeg_frame import jpeg_segments
from fotohaus.raw.layout import MAX_SAMPLES
from fotohaus.raw.tiff import Source, Tiff, TiffError
from fotohaus.records import record

_MARKS = {
    "xmp": b"http://ns.adobe.com/xap/1.0/\0",
    "iso": b"urn:iso:std:iso:ts:21496:-1\0",
    "profile": b"ICC_PROFILE\0\1\1",
    "exif": b"Exif\0\0",
    "mpf": b"MPF\0",
}
_ENTRIES, _MAKER_NOTE = 0xB002, 0x927C
_MAX_IMAGES = 32
_PIXELS_PER_BYTE = 2000  # more than any encoder gets out of a flat picture


@record
class PhotoGainMap:
    """A gain map in a file: a JPEG of (height, width) and 1 or 3 channels, `size` bytes from `offset` on.

    profile : its own ICC profile, empty if it has none.
    """

    metadata: GainMapMetadata
    offset: int
    size: int
    height: int
    width: int
    channels: int
    profile: bytes = b""

    def facts(self) -> dict[str, Any]:
        """What there is to tell about it."""
        return {
            "kind": self.metadata.kind,
            "width": self.width,
            "height": self.height,
            "channels": self.channels,
            "headroom_ev": round(self.metadata.headroom, 3),
        }


@record
class _Header:
    """What stands in a JPEG before its coded data; `index` is where the MPF index begins."""

    frame: tuple[int, int, int] | None = None  # height, width, channels
    xmp: bytes = b""
    iso: bytes = b""
    profile: bytes = b""
    exif: bytes = b""
    mpf: bytes = b""
    index: int = 0


def find_gain_map(source: Source) -> PhotoGainMap | None:
    """The gain map of a JPEG file; None if it has none.

    Raises TiffError if it says that it has one that can't be used; the reason is about the gain map.
    """
    header = _header(source, 0, source.size)
    promised = b"hdr-gain-map/1.0/" in header.xmp or bool(header.iso)
    apple = apple_headroom(_maker_note(header.exif)) if header.exif and header.mpf else None
    places = [*_listed(header), *_contained(header.xmp, source.size)]
    for offset, size in places[:_MAX_IMAGES]:
        # The first image is the photo; whatever is said to lie in it or past the end does not.
        if offset < 4 or size < 4 or offset + size > source.size or source.read(offset, 2) != b"\xff\xd8":
            continue
        found = _described(source, offset, size, apple)
        if found is not None:
            return found
    if promised:
        raise TiffError("it is not where the file says" if places else "the file does not say where it is")
    return None


def _described(source: Source, offset: int, size: int, apple: float | None) -> PhotoGainMap | None:
    """The image at a place as a gain map; None if it is something else."""
    header = _header(source, offset, offset + size)
    if len(header.iso) > 4:
        metadata = read_iso(header.iso)
    else:
        described = read_xmp(header.xmp, apple) if header.xmp else None
        if described is None:
            return None
        metadata = described
    if header.frame is None:
        raise TiffError("it is a JPEG without a frame")
    height, width, channels = header.frame
    most = min(_PIXELS_PER_BYTE * size, MAX_SAMPLES // 3)
    if channels not in (1, 3) or not 0 < height * width <= most:
        raise TiffError(f"it claims {width} x {height} pixels of {channels} channels in {size} bytes")
    return PhotoGainMap(metadata, offset, size, height, width, channels, header.profile)


def _header(source: Source, at: int, end: int) -> _Header:
    found: dict[str, Any] = {}
    for marker, offset, size in jpeg_segments(source, at, end):
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            if size >= 6:
                found.setdefault("frame", struct.unpack(">HHB", source.read(offset + 1, 5)))
        elif marker in (0xFFE1, 0xFFE2):
            begins = bytes(source.read(offset, min(size, 32)))
            for name, mark in _MARKS.items():
                if begins.startswith(mark) and name not in found:
                    found[name] = bytes(source.read(offset + len(mark), size - len(mark)))
                    if name == "mpf":
                        found["index"] = offset + len(mark)
    return _Header(**found)


def _listed(header: _Header) -> list[tuple[int, int]]:
    """(offset, size) of the images that an MPF index lists after the first (CIPA DC-007-2009, 5.2.3.3)."""
    if not header.mpf:
        return []
    try:
        tiff = Tiff(Source(header.mpf))
        entries = bytes(tiff.ifd(tiff.first).raw(_ENTRIES))[: 16 * _MAX_IMAGES]
    except TiffError:
        return []
    layout = struct.Struct(tiff.order + "IIIHH")
    whole = entries[: len(entries) // 16 * 16]
    return [(header.index + offset, size) for _, size, offset, _, _ in layout.iter_unpack(whole) if offset]


def _contained(xmp: bytes, end: int) -> list[tuple[int, int]]:
    """(offset, size) of the gain map that a container directory lists: its items end with the file, in their order."""
    items = re.findall(rb"<[\w.-]+:Item\s[^>]{0,1000}>", xmp[: 1 << 17])[:_MAX_IMAGES]
    places: list[tuple[int, int]] = []
    for item in reversed(items):
        length = re.search(rb":Length\s*=\s*[\"'](\d{1,10})[\"']", item)
        padding = re.search(rb":Padding\s*=\s*[\"'](\d{1,10})[\"']", item)
        if length is None:
            break
        end -= int(length[1]) + (int(padding[1]) if padding else 0)
        if re.search(rb":Semantic\s*=\s*[\"']GainMap[\"']", item):
            places.append((end, int(length[1])))
    return places


def _maker_note(exif: bytes) -> bytes:
    try:
        tiff = Tiff(Source(exif))
        ifd = tiff.ifd(tiff.first).child(tags.EXIF_IFD)
        return b"" if ifd is None else bytes(ifd.raw(_MAKER_NOTE))
    except TiffError:
        return b""
