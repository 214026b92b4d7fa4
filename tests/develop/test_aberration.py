"""Lateral chromatic aberration: measuring and undoing it."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from fotohaus.develop import aberration_fit
from fotohaus.develop.aberration import MARGIN, LateralAberration, correct, measure
from fotohaus.develop.demosaic import demosaic
from fotohaus.raw.image import CFA_PATTERNS, CfaPattern, Rectangle

HEIGHT, WIDTH = 480, 640
RADIUS = 0.5 * float(np.hypot(HEIGHT, WIDTH))
CENTRE = ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)


def texture(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light at any place: patches with soft edges, all over the picture."""
    rng = np.random.default_rng(5)
    value = np.zeros_like(x)
    for _ in range(24):
        angle, period, phase = rng.uniform(0, np.pi), rng.uniform(9, 40), rng.uniform(0, 6)
        value += np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + phase)
    return 0.25 + 0.15 * np.tanh(1.5 * value / 2)


def seen(
    cfa: CfaPattern,
    red: tuple[float, ...],
    blue: tuple[float, ...],
    noise: float = 1e-3,
    centre: tuple[float, float] = CENTRE,
) -> NDArray[np.float32]:
    """A mosaic whose red and blue are magnified: shifts in px at the corner, of r and r^3."""
    image = magnified(red, blue, centre)
    mosaic = np.empty((HEIGHT, WIDTH), np.float32)
    for place, name in enumerate(cfa):
        row, column = divmod(place, 2)
        mosaic[row::2, column::2] = image[row::2, column::2, "RGB".index(name)]
    return mosaic + np.random.default_rng(1).normal(0, noise, mosaic.shape).astype(np.float32)


@functools.cache
def magnified(
    red: tuple[float, ...], blue: tuple[float, ...], centre: tuple[float, float] = CENTRE
) -> NDArray[np.float64]:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    image = np.empty((HEIGHT, WIDTH, 3))
    for channel, (a, b) in enumerate((red, (0, 0), blue)):
        dx, dy = x - centre[0], y - centre[1]
        sx, sy = dx, dy
        for _ in range(5):
            factor = 1 + (a + b * (sx**2 + sy**2) / RADIUS**2) / RADIUS
            sx, sy = dx / factor, dy / factor
        image[..., channel] = texture(sx + centre[0], sy + centre[1]) * (0.8, 1.0, 0.6)[channel] + 0.02 * channel
    return image


def measured(mosaic: NDArray[np.float32], cfa: CfaPattern) -> LateralAberration | None:
    """What is found in a mosaic as a file would hold it."""
    samples = np.rint(mosaic.clip(0, 1) * 60000 + 1000).astype(np.uint16)
    return measure(samples, cfa, np.full((2, 2), 1000), np.full((2, 2), 61000))


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize(("red", "blue"), [((0.4, 0.4), (-0.5, 0.0)), ((1.0, 2.0), (-1.5, -0.5))])
def test_known_shifts_are_found(cfa: CfaPattern, red: tuple[float, float], blue: tuple[float, float]) -> None:
    found = measured(seen(cfa, red, blue), cfa)
    assert found is not None
    r = np.linspace(0, 1, 11)
    for plane, (a, b) in (("R", red), ("B", blue)):
        np.testing.assert_allclose(found.shift(r, plane), a * r + b * r**3, atol=0.05 + 0.04 * abs(a + b))


@pytest.mark.parametrize(("red", "blue"), [((6.0, 0.0), (-2.0, -3.0)), ((5.0, 3.0), (-8.0, 0.0))])
def test_large_shifts_are_found(red: tuple[float, float], blue: tuple[float, float]) -> None:
    found = measured(seen("RGGB", red, blue), "RGGB")
    assert found is not None
    r = np.linspace(0, 1, 11)
    for plane, (a, b) in (("R", red), ("B", blue)):
        np.testing.assert_allclose(found.shift(r, plane), a * r + b * r**3, atol=0.2)
    assert found.margin <= MARGIN


def test_a_decentred_lens_is_found() -> None:
    centre = (CENTRE[0] + 0.1 * RADIUS, CENTRE[1] - 0.06 * RADIUS)
    mosaic = seen("RGGB", (3.0, 0.5), (-2.5, 0.5), centre=centre)
    for view, middle in (
        (mosaic, centre),
        (mosaic[::-1, ::-1], (WIDTH - 1 - centre[0], HEIGHT - 1 - centre[1])),
    ):
        samples = np.rint(view.clip(0, 1) * 60000 + 1000).astype(np.uint16)
        if view is not mosaic:  # as a file's mosaic is turned by its view
            samples = np.ascontiguousarray(samples[::-1, ::-1])[::-1, ::-1]
        found = measure(samples, "RGGB" if view is mosaic else "BGGR", np.full((2, 2), 1000), np.full((2, 2), 61000))
        assert found is not None
        np.testing.assert_allclose(found.center, middle, atol=0.025 * RADIUS)
        assert found.shift(1, "R") == pytest.approx(3.5, abs=0.2)
    assert measured(seen("RGGB", (3.0, 0.5), (-2.5, 0.5)), "RGGB").center == CENTRE  # type: ignore[union-attr]


def test_nothing_is_found_where_nothing_is() -> None:
    assert measured(seen("RGGB", (0, 0), (0, 0)), "RGGB") is None
    assert measured(seen("RGGB", (0.03, 0), (0, -0.04)), "RGGB") is None
    noise = np.random.default_rng(1).normal(0.2, 0.05, (400, 400)).astype(np.float32)
    assert measured(noise, "RGGB") is None
    assert measured(np.full((300, 300), 0.2, np.float32), "RGGB") is None
    assert measured(np.full((10, 300), 0.2, np.float32), "RGGB") is None


def test_one_colour_alone_leaves_the_other() -> None:
    mosaic = seen("GRBG", (1.2, 0), (0, 0))
    found = measured(mosaic, "GRBG")
    assert found is not None
    assert found.blue == (0, 0, 0)
    corrected = correct(mosaic, "GRBG", found)
    np.testing.assert_array_equal(corrected[1::2, 0::2], mosaic[1::2, 0::2])


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_correction_brings_the_colours_together_and_keeps_green(cfa: CfaPattern) -> None:
    mosaic, right = seen(cfa, (0.5, 1.5), (-1.0, -0.5), 0), seen(cfa, (0, 0), (0, 0), 0)
    known = LateralAberration((0.5 / RADIUS, 1.5 / RADIUS, 0), (-1 / RADIUS, -0.5 / RADIUS, 0), CENTRE, RADIUS)
    corrected = correct(mosaic, cfa, known)
    for place, name in enumerate(cfa):
        row, column = divmod(place, 2)
        if name == "G":
            np.testing.assert_array_equal(corrected[row::2, column::2], mosaic[row::2, column::2])
    inner = np.s_[16:-16, 16:-16]
    before, after, best = (demosaic(m, cfa)[inner] for m in (mosaic, corrected, right))
    assert np.std(after - best) < 0.35 * np.std(before - best)


@pytest.mark.parametrize("times", [1, 3])
def test_strips_make_the_same_samples(times: int) -> None:
    mosaic = seen("BGGR", (1, 2), (-2, -1))
    one = times / RADIUS
    known = LateralAberration((one, 2 * one, 0), (-2 * one, -one, 0), CENTRE, RADIUS)
    whole = correct(mosaic, "BGGR", known)
    for top, height in ((0, 130), (130, 64), (194, 286)):
        above, below = min(known.margin, top), min(known.margin, HEIGHT - top - height)
        part = correct(
            mosaic[top - above : top + height + below],
            "BGGR",
            known,
            origin=(0, top - above),
            crop=Rectangle(above, 0, height, WIDTH),
        )
        np.testing.assert_array_equal(part, whole[top : top + height])


def test_odd_places_are_refused() -> None:
    known = LateralAberration((1e-3, 0, 0), (0, 0, 0), CENTRE, RADIUS)
    with pytest.raises(ValueError, match="even"):
        correct(np.zeros((20, 20), np.float32), "RGGB", known, origin=(0, 1))
    with pytest.raises(ValueError, match="not within"):
        correct(np.zeros((20, 20), np.float32), "RGGB", known, crop=Rectangle(0, 0, 22, 20))


def test_the_side_of_a_block_is_the_kernel_s() -> None:
    from fotohaus.kernels import __path__ as folders

    source = next(iter(folders)) + "/aberration_gen.py"
    with open(source) as file:
        assert f"\nSIDE = {aberration_fit.SIDE}\n" in file.read()
