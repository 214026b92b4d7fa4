"""What a look is, in a picture: its tone curve, and what it does to hues; and one photo in many looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fotohaus.output import charts
from fotohaus.render import color
from fotohaus.render.look import Look
from fotohaus.render.look_color import apply_look
from fotohaus.render.look_curve import look_curve
from fotohaus.render.picture import Picture

Float64 = NDArray[np.float64]

WHITE = 0.18 * 2**3.5
"""Scene-linear white of the scene that the charts are of: 3.5 EV over mid-grey."""
SIDE = 480
_DARKEST, _BRIGHTEST = -7.0, 4.0
_WIDEST = 0.26


def look_chart(name: str, look: Look) -> Image.Image:
    """The look's tone curve and hue wheel beside each other; the neutral look in grey."""
    notes = [look.about] if look.about else []
    notes += [
        f"local tone {look.local_tone:.2f}, sharpening {look.sharpen:.2f}, vignette {look.vignette:.2f}, "
        f"texture {look.texture.fine:.2f} fine, {look.texture.coarse:.2f} coarse, grain {look.grain.amount:.2f}, "
        f"glow {look.halation.glow:.2f}, bloom {look.halation.bloom:.2f}"
    ]
    panels = [
        ("tone: encoded value over EV from mid-grey, white at +3.5 EV", _curves(look)),
        ("hue and chroma in Oklab at mid-grey: dot neutral, ring in the look", _wheel(look)),
    ]
    return charts.sheet(f"{look.title} ({name})", notes, panels, 2)


def _curves(look: Look) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), charts.PAPER)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = 40, 10, SIDE - 10, SIDE - 30

    def place(ev: Float64, value: Float64) -> list[tuple[float, float]]:
        x = left + (ev - _DARKEST) / (_BRIGHTEST - _DARKEST) * (right - left)
        y = bottom - value * (bottom - top)
        return list(zip(x.tolist(), y.tolist(), strict=True))

    for ev in range(int(_DARKEST), int(_BRIGHTEST) + 1):
        draw.line(place(np.full(2, float(ev)), np.array([0.0, 1.0])), (200, 200, 200) if ev == 0 else (232, 232, 232))
        charts.write_text(draw, (place(np.array([float(ev)]), np.zeros(1))[0][0], bottom + 12), f"{ev:+d}", anchor="mm")
    for value in (0, 64, 128, 192, 255):
        draw.line(place(np.array([_DARKEST, _BRIGHTEST]), np.full(2, value / 255)), (232, 232, 232))
        charts.write_text(draw, (left - 6, bottom - value / 255 * (bottom - top)), str(value), anchor="rm")
    levels = np.linspace(_DARKEST, _BRIGHTEST, 400)
    for curve, ink, width in ((look_curve(Look(), WHITE), charts.FAINT, 2), (look_curve(look, WHITE), charts.INK, 3)):
        draw.line(place(levels, color.encode_srgb(curve(0.18 * 2**levels))), ink, width)
    return image


def _wheel(look: Look) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), (240, 240, 240))
    draw = ImageDraw.Draw(image)
    middle = SIDE / 2

    def place(lab: Float64) -> tuple[float, float]:
        return middle + float(lab[1]) / _WIDEST * middle, middle - float(lab[2]) / _WIDEST * middle

    for chroma in (0.05, 0.1, 0.15, 0.2):
        reach = chroma / _WIDEST * middle
        draw.ellipse((middle - reach, middle - reach, middle + reach, middle + reach), outline=(222, 222, 222))
    for chroma in (0.05, 0.1, 0.15):
        for angle in np.radians(np.arange(0, 360, 15)):
            lab = np.array([np.cbrt(0.18), chroma * np.cos(angle), chroma * np.sin(angle)])
            scene = color.from_oklab(lab)[None]
            was, now = (apply_look(scene, one, WHITE)[0] for one in (Look(), look))
            first, last = (place(color.to_oklab(color.decode_srgb(rgb), "srgb")) for rgb in (was, now))
            draw.line((*first, *last), _ink(now), 2)
            draw.ellipse((first[0] - 3, first[1] - 3, first[0] + 3, first[1] + 3), fill=_ink(was))
            draw.ellipse((last[0] - 6, last[1] - 6, last[0] + 6, last[1] + 6), outline=_ink(now), width=2)
    return image


def _ink(rgb: Float64) -> charts.Color:
    red, green, blue = (round(float(v) * 255) for v in rgb)
    return red, green, blue


def contact_sheet(pictures: Sequence[tuple[str, Picture]], title: str) -> Image.Image:
    """Pictures (sRGB) with their names, three in a row."""
    panels = [(name, Image.fromarray((p.pixels // 257).astype(np.uint8))) for name, p in pictures]
    return charts.sheet(title, [], panels, 3)
