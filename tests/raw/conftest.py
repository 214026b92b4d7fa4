"""Fixtures of the reader's tests: makers of files, see tests/helpers/dng_files.py."""

from collections.abc import Callable

import numpy as np
import pytest

from dng_files import Tiff, make_dng


@pytest.fixture(scope="session")
def dng() -> Callable[..., bytes]:
    """The maker of DNG files: see `make_dng`."""
    return make_dng


@pytest.fixture(scope="session")
def tiff_maker() -> type[Tiff]:
    """The maker of bare TIFF structures."""
    return Tiff


@pytest.fixture(scope="session")
def samples() -> Callable[..., np.ndarray]:
    """Smooth samples with noise: samples((height, width), bits)."""

    def make(shape: tuple[int, ...], bits: int = 16, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        walk = np.cumsum(rng.normal(0, 1, shape), axis=1)
        walk = (walk - walk.min()) / (walk.max() - walk.min())
        return np.round(walk * ((1 << bits) - 1)).astype(np.uint16)

    return make
