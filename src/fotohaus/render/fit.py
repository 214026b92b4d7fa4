"""Learning a look from colours of scenes and what a rendering made of them.

Least squares over a look's numbers, with every picture's exposure and falloff free: Gauss-Newton with the damping of
Levenberg and Marquardt, derivatives by differences, bounds by projection, Huber's loss, and a prior that keeps neutral
what the pictures say nothing about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.records import record
from fotohaus.render import color, gamut
from fotohaus.render.difference import cie_lab, delta_e_2000
from fotohaus.render.exposure import Exposure
from fotohaus.render.local_tone import LocalTone
from fotohaus.render.look import HUES, Chroma, Hues, Look, Mono, Sector, Split, Tint, Tone
from fotohaus.render.look_color import look_lab, sector_weights
from fotohaus.render.look_curve import look_curve
from fotohaus.render.picture import Gamut

Float64 = NDArray[np.float64]

DATA = 1500.0
"""How many independent colours all pictures together count as, against the prior."""
EV, COMMON_EV, FALLOFF = 0.5, 0.01, 0.7
"""Deviations in EV: of a picture's own exposure, of their mean (what is common is the look's), and of the falloff."""
ROUNDS = 40
HUBER = 2.0
COLOURLESS = 2.5
"""Chroma (CIE) beyond that of its lightness that no colour of a black and white picture has."""
RANGES = ((0.0, 35.0), (35.0, 70.0), (70.0, 100.0))
"""Shadows, mid-tones and highlights in what is reported: L* from and to."""
LEAST_VIGNETTE = 0.03


@record
class ColorPairs:
    """Colours of one scene and of its rendering.

    scene : (N, 3) linear Rec. 2020 after the metered exposure. lab : (N, 3) CIE L*a*b* of the rendering, white D65.
    corner : (N,) squared distance from the centre, 1 in the corner. weight : (N,), not negative. metered : the scene's.
    space : the display's gamut that the rendering is made for. local : (N,) EV that local tone of strength 1 adds.
    tone : that local tone.
    """

    scene: Float64
    lab: Float64
    corner: Float64
    weight: Float64
    metered: Exposure
    space: Gamut = "srgb"
    local: Float64 | None = None
    tone: LocalTone | None = None


@record
class Residual:
    """What is left between the fitted look and the renderings, as mean CIEDE2000: of a hue, of a range of L*."""

    name: str
    colors: int
    mean: float
    least: float
    most: float


@record
class Fit:
    """A fitted look and how well it fits.

    ev, falloff : exposure and light taken from the corners in each picture beside the look's, in EV. before, after :
    mean CIEDE2000 of the neutral look and of this one. residuals : by hue and luminance.
    """

    look: Look
    ev: tuple[float, ...]
    falloff: tuple[float, ...]
    before: float
    after: float
    residuals: tuple[Residual, ...]


@record
class _Number:
    """One number that is fitted: where it starts and is drawn to, its deviation, its bounds."""

    name: str
    start: float
    deviation: float
    least: float
    most: float


def _numbers(mono: bool, local: bool) -> list[_Number]:
    numbers = [
        _Number("tone.brightness", 0, 2, -2, 2),
        _Number("tone.slope", 0, 0.4, -0.6, 1),
        _Number("tone.width", 0.8, 0.5, 0.3, 3),
        _Number("tone.toe", 0, 0.15, -0.5, 1),
        _Number("tone.shoulder", 0, 0.4, -0.6, 1),
        _Number("tone.black", 0, 0.001, 0, 0.05),
    ]
    numbers += [_Number(f"split.{part}.{axis}", 0, 0.02, -0.15, 0.15) for part in ("low", "high") for axis in "ab"]
    if local:
        numbers.append(_Number("local_tone", 0, 0.2, 0, 1))
    if mono:
        mix = Mono()
        return numbers + [_Number(f"mono.{n}", getattr(mix, n), 0.5, -1, 2) for n in ("red", "green", "blue")]
    numbers += [
        _Number("warmth", 0, 0.3, -1, 1),
        _Number("chroma.amount", 0, 0.4, -1, 1),
        _Number("chroma.shadows", 0, 0.25, -1, 1),
        _Number("chroma.highlights", 0, 0.25, -1, 1),
        # Its square: the number itself has no slope at 0.
        _Number("chroma.restraint2", 0, 5, 0, 64),
    ]
    for name in HUES:
        numbers += [
            _Number(f"{name}.chroma", 0, 0.25, -1, 1),
            _Number(f"{name}.hue", 0, 8, -30, 30),
            _Number(f"{name}.lightness", 0, 0.12, -0.5, 0.5),
        ]
    return numbers


def _tint(a: float, b: float) -> Tint:
    return Tint(float(np.degrees(np.arctan2(b, a)) % 360), float(min(np.hypot(a, b), 0.15)))


def _look(values: Float64, numbers: Sequence[_Number]) -> Look:
    at: dict[str, float] = {number.name: float(value) for number, value in zip(numbers, values, strict=False)}
    tone = Tone(*(at[f"tone.{n}"] for n in ("brightness", "slope", "width", "toe", "shoulder", "black")))
    split = Split(_tint(at["split.low.a"], at["split.low.b"]), _tint(at["split.high.a"], at["split.high.b"]))
    local = at.get("local_tone", 0.0)
    if "mono.red" in at:
        return Look(
            local_tone=local, tone=tone, split=split, mono=Mono(1.0, at["mono.red"], at["mono.green"], at["mono.blue"])
        )
    chroma = Chroma(
        at["chroma.amount"], at["chroma.shadows"], at["chroma.highlights"], float(np.sqrt(at["chroma.restraint2"]))
    )
    sectors: dict[str, Any] = {
        name: Sector(at[f"{name}.chroma"], at[f"{name}.hue"], at[f"{name}.lightness"]) for name in HUES
    }
    return Look(local_tone=local, tone=tone, split=split, warmth=at["warmth"], chroma=chroma, hues=Hues(**sectors))


def rendered_lab(pairs: ColorPairs, look: Look, ev: float = 0.0, falloff: float = 0.0) -> Float64:
    """CIE L*a*b* (N, 3) of a look on the scene's colours, with `ev` more light and `falloff` EV less in the corners."""
    light = 2**ev * (1 + pairs.corner * (2 ** (falloff / 2) - 1)) ** -2
    white = pairs.metered.white(pairs.metered.ev + ev)
    if look.local_tone and pairs.local is not None and pairs.tone is not None:
        # Local tone is proportional to its strength, in EV.
        light = light * 2 ** (look.local_tone * pairs.local)
        white = replace(pairs.tone, shift=look.local_tone * pairs.tone.shift).white(white)
    lab = gamut.map_lab(look_lab(pairs.scene * light[:, None], look, look_curve(look, white)), pairs.space)
    return cie_lab(np.clip(color.from_oklab(lab, pairs.space), 0, 1), pairs.space)


def _errors(lab: Float64, wanted: Float64) -> Float64:
    """(N, 3) in lightness, chroma and hue, as they look: CIE94 (CIE 116), a sum of squares unlike CIEDE2000."""
    difference = lab - wanted
    c = np.hypot(wanted[:, 1], wanted[:, 2])
    cos, sin = wanted[:, 1] / np.maximum(c, 1e-6), wanted[:, 2] / np.maximum(c, 1e-6)
    along, across = cos * difference[:, 1] + sin * difference[:, 2], cos * difference[:, 2] - sin * difference[:, 1]
    return np.stack([difference[:, 0], along / (1 + 0.045 * c), across / (1 + 0.015 * c)], axis=-1)


def is_black_and_white(samples: Sequence[ColorPairs]) -> bool:
    """Whether renderings have at each lightness one colour only, whatever the scene's."""
    lab = np.concatenate([pairs.lab for pairs in samples])
    level = np.clip(lab[:, 0] // 4, 0, 24).astype(int)
    away = np.zeros(len(lab))
    for k in np.unique(level):
        here = level == k
        away[here] = np.hypot(*(lab[here, 1:] - np.median(lab[here, 1:], axis=0)).T)
    return bool(np.quantile(away, 0.9) < COLOURLESS)


class _Problem:
    def __init__(self, samples: Sequence[ColorPairs], numbers: Sequence[_Number]) -> None:
        self.samples, self.numbers = samples, numbers
        own = [[_Number("ev", 0, EV, -4, 4), _Number("falloff", 0, FALLOFF, -3, 4)] for _ in samples]
        every = [*numbers, *(number for pair in own for number in pair)]
        self.start, self.deviation, self.least, self.most = (
            np.array([getattr(number, name) for number in every], np.float64)
            for name in ("start", "deviation", "least", "most")
        )
        self.prior = np.diag(self.deviation**-2)
        evs = slice(len(numbers), None, 2)
        self.prior[evs, evs] += (COMMON_EV * len(samples)) ** -2
        weight = np.concatenate([pairs.weight for pairs in samples])
        self.weight = weight * (DATA / weight.sum())
        ends = np.cumsum([len(pairs.weight) for pairs in samples])
        self.parts = [slice(end - len(pairs.weight), end) for end, pairs in zip(ends, samples, strict=True)]

    def errors(self, p: Float64, only: int | None = None) -> Float64:
        look, first = _look(p, self.numbers), len(self.numbers)
        which = range(len(self.samples)) if only is None else (only,)
        return np.concatenate(
            [
                _errors(rendered_lab(self.samples[k], look, *p[first + 2 * k : first + 2 * k + 2]), self.samples[k].lab)
                for k in which
            ]
        )

    def jacobian(self, p: Float64, errors: Float64) -> Float64:
        out = np.zeros((*errors.shape, len(p)))
        for n in range(len(p)):
            step = 0.01 * self.deviation[n]
            step = step if p[n] + step <= self.most[n] else -step
            moved = p.copy()
            moved[n] += step
            own = n - len(self.numbers)
            if own < 0:
                out[..., n] = (self.errors(moved) - errors) / step
            else:
                part = self.parts[own // 2]
                out[part, :, n] = (self.errors(moved, own // 2) - errors[part]) / step
        return out

    def solve(self, p: Float64) -> Float64:
        """Numbers that fit best, from p on."""
        errors = self.errors(p)
        damping, scale = 1e-2, np.inf
        for _ in range(ROUNDS):
            size = np.sqrt((errors**2).sum(axis=1))
            # The scale may only shrink: otherwise a bad step could pay by making all errors count less.
            scale = min(scale, max(float(np.median(size)), 0.5))

            def cost(errors: Float64, p: Float64, scale: float = scale) -> float:
                size = np.sqrt((errors**2).sum(axis=1)) / scale
                loss = np.where(size < HUBER, size**2, HUBER * (2 * size - HUBER))
                away = p - self.start
                return float((self.weight * loss).sum() + away @ self.prior @ away)

            weight = self.weight / scale**2 * np.minimum(1, HUBER * scale / np.maximum(size, 1e-9))
            # einsum, not a library's matrix product: sums must not depend on the number of threads.
            j = np.ascontiguousarray(self.jacobian(p, errors).reshape(-1, len(p)).T)
            weighted = j * np.repeat(weight, 3)
            slope = np.einsum("in,n->i", weighted, errors.ravel()) + self.prior @ (p - self.start)
            normal = np.einsum("in,jn->ij", weighted, j) + self.prior
            # A number at its bound that would go beyond stays where it is.
            stuck = ((p <= self.least) & (slope > 0)) | ((p >= self.most) & (slope < 0))
            free = ~stuck
            now, better = cost(errors, p), False
            while damping < 1e6:
                step = np.zeros_like(p)
                part = normal[np.ix_(free, free)]
                step[free] = -np.linalg.solve(part + damping * np.diag(np.diag(part)), slope[free])
                moved = np.clip(p + step, self.least, self.most)
                tried = self.errors(moved)
                after = cost(tried, moved)
                if after < now:
                    better = True
                    break
                damping *= 8
            if not better:
                break
            p, errors, damping = moved, tried, max(damping / 8, 1e-6)
            if now - after < 1e-4 * now:
                break
        return p


def fit_look(samples: Sequence[ColorPairs]) -> Fit:
    """The look that makes of the scenes' colours what the renderings have.

    Raises ValueError if there is nothing to learn from.
    """
    if not samples or sum(len(pairs.weight) for pairs in samples) < 8:
        raise ValueError("there are too few colours to learn from")
    mono = is_black_and_white(samples)
    numbers = _numbers(mono, any(pairs.local is not None for pairs in samples))
    problem = _Problem(samples, numbers)
    p, first = problem.start.copy(), len(numbers)
    neutral = _look(p, numbers)
    for k, pairs in enumerate(samples):
        tried = np.arange(-3, 3.1, 0.25)
        off = [np.median(np.abs(rendered_lab(pairs, neutral, ev)[:, 0] - pairs.lab[:, 0])) for ev in tried]
        p[first + 2 * k] = tried[int(np.argmin(off))]
    before = _mean([rendered_lab(pairs, Look(), p[first + 2 * k]) for k, pairs in enumerate(samples)], samples)
    # What the pictures' exposures have in common is the look's brightness.
    common = float(np.clip(np.mean(p[first::2]), -1.9, 1.9))
    p[0] = common
    p[first::2] -= common
    p = problem.solve(p)
    look, own = _look(p, numbers), p[first:].reshape(-1, 2)
    made = [rendered_lab(pairs, look, *own[k]) for k, pairs in enumerate(samples)]
    vignette = float(np.clip(np.median(own[:, 1]) / 2, 0, 1))
    if vignette >= LEAST_VIGNETTE:
        look = replace(look, vignette=vignette)
    ev, falloff = (tuple(float(value) for value in own[:, n]) for n in (0, 1))
    return Fit(look, ev, falloff, before, _mean(made, samples), _residuals(made, samples))


def _mean(made: Sequence[Float64], samples: Sequence[ColorPairs]) -> float:
    apart = np.concatenate([delta_e_2000(lab, pairs.lab) for lab, pairs in zip(made, samples, strict=True)])
    return float(np.average(apart, weights=np.concatenate([pairs.weight for pairs in samples])))


def _residuals(made: Sequence[Float64], samples: Sequence[ColorPairs]) -> tuple[Residual, ...]:
    """By hue of the rendering (Oklab's sectors; greys apart) and by luminance."""
    wanted = np.concatenate([pairs.lab for pairs in samples])
    weight = np.concatenate([pairs.weight for pairs in samples])
    apart = delta_e_2000(np.concatenate(list(made)), wanted)
    scene = color.to_oklab(np.concatenate([pairs.scene for pairs in samples]))
    grey = np.hypot(wanted[:, 1], wanted[:, 2]) < 5
    sector = sector_weights(np.degrees(np.arctan2(scene[:, 2], scene[:, 1]))).argmax(axis=1)
    groups = {name: ~grey & (sector == k) for k, name in enumerate(HUES)} | {"grey": grey}
    light = np.clip(wanted[:, 0], 0, 99.999)
    return tuple(
        Residual(name, int(both.sum()), float(np.average(apart[both], weights=weight[both] + 1e-12)), least, most)
        for name, here in groups.items()
        for least, most in RANGES
        if (both := here & (light >= least) & (light < most)).any()
    )
