"""A scene made in strips is the scene made at once."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop import develop
from fotohaus.develop.mosaic_rows import MosaicRows
from fotohaus.develop.pipeline import prepare
from fotohaus.raw.image import Rectangle
from fotohaus.recipe import Recipe
from fotohaus.render.exposure import auto_exposure
from fotohaus.render.pipeline import Rendering
from fotohaus.report import Report
from fotohaus.strips import STRIP


def bright(scenes, height=3 * STRIP + 21, width=171, **facts):
    """A scene with detail, of which some is clipped."""
    rng = np.random.default_rng(4)
    camera = 3.0 * scenes.smooth_scene(height, width) + rng.normal(0, 0.01, (height, width, 3))
    return scenes.raw_of(camera, **facts)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rows_do_not_depend_on_the_strip_they_are_made_in(scenes, orientation):
    raw = bright(scenes, orientation=orientation)
    raw = replace(raw, crop=Rectangle(5, 8, raw.mosaic.shape[0] - 11, raw.mosaic.shape[1] - 20))
    development = prepare(raw)
    assert development.source.highlights is not None
    height = development.shape[0]
    whole = development.rows(0, height)
    for top, bottom in ((0, 1), (3, 40), (height // 2 - 7, height // 2 + 6), (height - 5, height)):
        np.testing.assert_array_equal(development.rows(top, bottom), whole[top:bottom])


def test_linear_raw_too(scenes):
    raw = bright(scenes)
    linear = replace(
        raw,
        mosaic=np.stack([raw.mosaic] * 3, axis=-1),
        cfa=None,
        black=np.full((1, 3), raw.black[0, 0], np.float32),
        white=np.full((1, 3), raw.white[0, 0], np.float32),
    )
    development = prepare(linear)
    whole = development.rows(0, development.shape[0])
    # The compiler makes two versions of this kernel's loop, for the middle and the end, which round differently.
    np.testing.assert_allclose(development.rows(100, 140), whole[100:140], rtol=1e-6, atol=1e-7)


def test_any_number_of_threads_makes_the_same(scenes):
    raw = bright(scenes)
    try:
        found = []
        for count in (1, 2, 3):
            kernels.set_threads(count)
            found.append(develop(raw).pixels)
    finally:
        kernels.set_threads(0)
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_the_overview_is_the_scene_in_small(scenes):
    raw = scenes.raw_of(0.8 * scenes.smooth_scene(900, 700), orientation=6)
    scene = develop(raw)
    rows, columns = scene.overview.shape[:2]
    assert 65536 / 4.1 < rows * columns <= 65536 * 1.01
    step = scene.shape[0] / rows
    assert scene.shape[1] / columns == pytest.approx(step, abs=0.1)
    near = scene.pixels[np.ix_(*(((np.arange(n) + 0.5) * step).astype(int) for n in (rows, columns)))]
    assert np.abs(scene.overview - near).mean() < 0.015


def test_the_overview_shows_things_where_they_are(scenes):
    height, width = 1008, 1368  # whole cells
    y, x = np.mgrid[:height, :width]
    places, off = np.random.default_rng(3).uniform(60, [height - 60, width - 60], (20, 2)), []
    for at in places:
        lamp = 0.02 + 0.6 * (np.hypot(y - at[0], x - at[1]) < 21)
        small = prepare(scenes.raw_of(np.repeat(lamp[..., None], 3, axis=2)), off=("denoise",)).overview[..., 1] > 0.3
        cells = (np.indices(small.shape) + 0.5) * (np.array([height, width]) / small.shape)[:, None, None]
        off.append((small * cells).sum(axis=(1, 2)) / small.sum() - at)
    step = (height * width / small.size) ** 0.5
    assert step > 4
    # Half of a pixel more is where its coordinate begins.
    assert np.abs(np.mean(off, axis=0) - 0.5).max() < 0.25, "not half a cell beside it"


@pytest.mark.parametrize("lamps", [0, 60])
def test_decisions_do_not_hang_on_where_the_cells_fall(scenes, lamps):
    rng = np.random.default_rng(7)
    light = 0.08 * scenes.smooth_scene(1040, 1384)
    y, x = np.mgrid[-3:4, -3:4]
    for at in rng.integers(20, 1000, (lamps, 2)):  # smaller than a cell
        light[at[0] - 3 : at[0] + 4, at[1] - 3 : at[1] + 4][np.hypot(y, x) < 2.5] = 1.5
    chosen = []
    for down, across in ((0, 0), (2, 4), (6, 2), (8, 8), (4, 10), (10, 6)):
        part = light[down : down + 1010, across : across + 1364]
        chosen.append(auto_exposure(prepare(scenes.raw_of(part)).overview))
    assert np.ptp([c.ev for c in chosen]) < 0.03
    assert np.ptp([c.highlights for c in chosen]) < (0.6 if lamps else 0.05)


@pytest.mark.parametrize(
    "choices", [{}, {"look": "vivid"}, {"look": "neutral", "sdr": True}, {"long_edge": 200}, {"frame": "polaroid"}]
)
def test_light_that_is_begun_ahead_is_what_would_be_made(scenes, choices):
    development = prepare(bright(scenes))
    made = []
    try:
        for threads in (1, 2, 3, 8):
            kernels.set_threads(threads)
            rendering = Rendering(development, Recipe(**choices), Report())
            assert len(rendering._begun) == (
                0 if threads == 1 or {"long_edge", "frame"} & set(choices) else min(threads, 4)
            )
            rendering.collect_gain_map()
            made.append(rendering.picture())
            assert not rendering._begun
    finally:
        kernels.set_threads(0)
    for other in made[1:]:
        np.testing.assert_array_equal(other.pixels, made[0].pixels)
        assert (other.gain is None) == (made[0].gain is None) == bool(choices.get("sdr"))
        if other.gain is not None:
            np.testing.assert_array_equal(other.gain.pixels, made[0].gain.pixels)


def test_strips_in_another_order_or_of_another_height_find_their_light(scenes):
    development = prepare(bright(scenes))
    whole = Rendering(development, Recipe(), Report()).picture().pixels
    height = development.shape[0]
    for parts in ([(100, 300), (0, 100), (300, height)], [(0, height)], [(254, 400), (0, 254), (400, height)]):
        rendering = Rendering(development, Recipe(), Report())
        for top, bottom in parts:
            np.testing.assert_array_equal(rendering.rows(top, bottom), whole[top:bottom])


def test_what_threads_say_of_light_begun_ahead_is_told(scenes):
    report = Report()
    kernels.set_threads(2)
    try:
        with report.stage("write"):
            Rendering(prepare(bright(scenes), report=report), Recipe(), report).picture()
    finally:
        kernels.set_threads(0)
    (told,) = [part for part in report.stages[0].parts if part.name == "demosaic"]
    assert told.runs == 4


def test_what_goes_wrong_ahead_is_raised_where_it_is_asked_for(scenes, monkeypatch):
    development = prepare(bright(scenes))
    monkeypatch.setattr(MosaicRows, "rows", lambda *_: 1 / 0)
    rendering = Rendering(development, Recipe(), Report())
    with pytest.raises(ZeroDivisionError):
        rendering.rows(0, 256)
