"""What reconstructing a burst is worth beside merging it: `merge(method="max")` against "robust".

PSNR of the mosaic, less that of the perfect static mean of eight; with the alignment that was found and with the true
one. Then of the developed scenes against the world's own colours (square root of linear light). "no worse": dB gained
over the reference by the worst 32x32 tile where a patch walks 14 px a frame.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import replace
from unittest import mock

import numpy as np

from burst import FRAMES, ISOS, PHOTOS, light, psnr, static_mean
from common import DATA, table
from fotohaus.burst import merge
from fotohaus.burst.align import Alignment, align
from fotohaus.develop import develop
from fotohaus.raw.image import RawImage
from fotohaus.simulate import Mover, simulate_burst
from fotohaus.simulate.burst import Burst

REC2020_FROM_SRGB = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def with_true_alignment(burst: Burst, frames: list[RawImage]) -> RawImage:
    """The reconstruction where nothing is left to the alignment."""
    motions = iter(burst.motions[1:])

    def known(reference, moved, blocks: tuple[int, int]) -> Alignment:
        found = align(reference, moved, blocks)
        matrix = next(motions).matrix(burst.size)
        y, x = np.mgrid[: found.nodes.shape[0], : found.nodes.shape[1]] * 64 - 0.5
        p = np.stack([x.ravel(), y.ravel()])
        d = np.linalg.solve(matrix[:, :2], p - matrix[:, 2:]) - p
        found.nodes[...] = d.T.reshape(found.nodes.shape)
        return replace(found, ok=True)

    with mock.patch.object(sys.modules["fotohaus.burst.merger"], "align", known):
        return merge(frames, reference=1, method="max")


def developed(raw: RawImage, burst: Burst) -> float:
    """PSNR of the developed scene, in the square root of linear light, after matching its exposure."""
    scene = develop(raw, off=("capture-sharpen", "ca", "highlights")).pixels
    truth = burst.truth_rgb @ REC2020_FROM_SRGB.T.astype(np.float32)
    scene = scene * (np.sum(scene * truth) / np.sum(scene * scene))
    return psnr(*(np.sqrt(np.maximum(v, 0) + 0.0025) for v in (scene, truth)))


def quality(size: tuple[int, int], photos: list[str]) -> str:
    rows = []
    for iso in ISOS:
        for photo in photos:
            path = DATA / "truth" / "photos" / f"{photo}.jpg"
            burst = simulate_burst(path, size=size, iso=iso, exposure=0.25, frames=FRAMES)
            frames = list(burst)
            best = psnr(static_mean(burst), burst.truth)
            robust = merge(frames, reference=1)
            start, cpu = time.perf_counter(), time.process_time()
            found = merge(frames, reference=1, method="max")
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            exact = with_true_alignment(burst, frames)
            per = 12e6 / (size[0] * size[1])
            rows.append([
                iso, photo, f"{best:.2f}",
                *(f"{psnr(light(m), burst.truth) - best:+.2f}" for m in (robust, found, exact)),
                *(f"{developed(m, burst):.2f}" for m in (robust, found)), f"{per * seconds:.0f}", f"{per * cpu:.0f}",
            ])  # fmt: skip
    headers = ("ISO", "photo", "static mean", "robust", "max", "max, true alignment", "robust developed",
               "max developed", "s / 12 MP", "CPU s / 12 MP")  # fmt: skip
    return table(headers, rows)


def motion(size: tuple[int, int]) -> str:
    rows = []
    folder = DATA / "truth" / "photos"
    for iso in ISOS:
        subject = Mover(folder / "Photo_by_SpaceX.jpg", (size[0] // 3, size[1] // 5))
        burst = simulate_burst(folder / "Rob_Bye.jpg", size=size, iso=iso, exposure=0.25, movers=[subject])
        frames = list(burst)

        def tiles(image: np.ndarray, truth: np.ndarray = burst.truth) -> np.ndarray:
            h, w = (n // 32 for n in size)
            error = np.square((image - truth)[: h * 32, : w * 32], dtype=np.float64)
            return 10 * np.log10(error.reshape(h, 32, w, 32).mean((1, 3)))

        row: list[object] = [iso]
        for method in ("robust", "max"):
            gain = tiles(light(frames[0])) - tiles(light(merge(frames, reference=1, method=method)))
            row += [f"{gain.min():+.2f}", f"{gain.mean():+.2f}"]
        rows.append(row)
    return table(("ISO", "robust: worst tile", "mean", "max: worst tile", "mean"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(576, 768), metavar=("H", "W"))
    parser.add_argument("--photos", nargs="+", default=PHOTOS)
    parser.add_argument("--large", action="store_true", help="one burst of 12 MP alone: time and peak memory")
    arguments = parser.parse_args()
    if arguments.large:
        burst = simulate_burst(DATA / "truth" / "photos" / "Rob_Bye.jpg", size=(3000, 4000), iso=400, exposure=0.25,
                               oversample=1)  # fmt: skip
        frames = [burst.frame(i) for i in range(FRAMES)]
        del burst
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, cpu = time.perf_counter(), time.process_time()
        merge(frames, reference=1, method="max")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"8 x 12 MP: {time.perf_counter() - start:.1f} s, {time.process_time() - cpu:.1f} s of processor time,")
        print(f"peak memory {after / 1024:.0f} MB; of the simulation and the frames before: {before / 1024:.0f} MB")
        return
    size = tuple(arguments.size)
    print(f"Eight frames of {size[1]} x {size[0]}; dB\n")
    print(quality(size, arguments.photos))
    print("\nA walking subject: dB gained over the reference, by 32x32 tile\n")
    print(motion(size))


if __name__ == "__main__":
    main()
