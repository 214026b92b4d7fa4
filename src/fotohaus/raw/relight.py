"""Follows a gain map: the light of a photo's HDR rendition from its SDR image (ISO 21496-1:2025, 6.3)."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.gain_map_metadata import GainMapMetadata
from fotohaus.raw.image import UInt16
from fotohaus.raw.photo_gain_map import PhotoGainMap
from fotohaus.raw.tiff import Source, TiffError
from fotohaus.strips import in_threads, strips

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_STEPS = 16


def read_pixels(source: Source, found: PhotoGainMap) -> NDArray[np.uint8]:
    """The pixels of a gain map, (h, w, 1 or 3); TiffError, with a reason about the gain map, for a damaged one."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    data = source.read(found.offset, found.size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with JpegImageFile(io.BytesIO(data)) as image:
                if image.size != (found.width, found.height) or image.mode not in ("L", "RGB"):
                    raise TiffError("it is not what its header says")
                pixels = np.asarray(image)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise TiffError("it is damaged" if not isinstance(error, TiffError) else str(error)) from None
    return pixels.reshape(found.height, found.width, -1)


def relight(
    samples: NDArray[np.uint8],
    light: Float32,
    pixels: NDArray[np.uint8],
    metadata: GainMapMetadata,
    matrix: Float64 | None = None,
) -> tuple[UInt16, float]:
    """The HDR rendition's light, (H, W, 3) in steps of 1/65535 of its peak, and that peak; SDR white is at 1.

    samples : (H, W, 3), the SDR image as coded. light : (256, 3), what the codes of each channel stand for.
    pixels : (h, w, 1 or 3), the gain map's, laid over the whole image, interpolated between the pixels' centres.
    matrix : (3, 3), to the primaries in which the gains are meant, and in which the result is.
    """
    height, width = samples.shape[:2]
    table = metadata.factors()
    sdr, hdr = np.asarray(metadata.offset_sdr, np.float32), np.asarray(metadata.offset_hdr, np.float32)
    most = np.broadcast_to(pixels.max((0, 1)), 3).astype(int) * _STEPS
    # No pixel is brighter than white under the largest gain.
    peak = max(1.0, float(((1 + sdr) * table[most, range(3)] - hdr).max()))
    scale = np.float32(65535 / peak)
    table = table * scale
    upper, lower, down = _between(height, pixels.shape[0])
    left, right, across = _between(width, pixels.shape[1])
    across = across[:, None]
    out = np.empty(samples.shape, np.uint16)

    def work(strip: tuple[int, int]) -> None:
        part = slice(*strip)
        fraction = down[part, None, None]
        rows = pixels[upper[part]] * (1 - fraction) + pixels[lower[part]] * fraction
        rows *= _STEPS
        code = rows[:, left] * (1 - across) + rows[:, right] * across
        code += np.float32(0.5)
        steps = code.astype(np.uint16)
        base = np.stack([light[samples[part, :, c], c] for c in range(3)], axis=-1)
        if matrix is not None:
            base = base @ matrix.T.astype(np.float32)
        for c in range(3):
            made = (base[..., c] + sdr[c]) * table[steps[..., c % steps.shape[2]], c]
            made += np.float32(0.5) - hdr[c] * scale
            out[part, :, c] = made.clip(0, 65535)

    for _ in in_threads(work, strips(height, 64)):
        pass
    return out, peak


def _between(count: int, pixels: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Float32]:
    """For each place along one side, the gain map's pixels before and after it, and how far it is from the first."""
    place = ((np.arange(count) + 0.5) * (pixels / count) - 0.5).clip(0, pixels - 1)
    before = place.astype(np.intp)
    return before, np.minimum(before + 1, pixels - 1), (place - before).astype(np.float32)
