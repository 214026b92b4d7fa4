"""How the looks behave, measured on rendered pictures; `--plots FOLDER` draws what docs/character.md shows.

Halos beside a step of 6 EV behind a lens (blur of 0.8 px), with the look's own local tone and at 1: how far lightness
goes beyond the flat sides, in % of the step. Hues from 6 EV below mid-grey to 8 EV above white: how far they turn, and
how much colour is left at the end. Greys: the largest difference between channels, of 65535. Corners: EV that they
lose, and what the look's slider says.
"""

from __future__ import annotations

import argparse
from math import erf
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from common import table
from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.output import charts
from fotohaus.render import color, effects, render
from fotohaus.render.look_curve import look_curve
from fotohaus.render.looks import load_look, looks
from fotohaus.render.picture import Picture
from looks import PATCHES, SKIN, WHITE, chroma, hue, oklab

GLOBAL = {"local_tone": 0, "sharpen": 0, "vignette": 0, "grain": 0, "texture": 0, "off": "halation"}
INKS = {"neutral": charts.FAINT, "authentic": charts.INK, "vibrant": charts.RED, "natural": charts.GREEN}
INKS |= {"vivid": (200, 130, 20), "mono-contrast": charts.BLUE}


def rendered(pixels: np.ndarray, look: str, **choices: object) -> Picture:
    scene = Scene(kernels.planar(np.ascontiguousarray(pixels, np.float32)))
    return render(scene, look=look, auto_exposure=False, **choices)


def lab_of(picture: Picture) -> np.ndarray:
    return color.to_oklab(color.decode_srgb(picture.pixels / 65535), picture.gamut)


def overshoot(look: str, local: float | None) -> float:
    """% of a 6-EV step, the worse of both sides and of two exposures."""
    v, u = np.mgrid[:600, :900]
    distance = (u - 450 + 0.3 * (v - 300)) / np.hypot(1, 0.3)
    near = np.linspace(-6, 6, 400)
    share = np.interp(distance / 0.8, near, [0.5 * (1 + erf(d / 2**0.5)) for d in near])
    worst = 0.0
    for low in (-4.0, -5.0):
        light = 0.18 * 2.0**low * (1 + 63 * share)
        shown = rendered(light[..., None] * np.ones(3), look, vignette=0, grain=0, local_tone=local)
        level = lab_of(shown)[..., 0]
        dark, bright = np.median(level[distance < -250]), np.median(level[distance > 250])
        worst = max(worst, float(max(level.max() - bright, dark - level.min()) / (bright - dark)))
    return 100 * worst


def sweep(hues: int = 72, levels: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Every hue at its purest in Rec. 2020, over EV from mid-grey: (hues, levels, 3)."""
    turn = np.linspace(0, 2 * np.pi, hues, endpoint=False)
    pure = np.clip(0.5 + np.stack([np.cos(turn + k * 2 * np.pi / 3) for k in (0, 2, 1)], axis=-1), 0, 1)
    ev = np.linspace(-6, 11.5, levels)
    return ev, 0.18 * pure[:, None] * 2.0 ** ev[:, None]


def behaviour() -> str:
    ev, pixels = sweep()
    rows: list[list[object]] = []
    for name in looks():
        look = load_look(name)
        lab = lab_of(rendered(pixels, name, **GLOBAL))
        strength = np.hypot(lab[..., 1], lab[..., 2])
        turned = np.abs((hue(lab) - hue(lab)[:, [np.argmin(np.abs(ev))]] + 180) % 360 - 180)[strength > 0.03]
        greys = rendered(np.repeat(2.0 ** np.linspace(-20, 10, 3000)[None, :, None], 3, 2), name, **GLOBAL).pixels
        corner = abs(np.log2(effects.vignette((3000, 4000), look.vignette)[0, 0]))
        row: list[object] = [name, f"{overshoot(name, None):.1f}", f"{overshoot(name, 1.0):.1f}"]
        row.append("" if look.mono.amount else f"{turned.max():.1f}")
        row += [f"{strength[:, -1].max():.3f}", int(np.ptp(greys.astype(int), axis=2).max())]
        row += [f"{corner:.2f}", f"{2 * look.vignette:.2f}"]
        rows.append(row)
    heads = ["look", "halo, %", "local tone 1", "hue turns, °", "chroma left", "greys", "corners, EV", "slider"]
    return table(heads, rows)


def skin() -> str:
    names = [name for name in looks() if not load_look(name).mono.amount]
    plain = oklab(SKIN, "neutral")
    rows = []
    for i, rgb in enumerate(SKIN):
        turns = [float((hue(oklab(SKIN, name)) - hue(plain) + 180)[i] % 360 - 180) for name in names]
        rows.append([str(rgb), *(f"{turn:+.2f}" for turn in turns)])
    return table(["skin, sRGB", *names], rows)


def plot(
    curves: dict[str, tuple[np.ndarray, np.ndarray]], across: range, up: tuple[float, float, float]
) -> Image.Image:
    """Lines over a grid: x in EV, y from up[0] to up[1] with a line every up[2]."""
    image = Image.new("RGB", (575, 360), charts.PAPER)
    draw = ImageDraw.Draw(image)

    def place(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
        px = 45 + (x - across[0]) / (across[-1] - across[0]) * 400
        py = 335 - (y - up[0]) / (up[1] - up[0]) * 320
        return list(zip(px.tolist(), py.tolist(), strict=True))

    for x in across:
        draw.line(place(np.full(2, float(x)), np.array(up[:2])), (225, 225, 225))
        charts.write_text(draw, (place(np.array([float(x)]), np.array([up[0]]))[0][0], 347), f"{x:+d}", anchor="mm")
    for y in np.arange(up[0], up[1] + 1e-9, up[2]):
        draw.line(
            place(np.array([across[0], across[-1]], float), np.full(2, y)), (190,) * 3 if abs(y) < 1e-9 else (232,) * 3
        )
        charts.write_text(draw, (40, place(np.zeros(1), np.array([y]))[0][1]), f"{y:+.1f}", anchor="rm")
    for i, (name, (x, y)) in enumerate(curves.items()):
        draw.line(place(x, np.clip(y, *up[:2])), INKS[name], 2)
        draw.line([(455, 20 + 18 * i), (470, 20 + 18 * i)], INKS[name], 3)
        charts.write_text(draw, (475, 20 + 18 * i), name, anchor="lm")
    return image


def tones() -> Image.Image:
    ev = np.linspace(-7, 4, 300)
    neutral = look_curve(load_look("neutral"), WHITE)
    made = {name: look_curve(load_look(name), WHITE) for name in INKS}
    light = {n: (ev, np.log2(c(0.18 * 2**ev) / neutral(0.18 * 2**ev))) for n, c in made.items()}
    slope = {n: (ev, np.gradient(np.log2(c(0.18 * 2**ev)), ev)) for n, c in made.items()}
    panels = [
        ("light over neutral's, EV, by EV from mid-grey (5 % is -1.8)", plot(light, range(-7, 5), (-2.0, 1.0, 0.5))),
        ("contrast: slope in log-log", plot(slope, range(-7, 5), (0.0, 2.0, 0.5))),
    ]
    return charts.sheet("Tone, white at +3.5 EV", [], panels, 2)


def swatches() -> Image.Image:
    names = [name for name in looks() if not load_look(name).mono.amount]
    image = Image.new("RGB", (150 + 36 * (len(PATCHES) + len(SKIN)) + 12, 40 * len(names)), charts.PAPER)
    draw = ImageDraw.Draw(image)
    plain = chroma(oklab(PATCHES, "neutral"))
    for row, name in enumerate(names):
        charts.write_text(draw, (4, 40 * row + 20), f"{name} {chroma(oklab(PATCHES, name)) / plain:.2f}", anchor="lm")
        for column, lab in enumerate(oklab([*PATCHES, *SKIN], name)):
            rgb = np.rint(color.encode_srgb(np.clip(color.from_oklab(lab, "srgb"), 0, 1)) * 255).astype(int)
            left = 150 + 36 * column + (12 if column >= len(PATCHES) else 0)
            draw.rectangle((left, 40 * row + 1, left + 34, 40 * row + 38), fill=tuple(rgb.tolist()))
    return charts.sheet("ColorChecker, and skin; chroma over neutral's", [], [("", image)], 1)


def sweeps() -> Image.Image:
    _, pixels = sweep(hues=90, levels=330)
    panels = []
    for name in ("neutral", "authentic", "vibrant", "vivid", "mono-contrast", "sepia"):
        shown = rendered(pixels.repeat(2, axis=0), name, gamut="srgb", **GLOBAL).pixels
        panels.append((name, Image.fromarray((shown // 257).astype(np.uint8))))
    title = "All hues of Rec. 2020 at their purest, from 6 EV below mid-grey to 8 EV above white"
    return charts.sheet(title, [], panels, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plots", type=Path, metavar="FOLDER")
    folder = parser.parse_args().plots
    if folder is None:
        print(behaviour(), skin(), sep="\n\n")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in (("tones", tones()), ("swatches", swatches()), ("sweeps", sweeps())):
        image.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
