"""Files of at most a size."""

from pathlib import Path

import numpy as np
import pytest

from fotohaus.choices import size_in_bytes
from fotohaus.errors import WriteError
from fotohaus.output import read_recipe, write
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture
from fotohaus.report import Report


@pytest.fixture
def noisy() -> Picture:
    rng = np.random.default_rng(8)
    return Picture(rng.normal(30000, 4000, (240, 320, 3)).clip(0, 65535).astype(np.uint16))


@pytest.mark.parametrize("name", ["p.jpg", "p.avif", "p.jxl"])
def test_a_file_fits(tmp_path: Path, noisy: Picture, name: str) -> None:
    free = write(noisy, tmp_path / f"free-{name}").stat().st_size
    report = Report()
    recipe = Recipe(max_size=f"{free * 0.6 / 1000:.1f}kB")
    path = write(noisy, tmp_path / name, recipe=recipe, report=report)
    # A JPEG's size falls at once where its colour becomes coarser: here half of what there is, is colour.
    assert 0.4 * free < path.stat().st_size <= 0.6 * free
    assert read_recipe(path) == recipe
    assert "fits into" in report.stages[-1].notes[0]


def test_colour_is_made_coarse_before_lightness(tmp_path: Path, noisy: Picture) -> None:
    free = write(noisy, tmp_path / "free.jpg", recipe=Recipe(quality=92)).stat().st_size
    report = Report()
    write(noisy, tmp_path / "p.jpg", recipe=Recipe(quality=92, max_size=f"{free * 0.9 / 1000:.1f}kB"), report=report)
    assert report.stages[-1].notes[0].startswith("quality 91 fits")


def test_a_file_that_fits_anyway_is_as_without(tmp_path: Path, noisy: Picture) -> None:
    free = write(noisy, tmp_path / "free.jpg", recipe=Recipe(max_size="2MB"))
    other = write(noisy, tmp_path / "other.jpg", recipe=Recipe(max_size="3MB"))
    assert free.stat().st_size == other.stat().st_size


def test_what_can_not_fit_is_told(tmp_path: Path, noisy: Picture) -> None:
    with pytest.raises(WriteError, match="320 x 240 pixels do not fit into 2kB"):
        write(noisy, tmp_path / "p.jpg", recipe=Recipe(max_size="2kB"))
    assert not list(tmp_path.iterdir())


def test_sizes() -> None:
    assert [size_in_bytes(text) for text in ("2MB", "500 kB", "1.5MiB", "300000", "2m")] == [
        2_000_000,
        500_000,
        1_572_864,
        300_000,
        2_000_000,
    ]
    for text in ("2 elephants", "-1MB", "0", "MB", "1e9", "999"):
        with pytest.raises(ValueError, match="size"):
            Recipe(max_size=text)
    for text in ("3", "3:0", "a:b", "100:1", "3:2:1"):
        with pytest.raises(ValueError, match="ratio"):
            Recipe(crop=text)
    assert Recipe(crop="16/9").crop == Recipe(crop=" 16 x 9").crop == "16:9"
