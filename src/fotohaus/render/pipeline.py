"""Scene to Picture: exposure, tone, sharpening and gamut in one pass over the pixels."""

from __future__ import annotations

import functools
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.development import Development
from fotohaus.develop.profile_look import apply_profile_look
from fotohaus.develop.scene import Scene
from fotohaus.kernels.common_tables import BOUNDARY_UNIT
from fotohaus.recipe import DEFAULT_LOOK, Recipe
from fotohaus.records import record
from fotohaus.render import color, gamut, sharpening, tone
from fotohaus.render.exposure import auto_exposure
from fotohaus.render.gain_map import GainMap
from fotohaus.render.local_tone import LocalTone, local_tone
from fotohaus.render.look import Look, chosen, is_curve_only
from fotohaus.render.look_curve import LookCurve, look_curve
from fotohaus.render.looks import is_lut, load_look
from fotohaus.render.picture import Gamut, Picture, picture_of
from fotohaus.report import Report
from fotohaus.strips import strips

if TYPE_CHECKING:
    from fotohaus.render.character import Character
    from fotohaus.render.gain_rows import GainRows
    from fotohaus.render.hdr_rendition import HdrRendition
    from fotohaus.render.lut import Applied

Float32 = NDArray[np.float32]

VECTOR = 16
_BLOCK = 4  # rows below a strip's that a gain map may need as well


def _cells(table: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each entry of a table of 16-bit numbers, the next of its row, and the next row's two: one look-up brings all."""
    pairs = table[:, :-1] | table[:, 1:] << np.uint64(16)
    return np.asarray(pairs[:-1] | pairs[1:] << np.uint64(32), np.uint64)


@functools.cache
def _constants(space: Gamut) -> dict[str, Any]:
    lab = color.lms_to_lab()
    return {
        "boundary": _cells(np.rint(gamut.boundary(space) / BOUNDARY_UNIT).astype(np.uint64)),
        "to_lms": color.differences(color.to_lms("rec2020"), 1),
        "to_lab": color.differences(lab, 0),
        "from_lab": color.differences(np.linalg.inv(lab), 0),
        "to_display": color.differences(np.linalg.inv(color.to_lms(space)), 0),
        "blur": sharpening.blur_weights(),
    }


def _curve_table(curve: LookCurve | None, look: Look, noise: tuple[float, float] | None, gain: float) -> Float32:
    """The table over the norm as the kernels take it, (entries, 4): lightness, the next, its noise, share of colour."""
    level = tone.levels()
    lightness = np.cbrt(curve(level) if curve else level)
    keep = curve.keep(level) if curve else np.ones_like(level)
    deviation = sharpening.lightness_noise(level, noise, gain, curve)
    if look.mono.amount and curve:
        # Where there is no colour to be scaled, black is what the table says it is.
        lightness[0] = np.cbrt(curve(0.0))
    following = np.append(lightness[1:], lightness[-1:])
    table = np.stack([lightness, following, deviation, keep], axis=-1).astype(np.float32)
    table[:, 3] = tone.packed_keep(keep * (1 - look.mono.amount))
    return table


@record
class Strip:
    """Rows of a scene from `first` on, for a look: pixels as its curve takes them, light as they are after exposure."""

    first: int
    pixels: Float32
    light: Float32


class Rendering:
    """A picture that is made strip by strip from a scene: exposure and tone are decided, pixels not made yet.

    scene : a Scene, or a Development that makes its rows when they are asked for. shape, gamut, recipe and capture are
    the picture's.
    """

    def __init__(self, scene: Scene | Development, recipe: Recipe, report: Report) -> None:
        name = recipe.look or DEFAULT_LOOK
        recipe = recipe.with_look(name)
        self.shape = scene.shape
        self.gamut: Gamut = recipe.gamut
        self.recipe = recipe
        self.capture = scene.capture
        self._scene, self._report = scene, report
        self._camera_look = scene.camera_look if name == "camera" else None
        if name == "camera" and self._camera_look is None:
            report.warn("the file holds no look of its camera: the neutral one is taken")
        space = self._read_lut(name)
        plain = name == "camera" or is_lut(name)
        look = self.look = chosen(load_look("neutral" if plain else name), recipe)
        self._reach = sharpening.REACH
        if not is_curve_only(look):
            from fotohaus.render.character import reach_of

            self._reach = max(sharpening.REACH, reach_of(look, self.shape[0]))
        self._begun: dict[int, Future[tuple[Float32, Report]]] = {}
        # Pictures of another size, and those in a frame, are asked for other rows.
        whole = recipe.crop is None and recipe.long_edge is None and recipe.frame == "none"
        if isinstance(scene, Development) and whole:
            self._begin(scene)
        with report.stage("exposure"):
            metered = auto_exposure(_whole(scene), scene.capture)
            # The camera's look is made for the camera's exposure, and brings its own tone.
            automatic = recipe.auto_exposure is not False and self._camera_look is None
            ev = recipe.ev + (metered.ev if automatic else 0.0)
            report.note(metered.note if automatic else "exposure as captured")
            if recipe.ev:
                report.note(f"{recipe.ev:+.2f} EV on top")
            self._local = self._local_tone(2.0**ev)
            white = metered.white(ev) if self._local is None else self._local.white(metered.white(ev))
            curve = None
            if recipe.enabled("tone") and self._camera_look is None:
                curve = look_curve(look, white)
            report.note(f"white at {np.log2(white / 0.18):+.1f} EV over mid-grey" if curve else "no tone curve")
            self._curve, self._white, self._exposure = curve, white, 2.0**ev
            gain = 2.0**ev
            if self._camera_look is not None:
                gain = 1.0
            self._arguments = {
                "gain": gain,
                "curve": _curve_table(curve, look, scene.noise, gain),
                **_constants(space),
                "knee": gamut.KNEE if curve else -1.0,
                "sharpen": look.sharpen * sharpening.GAIN,
                "overshoot": sharpening.OVERSHOOT,
                "strong_overshoot": sharpening.STRONG_OVERSHOOT,
                "coring": sharpening.CORING,
            }
        self._gains: GainRows | None = None
        self._character: Character | None = None
        if not is_curve_only(look):
            from fotohaus.render.character import Character
            from fotohaus.render.effects import in_small

            with report.stage("look"):
                small = kernels.planar(in_small(_whole(scene)))
                if self._local is not None:
                    small = replace(self._local, shape=small.shape[:2]).apply(small)
                small = kernels.planar(small * np.float32(2.0**ev))
                if self._camera_look is not None:
                    step = self.shape[0] / small.shape[0]
                    middle = step / 2 - 0.5
                    small = apply_profile_look(small, self._camera_look, top=middle, left=middle, step=step)
                self._character = Character(look, small, self.shape, self._arguments["curve"], white, self._local)

    def _begin(self, development: Development) -> None:
        """Make the first strips' light, which nothing that is still to be decided changes, while it is decided."""
        count, height = kernels.threads(), self.shape[0]
        if count == 1:
            return

        def light(first: int, last: int) -> tuple[Float32, Report]:
            said = Report()
            source = replace(development.source, report=said)
            return replace(development, source=source).rows(first, last), said

        pool = ThreadPoolExecutor(count)
        for top, bottom in strips(height)[:count]:
            first, last = max(0, top - self._reach), min(height, bottom + max(self._reach, _BLOCK))
            self._begun[first] = pool.submit(light, first, last)
        pool.shutdown(wait=False)

    def _light(self, first: int, last: int) -> Float32:
        begun = self._begun.pop(first, None)
        if begun is not None:
            light, said = begun.result()
            self._report.take(said)
            if first + len(light) >= last:
                return light[: last - first]
        return self._scene.rows(first, last)

    def _read_lut(self, name: str) -> Gamut:
        """Read the look, if it is a look-up table, and say which gamut is rendered: the table's or the picture's."""
        self._lut: Applied | None = None
        recipe = self.recipe
        # A table is made for a picture that has its tone.
        if not is_lut(name) or not recipe.strength or not recipe.enabled("tone"):
            return recipe.gamut
        from fotohaus.render.lut import Applied, read_lut

        with self._report.stage("look"):
            lut = read_lut(name)
            self._lut = Applied(lut, recipe.strength, recipe.gamut)
            self._report.note(f"a table for {lut.space}")
        return lut.space

    def _local_tone(self, exposure: float) -> LocalTone | None:
        strength = self.look.local_tone
        if not strength or self._camera_look is not None:
            return None
        with self._report.stage("local tone"):
            scene = self._scene
            return local_tone(
                _whole(scene), scene.shape, strength=strength, exposure=exposure, noise=scene.noise, report=self._report
            )

    def rows(self, top: int, bottom: int) -> NDArray[np.uint16]:
        """Rows of the picture, from `top` to before `bottom`: (bottom - top, W, 3)."""
        strip = self._strip(top, bottom)
        if self._gains is not None:
            with self._report.stage("gain map"):
                self._gains.add(strip.light, strip.first, top, bottom)
        return self._rendered(strip, top, bottom)

    def _strip(self, top: int, bottom: int) -> Strip:
        """Light for rows of the picture, and for as many around them as have a say in them."""
        height, width = self.shape
        first, last = max(0, top - self._reach), min(height, bottom + self._reach)
        if self._gains is not None:
            last = max(last, self._gains.needed(bottom))
        pixels = light = self._light(first, last)
        if self._camera_look is not None:
            with self._report.stage("look"):
                light = np.multiply(pixels, np.float32(self._exposure), out=kernels.empty(pixels.shape))
                pixels = apply_profile_look(kernels.planar(light.copy()), self._camera_look, top=first)
        # A look applies it on its way.
        if self._local is not None and self._character is None:
            with self._report.stage("local tone"):
                # A development's rows were made for this strip; a scene's are the scene.
                pixels = self._local.apply(pixels, first, out=None if isinstance(self._scene, Scene) else pixels)
        # The kernels work on sixteen pixels at a time; the edge's repetition is what they see beyond it anyway.
        if narrow := max(0, VECTOR - width):
            pixels, light = (np.pad(v, ((0, 0), (0, narrow), (0, 0)), mode="edge") for v in (pixels, light))
        pixels = kernels.planar(pixels)
        return Strip(first, pixels, pixels if self._camera_look is None else kernels.planar(light))

    def _rendered(self, strip: Strip, top: int, bottom: int) -> NDArray[np.uint16]:
        with self._report.stage("render"):
            out = np.empty(strip.pixels.shape, np.uint16)
            if self._character is None:
                kernels.call("render", pixels=strip.pixels, **self._arguments, picture=out)
            else:
                self._character.render(strip.pixels, self._arguments, strip.first, out)
        out = out[top - strip.first : bottom - strip.first, : self.shape[1]]
        if self._lut is not None:
            with self._report.stage("look"):
                out = self._lut.rows(out)
        return out

    @functools.cached_property
    def _hdr(self) -> HdrRendition:
        """The HDR rendition: decided when it is asked for."""
        from fotohaus.render.hdr import hdr_curve
        from fotohaus.render.hdr_rendition import HdrRendition, brightest

        recipe, curve = self.recipe, self._curve
        if self._camera_look is not None:
            # What its maker's curve does to highlights is not known; ours parts from the same light.
            curve = look_curve(self.look, self._white)
        light = brightest(_whole(self._scene), self.look, self._exposure, self._local)
        return HdrRendition(
            hdr_curve(curve, light, 0.0 if recipe.sdr else recipe.headroom, finished=self._scene.headroom > 0),
            self.look,
            self._curve,
            self._camera_look is None and self._lut is None,
            self._arguments,
            self._character,
            self.shape,
            self.gamut,
        )

    @property
    def headroom(self) -> float:
        """Stops above SDR white that the HDR rendition gets to: the recipe's, or as many as the scene has light for."""
        return self._hdr.curve.headroom

    def hdr_rows(self, top: int, bottom: int) -> Float32:
        """Rows of the HDR rendition, (bottom - top, W, 3): linear Rec. 2020, SDR white at 1, at most 2^headroom."""
        strip = self._strip(top, bottom)
        inside = slice(top - strip.first, bottom - strip.first)
        if self._hdr.colored:
            with self._report.stage("render"):
                return self._hdr.rows(strip.pixels, strip.first)[inside, : self.shape[1]]
        sdr = self._rendered(strip, top, bottom)
        with self._report.stage("render"):
            return self._hdr.on_picture(strip.light[inside], sdr, top, self.recipe.gamut)

    def collect_gain_map(self) -> None:
        """Make the gain map along with the rows that are made from now on, if the recipe and the scene have one."""
        if self._gains is None and not self.recipe.sdr:
            from fotohaus.render.gain_rows import GainRows

            with self._report.stage("hdr"):
                headroom = self.headroom
                self._report.note(f"up to {headroom:.1f} EV over white" if headroom else "as SDR: no highlights")
                if headroom:
                    self._gains = GainRows(self._hdr, self.recipe)

    def gain_map(self) -> GainMap | None:
        """What leads from these rows to the HDR rendition; whole once every row was made.

        None if `collect_gain_map` was not asked for before, and for a scene without highlights.
        """
        return None if self._gains is None else self._gains.gain_map()

    def picture(self) -> Picture:
        """The whole picture."""
        return picture_of(self, self._report)


def _whole(scene: Scene | Development) -> Float32:
    """What shows the whole scene at once."""
    if isinstance(scene, Scene):
        return scene.pixels if scene.overview is None else scene.overview
    return scene.overview


def render(scene: Scene, recipe: Recipe | None = None, *, report: Report | None = None, **choices: Any) -> Picture:
    """Make a scene presentable: expose, tone-map, sharpen, and bring it into the display's gamut.

    scene : linear Rec. 2020, (H, W, 3) float32, any finite or non-finite values. choices : fields of Recipe that
    override `recipe`'s. The result is uint16 with the sRGB transfer function in the primaries of `recipe.gamut`, and
    carries the recipe. `off="tone"` leaves the curve and the gamut mapping out: a plain clip after exposure.

    Raises TypeError for what is no scene or recipe, ValueError for pixels of another shape or type,
    pydantic.ValidationError for choices that a Recipe refuses.
    """
    if not isinstance(scene, Scene):
        raise TypeError(f"render takes a Scene, as fotohaus.develop gives, not {type(scene).__name__}")
    if not isinstance(recipe, (Recipe, type(None))):
        raise TypeError(f"recipe must be a Recipe, not {type(recipe).__name__}; its fields are keywords, too: ev=0.3")
    report = report or Report()
    recipe = recipe or Recipe()
    if choices:
        recipe = Recipe.model_validate({**recipe.model_dump(), **choices})
    pixels = scene.pixels
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape or pixels.dtype != np.float32:
        raise ValueError(f"pixels must be float32 of shape (H, W, 3), got {pixels.dtype} {pixels.shape}")
    rendering = Rendering(scene, recipe, report)
    rendering.collect_gain_map()
    with report.stage("picture"):
        return rendering.picture()
