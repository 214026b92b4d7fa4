from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus.develop import develop
from fotohaus.develop.demosaic import demosaic
from fotohaus.develop.geometry import orient
from fotohaus.develop.highlights import Highlights, prepare_highlights, saturation_levels
from fotohaus.develop.linearize import apply_gain_maps, linearize
from fotohaus.develop.pipeline import prepare
from fotohaus.develop.shading import Shading
from fotohaus.raw import read_raw
from fotohaus.raw.image import NoiseProfile
from fotohaus.report import Report
from fotohaus.simulate import simulate_burst

INNER = np.s_[16:-16, 16:-16]
NO_CLIP = Shading()
DN = 256, 60000  # black and saturation


def sky(height=160, width=240, hue=(0.75, 1.0, 1.45)):
    """White-balanced light of a sky of one hue that goes to white and far over the clip levels to the right."""
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    level = 0.15 * 2 ** (5.5 * x + 0.5 * y)
    whiter = np.clip((x - 0.2) / 0.5, 0, 1)[..., None]
    return level[..., None] * (np.array(hue) * (1 - whiter) + whiter)


def clip_tile(cfa, levels):
    return np.array([levels["RGB".index(name)] for name in cfa], np.float32).reshape(2, 2)


def samples_of(mosaic, clip, shading=NO_CLIP):
    """What a sensor that saturates at `clip` (per position of the CFA, before shading) makes of a mosaic of light."""
    gain = apply_gain_maps(np.ones(mosaic.shape, np.float32), shading)
    tiles = np.tile(clip, [(n + 1) // 2 for n in mosaic.shape])[: mosaic.shape[0], : mosaic.shape[1]]
    share = np.clip(mosaic / gain / tiles, 0, 1)
    return np.rint(DN[0] + share * (DN[1] - DN[0])).astype(np.uint16)


def levels_of(clip):
    black, saturation = (np.full((2, 2), level, np.float32) for level in DN)
    return black, (clip / (DN[1] - DN[0])).astype(np.float32), saturation


def rebuild(mosaic, cfa, clip, shading=NO_CLIP):
    """What comes out with the highlights rebuilt, and without."""
    samples, (black, scale, saturation) = samples_of(mosaic, clip, shading), levels_of(clip)
    plain = linearize(samples, black, scale, shading)
    prepared = prepare_highlights(samples, cfa, black, scale, saturation, shading)
    return (plain if prepared is None else prepared.linearize(samples)), plain


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
    rebuilt, plain = rebuild(scenes.mosaic_of(truth, cfa), cfa, clip, shading)
    assert (rebuilt >= plain).all()
    np.testing.assert_array_equal(rebuilt[plain < 0.79 * limit], plain[plain < 0.79 * limit])
    got = demosaic(rebuilt, cfa)[INNER]
    true = truth[INNER]
    # Never much more colour than there was: what clips takes on some of the hue of what it borders on.
    excess = (chroma(got) - chroma(true)).ravel()
    assert excess.max() < 0.26
    assert excess.mean() < 0.07
    # Never magenta: green is never clearly the lowest.
    assert (np.minimum(got[..., 0], got[..., 2]) - got[..., 1]).max() < 0.06 * got.max()
    # Far into what clips it is white.
    over = (true > 1.15 * np.max(levels) * shading.grid.max()).all(-1)
    assert over.sum() > 500
    assert chroma(got)[over].max() < 0.1


def test_without_reconstruction_it_would_be_magenta(scenes):
    got = demosaic(rebuild(scenes.mosaic_of(sky(), "RGGB"), "RGGB", CLIP)[1], "RGGB")[INNER]
    assert (np.minimum(got[..., 0], got[..., 2]) - got[..., 1]).max() > 0.5


CLIP = clip_tile("RGGB", (1.9, 1.0, 1.7))


@pytest.mark.parametrize("levels", [(2.5, 1.0, 1.2), (1.9, 1.0, 1.6)])
def test_a_dawn_sky_passes_into_white_without_a_step(scenes, levels):
    """Pink light that grows slowly towards where all clips: its colour leaves as slowly as its light grows."""
    x = np.mgrid[:320, :480][1]
    truth = 0.4 * np.exp(0.008 * x)[..., None] * np.array((1.0, 0.75, 0.72))
    clip = clip_tile("RGGB", levels)
    got = demosaic(rebuild(scenes.mosaic_of(truth, "RGGB"), "RGGB", clip)[0], "RGGB")[INNER].mean(0)
    pink = np.log(got[:, 0] / got[:, 1])
    border = int(np.argmax(truth[0, 16:-16, 0] > levels[0]))
    assert pink[border - 20] > 0.2
    fades = pink[:-12] - pink[12:]
    assert fades[border - 16 : border + 24].max() < 0.08
    assert pink[-40:].max() < 0.12


@pytest.mark.parametrize("hue", [(6, 1, 0.5), (1, 0.4, 0.06), (0.1, 0.5, 2), (0.3, 1, 0.4)])
def test_a_lamp_of_one_colour_keeps_its_hue(scenes, hue):
    """Red, orange, blue, green, three times over the brightest clip level in the middle, with a glow around."""
    y, x = np.mgrid[:200, :200]
    distance = np.hypot(y - 100, x - 100) / 30
    glow = (1 / (1 + np.exp((distance - 1) * 8)) + 0.1 / (1 + distance**2))[..., None]
    truth = 0.02 + 2.5 * glow * np.array(hue)
    rebuilt, plain = rebuild(scenes.mosaic_of(truth, "RGGB"), "RGGB", CLIP)
    middle = np.s_[80:120, 80:120]

    def angle(image):
        a, b = image[middle].reshape(-1, 3), truth[middle].reshape(-1, 3)
        cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
        return np.degrees(np.arccos(cosine.clip(-1, 1))).mean()

    got, before = (angle(demosaic(light, "RGGB")) for light in (rebuilt, plain))
    assert got < max(6.0, 0.6 * before), (got, before)


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG"])
@pytest.mark.parametrize("levels", [(2.0, 1.0, 1.6), (2.5, 1.0, 1.2)])
def test_a_small_lamp_has_its_own_hue_up_to_its_rim(scenes, cfa, levels):
    """Warm lamps of some 20 samples in grey light, in cells of 8: only their rims say what colour they are."""
    y, x = np.mgrid[:240, :3200].astype(np.float32)
    hue = np.array((1.0, 0.67, 0.33), np.float32)
    truth = np.full((*y.shape, 3), 0.03, np.float32)
    for n, cx in enumerate(range(100, 3200, 150)):
        distance = np.hypot(y - 120 - n % 8, x - cx - n % 5) - 10
        truth += hue * (5 * (0.5 - 0.5 * np.tanh(distance / 2.4)))[..., None]
    clipped = (truth > np.array(levels)).any(-1)
    rebuilt, _ = rebuild(scenes.mosaic_of(truth, cfa), cfa, clip_tile(cfa, levels))
    got = demosaic(rebuilt, cfa)[clipped]
    # Of 1.6 and 1.0 octaves; the middle, where all clip, leans to white. Told by the dark around it was 0.38 and 0.2.
    red, green = (np.log2(got[:, i] / got[:, 2]).mean() for i in (0, 1))
    assert red > 0.56
    assert green > 0.3


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG"])
@pytest.mark.parametrize("snow", [1.2, 1.5, 1.8, 2.5])
@pytest.mark.parametrize("down", [False, True])
def test_snow_that_ends_sharply_is_white_up_to_the_end(scenes, cfa, snow, down):
    """Without a lens, at any place in the cells of the overview, and with nothing of its light left unclipped."""
    y, x = np.mgrid[:96, :1600].astype(np.float32)
    along = np.clip(x - 800.3 + 0.11 * y, 0, 1)
    grey = 0.02 + (snow - 0.02) * along
    if down:
        grey = np.ascontiguousarray(grey.T)
    light = grey + 0.003 * np.random.default_rng(1).standard_normal(grey.shape)
    rebuilt, _ = rebuild(scenes.mosaic_of(light[..., None] * np.ones(3), cfa), cfa, clip_tile(cfa, (1.9, 1.0, 1.7)))
    got = demosaic(rebuilt, cfa)[INNER]
    assert got.max() < (1.25 * snow if snow < 1.9 else 4.6)
    white = got[(grey[INNER] > 0.99 * snow)]
    assert np.quantile(chroma(white), 0.999) < 0.1
    assert np.median(chroma(white)) < 0.04


def test_a_clipped_disc_is_not_flat(scenes):
    y, x = np.mgrid[:240, :240]
    light = 6 * np.exp(-(((y - 120) ** 2 + (x - 120) ** 2) / 60**2))[..., None] * np.ones(3) + 0.05
    rebuilt, _ = rebuild(scenes.mosaic_of(light, "RGGB"), "RGGB", CLIP)
    got = demosaic(rebuilt, "RGGB")[..., 1]
    assert got[120, 120] > 1.15 * got[120, 120 + 60] > 1.15
    error = np.abs(np.log2(got / light[..., 1]))[light[..., 1] > 2]
    assert error.mean() < 0.75 * np.abs(np.log2(1.9 / light[..., 1]))[light[..., 1] > 2].mean()


def test_neutral_stays_neutral(scenes):
    """Snow, a white wall: texture around and over the clip levels, all grey."""
    y, x = np.mgrid[:160, :240]
    grey = 0.9 + 0.004 * x + 0.25 * np.sin(y / 9) * np.cos(x / 13)
    rebuilt, plain = rebuild(scenes.mosaic_of(grey[..., None] * np.ones(3), "RGGB"), "RGGB", CLIP)
    got = demosaic(rebuilt, "RGGB")[INNER]
    assert chroma(demosaic(plain, "RGGB")[INNER]).max() > 0.3
    assert chroma(got).max() < 0.02
    # As long as one colour is left, the texture is right too.
    known = np.s_[grey[INNER] < 1.6]
    np.testing.assert_allclose(got[known][:, 1], grey[INNER][known], rtol=0.03)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(2, 70), st.integers(2, 300)),
    cfa=st.sampled_from(["RGGB", "BGGR", "GRBG", "GBRG"]),
    orientation=st.integers(1, 8),
    over=st.floats(0.2, 3),
)
def test_whatever_the_samples(seed, size, cfa, orientation, over):
    rng = np.random.default_rng(seed)
    clip = clip_tile(cfa, rng.uniform(0.8, 2.5, 3))
    light = over * rng.random(size, np.float32) * rng.choice([0.1, 1, 2], size)
    samples = samples_of(orient(light, orientation), clip)
    black, scale, saturation = levels_of(clip)
    plain = linearize(samples, black, scale)
    prepared = prepare_highlights(samples, cfa, black, scale, saturation)
    assert (prepared is None) == (samples < 0.985 * (DN[1] - DN[0]) + DN[0]).all()
    if prepared is None:
        return
    rebuilt = prepared.linearize(samples)
    assert np.isfinite(rebuilt).all()
    assert (rebuilt >= plain).all()
    # Samples under 95 % of saturation change only beside ones over it, of the same colour.
    over = np.pad(samples >= 0.95 * (DN[1] - DN[0]) + DN[0], 2, "edge")
    near = over[2:-2, 2:-2] | over[4:, 2:-2] | over[:-4, 2:-2] | over[2:-2, 4:] | over[2:-2, :-4]
    if min(samples.shape) > 4:
        inside = ~near
        inside[:2] = inside[-2:] = inside[:, :2] = inside[:, -2:] = False
        np.testing.assert_array_equal(rebuilt[inside], plain[inside])
    # Any strip of it is the same.
    top = int(rng.integers(0, samples.shape[0]))
    rows = int(rng.integers(1, samples.shape[0] - top + 1))
    np.testing.assert_array_equal(prepared.linearize(samples, top, rows), rebuilt[top : top + rows])


def test_views_are_as_good_as_copies(scenes):
    light = scenes.mosaic_of(sky(), "RGGB")
    samples, levels = samples_of(light, CLIP), levels_of(CLIP)
    want = prepare_highlights(samples, "RGGB", *levels).linearize(samples)
    for view in (samples.T.copy().T, samples[:, ::-1].copy()[:, ::-1], np.repeat(samples, 2, 1)[:, ::2]):
        got = prepare_highlights(view, "RGGB", *levels).linearize(view)
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_a_map_of_one_colour_is_what_is_painted():
    """Where all clip, the low-resolution map is what comes out; where two are known, it gives the ratios."""
    samples = np.full((64, 64), DN[1], np.uint16)
    black, scale, saturation = levels_of(CLIP)
    colors = np.broadcast_to(np.log(np.array([4, 3, 2.5], np.float32)), (8, 8, 3)).copy()
    planes = np.ascontiguousarray(colors.transpose(2, 0, 1)).transpose(1, 2, 0)
    prepared = Highlights("RGGB", black, scale, saturation, Shading(), planes, 8, np.zeros((3, 2), np.float32))
    got = prepared.linearize(samples)
    np.testing.assert_allclose(got[::2, ::2], 4, rtol=1e-3)
    np.testing.assert_allclose(got[1::2, ::2], 3, rtol=1e-3)
    samples[::2, ::2] = DN[0] + 0.5 * (DN[1] - DN[0])  # red known: 0.95
    colors[..., 2] = np.log(12)
    planes[...] = colors
    np.testing.assert_allclose(prepared.linearize(samples)[1::2, 1::2], 0.95 * 12 / 4, rtol=3e-3)


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
    assert magenta(scene) < 0.006
    part = scene.pixels[:1000, 1900:2900]
    white = part[part.max(-1) > 1.85]
    assert np.median(chroma(white)) < 0.03


@pytest.mark.parametrize("shaded", [1.0, 2.5])
@pytest.mark.parametrize("linear", [False, True])
def test_without_reconstruction_what_clips_is_white(shaded, linear):
    """All colours end where the first does, at the level that lens shading leaves it; what is darker is untouched."""
    x = np.mgrid[:128, :192][1].astype(np.float32)
    world = np.repeat((0.1 + 2.4 * x / 192)[..., None], 3, -1)
    burst = simulate_burst(world, frames=1, size=(128, 192), noise=(0.0, 0.0), exposure=1, shading=shaded, shake=0)
    raw = burst.frame(0)
    if linear:
        raw = replace(raw, mosaic=np.repeat(raw.mosaic[..., None], 3, -1), cfa=None, opcodes_2=())
        raw = replace(raw, black=raw.black[:1, :1].repeat(3, 1), white=raw.white[:1, :1].repeat(3, 1))
    off = ("highlights", "denoise", "capture-sharpen", "ca", "defringe")
    made = prepare(raw, off=off)
    cut = made.scene().pixels
    kept = prepare(raw, off=off[1:]).scene().pixels
    assert np.abs(made.overview).max() < 1.3 * shaded
    camera = cut @ np.linalg.inv(made.matrix).T.astype(np.float32)
    assert camera.max() < 1.02 * (1.0 if linear else shaded)
    if not linear:
        assert chroma(cut[8:-8, 8:-8]).max() < 0.03
        np.testing.assert_allclose(cut[8:-8, 8:40], kept[8:-8, 8:40], rtol=1e-4)


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
@pytest.mark.parametrize("light", [0.003, 0.05, 0.2])
def test_a_hot_pixel_is_no_lamp(cfa, light):
    """In noise of a high ISO, where the colours beside it are far from what the place around is."""
    rng, clip = np.random.default_rng(5), clip_tile(cfa, (2.0, 1.0, 1.6))
    mosaic = light + np.sqrt(6e-3 * light + 8e-4) * rng.standard_normal((192, 256)).astype(np.float32)
    tiles = np.tile(clip, (96, 128))
    rows, columns = rng.integers(4, 188, 60), rng.integers(4, 252, 60)
    mosaic[rows, columns] = 2 * tiles[rows, columns]
    rebuilt, plain = rebuild(mosaic, cfa, clip)
    # Two may lie beside each other.
    assert (rebuilt > 1.05 * tiles).sum() <= 4
    assert rebuilt.max() < 16.01 * plain.max()


@pytest.mark.parametrize("iso", [400, 1600])
@pytest.mark.parametrize("share", [0.8, 0.93, 0.96])
def test_noisy_snow_below_the_last_clip_level_is_white(scenes, iso, share):
    """Noise lifts samples of every cell over the last colour's clip level; the mean says that it does not clip."""
    scale, offset = 1.8e-4 * iso / 100, 3.2e-6 * (iso / 100) ** 2
    levels = np.array((2.0, 1.0, 1.6))
    light = np.full((600, 800, 3), 0.05)
    light[:, 250:] = share * levels[0]
    at = light / levels
    at = at + np.sqrt(scale * at + offset) * np.random.default_rng(3).standard_normal(at.shape)
    samples = samples_of(scenes.mosaic_of(at * levels, "RGGB"), clip_tile("RGGB", levels))
    known = levels_of(clip_tile("RGGB", levels))
    want = share * levels[0]

    def errors(noise):
        prepared = prepare_highlights(samples, "RGGB", *known, noise=noise)
        got = prepared.linearize(samples)[100:500, 400:700]
        return [abs(got[i::2, j::2].mean() / want - 1) for i, j in ((0, 0), (0, 1), (1, 1))]

    aware = errors(NoiseProfile((scale,) * 3, (offset,) * 3))
    assert max(aware) < 0.2
    assert iso < 1600 or max(aware) < 0.6 * max(errors(None))


@pytest.mark.parametrize("iso", [1600, 6400])
@pytest.mark.parametrize("level", [0.9, 1.0, 1.1])
def test_noise_that_clipping_cuts_off_is_given_back(scenes, iso, level):
    """A clipped sample of what lies at the clip level is brighter than that, or the mean would be too dark: pink."""
    scale, offset = 1.8e-4 * iso / 100, 3.2e-6 * (iso / 100) ** 2
    levels = np.array((2.0, 1.0, 1.6))
    light = np.full((400, 600, 3), 0.05)
    light[:, 100:] = level
    at = light / levels
    at = at + np.sqrt(scale * at + offset) * np.random.default_rng(3).standard_normal(at.shape)
    samples = samples_of(scenes.mosaic_of(at * levels, "RGGB"), clip_tile("RGGB", levels))
    known = levels_of(clip_tile("RGGB", levels))

    def green(noise):
        got = prepare_highlights(samples, "RGGB", *known, noise=noise).linearize(samples)[50:350, 250:550]
        return 0.5 * (got[::2, 1::2].mean() + got[1::2, ::2].mean())

    aware = abs(green(NoiseProfile((scale,) * 3, (offset,) * 3)) / level - 1)
    assert aware < 0.025
