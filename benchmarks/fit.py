"""Looks learned from our own renderings of a raw file, judged on another: whole pictures, at every place.

python benchmarks/fit.py
"""

import tempfile
from pathlib import Path

import numpy as np

from common import DATA
from fotohaus.develop.pipeline import prepare
from fotohaus.modes.fit_look import fit_files
from fotohaus.modes.photo import make_photo
from fotohaus.raw import read_raw
from fotohaus.recipe import Recipe
from fotohaus.render.color import decode_srgb
from fotohaus.render.difference import cie_lab, delta_e_2000
from fotohaus.render.look import to_toml
from fotohaus.render.pipeline import render

FILES = ("gopro_hero6_mural.dng", "gopro_fusion_front.dng", "canon_colorchecker.dng")
LOOKS = ("authentic", "vibrant", "natural", "vivid", "mono", "sepia")


def difference(scene, one, other):
    """CIEDE2000 between a scene's pictures in two looks, averaged over 4x4 px."""

    def lab(look):
        pixels = decode_srgb(render(scene, Recipe(look=look, gamut="srgb", sharpen=0.0, grain=0.0)).pixels / 65535)
        height, width = (n // 4 * 4 for n in pixels.shape[:2])
        return cie_lab(pixels[:height, :width].reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3)))

    return delta_e_2000(lab(one), lab(other))


def main():
    files = [DATA / "raw" / name for name in FILES]
    scenes = [prepare(read_raw(file)).small(300_000) for file in files]
    print(f"{'look':12} {'learned from':14} {'judged on':14} {'neutral':>8} {'mean':>6} {'95 %':>6}  CIEDE2000")
    with tempfile.TemporaryDirectory() as folder:
        for look in LOOKS:
            jpegs = [Path(folder) / f"{look}-{file.stem}.jpg" for file in files]
            for file, jpeg in zip(files, jpegs, strict=True):
                make_photo([file], jpeg, Recipe(look=look))
            for held, scene in enumerate(scenes[:2]):
                rest = [k for k in range(len(files)) if k != held]
                fit = fit_files([(files[k], jpegs[k]) for k in rest], look)
                own = Path(folder) / "own.toml"
                own.write_text(to_toml(fit.look))
                neutral, left = difference(scene, look, "neutral"), difference(scene, look, str(own))
                judged = files[held].stem.split("_", 1)[1]
                print(
                    f"{look:12} {'the 2 others':14} {judged:14} {neutral.mean():8.2f} {left.mean():6.2f}"
                    f" {np.quantile(left, 0.95):6.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
