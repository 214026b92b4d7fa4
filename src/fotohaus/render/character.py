"""A look at work on a picture: what its kernel takes besides the plain rendering's arguments, for any rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.kernels.common_tables import CURVE_HIGH, CURVE_LOW, CURVE_STEPS
from fotohaus.render import effects, look_color
from fotohaus.render.look import Halation, Look

Float32 = NDArray[np.float32]


class Character:
    """What of a look is more than a curve, laid over a picture.

    look : the look. small : all of the scene in small, exposed. shape : the picture's. curve : its curve's table.
    white : scene-linear level of display white. reach : pixels around one that have a say in it.
    """

    def __init__(self, look: Look, small: Float32, shape: tuple[int, int], curve: Float32, white: float) -> None:
        self.look, height = look, shape[0]
        self.reach = 0
        self._height = height
        tangent = effects.vignette_tangent(look.vignette)
        self._own: dict[str, Any] = {
            "centre_x": shape[1] / 2 - 0.5,
            "falloff": tangent / effects.half_diagonal(shape),
            "mono": look.mono.amount,
            "mix": np.array([look.mono.red, look.mono.green, look.mono.blue], np.float32),
        }
        maps = np.zeros((*small.shape[:2], 5))
        if look.halation != Halation():
            maps[..., :3] = effects.glow(small, look.halation, white)
        if look.texture.coarse:
            # The corners as they will be: a vignette is no local contrast.
            light = small * effects.vignette(small.shape[:2], look.vignette)[..., None] + maps[..., :3]
            n = look_color.norm(light, look)
            level = np.log2(np.maximum(n, 2.0**CURVE_LOW))
            octaves = np.minimum(np.floor(level), CURVE_HIGH - 1)
            entry = (octaves - CURVE_LOW + np.minimum(n / 2**octaves - 1, 1)) * CURVE_STEPS
            lightness = np.interp(entry, np.arange(len(curve)), curve[:, 0])
            maps[..., 3:] = effects.coarse_texture(lightness, look.texture.coarse)
        self._small = effects.in_columns(maps, shape)
        first, second = effects.fine_blurs(height)
        if look.texture.fine:
            self.reach = 2 * (first + second)
        deviation = effects.GRAIN_SIZE * look.grain.size * height
        self._grain = effects.grain_tile(deviation) if look.grain.amount else None
        self._own |= {
            "tints": look_color.packed_tints(look, curve[:, 0]),
            "hues": look_color.packed_table(look),
            "hue_unit": look_color.TABLE_UNIT,
            "hue_least": look_color.TABLE_LEAST,
            "restraint": look.chroma.restraint**2,
            "first": first,
            "second": second,
            "fine": look.texture.fine * effects.FINE_GAIN,
            "edge": effects.FINE_EDGE**-2,
            "grain_amount": 4 * effects.GRAIN_GAIN * look.grain.amount / effects.GRAIN_UNIT,
        }

    def place(self, top: int, rows: NDArray[np.int32], middle: float = 0) -> dict[str, Any]:
        """What makes of rows' light the light that the look's curve takes, for kernels that are told of the place.

        rows : those that are wanted, counted from `top`. middle : how far below each.
        """
        own = {name: self._own[name] for name in ("centre_x", "falloff", "mono", "mix")}
        small = kernels.planar(self._small.at(rows + (top + middle)))
        return {**own, "centre_y": self._height / 2 - 0.5 - top, "small": small}

    def render(
        self,
        pixels: Float32,
        arguments: dict[str, Any],
        top: int,
        out: NDArray[np.uint16] | Float32,
        kernel: str = "render_look",
    ) -> None:
        """Render rows of a scene, `top` being the first of them, into (H, W, 3)."""
        rows, columns = pixels.shape[:2]
        small = kernels.planar(self._small.rows(top, top + rows))
        if self._grain is None:
            grain = np.zeros((rows, columns), np.int8)
        else:
            grain = effects.grain_rows(self._grain, top, top + rows, columns)
        kernels.call(
            kernel,
            pixels=pixels,
            **arguments,
            **self._own,
            small=small,
            centre_y=self._height / 2 - 0.5 - top,
            grain=grain,
            picture=out,
        )

    def render_color(
        self, light: Float32, arguments: dict[str, Any], out: NDArray[np.uint16] | Float32, kernel: str = "render_look"
    ) -> None:
        """The look's color alone, without what depends on the place, of light (H, W, 3) that has had that."""
        rows, columns = light.shape[:2]
        still = {"falloff": 0.0, "fine": 0.0, "grain_amount": 0.0, "sharpen": 0.0, "gain": 1.0}
        across = (columns + 2 * effects.BEYOND) // effects.COLUMNS + 2
        kernels.call(
            kernel,
            pixels=light,
            **{**arguments, **self._own, **still},
            small=kernels.planar(np.zeros((rows, across, 5), np.float32)),
            centre_y=0.0,
            grain=np.zeros((rows, columns), np.int8),
            picture=out,
        )
