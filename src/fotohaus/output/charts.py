"""Plain pictures of numbers: fields as colour, maps with a scale, bars, points and lines, on sheets of panels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
Color = tuple[int, int, int]

INK, FAINT, PAPER = (30, 30, 30), (150, 150, 150), (255, 255, 255)
RED, GREEN, BLUE = (200, 50, 45), (40, 140, 60), (45, 85, 200)
PANEL = 360
"""Pixels of a panel's longer side."""

_GAP, _LINE = 16, 18
# Perceptually even, from dark blue to yellow, readable without colour vision.
_RAMP = np.array(
    [[0, 34, 78], [42, 63, 109], [87, 92, 109], [124, 123, 120], [165, 156, 116], [210, 193, 95], [254, 232, 56]], float
)


def font(size: int = 13) -> Any:
    """The font that Pillow brings."""
    return ImageFont.load_default(size)


def write_text(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, **options: Any) -> None:
    """A line of text; what the font can't show becomes a question mark."""
    clean = "".join(c if " " <= c <= "~" else "?" for c in text)
    draw.text(at, clean, **{"fill": INK, "font": font(), **options})


def ramp(values: Float32, low: float, high: float) -> UInt8:
    """(H, W) numbers as (H, W, 3) colours; what is no number is white."""
    share = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    at = np.nan_to_num(share) * (len(_RAMP) - 1)
    first = np.minimum(at.astype(int), len(_RAMP) - 2)
    part = (at - first)[..., None]
    colors = np.rint(_RAMP[first] * (1 - part) + _RAMP[first + 1] * part).astype(np.uint8)
    colors[np.isnan(values)] = 255
    return np.asarray(colors)


def field_colors(field: NDArray[np.floating], longest: float) -> UInt8:
    """(H, W, 2) displacements as (H, W, 3) colours: hue is the direction, from white for 0 to full for `longest`."""
    dx, dy = field[..., 0].astype(np.float64), field[..., 1].astype(np.float64)
    length = np.clip(np.hypot(dx, dy) / max(longest, 1e-9), 0, 1)[..., None]
    angle = np.arctan2(dy, dx)[..., None] + np.array([0, -2 * np.pi / 3, 2 * np.pi / 3])
    pure = 0.5 + 0.5 * np.cos(angle)
    return np.asarray(np.rint(255 * (1 - length * (1 - 0.95 * pure))), np.uint8)


def enlarged(cells: UInt8, size: tuple[int, int], longest: int = PANEL) -> Image.Image:
    """A picture of cells, each a flat square, in the shape of an image of `size` (h, w)."""
    share = longest / max(*size, 1)
    shape = max(1, round(size[1] * share)), max(1, round(size[0] * share))
    return Image.fromarray(cells).resize(shape, Image.Resampling.NEAREST)


def crossed(panel: Image.Image, cells: NDArray[np.bool_], color: Color = INK) -> Image.Image:
    """A small cross on each cell that is marked."""
    draw = ImageDraw.Draw(panel)
    rows, columns = cells.shape
    high, wide = panel.height / rows, panel.width / columns
    reach = max(1.0, min(high, wide) * 0.22)
    for row, column in np.argwhere(cells):
        y, x = (row + 0.5) * high, (column + 0.5) * wide
        draw.line((x - reach, y - reach, x + reach, y + reach), color)
        draw.line((x - reach, y + reach, x + reach, y - reach), color)
    return panel


def wheel(longest: float, unit: str = "px") -> Image.Image:
    """The legend of `field_colors`."""
    side, radius = 150, 56
    v, u = np.mgrid[:side, :side] - (side - 1) / 2
    colors = field_colors(np.stack([u, v], -1) / radius, 1.0)
    colors[np.hypot(u, v) > radius] = 255
    image = Image.fromarray(colors)
    draw = ImageDraw.Draw(image)
    middle = side // 2
    box = (middle - radius, middle - radius, middle + radius, middle + radius)
    draw.ellipse(box, outline=INK)
    write_text(draw, (middle, 8), f"rim = {longest:.3g} {unit}", anchor="mm", font=font(12))
    for x, y, name in ((side - 8, middle, "+x"), (middle, side - 8, "+y")):
        write_text(draw, (x, y), name, anchor="mm", font=font(11))
    return image


def scale_bar(low: float, high: float, text: str) -> Image.Image:
    """The legend of `ramp`."""
    image = Image.new("RGB", (260, 56), PAPER)
    bar = ramp(np.linspace(low, high, 220, dtype=np.float32)[None, :].repeat(16, 0), low, high)
    image.paste(Image.fromarray(bar), (20, 20))
    draw = ImageDraw.Draw(image)
    write_text(draw, (130, 9), text, anchor="mm", font=font(12))
    for x, value in ((20, low), (130, (low + high) / 2), (240, high)):
        write_text(draw, (x, 46), f"{value:.3g}", anchor="mm", font=font(11))
    return image


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures side by side."""
    image = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), PAPER)
    image.paste(left, (0, 0))
    image.paste(right, (left.width, 0))
    return image


def above(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """Two pictures one above the other."""
    image = Image.new("RGB", (max(upper.width, lower.width), upper.height + lower.height), PAPER)
    image.paste(upper, (0, 0))
    image.paste(lower, (0, upper.height))
    return image


def sheet(title: str, notes: Sequence[str], panels: Sequence[tuple[str, Image.Image]], columns: int) -> Image.Image:
    """Panels in rows under a title and a few lines that say how to read them; each with its name above it."""
    wide = max((p.width for _, p in panels), default=PANEL)
    high = max((p.height for _, p in panels), default=0)
    columns = max(1, min(columns, len(panels)))
    rows = -(-len(panels) // columns)
    top = 34 + _LINE * len(notes) + _GAP
    needed = max([font(20).getlength(title), *(font().getlength(n) for n in notes)])
    width = max(columns * (wide + _GAP) + _GAP, round(needed) + 2 * _GAP)
    image = Image.new("RGB", (width, top + rows * (high + _LINE + _GAP)), PAPER)
    draw = ImageDraw.Draw(image)
    write_text(draw, (_GAP, 10), title, font=font(20))
    for i, line in enumerate(notes):
        write_text(draw, (_GAP, 38 + _LINE * i), line)
    for i, (name, panel) in enumerate(panels):
        x, y = _GAP + i % columns * (wide + _GAP), top + i // columns * (high + _LINE + _GAP)
        write_text(draw, (x, y), shortened(name, wide), font=font(12))
        image.paste(panel, (x, y + _LINE))
    return image


def shortened(text: str, width: float) -> str:
    """The end of a text that fits into so many pixels: of names, it is the end that differs."""
    while len(text) > 8 and font(12).getlength(text) > width:
        text = ".." + text[3:]
    return text


def bars(items: Sequence[tuple[str, float, Color, str]], width: int = 640) -> Image.Image:
    """Horizontal bars: name, number, colour, what is written behind."""
    image = Image.new("RGB", (width, _LINE * len(items) + 4), PAPER)
    draw = ImageDraw.Draw(image)
    highest = max((value for _, value, _, _ in items), default=0.0) or 1.0
    for i, (name, value, color, text) in enumerate(items):
        y = 2 + i * _LINE
        write_text(draw, (0, y + 2), shortened(name, 190), font=font(12))
        length = (width - 400) * max(value, 0) / highest
        draw.rectangle((200, y + 3, 200 + length, y + _LINE - 4), fill=color)
        write_text(draw, (206 + length, y + 2), text, font=font(12), fill=color)
    return image


class LogPlot:
    """Points and lines over two logarithmic axes."""

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], labels: tuple[str, str], size: int = 440
    ) -> None:
        self.image = Image.new("RGB", (size, size), PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.x, self.y = x, y
        self.box = (58, 12, size - 14, size - 46)
        left, top, right, bottom = self.box
        for exponent in range(math.floor(math.log10(x[0])), math.ceil(math.log10(x[1])) + 1):
            at = float(self._across(np.array([10.0**exponent]))[0])
            if left <= at <= right:
                self.draw.line((at, top, at, bottom), (225, 225, 225))
                write_text(self.draw, (at, bottom + 10), f"1e{exponent}", anchor="mm", font=font(11))
        for exponent in range(math.floor(math.log10(y[0])), math.ceil(math.log10(y[1])) + 1):
            at = float(self._up(np.array([10.0**exponent]))[0])
            if top <= at <= bottom:
                self.draw.line((left, at, right, at), (225, 225, 225))
                write_text(self.draw, (left - 6, at), f"1e{exponent}", anchor="rm", font=font(11))
        self.draw.rectangle(self.box, outline=FAINT)
        write_text(self.draw, ((left + right) / 2, size - 16), labels[0], anchor="mm", font=font(12))
        write_text(self.draw, (left + 6, top + 4), labels[1], font=font(12))

    def _across(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        low, high = np.log10(self.x)
        return np.asarray(self.box[0] + (np.log10(x) - low) / (high - low) * (self.box[2] - self.box[0]))

    def _up(self, y: NDArray[np.floating]) -> NDArray[np.float64]:
        low, high = np.log10(self.y)
        return np.asarray(self.box[3] - (np.log10(y) - low) / (high - low) * (self.box[3] - self.box[1]))

    def points(self, x: NDArray[np.floating], y: NDArray[np.floating], color: Color) -> None:
        """A dot for each point within the axes."""
        inside = (x >= self.x[0]) & (x <= self.x[1]) & (y >= self.y[0]) & (y <= self.y[1])
        pixels = np.asarray(self.image).copy()
        columns, rows = np.rint(self._across(x[inside])).astype(int), np.rint(self._up(y[inside])).astype(int)
        # Some of what is there shines through, so that other colours show.
        pixels[rows, columns] = (pixels[rows, columns] * 0.35 + np.array(color) * 0.65).astype(np.uint8)
        self.image.paste(Image.fromarray(pixels))

    def line(self, of: Callable[[NDArray[np.float64]], NDArray[np.float64]], color: Color) -> None:
        """A function's graph within the axes."""
        x = np.geomspace(*self.x, 200)
        y = np.asarray(of(x))
        inside = (y >= self.y[0]) & (y <= self.y[1])
        places = list(zip(self._across(x[inside]).tolist(), self._up(y[inside]).tolist(), strict=True))
        if len(places) > 1:
            self.draw.line(places, color, 2)
