"""Renditions to write."""

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe
from fotohaus.render import color
from fotohaus.render.gain_map import GainMap


class Lit:
    """A picture with an HDR rendition: light (H, W, 3) in linear Rec. 2020, 1.0 for SDR white.

    Like one that is made as it is written, it has rows of its gain map only where its rows were asked for.
    """

    def __init__(self, light: NDArray[np.float32], recipe: Recipe | None = None, cell: int = 4) -> None:
        self.light, self.shape = light.astype(np.float32), light.shape[:2]
        self.gamut, self.recipe, self.capture = "p3", recipe or Recipe(), CaptureInfo(make="Barnes", serial="S-1")
        to_p3 = np.linalg.solve(color.rgb_to_xyz("p3"), color.rgb_to_xyz("rec2020"))
        self.sdr = np.clip(light @ to_p3.T, 0, 1)
        self.pixels = np.rint(color.encode_srgb(self.sdr) * 65535).astype(np.uint16)
        self.cell = cell
        height, width = self.shape
        # A gain that is linear in y, in stops, between 0 and 2: codes say where they are.
        self.full = np.repeat(np.rint(np.linspace(5, 250, height // cell))[:, None], width // cell, 1).astype(np.uint8)
        self.map = np.zeros_like(self.full)

    def rows(self, top: int, bottom: int) -> NDArray[np.uint16]:
        made = slice(-(-top // self.cell), -(-bottom // self.cell))
        self.map[made] = self.full[made]
        return self.pixels[top:bottom]

    def hdr_rows(self, top: int, bottom: int) -> NDArray[np.float32]:
        return self.light[top:bottom]

    def gain_map(self) -> GainMap:
        return GainMap(self.map, (0.0,) * 3, (2.0,) * 3, headroom=2.0)


def scenery(height: int, width: int, brightest: float = 1.0) -> NDArray[np.float64]:
    """Something like a photo: smooth areas, edges and colours inside sRGB, (H, W, 3) linear Rec. 2020."""
    y, x = np.mgrid[:height, :width]
    smooth = 0.3 + 0.2 * np.sin(x / 37) * np.cos(y / 23)
    edges = 0.12 * (np.sin(x / 9 + y / 14) > 0)
    light = np.stack([smooth + edges, smooth * 0.8 + edges, smooth * 0.6 + edges * 0.5], axis=-1)
    lamp = np.hypot(y - height / 2, x - width / 2) < min(height, width) / 6
    light[lamp] = brightest * np.array([1.0, 0.95, 0.9])
    return light
