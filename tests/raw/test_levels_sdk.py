"""Levels of every kind, beside what Adobe's SDK makes of the same file: its linear samples (stage 2)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adobe_sdk
from fotohaus.raw import read_raw

Maker = Callable[..., Any]
SHORT, LONG, RATIONAL, SRATIONAL = 3, 4, 5, 10


pytestmark = pytest.mark.skipif(adobe_sdk.library() is None, reason="needs dngpy 0.1.3 on x86-64 Linux")


def hundredths(values: Any) -> list[int]:
    return [part for v in values for part in (round(v * 100), 100)]


HEIGHT, WIDTH = 60, 80
RNG = np.random.default_rng(3)
ROWS, COLUMNS = (hundredths(RNG.uniform(-20, 20, n)) for n in (HEIGHT, WIDTH))
CURVE = (np.linspace(0, 1, 16384) ** 1.3 * 16383).astype(int).tolist()
WHITES = {50717: (LONG, [15000, 14000, 13000])}

# Colours per pixel (0: a mosaic), fields, how far a sample may be off in units of the file.
CASES: dict[str, tuple[int, dict[int, Any], float]] = {
    "one black": (0, {50714: (SHORT, 512)}, 0),
    "black per site": (0, {50713: (SHORT, [2, 2]), 50714: (RATIONAL, hundredths([500, 520, 510, 540.5]))}, 0),
    "black of 3 x 5": (0, {50713: (SHORT, [3, 5]), 50714: (SHORT, [500 + 7 * i for i in range(15)])}, 0.5),
    "deltas": (0, {50714: (SHORT, 512), 50715: (SRATIONAL, COLUMNS), 50716: (SRATIONAL, ROWS)}, 0.5),
    "linearization": (0, {50712: (SHORT, CURVE), 50714: (SHORT, 100)}, 0),
    "odd active area": (
        0,
        {50829: (LONG, [3, 5, 57, 77]), 50713: (SHORT, [2, 2]), 50714: (SHORT, [500, 520, 510, 540])},
        0,
    ),
    "white per plane": (3, {50714: (SHORT, [512, 500, 530])} | WHITES, 0),
    "white per plane, deltas": (3, {50714: (SHORT, [512, 500, 530]), 50716: (SRATIONAL, ROWS)} | WHITES, 0.5),
}


@pytest.mark.parametrize("name", CASES)
def test_linear_samples_are_those_of_adobes_sdk(dng: Maker, tmp_path: Path, name: str) -> None:
    planes, fields, error = CASES[name]
    stored = np.random.default_rng(4).integers(600, 12000, (HEIGHT, WIDTH, planes or 1)).astype(np.uint16)
    path = tmp_path / "a.dng"
    path.write_bytes(dng(stored if planes else stored[..., 0], raw={50717: (LONG, 15000)} | fields))
    theirs = adobe_sdk.stages(path).stage2[..., : planes or 1].squeeze() / 65535
    image = read_raw(path)
    shape = image.mosaic.shape[:2]
    black, white = (
        np.tile(level, (1 + shape[0] // 2, 1 + shape[1] // 2))[: shape[0], : shape[1]] if planes == 0 else level[0]
        for level in (image.black, image.white)
    )
    ours = ((image.mosaic - black) / (white - black)).clip(0, 1)
    # The SDK rounds to 16 bits.
    assert abs(ours - theirs).max() <= 0.51 / 65535 + 1.02 * error / float((white - black).min())
