"""Valid files that hold several things at once, the whole way from bytes to a picture, beside Adobe's SDK."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import adobe_sdk
import profiles
from dng_files import MATRIX, make_dng
from dng_parts import (
    BACK,
    CAMERA,
    CROP,
    CURVE,
    EDGE,
    FISHEYE,
    FLOAT,
    HDR,
    HEIGHT,
    LONG,
    OBLONG,
    PART,
    POLYNOMIAL,
    RATIONAL,
    SHORT,
    SRATIONAL,
    STAGES,
    TRIM,
    VIGNETTE,
    WARP,
    WAVE,
    WIDE,
    WIDTH,
    codes,
    color_tables,
    gain_map,
    linear,
    lines,
    look_table,
    masks,
    mosaic,
    opcodes,
    pixels,
    rationals,
)
from fotohaus.develop import develop
from fotohaus.raw import read_raw

pytestmark = pytest.mark.skipif(adobe_sdk.library() is None, reason="needs dngpy 0.1.3 on x86-64 Linux")


def black_of_4_by_4() -> bytes:
    black = 60 + np.random.default_rng(5).uniform(0, 12, (4, 4, 3)).round(2)
    levels = {50713: (SHORT, [4, 4]), 50714: (RATIONAL, rationals(*black.ravel()))}
    stored = codes(CAMERA, np.tile(black, (HEIGHT // 4, WIDTH // 4 + 1, 1))[:, :WIDTH], 1023)
    return bytes(make_dng(stored, bits=10, raw=levels))


def three_lights() -> bytes:
    """The third of 3200 K, which the SDK has as a temperature."""
    matrices = [np.array(MATRIX) * scale for scale in (1.0, 1.05, 0.96)]
    matrices[1][[1, 3]] -= 0.06
    matrices[2][[2, 6]] += 0.05
    numbers = zip((50721, 50722, 52531), matrices, strict=True)
    lights = {50778: (SHORT, 21), 50779: (SHORT, 15), 52529: (SHORT, 24)}
    warm = {50728: (RATIONAL, rationals(0.62, 1, 0.45))}
    return linear(main={tag: (SRATIONAL, rationals(*matrix)) for tag, matrix in numbers} | lights | warm)


def white_without_a_tag() -> bytes:
    table = np.rint(np.linspace(0, 1, 65536) * 16383).astype(int).tolist()
    return linear(raw={50717: None, 50712: (SHORT, table)}, main={50730: (SRATIONAL, [2, 1])})


def float_mosaic() -> bytes:
    bright = lines(10, HEIGHT, WIDTH, 0.02 * WAVE)
    stored = mosaic(CAMERA).astype(np.float32)
    return bytes(make_dng(stored, bits=32, raw={51022: opcodes(bright, WARP)}))


# The file, and whether the look of its profile takes part.
FILES: dict[str, tuple[Callable[[], bytes], bool]] = {
    "negative exposure, tone curve": (lambda: linear(main={50730: (SRATIONAL, [-3, 4])} | CURVE), True),
    "negative exposure, look table": (lambda: linear(main={50730: (SRATIONAL, [-1, 2])} | look_table()), True),
    "negative offset of exposure, both": (
        lambda: linear(main={50730: (SRATIONAL, [1, 4]), 51109: (SRATIONAL, [-1, 1])} | look_table() | CURVE),
        True,
    ),
    "negative exposure, HDR": (lambda: linear(main={50730: (SRATIONAL, [-1, 1])} | HDR | look_table()), True),
    "negative exposure, HDR, tone curve": (lambda: linear(main={50730: (SRATIONAL, [-3, 5])} | HDR | CURVE), True),
    "output-referred": (lambda: linear(main={50879: (SHORT, 1)}), False),
    "output-referred, high dynamic range": (lambda: linear(main={50879: (SHORT, 2), 50728: None}), False),
    "trim in list 1": (lambda: linear(raw=CROP | {51008: opcodes(TRIM)}), False),
    "trim in list 1, active area": (
        lambda: linear(raw=CROP | {51008: opcodes(TRIM), 50829: (LONG, [2, 4, HEIGHT - 8, WIDTH - 12])}),
        False,
    ),
    "trim alone in list 3": (lambda: linear(raw=CROP | {51022: opcodes(TRIM)}), False),
    "trim, warp, rows scaled": (
        lambda: linear(raw=CROP | {51022: opcodes(TRIM, WARP, lines(12, HEIGHT - 6, WIDTH - 10, 1 + 0.1 * WAVE[:-6]))}),
        False,
    ),
    "warp, rows scaled, fisheye": (
        lambda: linear(raw=CROP | {51022: opcodes(WARP, lines(12, HEIGHT, WIDTH, 1 + 0.1 * WAVE), FISHEYE)}),
        False,
    ),
    "warp, part scaled, warp, polynomial, turned": (
        lambda: linear(main={274: (SHORT, 6)}, raw={51022: opcodes(WARP, PART, FISHEYE, POLYNOMIAL)}),
        False,
    ),
    "three warps with rows between, trim": (
        lambda: linear(
            raw=CROP | {51022: opcodes(FISHEYE, lines(10, HEIGHT, WIDTH, 900 * WAVE), WARP, TRIM, PART, BACK)}
        ),
        False,
    ),
    "warp in list 2, rows scaled in list 3, warp": (
        lambda: linear(raw={51009: opcodes(WARP), 51022: opcodes(lines(12, HEIGHT, WIDTH, 1 + 0.1 * WAVE), BACK)}),
        False,
    ),
    "oblong pixels, warp, rows scaled": (
        lambda: linear(raw=OBLONG | {51022: opcodes(WARP, lines(12, HEIGHT, WIDTH, 1 + 0.1 * WAVE))}),
        False,
    ),
    "oblong pixels, fisheye, part scaled, turned": (
        lambda: linear(main={274: (SHORT, 8)}, raw=CROP | WIDE | {51022: opcodes(FISHEYE, PART)}),
        False,
    ),
    "oblong pixels, fisheye": (
        lambda: linear(raw={50718: (RATIONAL, [1, 1, 2, 1]), 51022: opcodes(FISHEYE)}),
        False,
    ),
    "oblong pixels, vignette in list 3": (
        lambda: linear(raw={50718: (RATIONAL, [2, 1, 1, 1]), 51022: opcodes(VIGNETTE)}),
        False,
    ),
    "oblong pixels, vignette in list 2": (
        lambda: linear(raw={50718: (RATIONAL, [1, 1, 6, 5]), 51009: opcodes(VIGNETTE)}),
        False,
    ),
    "gain maps of two grids": (
        lambda: linear(raw={51009: opcodes(gain_map(4, 5, 0.6), gain_map(5, 4, 0.4))}),
        False,
    ),
    "black of 4 x 4, 10 bits": (black_of_4_by_4, False),
    "third light of 3200 K": (three_lights, False),
    "white without a tag, behind a table": (white_without_a_tag, False),
    "float mosaic, rows brightened before a warp": (float_mosaic, False),
    "colour table, big-endian": (lambda: linear(order=">", main=color_tables(">", "")), True),
    "colour tables for regions": (
        lambda: linear(sub_ifd=True, subs=masks, main=color_tables("<", "sky", "skin", "")),
        True,
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_agrees_with_the_sdk(name: str, tmp_path: Path) -> None:
    build, look = FILES[name]
    path = tmp_path / "made.dng"
    path.write_bytes(build())
    theirs = adobe_sdk.stages(path, look=look).render
    mine = pixels(path, look)
    height, width = (min(pair) for pair in zip(theirs.shape[:2], mine.shape[:2], strict=True))
    inner = slice(EDGE, height - EDGE), slice(EDGE, width - EDGE)
    theirs, mine = theirs[inner], mine[inner]
    kept = profiles.inside(theirs)
    assert kept.mean() > 0.9
    error = profiles.delta_e(theirs, mine)[kept]
    assert np.median(error) < 0.05
    assert np.percentile(error, 99) < 0.25


def test_white_stays_white_under_a_negative_exposure(tmp_path: Path) -> None:
    path = tmp_path / "made.dng"
    ramp = np.linspace(0.02, 1, WIDTH) * np.ones((HEIGHT, 1))
    dark = {50730: (SRATIONAL, [-1, 1]), 50940: (FLOAT, [0.0, 0.0, 1.0, 1.0])}
    path.write_bytes(make_dng(codes(ramp[..., None] * (0.5, 1, 0.625)), main=dark))
    line = pixels(path, True)[HEIGHT // 2, :, 1]
    assert line[-1] > 0.98
    assert (np.diff(line) > 0).all()
    np.testing.assert_allclose(line[:30], ramp[0, :30] / 2, rtol=2e-3)


def test_a_file_that_is_gone_leaves_tables_for_regions_out(tmp_path: Path) -> None:
    from fotohaus.report import Report

    path = tmp_path / "made.dng"
    path.write_bytes(linear(sub_ifd=True, subs=masks, main=color_tables("<", "sky")))
    raw, report = read_raw(path), Report()
    path.unlink()
    assert develop(raw, off=STAGES, report=report).camera_look is None
    assert any("regions" in line for line in report.warnings)
