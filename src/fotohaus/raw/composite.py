"""What EXIF says of an image that was merged of several: the frames and their exposure times.

EXIF 2.32, section 4.6.5: CompositeImage, SourceImageNumberOfCompositeImage, SourceExposureTimesOfCompositeImage.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction

from fotohaus.raw import tags
from fotohaus.raw.image import CaptureInfo, Composite
from fotohaus.raw.tiff import Ifd, TiffError
from fotohaus.raw.tiff_write import Directory, Type, rational

_CAPTURED_TOGETHER = 3  # CompositeImage: made of frames captured together
_MOST = 2000  # exposure times that are listed: an EXIF block must fit into one segment of a JPEG


def composite_of(seen: Sequence[tuple[CaptureInfo, bool]]) -> Composite:
    """The facts of a merge from each frame's capture and whether it went in."""
    times = [capture.exposure_time for capture, _ in seen]
    used = [capture.exposure_time for capture, went_in in seen if went_in]
    count = len(used)
    if any(t is None or not math.isfinite(t) or t <= 0 for t in times) or not used:
        return Composite(len(seen), count)
    known, known_used = [t for t in times if t], [t for t in used if t]
    return Composite(
        captured=len(seen),
        used=count,
        exposures=tuple(known),
        total=math.fsum(known_used),
        longest=max(known_used),
        shortest=min(known_used),
        period=_period([capture for capture, _ in seen]),
    )


def _period(captures: list[CaptureInfo]) -> float | None:
    """From the first exposure's beginning to the last one's end, s; None where clocks show whole seconds only."""
    begins: list[float] = []
    for capture in captures:
        digits = capture.subsecond or ""
        if capture.taken is None or not digits.isdecimal():
            return None
        begins.append((capture.taken - captures[0].taken).total_seconds() + float(f"0.{digits}"))  # type: ignore[operator]
    ends = [begin + (capture.exposure_time or 0.0) for begin, capture in zip(begins, captures, strict=True)]
    period = max(ends) - min(begins)
    return round(period, 6) if period < 1e6 else None


def set_composite(exif: Directory, capture: CaptureInfo) -> None:
    """Say of what an image was merged; nothing for one of a single frame."""
    if capture.frames < 2:
        return
    known = capture.composite or Composite(capture.frames, capture.frames)
    exif.set(tags.COMPOSITE_IMAGE, Type.SHORT, _CAPTURED_TOGETHER)
    exif.set(tags.SOURCE_IMAGE_NUMBER, Type.SHORT, [min(n, 0xFFFF) for n in (known.captured, capture.frames)])
    if 0 < len(known.exposures) <= _MOST and known.total:
        exif.set(tags.SOURCE_EXPOSURE_TIMES, Type.UNDEFINED, _encode(known))


def _encode(known: Composite) -> bytes:
    """Period; sum, longest and shortest of all frames and of those used; one sequence of so many; each frame's."""
    every = known.exposures
    numbers = (
        *(known.period, math.fsum(every), known.total),
        *(max(every), known.longest, min(every), known.shortest),
    )
    out = b"".join(map(_pack, numbers))
    return out + struct.pack("<HH", 1, len(every)) + b"".join(map(_pack, every))


def _pack(seconds: float | None) -> bytes:
    fraction = None if seconds is None else rational(seconds)
    return struct.pack("<II", 0, 0) if fraction is None else struct.pack("<II", *fraction.as_integer_ratio())


def read_composite(exif: Ifd) -> Composite | None:
    """What an EXIF directory says of the frames; None if not how many there are."""
    try:
        counts = exif.integers(tags.SOURCE_IMAGE_NUMBER)
        if counts is None or len(counts) != 2 or not 2 <= counts[1] <= counts[0]:
            return None
        found = Composite(counts[0], counts[1])
        data = bytes(exif.raw(tags.SOURCE_EXPOSURE_TIMES))
    except TiffError:
        return None
    order = exif.tiff.order
    if len(data) < 60 or len(data) > 60 + 8 * _MOST or (len(data) - 60) % 8:
        return found
    numbers = [_unpack(order, data, at) for at in (*range(0, 56, 8), *range(60, len(data), 8))]
    period, _, total, _, longest, _, shortest, *every = numbers
    exposures = tuple(float(t) for t in every if t)
    if len(exposures) != len(every) or total is None or longest is None or shortest is None:
        return found
    values = (float(total), float(longest), float(shortest))
    return Composite(counts[0], counts[1], exposures, *values, None if period is None else float(period))


def _unpack(order: str, data: bytes, at: int) -> Fraction | None:
    above, below = struct.unpack_from(f"{order}II", data, at)
    return Fraction(above, below) if above and below and above != 0xFFFFFFFF else None
