"""A look at work on a picture: what its kernel takes besides the plain rendering's arguments, for any rows."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.render import effects, look_color, tone
from fotohaus.render.local_tone import LocalTone, no_local_tone
from fotohaus.render.look import Look

Float32 = NDArray[np.float32]


def _blurs(look: Look, height: int) -> tuple[int, int]:
    return effects.fine_blurs(height) if look.texture.fine else (0, 0)


def reach_of(look: Look, height: int) -> int:
    """How many pixels around one have a say in how a look shows it, in a picture of so many rows."""
    return 2 * sum(_blurs(look, height))


class Character:
    """What of a look is more than a curve, laid over a picture.

    look : the look. small : all of the scene in small, exposed. shape : the picture's. curve : its curve's table.
    white : scene-linear level of display white. local : local tone, if there is some.
    """

    def __init__(
        self,
        look: Look,
        small: Float32,
        shape: tuple[int, int],
        curve: Float32,
        white: float,
        local: LocalTone | None,
    ) -> None:
        self.look, height = look, shape[0]
        self._height = height
        tangent = effects.vignette_tangent(look.vignette)
        self._place: dict[str, Any] = {
            "centre_x": shape[1] / 2 - 0.5,
            "falloff": tangent / effects.half_diagonal(shape),
        }
        glow = effects.glow(small, look.halation, white)
        size: tuple[int, int] = (small.shape[0], small.shape[1])
        block = effects.map_block(size)
        down, across = (block * effects.spacing(n, whole) for n, whole in zip(size, shape, strict=True))
        maps = np.zeros((5, *glow.shape[1:]), np.float32)
        maps[:3] = glow
        if look.texture.coarse:
            # A guided filter's means may be taken of samples (He and Sun 2015).
            rows, columns = (effects.sampled(n, block) for n in size)
            # The corners as they will be: a vignette is no local contrast.
            falloff = effects.vignette(size, look.vignette, (rows, columns)).astype(np.float32)
            light = small[rows[:, None], columns] * falloff[..., None] + glow.transpose(1, 2, 0)
            n = np.asarray(look_color.norm(light, look), np.float32)
            maps[3:] = effects.coarse_texture(tone.at_levels(curve[:, 0], n).astype(np.float64), look.texture.coarse)
        deviation = effects.GRAIN_SIZE * look.grain.size * height
        self._grain = effects.grain_tile(deviation) if look.grain.amount else None
        self._place |= {
            "small": effects.in_columns(maps, shape[1], across),
            "small_per_row": 1 / down,
            **(local.in_look() if local else no_local_tone()),
        }
        self._lightness = curve[:, 0]
        self._full = bool(look.texture.fine or look.mono.amount or look_color.is_tinted(look))
        self._blurs = _blurs(look, height)

    @functools.cached_property
    def _own(self) -> dict[str, Any]:
        """What the kernel of looks takes wherever the place is."""
        look = self.look
        return {
            **look_color.packed_tables(look),
            "restraint": look.chroma.restraint**2,
            "grain_amount": 4 * effects.GRAIN_GAIN * look.grain.amount / effects.GRAIN_UNIT,
        }

    @functools.cached_property
    def _own_fully(self) -> dict[str, Any]:
        """What the kernels of any look take."""
        look = self.look
        return {
            **self._own,
            **self._mono,
            "tints": look_color.packed_tints(look, self._lightness),
            "first": self._blurs[0],
            "second": self._blurs[1],
            "fine": look.texture.fine * effects.FINE_GAIN,
            "edge": effects.FINE_EDGE**-2,
        }

    @property
    def _mono(self) -> dict[str, Any]:
        mono = self.look.mono
        return {"mono": mono.amount, "mix": np.array([mono.red, mono.green, mono.blue], np.float32)}

    def place(self, top: int) -> dict[str, Any]:
        """What makes of rows' light, from `top` on, the light that the look's curve takes."""
        return {**self._at(top), **self._mono}

    def _at(self, top: int) -> dict[str, Any]:
        return {**self._place, "top": top, "centre_y": self._height / 2 - 0.5 - top}

    def render(
        self,
        pixels: Float32,
        arguments: dict[str, Any],
        top: int,
        out: NDArray[np.uint16] | Float32,
        hdr: bool = False,
    ) -> None:
        """Render rows of a scene, `top` being the first of them, into (H, W, 3): the SDR or the HDR rendition."""
        rows, columns = pixels.shape[:2]
        if self._grain is None:
            grain = np.broadcast_to(np.zeros(columns, np.int8), (rows, columns))
        else:
            grain = effects.grain_rows(self._grain, top, top + rows, columns)
        self._call(hdr, pixels=pixels, **arguments, **self._at(top), grain=grain, picture=out)

    def render_color(
        self, light: Float32, arguments: dict[str, Any], out: NDArray[np.uint16] | Float32, hdr: bool = False
    ) -> None:
        """The look's color alone, without what depends on the place, of light (H, W, 3) that has had that."""
        rows, columns = light.shape[:2]
        across = (columns + 2 * effects.BEYOND) // effects.COLUMNS + 2
        still: dict[str, Any] = {
            **arguments,
            **self._at(0),
            **no_local_tone(),
            "falloff": 0.0,
            "small": kernels.planar(np.zeros((1, across, 5), np.float32)),
            "sharpen": 0.0,
            "gain": 1.0,
            "grain": np.broadcast_to(np.zeros(columns, np.int8), (rows, columns)),
        }
        self._call(hdr, still=True, pixels=light, **still, picture=out)

    def _call(self, hdr: bool, still: bool = False, **arguments: Any) -> None:
        """The kernel that has what the look needs. still : without what changes from pixel to pixel."""
        full = hdr or self._full
        own = self._own_fully if full else self._own
        if still:
            own = {**own, "grain_amount": 0.0, **({"fine": 0.0} if full else {})}
        name = "render_hdr" if hdr else "render_full_look" if full else "render_look"
        kernels.call(name, **own, per_gain=1 / arguments["gain"], **arguments)
