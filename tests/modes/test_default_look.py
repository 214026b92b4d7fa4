"""The look of a photo for which none was chosen."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fotohaus as fh
from fotohaus.modes.photo import make_photo
from fotohaus.output import read_recipe
from fotohaus.recipe import Recipe

FRAME = sorted((Path(__file__).resolve().parents[2] / "src" / "fotohaus" / "sample").glob("*.dng"))[0]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as photo:
        return np.asarray(photo)


def test_raw_files_get_authentic_and_the_recipe_says_so(tmp_path: Path) -> None:
    photo = make_photo([FRAME], tmp_path / "photo.png", Recipe())
    assert read_recipe(photo).look == "authentic"
    asked = make_photo([FRAME], tmp_path / "asked.png", Recipe(look="authentic"))
    assert np.array_equal(pixels(photo), pixels(asked))
    again = make_photo([FRAME], tmp_path / "again.png", read_recipe(photo))
    assert again.read_bytes() == photo.read_bytes()
    neutral = make_photo([FRAME], tmp_path / "neutral.png", Recipe(look="neutral"))
    assert read_recipe(neutral).look == "neutral"
    assert not np.array_equal(pixels(photo), pixels(neutral))


def test_a_finished_photo_gets_none(tmp_path: Path) -> None:
    photo = make_photo([FRAME], tmp_path / "photo.jpg", Recipe(quality=98))
    again = make_photo([photo], tmp_path / "again.png", Recipe(gamut="p3"))
    assert read_recipe(again).look == "neutral"
    assert np.abs(pixels(again).astype(int) - pixels(photo)).mean() < 1
    asked = make_photo([photo], tmp_path / "asked.png", Recipe(gamut="p3", look="authentic"))
    assert read_recipe(asked).look == "authentic"
    assert not np.array_equal(pixels(again), pixels(asked))


def test_in_python_too() -> None:
    scene = fh.develop(fh.read(FRAME)[0])
    picture = fh.render(scene)
    assert picture.recipe.look == "authentic"
    assert np.array_equal(picture.pixels, fh.render(scene, look="authentic").pixels)


@pytest.mark.parametrize("look", ["authentic", "neutral"])
def test_it_needs_no_check(look: str) -> None:
    """Pydantic takes a fifth of the time of a photo."""
    made = f"Recipe().with_look({look!r})"
    script = f"import sys; from fotohaus.recipe import Recipe; {made}; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
