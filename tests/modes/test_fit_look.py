"""Looks learned from files: the rendering of one raw file, judged on another."""

from pathlib import Path

import numpy as np
import pytest

from fotohaus.develop.pipeline import prepare
from fotohaus.errors import ReadError
from fotohaus.modes.fit_look import displayed, fit_files
from fotohaus.output import write
from fotohaus.raw import read_raw
from fotohaus.recipe import Recipe
from fotohaus.render import color, render
from fotohaus.render.difference import cie_lab, delta_e_2000
from fotohaus.render.look import to_toml

SAMPLE = Path(__file__).resolve().parents[2] / "src" / "fotohaus" / "sample"
SMALL = 250_000


def shown(scene, look):
    """CIE L*a*b* of a rendering, averaged over 4x4 px."""
    pixels = color.decode_srgb(render(scene, Recipe(look=str(look), gamut="srgb", sharpen=0.0)).pixels / 65535)
    height, width = (n // 4 * 4 for n in pixels.shape[:2])
    return cie_lab(pixels[:height, :width].reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3)))


@pytest.mark.parametrize(("look", "local"), [("authentic", 0.2), ("vibrant", 0.4)])
def test_a_whole_rendering_is_learned_and_carried_to_another_raw_file(shared, tmp_path, look, local):
    learned, held = (shared / "raw" / f"gopro_{name}.dng" for name in ("hero6_mural", "fusion_front"))
    scene = prepare(read_raw(learned)).small(SMALL)
    write(render(scene, Recipe(look=look)), tmp_path / "shown.jpg")  # Display P3
    fit = fit_files([(learned, tmp_path / "shown.jpg")], "mine")
    assert fit.look.local_tone == pytest.approx(local, abs=0.2)
    (tmp_path / "mine.toml").write_text(to_toml(fit.look))
    other = prepare(read_raw(held)).small(SMALL)
    wanted = shown(other, look)
    assert delta_e_2000(shown(other, tmp_path / "mine.toml"), wanted).mean() < 1.5
    assert delta_e_2000(shown(other, "neutral"), wanted).mean() > 1.8


@pytest.mark.parametrize("space", ["srgb", "p3"])
def test_a_finished_photo_is_read_in_its_own_space(tmp_path, space):
    scene = prepare(read_raw(sorted(SAMPLE.glob("*.dng"))[0])).small(20_000)
    picture = render(scene, Recipe(gamut=space))
    write(picture, tmp_path / "shown.png")
    pixels, found = displayed(read_raw(tmp_path / "shown.png"))
    assert found == space
    assert pixels == pytest.approx(color.decode_srgb(picture.pixels / 65535), abs=2e-3)


def test_two_renderings_are_no_pair(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(ReadError, match="is no raw file"):
        fit_files([(tmp_path / "a.png", tmp_path / "a.png")], "mine")
