"""How large a picture is in its file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fotohaus.output import write
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture


@pytest.mark.parametrize("frame", ["none", "strip", "polaroid", "passepartout", "caption"])
@pytest.mark.parametrize("shape", [(300, 400), (400, 300)])
def test_the_long_edge_is_that_of_the_whole_paper(tmp_path: Path, frame: str, shape: tuple[int, int]) -> None:
    picture = Picture(np.full((*shape, 3), 30000, np.uint16))
    with Image.open(write(picture, tmp_path / "a.png", recipe=Recipe(frame=frame, long_edge=256))) as image:
        assert 250 <= max(image.size) <= 256


def test_no_picture_vanishes_on_its_paper(tmp_path: Path) -> None:
    picture = Picture(np.full((300, 400, 3), 30000, np.uint16))
    with Image.open(write(picture, tmp_path / "a.png", recipe=Recipe(frame="passepartout", long_edge=16))) as image:
        assert max(image.size) >= 16
