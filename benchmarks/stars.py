"""What a merge does to stars: eight telescope frames, and their flux, roundness and noise before and after.

The flux of a star is the light within 8 px of its centre, less the mean of the darker four fifths of the sky 16 to
26 px away, the same for all; "frames" is the mean of the frames' fluxes, each where alignment says, with the error of
that mean. Its width and roundness are those of the Gaussian that weighs it best. The noise is the robust spread of
second differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common import DATA, table
from fotohaus.burst import Alignment, align_burst, merge
from fotohaus.raw import read, sources
from fotohaus.raw.image import RawImage

STARS = 13
RADIUS, RING, REACH = 8, (16, 26), 28
TILE = 64  # px between the alignment's nodes


@dataclass(frozen=True)
class Star:
    """A star's place in the reference, and where in the stamp around it there is sky."""

    place: np.ndarray
    sky: np.ndarray


@dataclass(frozen=True)
class Spot:
    flux: float
    width: float
    elongation: float


def light(raw: RawImage) -> np.ndarray:
    return (raw.mosaic.astype(np.float64) - raw.black[0, 0]) / (raw.white[0, 0] - raw.black[0, 0])


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    reach = int(4 * sigma) + 1
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    for axis in (0, 1):
        padded = np.pad(image, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, taps.size, axis)
        image = windows @ (taps / taps.sum())
    return image


def stamp(image: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The samples around a place, and how far each lies from it: down, across."""
    top, left = (round(float(n)) - REACH for n in place)
    part = image[top : top + 2 * REACH + 1, left : left + 2 * REACH + 1]
    v, u = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]]
    return part, v - place[0], u - place[1]


def find(deep: np.ndarray) -> list[Star]:
    """The brightest stars of a merged mosaic."""
    h, w = (n // 2 for n in deep.shape)
    quads = deep[: 2 * h, : 2 * w].reshape(h, 2, w, 2).mean((1, 3))
    smooth = blurred(quads, 1.5)
    peaks = smooth - blurred(quads, 5)
    inner = np.s_[25:-25, 25:-25]
    smooth = smooth.repeat(2, 0).repeat(2, 1)
    left = np.zeros_like(peaks)
    left[inner] = peaks[inner]
    stars: list[Star] = []
    while len(stars) < STARS:
        i, j = np.unravel_index(left.argmax(), left.shape)
        left[max(i - 12, 0) : i + 13, max(j - 12, 0) : j + 13] = 0
        place = centred(deep, np.array([2 * i + 0.5, 2 * j + 0.5]))
        part, v, u = stamp(smooth, place)
        distance = np.hypot(v, u)
        ring = (distance > RING[0]) & (distance < RING[1])
        stars.append(Star(place, ring & (part < np.quantile(part[ring], 0.8))))
    # A galaxy's nucleus is no star.
    return [star for star in stars if measured(deep, star).width < 6]


def centred(image: np.ndarray, place: np.ndarray) -> np.ndarray:
    for _ in range(20):
        part, v, u = stamp(image, place)
        weight = np.exp(-0.5 * (v * v + u * u) / 9) * (part - np.median(part))
        place = place + 1.5 * np.array([(weight * v).sum(), (weight * u).sum()]) / weight.sum()
    return place


def measured(image: np.ndarray, star: Star, shift: np.ndarray | None = None) -> Spot:
    """A star of an image that is displaced by `shift`."""
    part, v, u = stamp(image, star.place if shift is None else star.place + shift)
    net = part - colored_sky(part, star.sky)
    flux = float((np.clip(RADIUS + 0.5 - np.hypot(v, u), 0, 1) * net).sum())
    shape = np.eye(2) * 3
    for _ in range(80):
        (a, b), (_, d) = np.linalg.inv(shape)
        weight = np.exp(-0.5 * (a * v * v + 2 * b * v * u + d * u * u)) * net
        moments = 2 * np.array([[(weight * p * q).sum() for p in (v, u)] for q in (v, u)]) / weight.sum()
        if np.linalg.det(moments) < 0.5:
            break  # noise
        shape = moments
    least, most = np.sqrt(np.linalg.eigvalsh(shape))
    return Spot(flux, 2.355 * float(np.sqrt(least * most)), 1 - float(least / most))


def colored_sky(part: np.ndarray, sky: np.ndarray) -> np.ndarray:
    """The sky's light at each sample of a stamp, by its place in the filters' pattern."""
    result = np.empty_like(part)
    for i, j in np.ndindex(2, 2):
        result[i::2, j::2] = part[i::2, j::2][sky[i::2, j::2]].mean()
    return result


def displacement(found: Alignment, place: np.ndarray) -> np.ndarray:
    (i, j), part = np.divmod((place + 0.5) / TILE, 1)
    i, j = int(i), int(j)
    corners = found.nodes[i : i + 2, j : j + 2]
    rows = corners[0] * (1 - part[0]) + corners[1] * part[0]
    x, y = rows[0] * (1 - part[1]) + rows[1] * part[1]
    return np.array([y, x])


def noise(image: np.ndarray) -> np.ndarray:
    """By place in the filters' pattern."""
    found = []
    for i, j in np.ndindex(2, 2):
        plane = image[i::2, j::2]
        for _ in (0, 1):
            plane = (plane[2:] - 2 * plane[1:-1] + plane[:-2]).T
        found.append(np.median(np.abs(plane)))
    return np.array(found)


def main() -> None:
    files = sources.expand_sources([DATA / "burst" / "m94"])
    frames = read(files)
    found = align_burst(frames)
    images = [light(frame) for frame in frames]
    choices: dict[str, dict[str, object]] = {
        "robust": {}, "mean": {"method": "mean"}, "max": {"method": "max"}, "denoise 0.5": {"denoise": 0.5},
        "denoise 1": {"denoise": 1.0},
    }  # fmt: skip
    merged = {name: light(merge(frames, reference=1, **choice)) for name, choice in choices.items()}  # type: ignore[arg-type]
    print("Noise of a frame by that of the merge, by place in the mosaic (ideal 2.83)\n")
    rows = [[name, *(f"{n:.2f}" for n in noise(images[0]) / noise(image))] for name, image in merged.items()]
    print(table(("merge", "0, 0", "0, 1", "1, 0", "1, 1"), rows))

    rows = []
    stars = find(merged["mean"])
    for star in stars:
        shifts = [np.zeros(2), *(displacement(one, star.place) for one in found)]
        spots = [measured(image, star, shift) for image, shift in zip(images, shifts, strict=True)]
        flux = np.array([spot.flux for spot in spots])
        mean, error = flux.mean(), flux.std(ddof=1) / np.sqrt(len(flux))
        after = {name: measured(image, star) for name, image in merged.items()}
        shapes = [(np.mean([s.width for s in spots]), np.mean([s.elongation for s in spots])),
                  *((after[name].width, after[name].elongation) for name in ("robust", "mean"))]  # fmt: skip
        rows.append([
            f"{star.place[0]:.0f}, {star.place[1]:.0f}", f"{mean:.3f} ± {100 * error / mean:.1f} %",
            f"{100 * (flux[0] / mean - 1):+.1f}", *(f"{100 * (spot.flux / mean - 1):+.2f}" for spot in after.values()),
            " / ".join(f"{w:.2f}" for w, _ in shapes), " / ".join(f"{e:.2f}" for _, e in shapes),
        ])  # fmt: skip
    print("\nFlux of stars: the frames' mean, and what the reference and the merges have more or less, %\n")
    headers = ("row, column", "frames", "reference", *merged, "px wide: frames / robust / mean", "elongation")
    print(table(headers, rows))


if __name__ == "__main__":
    main()
