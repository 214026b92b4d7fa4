"""What a look loses as a table of 33 entries a side, in CIEDE2000, and what a table costs.

Colours are the CC0 photographs' of the data folder, taken as light of scenes and brightened by 2/3 EV; tables are made
for a white 3.5 EV over mid-grey, scenes have that or another. Times are of one thread, best of four, in ms for 12 MP.
"""

from __future__ import annotations

import time
import warnings

import numpy as np

from common import table
from fotohaus import kernels
from fotohaus.render import color
from fotohaus.render.look import Look
from fotohaus.render.look_color import apply_look
from fotohaus.render.looks import load_look, looks
from fotohaus.render.lut import Applied, Lut
from fotohaus.render.lut_export import look_cube
from fotohaus.strips import strips
from looks import TO_REC2020, photographs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import colour

WHITES = (2.5, 3.5, 4.5)


def lab(encoded: np.ndarray) -> np.ndarray:
    return np.asarray(colour.XYZ_to_Lab(color.decode_srgb(encoded) @ color.rgb_to_xyz("srgb").T, color.D65))


def losses() -> str:
    pixels = np.concatenate([photo[::5, ::5].reshape(-1, 3) for photo in photographs()])
    light = 1.6 * color.decode_srgb(pixels / 255) @ TO_REC2020.T
    rows = []
    for name in looks():
        look, row = load_look(name), []
        applied = Applied(Lut(cube=look_cube(look).astype(np.float32)))
        for ev in WHITES:
            white = 0.18 * 2**ev
            neutral = np.rint(apply_look(light, Look(), white) * 65535).astype(np.uint16)
            made = applied.rows(neutral[None])[0] / 65535
            apart = colour.delta_E(lab(made), lab(apply_look(light, look, white)), method="CIE 2000")
            row += [float(apart.mean()), float(np.percentile(apart, 99))]
        rows.append((name, *row))
    return table(("look", *(f"{ev} EV: {what}" for ev in WHITES for what in ("mean", "99 %"))), rows)


def cost() -> str:
    kernels.set_threads(1)
    eight = photographs()[0].astype(np.uint16)
    # As noisy as a raw's rendition: each of 65536 values is there.
    photo = eight * 256 + np.random.default_rng(1).integers(0, 256, eight.shape, np.uint16)
    pixels = np.tile(photo, (3000 // photo.shape[0] + 1, 4000 // photo.shape[1] + 1, 1))[:3000, :4000].copy()
    rows = []
    for edge in (17, 33, 64):
        cube = Lut(cube=look_cube(load_look("authentic"), edge).astype(np.float32))
        times = []
        for gamut in ("srgb", "p3"):
            applied, taken = Applied(cube, gamut=gamut), []
            for _ in range(4):
                start = time.thread_time()
                for strip in strips(3000):
                    applied.rows(pixels[slice(*strip)])
                taken.append(time.thread_time() - start)
            times.append(round(1e3 * min(taken)))
        rows.append((edge, *times))
    return table(("entries a side", "to sRGB", "to Display P3"), rows)


if __name__ == "__main__":
    print(losses(), cost(), sep="\n\n")
