"""Shrinkage of the bands that frames are aligned to."""

import numpy as np

from fotohaus.burst.pyramid import Pyramid, _bands
from fotohaus.burst.shrink import shrunk


def bands(luma: np.ndarray) -> Pyramid:
    made = _bands(luma.astype(np.float32), 2)
    return Pyramid(made, [band.shape for band in made])


def test_noise_alone_hardly_stays_and_detail_does() -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:256, :384]
    detail = 12.0 * (np.hypot(x - 190, y - 120) < 70)
    noise = rng.normal(size=detail.shape) / 2
    alone, both, clean = (bands(luma) for luma in (noise, detail + noise, detail))
    for level in (0, 1):
        left = shrunk(alone.bands[level], level, 4)
        # Shrunk as the mean of four frames, noise of a quarter of the variance.
        assert left.std() < 0.6 * alone.bands[level].std()
        made = shrunk(both.bands[level], level, 4)
        inside = np.s_[16 >> level : -(16 >> level), 16 >> level : -(16 >> level)]
        error, before = (np.square(b[inside] - clean.bands[level][inside]).mean() for b in (made, both.bands[level]))
        assert error < 0.5 * before


def test_what_no_noise_reaches_stays_as_it_is() -> None:
    rng = np.random.default_rng(2)
    some = bands(100 * rng.normal(size=(128, 160)))
    for level, before in enumerate(some.bands):
        after = shrunk(before, level, 10_000_000)
        assert np.abs(after - before).max() < 1e-3 * np.abs(before).max()
