"""What a gain map says about itself: ISO 21496-1, Ultra HDR's XMP, and Apple's way."""

from __future__ import annotations

import math
import re
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.tiff import TiffError
from fotohaus.records import record

Triple = tuple[float, float, float]

MAX_STOPS = 8.0
"""Gains and headrooms beyond are no photo's: a display has four."""

_HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
_APPLE = "http://ns.apple.com/HDRGainMap/1.0/"
_APPLE_KIND = "urn:com:apple:photo:2020:aux:hdrgainmap"
_APPLE_NOTE = b"Apple iOS\0"
_HEADROOM_TAG, _GAIN_TAG = 33, 48
_NO_SENSE = "its metadata makes no sense"
_STEPS = 16  # of the table of factors, for each of the 255 of the pixels


@record
class GainMapMetadata:
    """How the pixels of a gain map lead from the SDR image to the HDR one; names and units as in `render.GainMap`.

    kind : who made the rules that it follows. base_colors : whether the gains are of the base's primaries; else of
    those of the gain map's own profile.
    linear : Apple's: a pixel stands for a share of the factor, in Rec. 709's encoding, not for stops.
    """

    kind: str
    low: Triple
    high: Triple
    headroom: float
    gamma: Triple = (1.0, 1.0, 1.0)
    offset_sdr: Triple = (1 / 64, 1 / 64, 1 / 64)
    offset_hdr: Triple = (1 / 64, 1 / 64, 1 / 64)
    base_colors: bool = True
    linear: bool = False

    def __post_init__(self) -> None:
        """Raise TiffError for numbers that no gain map can have."""
        numbers = (*self.low, *self.high, self.headroom, *self.gamma, *self.offset_sdr, *self.offset_hdr)
        sound = all(math.isfinite(v) for v in numbers)
        sound = sound and all(-MAX_STOPS <= a <= b <= MAX_STOPS for a, b in zip(self.low, self.high, strict=True))
        sound = sound and all(0.01 <= v <= 100 for v in self.gamma) and 0 <= self.headroom <= 2 * MAX_STOPS
        if not sound or not all(0 <= v <= 1 for v in (*self.offset_sdr, *self.offset_hdr)):
            raise TiffError(_NO_SENSE)

    def factors(self) -> NDArray[np.float32]:
        """Table (steps, 3) of the factors on light, for pixels of 0 to 255 in steps of a sixteenth."""
        code = np.arange(255 * _STEPS + 1)[:, None] / (255 * _STEPS)
        low, high = np.array(self.low), np.array(self.high)
        if self.linear:
            # ITU-R BT.709-6, item 1.2, inverted.
            share = np.where(code < 0.081, code / 4.5, ((code + 0.099) / 1.099) ** (1 / 0.45))
            return np.asarray(1 + (2.0**high - 1) * share, np.float32)
        return np.asarray(2.0 ** (low + code ** (1 / np.array(self.gamma)) * (high - low)), np.float32)


def read_iso(data: bytes) -> GainMapMetadata:
    """The metadata of ISO 21496-1:2025, C.2.2, and of the drafts before it, which had a common denominator.

    Raises TiffError for what is none, and for an HDR image as the base.
    """
    try:
        least, _, flags = struct.unpack_from(">HHB", data)
        if least:
            raise TiffError(f"it needs a reader of version {least}")
        each, base_colors, backward, common = (bool(flags & bit) for bit in (0x80, 0x40, 4, 8))
        at, shared = 5, 0
        if common:
            (shared,) = struct.unpack_from(">I", data, at)
            at += 4

        def take(kinds: str) -> list[float]:
            nonlocal at
            values = []
            for kind in kinds:
                (number,) = struct.unpack_from(f">{kind}", data, at)
                denominator = shared if common else struct.unpack_from(">I", data, at + 4)[0]
                at += 4 if common else 8
                values.append(number / denominator)
            return values

        base, headroom = take("II")
        sets = [take("iiIii") for _ in range(3 if each else 1)]
    except (struct.error, ZeroDivisionError):
        raise TiffError("its metadata is damaged") from None
    if backward or base > headroom:
        raise TiffError("it leads from an HDR image to an SDR one")
    low, high, gamma, offset_sdr, offset_hdr = (_triple(list(part)) for part in zip(*sets, strict=True))
    return GainMapMetadata("ISO 21496-1", low, high, headroom, gamma, offset_sdr, offset_hdr, base_colors)


def read_xmp(packet: bytes, apple: float | None) -> GainMapMetadata | None:
    """The metadata of a gain map's XMP packet: hdrgm (Adobe, Gain Map 1.0) or Apple's; None if it is of neither.

    apple : the headroom that the photo's maker note tells, for Apple's first version, which does not tell it itself.
    Raises TiffError for metadata that is incomplete, makes no sense, or has an HDR image as the base.
    """
    text = packet.decode("utf-8", "replace")
    if _APPLE_KIND in text:
        ratio = _Properties(text, _APPLE).triple("HDRGainMapHeadroom", None)
        stops = apple if ratio is None else math.log2(ratio[0]) if 0 < ratio[0] < math.inf else math.nan
        if stops is None:
            raise TiffError("it does not say how bright it is")
        zero = (0.0, 0.0, 0.0)
        return GainMapMetadata("Apple", zero, (stops,) * 3, stops, (1.0,) * 3, zero, zero, linear=True)
    found = _Properties(text, _HDRGM)
    if found.name is None or not found.texts("Version"):
        return None
    if found.texts("BaseRenditionIsHDR")[:1] in (["True"], ["true"]):
        raise TiffError("it leads from an HDR image to an SDR one")
    high, headroom = found.triple("GainMapMax", None), found.triple("HDRCapacityMax", None)
    if high is None or headroom is None:
        raise TiffError("its metadata is incomplete")
    offset = (1 / 64,) * 3
    return GainMapMetadata(
        "Ultra HDR",
        _sure(found.triple("GainMapMin", (0.0,) * 3)),
        high,
        headroom[0],
        _sure(found.triple("Gamma", (1.0,) * 3)),
        _sure(found.triple("OffsetSDR", offset)),
        _sure(found.triple("OffsetHDR", offset)),
    )


class _Properties:
    """Properties of one namespace in an XMP packet, as attributes, elements or sequences (ISO 16684-1, 7)."""

    def __init__(self, text: str, namespace: str) -> None:
        self.text = text
        declared = re.search(r"xmlns:([A-Za-z_][\w.-]{0,63})\s*=\s*[\"']" + re.escape(namespace) + "[\"']", text)
        self.name = declared[1] if declared else None

    def texts(self, name: str) -> list[str]:
        """The values of a property; none if it is absent."""
        if self.name is None:
            return []
        full = re.escape(f"{self.name}:{name}")
        attribute = re.search(rf"\s{full}\s*=\s*[\"']([^\"'<]{{0,200}})[\"']", self.text)
        if attribute:
            return [attribute[1].strip()]
        begin, end = self.text.find(f"<{self.name}:{name}>"), self.text.find(f"</{self.name}:{name}>")
        if not 0 <= begin < end:
            return []
        inside = self.text[begin + len(self.name) + len(name) + 3 : min(end, begin + 1000)]
        return [part.strip() for part in re.findall(r"<rdf:li>([^<]{1,200})</rdf:li>", inside) or [inside]]

    def triple(self, name: str, default: Any) -> Triple | None:
        """One number or three; TiffError for others."""
        found = self.texts(name)
        if not found:
            return None if default is None else _triple(list(default))
        try:
            return _triple([float(part) for part in found])
        except ValueError:
            raise TiffError(_NO_SENSE) from None


def _sure(triple: Triple | None) -> Triple:
    assert triple is not None
    return triple


def _triple(values: list[float]) -> Triple:
    if len(values) not in (1, 3):
        raise ValueError
    first, second, third = values * 3 if len(values) == 1 else values
    return first, second, third


def apple_headroom(note: bytes) -> float | None:
    """Stops above SDR white that Apple's maker note tells; None if it is another's or does not tell.

    "Applying Apple HDR effect to your photos" (Apple's developer documentation, AppKit): tags 33 and 48.
    """
    if not note.startswith(_APPLE_NOTE) or note[12:14] != b"MM":
        return None
    found: dict[int, float] = {}
    try:
        (count,) = struct.unpack_from(">H", note, 14)
        for i in range(count):
            tag, kind, number, place = struct.unpack_from(">HHII", note, 16 + 12 * i)
            if tag in (_HEADROOM_TAG, _GAIN_TAG) and (kind, number) == (10, 1):  # SRATIONAL
                over, under = struct.unpack_from(">ii", note, place)
                found[tag] = over / under
        headroom, gain = found[_HEADROOM_TAG], found[_GAIN_TAG]
    except (struct.error, ZeroDivisionError, KeyError):
        return None
    if headroom < 1:
        stops = 1.8 - 20 * gain if gain <= 0.01 else 1.601 - 0.101 * gain
    else:
        stops = 3.0 - 70 * gain if gain <= 0.01 else 2.303 - 0.303 * gain
    return max(stops, 0.0)
