"""Files of at most a size: coded again, with less quality, until they fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.choices import size_in_bytes
from fotohaus.errors import WriteError
from fotohaus.output.hdr import hdr_rows
from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Gamut, Rendition, picture_of
from fotohaus.report import Report
from fotohaus.strips import in_threads, strips

_LEAST = 10
"""Quality below which nobody wants a photo: a smaller picture shows more."""

_FULL = 0.95


@dataclass
class _HeldHdr:
    """An HDR rendition in memory."""

    light: NDArray[np.float32]
    gamut: Gamut
    recipe: Recipe
    capture: CaptureInfo
    shape: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.shape = self.light.shape[0], self.light.shape[1]

    def rows(self, top: int, bottom: int) -> Any:
        raise NotImplementedError

    def hdr_rows(self, top: int, bottom: int) -> NDArray[np.float32]:
        return self.light[top:bottom]

    def gain_map(self) -> None:
        return None


def held(picture: Rendition, hdr: bool, report: Report) -> Rendition:
    """The picture in memory, to be coded several times: its HDR rendition if `hdr`, the SDR one otherwise."""
    if not hdr:
        return picture_of(picture, report)
    rows = hdr_rows(picture)
    light = np.empty((*picture.shape, 3), np.float32)

    def fill(strip: tuple[int, int]) -> None:
        light[slice(*strip)] = rows(*strip)

    parts = strips(picture.shape[0])
    for done, _ in enumerate(in_threads(fill, parts), 1):
        report.progress(done, len(parts))
    return _HeldHdr(light, picture.gamut, picture.recipe, picture.capture)


def smaller(
    picture: Rendition,
    encode: Callable[[Rendition, int, Report], list[bytes]],
    quality: int,
    limit: str,
    report: Report,
) -> list[bytes]:
    """A file of at most `limit`, in pieces, with a quality from 10 to `quality`: searched by halves, up to eight tries.

    encode : codes a picture with a quality. The first file that fills 95 % of the limit is taken.

    Raises WriteError if the lowest quality is still too large.
    """
    most = size_in_bytes(limit)
    best: list[bytes] | None = None
    low, high, at, tries = min(_LEAST, quality), quality, quality, 0
    while low <= high:
        pieces = encode(picture, at, report)
        tries += 1
        size = sum(map(len, pieces))
        if size <= most:
            best, chosen, low = pieces, at, at + 1
            if size >= _FULL * most:
                break
        else:
            high = at - 1
        at = (low + high + 1) // 2
    if best is None:
        height, width = picture.shape
        raise WriteError(None, f"{width} x {height} pixels do not fit into {limit}: make it smaller (long edge)")
    if tries > 1:
        report.note(f"quality {chosen} fits into {limit}, after {tries} tries")
    return best
