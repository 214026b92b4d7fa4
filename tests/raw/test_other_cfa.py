"""Mosaics that are no Bayer pattern, and cameras of four colours."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adobe_sdk
from fotohaus.develop import develop
from fotohaus.raw import read_raw
from fotohaus.raw.cfa import Filters
from fotohaus.raw.describe_file import describe
from fotohaus.raw.other_cfa import FLOOR, complete

BYTE, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 3, 4, 5, 7, 10
Maker = Callable[..., bytes]

sdk = pytest.mark.skipif(adobe_sdk.library() is None, reason="needs dngpy 0.1.3 on x86-64 Linux")

HEIGHT, WIDTH = 48, 60
BAYER = ((0, 1), (1, 2))
RGB = (0, 1, 2)
CYGM = (5, 3, 1, 4)  # as a file may order its planes: yellow, cyan, green, magenta
ROWS = ((1, 4), (3, 5), (4, 1), (3, 5))
X_TRANS_ROWS = ("GGRGGB", "GGBGGR", "BRGRBG", "GGBGGR", "GGRGGB", "RBGBRG")
X_TRANS = tuple(tuple("RGB".index(c) for c in row) for row in X_TRANS_ROWS)
# Yellow, cyan, green and magenta of red, green and blue
MIX = np.array([[0.95, 0.9, 0.1], [0.1, 0.9, 0.85], [0.1, 1.0, 0.15], [0.9, 0.1, 0.9]]) / 1.9
CAMERA = np.array([[0.8, -0.2, -0.1], [-0.4, 1.2, 0.2], [-0.1, 0.2, 0.6]])


def colours(seed: int = 0) -> Any:
    """(H, W, 3) light, soft and of all hues."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / np.array([HEIGHT, WIDTH]).reshape(2, 1, 1)
    waves = np.stack([np.sin(3 * x + y + seed), np.cos(2 * x - 4 * y), np.sin(4 * y + x + 1)], -1)
    return (0.32 + 0.15 * waves) * (0.5, 1, 0.625)


def laid(light: Any, array: Any, planes: tuple[int, ...]) -> Any:
    """The samples that filters leave of light."""
    rows, columns = np.shape(array)
    tile = np.vectorize(planes.index)(np.array(array))
    which = np.tile(tile, (-(-HEIGHT // rows), -(-WIDTH // columns)))[:HEIGHT, :WIDTH]
    return np.take_along_axis(light, which[..., None], 2)[..., 0]


def file(dng: Maker, light: Any, array: Any, planes: tuple[int, ...] = RGB, layout: int = 1, **more: Any) -> bytes:
    codes = np.rint(1000 + laid(light, array, planes) * 64000).astype(np.uint16)
    raw = {33421: (SHORT, list(np.shape(array))), 33422: (BYTE, [int(c) for row in array for c in row])}
    raw |= {50710: (BYTE, list(planes)), 50711: (SHORT, layout), 50714: (RATIONAL, [1000, 1]), 50717: (LONG, 65000)}
    return dng(codes, raw=raw | more.pop("raw", {}), **more)


def rationals(values: Any) -> list[int]:
    return [part for v in np.ravel(values) for part in (round(v * 10000), 10000)]


@sdk
@pytest.mark.parametrize(
    ("array", "planes", "layout"),
    [
        (BAYER, RGB, 2),
        (BAYER, RGB, 3),
        *((BAYER, RGB, layout) for layout in (6, 7, 8, 9)),
        (((0, 1), (1, 2), (1, 0), (2, 1)), RGB, 1),
        (((0, 1), (2, 1)), RGB, 1),
        (((0, 1, 2), (0, 1, 2)), (1, 0, 2), 1),
        (((3, 4), (5, 4)), (3, 4, 5), 1),
    ],
)
def test_samples_are_those_of_the_sdk(dng: Maker, tmp_path: Path, array: Any, planes: Any, layout: int) -> None:
    rough = colours() * np.random.default_rng(1).uniform(0.8, 1.2, (HEIGHT, WIDTH, 1))
    path = tmp_path / "a.dng"
    path.write_bytes(file(dng, rough, array, planes, layout))
    theirs = adobe_sdk.stages(path).stage3 / 65535
    image = read_raw(path)
    order = [planes.index(c) for c in RGB] if set(planes) == set(RGB) else [0, 1, 2]
    # The SDK's weights are of 8 bits.
    np.testing.assert_allclose(image.mosaic - FLOOR, theirs[..., order], atol=0.002)


@pytest.mark.parametrize("layout", range(1, 10))
@pytest.mark.parametrize("array", [BAYER, X_TRANS, ((0, 1, 2), (1, 2, 0)), ((2, 1), (1, 0), (1, 1))])
def test_a_ramp_comes_out_as_it_was(array: Any, layout: int) -> None:
    """Each colour at the places where its filters lie, whatever the layout."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    other = np.arange(HEIGHT) % 2 if layout in (4, 5) else np.arange(WIDTH) % 2
    if layout in (2, 3):
        y = 2 * y + (other if layout == 2 else 1 - other)
    elif layout in (4, 5):
        x = 2 * x + (other if layout == 4 else 1 - other)[:, None]
    elif layout >= 6:
        y += np.where(np.arange(HEIGHT) % 2, 0.5 if layout >= 8 else -0.5, 0)[:, None]
        x += np.where(np.arange(WIDTH) % 2, 0.5 if layout in (7, 9) else -0.5, 0)
    light = np.stack([x, y, x + 2 * y], -1)
    made = complete(laid(light, array, RGB).astype(np.float32), Filters("other", array=array, layout=layout))
    rows, columns = np.mgrid[0 : made.shape[0], 0 : made.shape[1]]
    wanted = np.stack([columns, rows, columns + 2 * rows], -1)
    assert made.shape[0] == HEIGHT * (1 + (layout in (2, 3)))
    assert made.shape[1] == WIDTH * (1 + (layout in (4, 5)))
    # Weights of neighbours that lie askew are a compromise.
    error = np.abs(made - wanted)[12:-12, 12:-12]
    assert error.max() <= 4
    assert np.median(error) <= 0.51
    assert np.abs((made - wanted)[12:-12, 12:-12].mean((0, 1))).max() < 0.3


def test_levels_crop_and_opcodes(dng: Maker, tmp_path: Path) -> None:
    levels = np.array([[900, 1100], [1000, 1000]])
    raw = {50713: (SHORT, [2, 2]), 50714: (RATIONAL, [n for v in levels.ravel() for n in (v, 1)])}
    raw |= {50719: (LONG, [4, 6]), 50720: (LONG, [40, 30]), 50718: (RATIONAL, [1, 1, 2, 1])}
    area = struct.pack(">8I", 0, 0, HEIGHT, WIDTH, 0, 1, 1, 1)
    curve = area + struct.pack(">I3d", 2, 0, 0.5, 0)
    vignette = struct.pack(">7d", 0.1, 0, 0, 0, 0, 0.5, 0.5)
    listed = [struct.pack(">4I", n, 0x01030000, 0, len(d)) + d for n, d in ((8, curve), (3, vignette))]
    raw |= {51009: (UNDEFINED, struct.pack(">I", 2) + b"".join(listed))}
    path = tmp_path / "a.dng"
    path.write_bytes(file(dng, np.full((HEIGHT, WIDTH, 3), 0.4), BAYER, layout=2, raw=raw))
    image = read_raw(path)
    assert image.mosaic.shape == (2 * HEIGHT, WIDTH, 3)
    assert (image.crop.top, image.crop.left, image.crop.height, image.crop.width) == (12, 4, 60, 40)
    assert image.scale == (1, 1)  # pixels of 1 x 2, halved
    assert [type(o).__name__ for o in image.opcodes_3] == ["FixVignetteRadial"]
    assert image.opcodes_2 == ()
    codes = 1000 + 0.4 * 64000 - levels
    expected = np.array([codes[0, 0], codes[0, 1] / 2 + codes[1, 0] / 2, codes[1, 1]]) / (65000 - 1100) / 2
    np.testing.assert_allclose(image.mosaic.mean((0, 1)) - FLOOR, expected, atol=1e-4)
    plain = read_raw(path, off=("opcodes",))
    np.testing.assert_allclose(plain.mosaic - FLOOR, 2 * (image.mosaic - FLOOR), atol=1e-5)
    assert len(plain.opcodes_2) == 2


def profile(*more: tuple[int, Any]) -> dict[int, Any]:
    """The color matrix of the four, and the neutral under D65."""
    fields = {50721: (SRATIONAL, rationals(MIX @ CAMERA)), 50728: (RATIONAL, rationals(MIX @ (0.5, 1, 0.625)))}
    return fields | dict(more)


REDUCTION = np.linalg.pinv(MIX @ CAMERA) + np.array([[0.2, -0.1, 0, 0.1], [0, 0.1, 0.2, -0.2], [-0.1, 0, 0.1, 0.2]])


def forward(number: int) -> Any:
    """Scaled so that four equal values are white."""
    rows = FORWARD + number * np.array([[0.05, 0, -0.05, 0.02], [0, 0.06, 0, -0.04], [-0.06, 0, 0.02, 0.03]])
    return rows * (np.array([0.9642, 1, 0.8249]) / rows.sum(1))[:, None]


FORWARD = np.array([[0.25, 0.3, 0.3, 0.1], [0.05, 0.05, 0.4, 0.5], [0.5, 0.3, -0.1, 0.1]])
FORWARD = forward(0)
TWO = ((50778, (SHORT, 17)), (50779, (SHORT, 21)), (50722, (SRATIONAL, rationals(MIX @ CAMERA @ np.diag([1, 1, 1.1])))))
PROFILES = {
    "one matrix": profile(),
    "two": profile(*TWO),
    "two, balance, calibrations": profile(
        *TWO,
        (50727, (RATIONAL, rationals([1.02, 1.05, 1, 0.95]))),
        (50723, (SRATIONAL, rationals(np.diag([1.01, 1.02, 1, 0.98])))),
        (50724, (SRATIONAL, rationals(np.diag([1.01, 0.98, 1, 1.03])))),
    ),
    "reduction matrices": profile(*TWO, *((tag, (SRATIONAL, rationals(REDUCTION))) for tag in (50725, 50726))),
    "forward matrices": profile(*TWO, *((tag, (SRATIONAL, rationals(FORWARD))) for tag in (50964, 50965))),
    "three": profile(
        *TWO[:2],
        (50722, (SRATIONAL, rationals(MIX @ CAMERA @ np.diag([0.94, 1, 1.1])))),
        (52529, (SHORT, 2)),
        (52531, (SRATIONAL, rationals(MIX @ CAMERA @ np.diag([1.06, 1, 0.85])))),
        *((tag, (SRATIONAL, rationals(forward(i)))) for i, tag in enumerate((50964, 50965, 52532))),
        (50728, None),
        (50729, (RATIONAL, rationals([0.36, 0.36]))),
    ),
    "white by x and y": profile((50728, None), (50729, (RATIONAL, rationals([0.34, 0.35])))),
}


@sdk
@pytest.mark.parametrize("name", PROFILES)
def test_four_colours_come_out_as_from_the_sdk(dng: Maker, tmp_path: Path, name: str) -> None:
    from fotohaus.develop.profile_tables import rec2020_to_prophoto

    colour = pytest.importorskip("colour")
    path = tmp_path / "a.dng"
    # Channels apart from what the matrix expects, as of real lights and dyes.
    light = colours() @ MIX.T * (1.03, 1, 0.96, 1)
    path.write_bytes(file(dng, light, ROWS, CYGM, main=PROFILES[name]))
    theirs = adobe_sdk.stages(path).render
    off = ("defringe", "denoise", "capture-sharpen", "highlights", "ca")
    mine = develop(read_raw(path), off=off).pixels @ rec2020_to_prophoto().T

    def lab(pixels: Any) -> Any:
        xyz = colour.RGB_to_XYZ(pixels, "ProPhoto RGB", apply_cctf_decoding=False)
        return colour.XYZ_to_Lab(xyz, colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D50"])

    assert (theirs > 0).all(-1).mean() > 0.9
    kept = ((theirs > 0) & (theirs < 1)).all(-1)
    error = colour.delta_E(lab(theirs), lab(mine))[kept]
    assert np.median(error) < 0.15
    assert np.percentile(error, 99) < 0.3


def test_white_stays_white_where_four_colours_clip(dng: Maker, tmp_path: Path) -> None:
    light = np.broadcast_to(np.linspace(0.2, 2.5, WIDTH)[None, :, None] * (MIX @ (0.5, 1, 0.625)), (HEIGHT, WIDTH, 4))
    path = tmp_path / "a.dng"
    path.write_bytes(file(dng, light.clip(0, 1), ROWS, CYGM, main=profile()))
    line = develop(read_raw(path), off=("capture-sharpen",)).pixels[HEIGHT // 2]
    assert np.ptp(line[-10:], axis=1).max() < 0.01
    assert np.ptp(line[5:25] / line[5:25, 1:2], axis=1).max() < 0.02


def test_linear_raw_of_four_colours(dng: Maker, tmp_path: Path) -> None:
    light = colours() @ MIX.T
    path = tmp_path / "a.dng"
    path.write_bytes(dng(np.rint(light * 65535).astype(np.uint16), main=profile()))
    image = read_raw(path)
    assert image.mosaic.shape == (HEIGHT, WIDTH, 3)
    mosaic = tmp_path / "b.dng"
    mosaic.write_bytes(file(dng, light, ROWS, CYGM, main=profile()))
    assert np.median(np.abs(image.mosaic[..., 0] - read_raw(mosaic).mosaic[..., 0])) < 0.2
    assert describe(path)["raw"]["kind"] == "linear"
    facts = describe(mosaic)
    assert facts["raw"]["cfa"] == "GM / CY / MG / CY"
    assert facts["raw"]["kind"] == "mosaic"
    assert facts["color"]["planes"] == 4


@pytest.mark.parametrize(
    ("main", "reason"),
    [
        ({50721: None}, "no color matrix"),
        ({50721: (SRATIONAL, rationals(np.ones(9)))}, "not 4 x 3"),
        ({50721: (SRATIONAL, rationals(np.ones(12)))}, "can't be inverted"),
        ({50721: (SRATIONAL, [0, 0] * 12)}, "not 4 x 3"),
        ({50728: (RATIONAL, rationals([1, 0.01, 0.01, 0.01]))}, "no light"),
    ],
)
def test_colours_that_make_no_sense_are_refused(dng: Maker, tmp_path: Path, main: Any, reason: str) -> None:
    from fotohaus.errors import ReadError

    path = tmp_path / "a.dng"
    path.write_bytes(file(dng, colours() @ MIX.T, ROWS, CYGM, main=profile() | main))
    with pytest.raises(ReadError, match=reason):
        read_raw(path)


def test_an_image_smaller_than_its_pattern(dng: Maker, tmp_path: Path) -> None:
    raw = {33421: (SHORT, [6, 6]), 33422: (BYTE, [c for row in X_TRANS for c in row])}
    path = tmp_path / "a.dng"
    path.write_bytes(dng(np.full((3, 4), 30000, np.uint16), raw=raw))
    np.testing.assert_allclose(read_raw(path).mosaic - FLOOR, 30000 / 65535, atol=1e-4)
