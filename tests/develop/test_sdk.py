"""Colour against Adobe's DNG SDK, on files that have every kind of matrix and table."""

import numpy as np
import pytest

import adobe_sdk
import profiles
from fotohaus.develop import develop
from fotohaus.develop.geometry import orient
from fotohaus.develop.profile_tables import rec2020_to_prophoto, total_baseline_exposure
from fotohaus.raw import read_raw
from fotohaus.raw.dng import encode_dng

CASES = {**dict(profiles.colour_cases()), **dict(profiles.look_cases())}

pytestmark = pytest.mark.skipif(adobe_sdk.library() is None, reason="needs dngpy 0.1.3 on x86-64 Linux")


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_sdk(name, tmp_path):
    case = CASES[name]
    path = tmp_path / "made.dng"
    path.write_bytes(encode_dng(case.raw))
    raw = read_raw(path)
    theirs = adobe_sdk.stages(path, white=case.white, look=case.look)
    box = raw.crop
    camera = theirs.stage3[box.top : box.top + box.height, box.left : box.left + box.width].astype(np.float64)
    mine = profiles.ours(raw, camera, case.white, case.look)
    kept = profiles.inside(theirs.render)
    assert kept.mean() > 0.4
    error = profiles.delta_e(theirs.render, mine)[kept]
    assert np.median(error) < 0.02
    assert np.percentile(error, 99) < 0.5
    assert np.percentile(error, 95) < 0.1


def test_the_look_can_be_left_out_of_a_file(tmp_path):
    case = CASES["all of it"]
    path = tmp_path / "made.dng"
    path.write_bytes(encode_dng(case.raw))
    plain = profiles.ours(case.raw, case.raw.mosaic, None, False)
    neutral = adobe_sdk.stages(path).render
    assert np.median(profiles.delta_e(neutral, plain)) < 0.01
    assert np.median(profiles.delta_e(adobe_sdk.stages(path, look=True).render, plain)) > 2


def test_orient_undoes_itself():
    array = np.arange(6).reshape(2, 3)
    for orientation in range(1, 9):
        undo = {6: 8, 8: 6}.get(orientation, orientation)
        np.testing.assert_array_equal(orient(orient(array, orientation), undo), array)


@pytest.mark.parametrize("white", [None, (0.2990, 0.3149)])
def test_a_photograph_agrees_pixel_by_pixel_but_for_the_demosaic(shared, white):
    path = shared / "raw" / "canon_colorchecker.dng"
    raw = read_raw(path)
    theirs = adobe_sdk.stages(path, white=white).render
    wb = "as-shot" if white is None else f"{white[0]},{white[1]}"
    off = ("defringe", "denoise", "ca", "capture-sharpen", "highlights")
    scene = develop(profiles.with_the_sdks_demosaic(raw), wb=wb, off=off)
    thin = slice(None, None, 5), slice(None, None, 5)
    mine = (scene.pixels * np.float32(2 ** -total_baseline_exposure(raw)))[thin] @ rec2020_to_prophoto().T
    kept = profiles.inside(theirs[thin]) & (mine.max(-1) < 0.98)
    assert kept.mean() > 0.9
    error = profiles.delta_e(theirs[thin], mine)[kept]
    assert np.median(error) < 0.03
    assert np.percentile(error, 99) < 0.2
