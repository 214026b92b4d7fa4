"""Trains the automatic white balance: `python tools/train_white.py -o src/fotohaus/develop/auto_white.npz`.

Learns from the scenes of benchmarks/relit.py that are not held out: views into two thirds of the panoramas and two
thirds of the photographs in $FOTOHAUS_DATA (all CC0 or in the public domain), each panorama and photograph counting as
much as every other. Needs SciPy, which the package itself does not; takes about two minutes on two cores.

The score of a light is linear in the filters, so that this is a multinomial logistic regression: of all lights, those
within a degree or two of the true one are to be likely. What keeps 12 288 numbers from learning the scenes by heart is
that neighbours in a filter must be alike, and that the scenes' saturation is varied.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import relit
from fotohaus.develop.auto_white import BINS, MIREDS, TINTS, bins_of, histograms, lights, tint_prior

LIGHTS = 5  # per scene
NEAR = 2.0  # degrees
ROUGH, LARGE = 2e-3, 1e-7  # penalties
SHARP = 1.3  # the most likely lights are more often right than the regression believes
SHAPE = (3, BINS, BINS)


def examples(seed: int):
    """Histograms, camera number, angles of all lights to the true one, weight; and per camera a matrix from histogram
    to lights.
    """
    rng = np.random.default_rng(seed)
    cameras = list(relit.cameras().values())
    responses = [lights(color) for color in cameras]
    scenes = relit.scenes(False)
    count = Counter(scene.name for scene in scenes)
    seen, camera, angles, weight = [], [], [], []
    for scene in scenes:
        for _ in range(LIGHTS):
            grey = scene.linear.mean(axis=2, keepdims=True)
            more = np.maximum(grey + (scene.linear - grey) * rng.uniform(0.7, 1.25), 0)
            which = int(rng.integers(len(cameras)))
            made = relit.relight(replace(scene, linear=more), cameras[which], rng)
            found = histograms(made.camera, made.valid)
            if found is None or made.valid.mean() < 0.1:
                continue
            response = np.exp(np.insert(responses[which], 1, 0, axis=1))
            cosine = response @ made.light / np.linalg.norm(response, axis=1) / np.linalg.norm(made.light)
            seen.append(found)
            camera.append(which)
            angles.append(np.degrees(np.arccos(np.minimum(cosine, 1))))
            weight.append((2 if scene.finished else 1) / count[scene.name])
    sampled = []
    for response in responses:
        places, shares = bins_of(response)
        rows = np.repeat(np.arange(len(response)), 4)
        sampled.append(csr_matrix((shares.ravel(), (rows, places.ravel())), (len(response), BINS * BINS)))
    return np.array(seen), np.array(camera), np.array(angles), np.array(weight) / sum(weight), sampled


def train(steps: int, seed: int) -> np.ndarray:
    """The filters, (3, 64, 64)."""
    seen, camera, angles, weight, sampled = examples(seed)
    print(f"{len(seen)} pictures")
    spectrum = np.fft.rfft2(seen).astype(np.complex64)
    wanted = np.exp(-0.5 * (angles / NEAR) ** 2)
    wanted /= wanted.sum(axis=1, keepdims=True)
    before = tint_prior().reshape(len(MIREDS) * len(TINTS))

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        filters = flat.reshape(SHAPE)
        maps = np.fft.irfft2((spectrum * np.fft.rfft2(filters)).sum(axis=1), s=(BINS, BINS)).reshape(len(seen), -1)
        likely = np.empty(angles.shape)
        for i, matrix in enumerate(sampled):
            likely[camera == i] = (matrix @ maps[camera == i].T).T + before
        likely = np.exp(likely - likely.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        off = weight[:, None] * (likely - wanted)
        for i, matrix in enumerate(sampled):
            maps[camera == i] = (matrix.T @ off[camera == i].T).T
        back = np.fft.rfft2(maps.reshape(-1, BINS, BINS))
        slope = np.fft.irfft2((spectrum.conj() * back[:, None]).sum(axis=0), s=(BINS, BINS))
        total = -float((weight[:, None] * wanted * np.log(likely + 1e-12)).sum()) + LARGE * float((filters**2).sum())
        slope += 2 * LARGE * filters
        for axis in (1, 2):
            step = filters - np.roll(filters, 1, axis)
            total += ROUGH * float((step**2).sum())
            slope += 2 * ROUGH * (step - np.roll(step, -1, axis))
        return total, slope.ravel()

    done = minimize(loss, np.zeros(SHAPE).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": steps})
    print(f"loss {done.fun:.4f} after {done.nit} steps")
    return SHARP * done.x.reshape(SHAPE)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--seed", type=int, default=5)
    chosen = parser.parse_args()
    np.savez_compressed(chosen.output, filters=train(chosen.steps, chosen.seed).astype(np.float16))


if __name__ == "__main__":
    main()
