import numpy as np
import pytest

from fotohaus.develop import develop
from fotohaus.develop.demosaic import demosaic
from fotohaus.develop.highlights import reconstruct_highlights, saturation_levels
from fotohaus.develop.linearize import apply_gain_maps
from fotohaus.develop.shading import Shading
from fotohaus.raw import read_raw
from fotohaus.report import Report

INNER = np.s_[16:-16, 16:-16]
NO_CLIP = Shading()


def sky(height=160, width=240, hue=(0.75, 1.0, 1.45)):
    """White-balanced light of a sky of one hue that goes to white and far over the clip levels to the right."""
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    level = 0.15 * 2 ** (5.5 * x + 0.5 * y)
    whiter = np.clip((x - 0.2) / 0.5, 0, 1)[..., None]
    return level[..., None] * (np.array(hue) * (1 - whiter) + whiter)


def clip_tile(cfa, levels):
    return np.array([levels["RGB".index(name)] for name in cfa], np.float32).reshape(2, 2)


def chroma(rgb):
    """Distance from neutral of an image, relative to its brightness."""
    mean = rgb.mean(-1, keepdims=True)
    return np.abs(rgb / mean - 1).max(-1)


@pytest.mark.parametrize("levels", [(1.9, 1.0, 1.7), (1.0, 1.6, 2.0), (1.8, 1.5, 1.0), (1.1, 1.0, 2.5), (1, 1, 1)])
@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
@pytest.mark.parametrize("shaded", [False, True])
def test_sky_stays_between_its_hue_and_white(scenes, levels, cfa, shaded):
    truth = sky()
    shading = NO_CLIP
    if shaded:
        # Corner gains differ per channel, as a phone's do: the clip level varies over the picture.
        corner = np.array([2.0, 1.6, 1.6, 1.8])
        grid = np.stack([np.outer([k, 1, k], [k, 1, k]) ** 0.5 for k in corner], -1).astype(np.float32)
        shading = Shading(grid, (0.0, 0.0), (2 / truth.shape[1], 2 / truth.shape[0]))
    clip = clip_tile(cfa, levels)
    limit = apply_gain_maps(np.tile(clip, (80, 120)).astype(np.float32), shading)
    mosaic = np.minimum(scenes.mosaic_of(truth, cfa), limit)
    rebuilt = reconstruct_highlights(mosaic, cfa, clip, shading)
    assert (rebuilt >= mosaic).all()
    np.testing.assert_array_equal(rebuilt[mosaic < 0.79 * limit], mosaic[mosaic < 0.79 * limit])
    got = demosaic(rebuilt, cfa)[INNER]
    true = truth[INNER]
    # Never more colour than there was, but for a slight excess where a channel begins to clip.
    assert (chroma(got) - chroma(true)).max() < 0.17
    # Never magenta: green is never clearly the lowest.
    assert (np.minimum(got[..., 0], got[..., 2]) - got[..., 1]).max() < 0.06 * got.max()
    # Everything clipped is white.
    over = (true > 1.15 * np.max(levels) * shading.grid.max()).all(-1)
    assert over.sum() > 500
    assert chroma(got)[over].max() < 0.03


def test_without_reconstruction_it_would_be_magenta(scenes):
    mosaic = np.minimum(scenes.mosaic_of(sky(), "RGGB"), np.tile(clip_tile("RGGB", (1.9, 1.0, 1.7)), (80, 120)))
    got = demosaic(mosaic.astype(np.float32), "RGGB")[INNER]
    assert (np.minimum(got[..., 0], got[..., 2]) - got[..., 1]).max() > 0.5


def test_kernel_agrees_with_numpy(scenes):
    """The estimate at a few samples of each kind, written out."""
    rng = np.random.default_rng(8)
    clip = clip_tile("RGGB", (1.9, 1.0, 1.7))
    # Nothing near the clip levels but the samples looked at, so that the border offset is zero.
    mosaic = (0.3 + 0.1 * rng.random((24, 24))).astype(np.float32)
    places = {(6, 6): 1.9, (6, 13): 1.0, (13, 6): 1.0, (15, 15): 1.7}
    for place, level in places.items():
        mosaic[place] = level
    rebuilt = reconstruct_highlights(mosaic, "RGGB", clip)
    changed = np.argwhere(rebuilt != mosaic)
    assert {tuple(p) for p in changed} <= set(places)
    for y, x in places:
        # Neighbours are dark: the sample itself is the better estimate.
        assert rebuilt[y, x] == mosaic[y, x]
    bright = mosaic.copy()
    bright[5:8, 12:15] = [[1.0, 1.5, 1.0], [1.6, 1.0, 1.3], [1.0, 1.4, 1.0]]  # green in the middle of red and blue
    got = reconstruct_highlights(bright, "RGGB", clip)[6, 13]
    red, blue = (1.6**2 + 1.3**2) / (1.6 + 1.3), (1.5**2 + 1.4**2) / (1.5 + 1.4)
    ramp = lambda q: np.clip((q - 0.95) / 0.035, 0, 1) ** 2 * (3 - 2 * np.clip((q - 0.95) / 0.035, 0, 1))  # noqa: E731
    weights = 1.001 - ramp(1.6 / 1.9), 1.001 - ramp(1.5 / 1.7)
    roots = red**0.5, blue**0.5
    middle = max(sum(roots) / 2, np.dot(weights, roots) / sum(weights))
    assert got == pytest.approx(middle**2, rel=1e-4)


def noisy(level, size=(400, 600), deviation=0.01, seed=2):
    rng = np.random.default_rng(seed)
    light = np.linspace(0.05, 1.6, size[1]) * np.ones((size[0], 1))
    light = light + rng.normal(0, deviation, size)
    return np.minimum(light, level)


def test_a_white_level_that_is_never_reached_is_noticed(scenes):
    report = Report()
    camera = np.stack([noisy(0.97), noisy(0.93, seed=3), noisy(0.9, seed=4)], -1)
    raw = scenes.raw_of(camera)
    with report.stage("highlights"):
        levels = saturation_levels(raw, (1.9, 1.0, 1.7), report)
    fraction = (levels - scenes.BLACK) / (scenes.WHITE - scenes.BLACK)
    np.testing.assert_allclose(fraction, [[0.97, 0.93], [0.93, 0.9]], atol=0.002)
    assert "below the file's white level" in report.stages[0].notes[0]


def test_saturation_that_a_codec_blurred_is_noticed_by_its_neighbours(scenes):
    rng = np.random.default_rng(5)
    light = noisy(9.0)
    green = np.minimum(np.minimum(light, 0.94) + rng.laplace(0, 0.006, light.shape), 1)
    camera = np.stack([light / 1.9, green, light / 1.7], -1)
    levels = saturation_levels(scenes.raw_of(camera), (1.9, 1.0, 1.7))
    fraction = (levels - scenes.BLACK) / (scenes.WHITE - scenes.BLACK)
    np.testing.assert_allclose(fraction[[0, 1], [1, 0]], 0.94, atol=0.01)


@pytest.mark.parametrize("hue", [(0.48, 0.91, 0.55), (0.91, 0.91, 0.91)])
@pytest.mark.parametrize("deviation", [0.003, 0.006, 0.012])
def test_a_bright_surface_is_not_taken_for_saturation(scenes, deviation, hue):
    rng = np.random.default_rng(7)
    camera = np.full((300, 400, 3), 0.3)
    camera[:, 100:300] = hue
    raw = scenes.raw_of(camera + rng.normal(0, deviation, camera.shape))
    np.testing.assert_array_equal(saturation_levels(raw, (1.9, 1.0, 1.7)), raw.white)


def test_a_real_white_level_is_kept(scenes):
    raw = scenes.raw_of(np.repeat(noisy(1.0)[..., None], 3, -1))
    np.testing.assert_array_equal(saturation_levels(raw, (1.9, 1.0, 1.7)), raw.white)


def test_clipped_sky_of_a_real_frame_is_nowhere_magenta(shared):
    """HERO6: saturates below its white level, at levels that its gain maps make vary."""
    raw = read_raw(shared / "raw" / "gopro_hero6_mural.dng")

    def magenta(scene):
        part = scene.pixels[:1000, 1900:2900]
        bright = part[part.min(-1) > 0.8]
        assert len(bright) > 200_000
        return np.mean(np.minimum(bright[:, 0], bright[:, 2]) / bright[:, 1] > 1.06)

    scene = develop(raw)
    assert magenta(scene) < 0.004 < 0.4 < magenta(develop(raw, off=("highlights",)))
    part = scene.pixels[:1000, 1900:2900]
    white = part[part.max(-1) > 1.85]
    assert np.median(chroma(white)) < 0.03
