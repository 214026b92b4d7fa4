"""How exactly frames are aligned: simulated hand-held bursts of photographs, RMS error of the displacement in px.

The bound is Cramer and Rao's for a shift and a rotation between two frames, by an estimator that sees the mean of each
2x2 quad and knows its true gradients: sqrt(2 sigma^2 / sum of squared gradients), propagated to the image. Nobody knows
the gradients beforehand, so in strong noise no estimator can reach it. Peers, on the same quads: OpenCV's ECC
(Evangelidis and Psarakis 2008; shift and rotation, started from phase correlation), and phase correlation (shift only).
"pairs" is each frame against the reference alone; noisy frames are aligned together.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from common import DATA, table
from fotohaus.burst import align_burst, align_frames
from fotohaus.raw.image import RawImage
from fotohaus.simulate import simulate_burst
from fotohaus.simulate.burst import Burst
from fotohaus.simulate.motion import Motion

PHOTOS = ("Rob_Bye", "Julia_Craice", "Jonas_Nilsson_Lee", "Ashim_DSilva")
ISOS = (100, 400, 1600, 6400)
BORDER = 16


def points(size: tuple[int, int]) -> np.ndarray:
    """(2, n) x, y in px of the nodes in the image."""
    y, x = np.mgrid[0 : size[0] + 64 : 64, 0 : size[1] + 64 : 64] - 0.5
    inside = (np.minimum(x, y) >= BORDER) & (x < size[1] - BORDER) & (y < size[0] - BORDER)
    return np.stack([x[inside], y[inside]])


def displacement(motion: Motion, p: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    matrix = motion.matrix(size)
    return np.asarray(np.linalg.solve(matrix[:, :2], p - matrix[:, 2:]) - p)


def quads(mosaic: np.ndarray) -> np.ndarray:
    """Mean of each 2x2 quad."""
    h, w = mosaic.shape
    return np.asarray(mosaic.reshape(h // 2, 2, w // 2, 2).mean((1, 3)))


def bound(burst: Burst) -> float:
    """px, over both axes and the image."""
    clean = quads(burst.truth.astype(np.float64))
    variance = (burst.noise.scale[1] * clean + burst.noise.offset[1]) / 4
    gy, gx = (g / 2 for g in np.gradient(clean))  # per px of the mosaic
    h, w = clean.shape
    y, x = (np.mgrid[:h, :w] - np.array([h / 2, w / 2])[:, None, None]) * 2
    by_parameter = np.stack([gx, gy, gy * x - gx * y]).reshape(3, -1) / np.sqrt(variance.ravel())
    covariance = 2 * np.linalg.inv(by_parameter @ by_parameter.T)
    shift = covariance[0, 0] + covariance[1, 1]
    turn = covariance[2, 2] * np.mean(x * x + y * y)
    return float(np.sqrt((shift + turn) / 2))


def at(nodes: np.ndarray, p: np.ndarray) -> np.ndarray:
    column, row = ((p + 0.5) / 64).astype(int)
    return np.asarray(nodes[row, column].T, np.float64)


def pair(reference: RawImage, frame: RawImage, p: np.ndarray) -> np.ndarray:
    return at(align_frames(reference, frame).nodes, p)


def phase(reference: RawImage, frame: RawImage, p: np.ndarray) -> np.ndarray:
    a, b = (quads(f.mosaic.astype(np.float64)) for f in (reference, frame))
    shift, _ = cv2.phaseCorrelate(a, b, cv2.createHanningWindow(a.shape[::-1], cv2.CV_64F))
    return 2 * np.array(shift)[:, None] + 0 * p


def ecc(reference: RawImage, frame: RawImage, p: np.ndarray) -> np.ndarray:
    a, b = (quads(f.mosaic.astype(np.float32)) for f in (reference, frame))
    warp = np.eye(2, 3, dtype=np.float32)
    warp[:, 2] = phase(reference, frame, p)[:, 0] / 2
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-6)
    try:
        _, warp = cv2.findTransformECC(a, b, warp, cv2.MOTION_EUCLIDEAN, stop, None, 5)
    except cv2.error:
        return np.full_like(p, np.nan)
    q = (p - 0.5) / 2
    return np.asarray(2 * (warp[:, :2] @ q + warp[:, 2:] - q))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(1152, 1536), metavar=("H", "W"))
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--oversample", type=int, default=2, help="1 for sizes that the photographs do not have twice")
    parser.add_argument("--photos", nargs="+", default=PHOTOS)
    parser.add_argument("--isos", nargs="+", type=int, default=ISOS)
    arguments = parser.parse_args()
    size = tuple(arguments.size)
    p = points(size)
    rows = []
    for iso in arguments.isos:
        for photo in arguments.photos:
            burst = simulate_burst(
                DATA / "truth" / "photos" / f"{photo}.jpg", size=size, iso=iso, exposure=0.25, frames=arguments.frames,
                oversample=arguments.oversample,
            )  # fmt: skip
            reference, *frames = burst
            truths = [displacement(motion, p, size) for motion in burst.motions[1:]]
            start = time.process_time()
            together = [at(found.nodes, p) for found in align_burst([reference, *frames])]
            seconds = {"fotohaus": time.process_time() - start}
            errors = {"fotohaus": [found - truth for found, truth in zip(together, truths, strict=True)]}
            for name, method in (("pairs", pair), ("ecc", ecc), ("phase", phase)):
                start = time.process_time()
                found = [method(reference, frame, p) for frame in frames]
                seconds[name] = time.process_time() - start
                errors[name] = [f - truth for f, truth in zip(found, truths, strict=True)]
            rms = [f"{np.sqrt(np.mean(np.square(e))):.4f}" for e in errors.values()]
            cost = [f"{s / len(frames):.2f}" for s in seconds.values()]
            rows.append([iso, photo, rms[0], f"{bound(burst):.4f}", *rms[1:], *cost[:3]])
    headers = ("ISO", "photo", "fotohaus", "bound", "pairs", "ECC", "phase correlation", "s per frame",
               "pairs s", "ECC s")  # fmt: skip
    print(f"{arguments.frames} frames of {size[1]} x {size[0]}; RMS error in px of the mosaic, all frames, both axes\n")
    print(table(headers, rows))


if __name__ == "__main__":
    main()
