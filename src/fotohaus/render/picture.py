"""The third noun of the house: Picture, display-referred."""

from __future__ import annotations

import io
from dataclasses import field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe
from fotohaus.records import record
from fotohaus.render.gain_map import GainMap
from fotohaus.report import Report
from fotohaus.strips import in_threads, strips

Gamut = Literal["srgb", "p3"]

NOTEBOOK_WIDTH = 1024


class Rendition(Protocol):
    """What a file can be made from: a Picture, or one that is made strip by strip as the file is written."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def gamut(self) -> Gamut:
        """The primaries."""

    @property
    def recipe(self) -> Recipe:
        """What made it."""

    @property
    def capture(self) -> CaptureInfo:
        """The capture's facts."""

    def rows(self, top: int, bottom: int) -> NDArray[np.uint16]:
        """Rows of the picture, from `top` to before `bottom`: (bottom - top, W, 3), as in `Picture.pixels`."""

    def gain_map(self) -> GainMap | None:
        """What leads from these rows to the HDR rendition, if there is one; whole once every row was made."""


@record
class Picture:
    """A finished photo, ready for a display.

    pixels : (H, W, 3) uint16, C-ordered (interleaved), the SDR rendition encoded with the sRGB transfer function in the
        primaries of `gamut` (D65); 65535 is display white.
    gain : what leads from it to the HDR rendition, or None.
    """

    pixels: NDArray[np.uint16]
    gamut: Gamut = "p3"
    recipe: Recipe = field(default_factory=Recipe)
    capture: CaptureInfo = field(default_factory=CaptureInfo)
    gain: GainMap | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        height, width = self.pixels.shape[:2]
        return height, width

    def check(self) -> None:
        """Raise ValueError for pixels that are none of a picture, as a program may put together."""
        shape = np.shape(self.pixels)
        if len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise ValueError(f"an image of shape {shape} is not (height, width, 3)")
        if self.pixels.dtype != np.uint16:
            raise ValueError(f"a picture's pixels are uint16, with 65535 for white, not {self.pixels.dtype}")

    def rows(self, top: int, bottom: int) -> NDArray[np.uint16]:
        """Rows of the picture, from `top` to before `bottom`."""
        return self.pixels[top:bottom]

    def gain_map(self) -> GainMap | None:
        """What leads from it to the HDR rendition, or None."""
        return self.gain

    def _repr_png_(self) -> bytes:
        """The picture as a notebook shows it: at most 1024 px wide, sRGB."""
        from PIL import Image

        from fotohaus.render import color

        self.check()
        height, width = self.pixels.shape[:2]
        eight = np.empty(self.pixels.shape, np.uint8)
        np.floor_divide(self.pixels, 257, out=eight, casting="unsafe")
        image = Image.fromarray(eight)
        if width > NOTEBOOK_WIDTH:
            size = NOTEBOOK_WIDTH, max(1, round(height * NOTEBOOK_WIDTH / width))
            image = image.resize(size, Image.Resampling.LANCZOS)
        if self.gamut != "srgb":
            to_srgb = np.linalg.solve(color.rgb_to_xyz("srgb"), color.rgb_to_xyz(self.gamut))
            linear = color.decode_srgb(np.asarray(image) / 255) @ to_srgb.T
            image = Image.fromarray(np.rint(color.encode_srgb(linear.clip(0, 1)) * 255).astype(np.uint8))
        out = io.BytesIO()
        image.save(out, "PNG")
        return out.getvalue()


def picture_of(rendition: Rendition, report: Report) -> Picture:
    """The whole picture, made by strips."""
    pixels = np.empty((*rendition.shape, 3), np.uint16)

    def fill(strip: tuple[int, int]) -> None:
        pixels[slice(*strip)] = rendition.rows(*strip)

    parts = strips(rendition.shape[0])
    for done, _ in enumerate(in_threads(fill, parts), 1):
        report.progress(done, len(parts))
    return Picture(pixels, rendition.gamut, rendition.recipe, rendition.capture, rendition.gain_map())
