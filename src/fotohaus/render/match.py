"""Where a rendered picture lies on its scene: found in small, whatever was done to tone and colour.

The rendered picture may be cropped, scaled, corrected for distortion and shifted, and have other proportions; turned it
may not be.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from fotohaus.records import record
from fotohaus.render.blur import blurred

Float64 = NDArray[np.float64]

COARSE, FINE = 120, 240
"""Cells of the scene's longer side, for the search and for its refinement."""
SCALES = np.exp(np.arange(np.log(0.45), np.log(1.13), 0.02))
"""Length of the rendered picture's longer side relative to the scene's, that are tried."""
INSIDE = 0.8
"""Share of the rendered picture that lies on the scene at least: cameras show less than the sensor saw, not more."""
LEAST = 16
"""Pixels of the shorter side."""
ALIKE = 0.4
"""Correlation from which on two pictures show the same."""


@record
class Placement:
    """Where a place of the scene lies in a rendered picture.

    With (v, u) the offset from the scene's centre in half of its longer side: the rendered picture's position, relative
    to its own centre and in half of its longer side, is scale * (v, u) * (1 + bulge * (v^2 + u^2)) + shift. likeness :
    correlation of the two pictures' structure there.
    """

    scale: tuple[float, float]
    shift: tuple[float, float]
    bulge: float
    likeness: float


def reduced(pixels: Float64, height: int, width: int) -> Float64:
    """Pixels (H, W[, C]) at another size, every value an average over its area where the size is smaller."""
    from PIL import Image

    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    made = [
        np.asarray(Image.fromarray(np.float32(planes[..., c])).resize((width, height), Image.Resampling.BILINEAR))
        for c in range(planes.shape[2])
    ]
    out = np.stack(made, axis=-1).astype(np.float64)
    return out[..., 0] if pixels.ndim == 2 else out


def fitted(shape: tuple[int, ...], longer: float) -> tuple[int, int]:
    """Rows and columns of a picture of `shape` whose longer side is `longer`."""
    factor = longer / max(shape[:2])
    return max(4, round(shape[0] * factor)), max(4, round(shape[1] * factor))


def structure(luminance: Float64) -> Float64:
    """What of a picture (H, W) stays when its tone is changed: ranks of its values less their surroundings, mean 0."""
    flat = np.log2(np.maximum(luminance, 1e-4)).ravel()
    ranks = np.searchsorted(np.sort(flat), flat, side="left") + np.searchsorted(np.sort(flat), flat, side="right")
    equal = (ranks / (2 * flat.size)).reshape(luminance.shape)
    wide = max(luminance.shape) / 16
    detail = equal - blurred(equal, wide, (0, 1))
    detail /= np.sqrt(blurred(detail**2, wide, (0, 1)) + 0.02**2)
    return np.asarray(detail - detail.mean())


def match(scene: Float64, rendered: Float64) -> Placement:
    """Find a rendered picture's luminance (H, W), linear, on that of its scene (H', W').

    A search over scales by normalised cross-correlation (Lewis 1995, by Fourier transform), refined by Gauss-Newton
    over two scales, shift and radial distortion (Lucas and Kanade 1981).

    Raises ValueError if the two show different things, or are tiny.
    """
    if min(scene.shape) < LEAST or min(rendered.shape) < LEAST:
        raise ValueError(f"is too small: {LEAST} pixels a side are needed")
    search = _Search(structure(reduced(scene, *fitted(scene.shape, COARSE))))
    whole, rendered = rendered, reduced(rendered, *fitted(rendered.shape, 2 * COARSE))
    best = max((search(rendered, float(scale)) for scale in SCALES), key=lambda found: found[0])
    _, scale, (dy, dx) = best
    p = np.array([1 / scale, 1 / scale, dy, dx, 0.0])
    fine = reduced(scene, *fitted(scene.shape, FINE))
    other = reduced(whole, *fitted(whole.shape, FINE * scale))
    likeness = 0.0
    for sigma, rounds in ((2.0, 12), (1.0, 8)):
        p, likeness = _refined(
            structure(blurred(fine, sigma, (0, 1))), structure(blurred(other, sigma, (0, 1))), p, rounds
        )
    if likeness < ALIKE:
        raise ValueError("shows something else than the raw file")
    return Placement((float(p[0]), float(p[1])), (float(p[2]), float(p[3])), float(p[4]), likeness)


class _Search:
    """Normalised cross-correlation with a scene's structure (H, W)."""

    def __init__(self, scene: Float64) -> None:
        self.shape = scene.shape
        self.length = max(scene.shape)
        # The largest of the pictures that are tried does not reach around it.
        self.size = tuple(n + ceil(self.length * SCALES[-1]) for n in scene.shape)
        self.scene, self.squared, self.ones = map(self._forward, (scene, scene**2, np.ones_like(scene)))

    def _forward(self, a: Float64) -> NDArray[np.complex128]:
        return np.fft.rfft2(a, self.size)

    def _correlated(self, a: NDArray[np.complex128], b: NDArray[np.complex128]) -> Float64:
        return np.fft.irfft2(a * np.conj(b), self.size)

    def __call__(self, rendered: Float64, scale: float) -> tuple[float, float, tuple[float, float]]:
        """Likeness at the best shift for a scale; the scale; the shift of a `Placement`."""
        small = structure(reduced(rendered, *fitted(rendered.shape, self.length * scale)))
        (h, w), (m, n) = self.shape, small.shape
        ones = self._forward(np.ones_like(small))
        covered = self._correlated(self.ones, ones) / small.size
        energy = self._correlated(self.squared, ones) * self._correlated(self.ones, self._forward(small**2))
        score = self._correlated(self.scene, self._forward(small)) / np.sqrt(np.maximum(energy, 1e-3))
        score = np.where(covered >= min(INSIDE, 0.95 * h * w / small.size), score, -1)
        at = np.unravel_index(np.argmax(score), score.shape)
        top, left = (
            int(k) if k < limit else int(k) - total for k, limit, total in zip(at, (h, w), self.size, strict=True)
        )
        half = max(m, n) / 2
        return float(score[at]), scale, ((h / 2 - top - m / 2) / half, (w / 2 - left - n / 2) / half)


def _offsets(shape: tuple[int, int]) -> tuple[Float64, Float64]:
    """(v, u) of a scene's cells, as in `Placement`."""
    half = max(shape) / 2
    v, u = ((np.arange(n) + 0.5 - n / 2) / half for n in shape)
    return np.broadcast_to(v[:, None], shape), np.broadcast_to(u, shape)


def _positions(shape: tuple[int, int], other: tuple[int, ...], p: Float64) -> tuple[Float64, Float64]:
    """Rows and columns in the rendered picture, of the scene's cells."""
    v, u = _offsets(shape)
    radial = 1 + p[4] * (v * v + u * u)
    half = max(other[:2]) / 2
    y = (p[0] * v * radial + p[2]) * half + other[0] / 2 - 0.5
    x = (p[1] * u * radial + p[3]) * half + other[1] / 2 - 0.5
    return y, x


def _sampled(image: Float64, y: Float64, x: Float64) -> tuple[Float64, NDArray[np.bool_]]:
    """A picture (H, W[, C]) between its pixels, linear, and where that lies inside of it."""
    height, width = image.shape[:2]
    inside = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    i, j = np.minimum(y.astype(int), height - 2), np.minimum(x.astype(int), width - 2)
    s, t = y - i, x - j
    if image.ndim == 3:
        s, t = s[..., None], t[..., None]
    near = image[i, j] * (1 - t) + image[i, j + 1] * t
    far = image[i + 1, j] * (1 - t) + image[i + 1, j + 1] * t
    return near * (1 - s) + far * s, inside


def _refined(scene: Float64, rendered: Float64, p: Float64, rounds: int) -> tuple[Float64, float]:
    shape: tuple[int, int] = (scene.shape[0], scene.shape[1])
    v, u = _offsets(shape)
    half = max(rendered.shape) / 2
    down, right = (np.asarray(slope) for slope in np.gradient(rendered))
    # Within these, all that cameras do is possible; a picture without structure can't run away.
    prior = 1 / np.array([0.1, 0.1, 0.1, 0.1, 0.05]) ** 2
    start, best, likeness = p.copy(), p.copy(), -1.0
    for _ in range(rounds + 1):
        y, x = _positions(shape, rendered.shape, p)
        value, inside = _sampled(rendered, y, x)
        if inside.sum() < 64:
            break
        one, two = scene[inside], value[inside]
        power, common = float((one * one).sum()), float((one * two).sum())
        alike = common / float(np.sqrt(power * (two * two).sum() + 1e-9))
        if alike > likeness:
            best, likeness = p.copy(), alike
        residual = common / (power + 1e-9) * one - two
        weight = 1 / (1 + (residual / (2 * np.median(np.abs(residual)) + 1e-6)) ** 2)
        gy, gx = _sampled(down, y, x)[0][inside] * half, _sampled(right, y, x)[0][inside] * half
        rv, ru, r2 = v[inside], u[inside], (v * v + u * u)[inside]
        radial = 1 + p[4] * r2
        columns = [gy * rv * radial, gx * ru * radial, gy, gx, (gy * p[0] * rv + gx * p[1] * ru) * r2]
        # einsum, not a library's matrix product: sums must not depend on the number of threads.
        j = np.stack(columns)
        normal = np.einsum("in,jn->ij", j * weight, j) + np.diag(prior)
        p = p + np.linalg.solve(normal, np.einsum("in,n->i", j, weight * residual) - prior * (p - start))
    return best, likeness


def placed(rendered: Float64, shape: tuple[int, int], placement: Placement) -> tuple[Float64, NDArray[np.bool_]]:
    """The rendered picture (H, W, C) on the scene's grid of `shape`, and where there is any."""
    p = np.array([*placement.scale, *placement.shift, placement.bulge])
    scale = 2 / (p[0] + p[1])
    small = reduced(rendered, *fitted(rendered.shape, max(shape) * scale))
    return _sampled(small, *_positions(shape, small.shape, p))
