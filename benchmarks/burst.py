"""What a burst of eight is worth: simulated hand-held bursts of photographs against the perfect static mean.

PSNR is that of the mosaic against the reference's noise-free one. "static mean" is the mean of eight frames that did
not move: what a merge without denoising can hope for. The peer is what one would write with OpenCV: ECC alignment,
every colour plane warped by itself, mean.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from common import DATA, table
from fotohaus import kernels
from fotohaus.burst import Alignment, align_burst, align_frames, merge
from fotohaus.burst import aligner as aligning
from fotohaus.raw.image import RawImage
from fotohaus.simulate import Mover, simulate_burst
from fotohaus.simulate.burst import Burst

PHOTOS = ("Rob_Bye", "Julia_Craice", "Jonas_Nilsson_Lee", "Ashim_DSilva")
ISOS = (100, 400, 1600, 6400)
FRAMES = 8
BORDER = 64  # px that some frames do not see


def light(raw: RawImage) -> np.ndarray:
    return (raw.mosaic - raw.black[0, 0]) / (raw.white[0, 0] - raw.black[0, 0])


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    error = (image - truth)[BORDER:-BORDER, BORDER:-BORDER]
    return float(-10 * np.log10(np.mean(np.square(error, dtype=np.float64))))


def static_mean(burst: Burst) -> np.ndarray:
    """Mean of eight exposures of the reference's light, with the sensor's own noise and steps."""
    total = np.zeros(burst.size)
    span = burst.sensor.white - burst.sensor.black
    for i in range(FRAMES):
        total += burst.sensor.expose(burst.truth.copy(), 1000 + i)
    return (total / FRAMES - burst.sensor.black) / span


def true_alignments(burst: Burst) -> list[Alignment]:
    """How the frames after the reference really lie."""
    found = []
    for frame, motion in zip(list(burst)[1:], burst.motions[1:], strict=True):
        estimate, matrix = align_frames(burst.frame(0), frame), motion.matrix(burst.size)
        h, w = estimate.nodes.shape[:2]
        y, x = np.mgrid[:h, :w] * 64 - 0.5
        p = np.stack([x.ravel(), y.ravel()])
        nodes = (np.linalg.solve(matrix[:, :2], p - matrix[:, 2:]) - p).T.reshape(h, w, 2)
        found.append(replace(estimate, nodes=kernels.planar(nodes, np.float32), ok=True, error=0.0))
    return found


def merge_truly_aligned(burst: Burst, frames: Sequence[RawImage]) -> RawImage:
    """The merge without alignment's errors."""
    truth = iter(true_alignments(burst))
    estimate = aligning.align
    aligning.align = lambda *_: next(truth)
    try:
        return merge(frames, reference=1)
    finally:
        aligning.align = estimate


def alignment_rms(burst: Burst, frames: Sequence[RawImage]) -> float:
    """px, over both axes, all tiles' corners in the image, and all frames but the reference."""
    errors = []
    for found, motion in zip(align_burst(frames), burst.motions[1:], strict=True):
        nodes, matrix = found.nodes, motion.matrix(burst.size)
        y, x = np.mgrid[: nodes.shape[0], : nodes.shape[1]] * 64 - 0.5
        inside = (np.minimum(x, y) >= 16) & (x < burst.size[1] - 16) & (y < burst.size[0] - 16)
        p = np.stack([x[inside], y[inside]])
        truth = np.linalg.solve(matrix[:, :2], p - matrix[:, 2:]) - p
        errors.append(nodes[inside].T - truth)
    return float(np.sqrt(np.mean(np.square(np.concatenate(errors, 1)))))


def opencv_mean(frames: Sequence[RawImage]) -> np.ndarray:
    """ECC (translation and rotation) on luma at a quarter of the size, each Bayer plane warped by itself, mean."""
    import cv2

    images = [light(frame).astype(np.float32) for frame in frames]
    h, w = images[0].shape
    small = [cv2.resize(cv2.GaussianBlur(i, (0, 0), 2), (w // 4, h // 4), interpolation=cv2.INTER_AREA) for i in images]
    total = images[0].copy()
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-5)
    for image, luma in zip(images[1:], small[1:], strict=True):
        warp = np.eye(2, 3, dtype=np.float32)
        try:
            _, warp = cv2.findTransformECC(small[0], luma, warp, cv2.MOTION_EUCLIDEAN, stop, None, 5)
        except cv2.error:
            total += images[0]
            continue
        matrix, shift = warp[:, :2], warp[:, 2] + (warp[:, :2].sum(1) - 1) * 0.5
        for i, j in np.ndindex(2, 2):
            # Quarter-size pixel centres to those of a plane: full = 4 q + 1.5 = 2 p + (j, i).
            site = np.array([j, i])
            offset = (4 * (matrix @ ((site - 1.5) / 4) + shift - (matrix.sum(1) - 1) * 0.5) + 1.5 - site) / 2
            plane = np.column_stack([matrix, offset]).astype(np.float32)
            total[i::2, j::2] += cv2.warpAffine(
                image[i::2, j::2], plane, (w // 2, h // 2), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            )  # fmt: skip
    return total / len(frames)


def timed(work, *arguments, **choices):
    start = time.perf_counter()
    result = work(*arguments, **choices)
    return result, time.perf_counter() - start


def quality(size: tuple[int, int], photos: Sequence[str]) -> str:
    rows = []
    for iso in ISOS:
        for photo in photos:
            burst = simulate_burst(
                DATA / "truth" / "photos" / f"{photo}.jpg", size=size, iso=iso, exposure=0.25, frames=FRAMES
            )
            frames = list(burst)
            best = psnr(static_mean(burst), burst.truth)
            robust, seconds = timed(merge, frames, reference=1)
            peer, peer_seconds = timed(opencv_mean, frames)
            denoised = merge(frames, reference=1, denoise=1)
            mean = merge(frames, reference=1, method="mean")
            results = [*(light(m) for m in (robust, merge_truly_aligned(burst, frames), denoised, mean)), peer]
            unaligned = np.mean([light(f) for f in frames], 0)
            differences = [psnr(r, burst.truth) - best for r in (*results, unaligned)]
            megapixels = size[0] * size[1] * FRAMES / 1e6
            rows.append([
                iso, photo, f"{psnr(light(frames[0]), burst.truth):.2f}", f"{best:.2f}",
                *(f"{d:+.2f}" for d in differences), f"{alignment_rms(burst, frames):.3f}",
                f"{12 * seconds / megapixels:.2f}", f"{12 * peer_seconds / megapixels:.2f}",
            ])  # fmt: skip
    headers = ("ISO", "photo", "one frame", "static mean", "robust", "truly aligned", "denoised", "mean", "OpenCV",
               "not aligned", "align rms px", "s / 12 MP", "OpenCV s")  # fmt: skip
    return table(headers, rows)


def motion(size: tuple[int, int]) -> str:
    """A patch of another photograph walks by 14 px a frame: what the worst 32x32 tile gains over the reference."""
    rows = []
    folder = DATA / "truth" / "photos"
    for iso in ISOS:
        subject = Mover(folder / "Photo_by_SpaceX.jpg", (size[0] // 3, size[1] // 5))
        burst = simulate_burst(
            folder / "Rob_Bye.jpg", size=size, iso=iso, exposure=0.25, frames=FRAMES, movers=[subject]
        )
        frames = list(burst)

        def tiles(image: np.ndarray, truth: np.ndarray = burst.truth) -> np.ndarray:
            h, w = (n // 32 for n in size)
            error = np.square((image - truth)[: h * 32, : w * 32], dtype=np.float64)
            return 10 * np.log10(error.reshape(h, 32, w, 32).mean((1, 3)))

        path = np.zeros((size[0] // 32, size[1] // 32), bool)
        rows_of, columns_of = np.nonzero(burst.moved())
        path[rows_of.min() // 32 : rows_of.max() // 32, columns_of.min() // 32 : columns_of.max() // 32] = True
        row: list[object] = [iso]
        for choices in ({}, {"even": False}, {"denoise": 1.0}, {"method": "mean"}):
            gain = tiles(light(frames[0])) - tiles(light(merge(frames, reference=1, **choices)))
            row += [f"{gain[path].min():+.2f}", f"{gain[path].mean():+.2f}", f"{gain[~path].mean():+.2f}"]
        rows.append(row)
    headers = ("ISO", "robust: worst tile in the path", "mean of path", "elsewhere", "not evened: worst", "path",
               "elsewhere", "denoised: worst", "path", "elsewhere", "mean: worst", "path", "elsewhere")  # fmt: skip
    return table(headers, rows)


def trail(size: tuple[int, int]) -> str:
    """A bright patch before grey: the noise beside it, where it goes in other frames, and where it never is."""
    rows = []
    folder = DATA / "truth" / "photos"
    height, width = size[0] // 3, size[1] // 5
    corner = (size[0] // 3, size[1] // 4)
    right = corner[1] + width
    scene = simulate_burst(folder / "Rob_Bye.jpg", size=(size[0] + 200, size[1] + 200), iso=100).truth_rgb
    scene[corner[0] + 40 : corner[0] + height + 160] = 0.15
    scene = np.clip(scene, 0.01, 1)
    for iso in ISOS:
        subject = Mover(np.clip(scene[::-1] * 3, 0.3, 1), (height, width), velocity=(0, 14), position=corner)
        burst = simulate_burst(scene, size=size, iso=iso, frames=FRAMES, movers=[subject])
        frames, noise = list(burst), burst.noise
        deviation = np.sqrt(noise.scale[1] * burst.truth + noise.offset[1])
        row: list[object] = [iso]
        for even in (False, True):
            error = (light(merge(frames, reference=1, even=even)) - burst.truth) / deviation
            inside = slice(corner[0] + 64, corner[0] + height - 64)
            for columns in (slice(right + 2, right + 50), slice(right + 160, right + 304)):
                part = error[inside, columns]
                h, w = (n // 8 for n in part.shape)
                coarse = part[: 8 * h, : 8 * w].reshape(h, 4, 2, w, 4, 2).mean((1, 4)).std() * 4
                row.append(f"{part.std():.2f}, {coarse:.2f}")
        rows.append(row)
    headers = ("ISO", "not evened: beside it", "elsewhere", "robust: beside it", "elsewhere")
    return table(headers, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(1152, 1536), metavar=("H", "W"))
    parser.add_argument("--photos", nargs="+", default=PHOTOS)
    arguments = parser.parse_args()
    size = tuple(arguments.size)
    print(f"Eight frames of {size[1]} x {size[0]}; dB of PSNR; merges relative to the static mean\n")
    print(quality(size, arguments.photos))
    print("\nA walking subject: dB gained over the reference, by 32x32 tile\n")
    print(motion(size))
    print("\nDeviation beside a walking subject, of all noise and of its means over 8 x 8; 1 is one frame's\n")
    print(trail(size))


if __name__ == "__main__":
    main()
