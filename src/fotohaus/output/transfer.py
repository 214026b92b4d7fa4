"""Transfer functions as tables: 16-bit pictures to light and back, light to PQ."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.render import color

Float32 = NDArray[np.float32]
Float16 = NDArray[np.float16]
UInt16 = NDArray[np.uint16]

SDR_WHITE = 203.0
"""cd/m2 of SDR white in an HDR picture (ITU-R BT.2408-7, 2.2)."""

_STEPS = 12  # bits of a float's mantissa that a table looks at: half a step is 0.012 % of the light
_LOWEST = -24  # octaves under 1.0 where tables begin; below, all is black
_HIGHEST = 6  # and above it, where they end: 13 000 cd/m2


def to_light(samples: UInt16, matrix: Float32 | None = None) -> Float32:
    """16-bit samples (H, W, 3) with the sRGB transfer function as linear light, 1.0 for white.

    matrix : (3, 3), from the samples' primaries to those that are wanted.
    """
    light = np.empty(samples.shape, np.float32)
    put_light(samples, np.eye(3, dtype=np.float32) if matrix is None else matrix, light)
    return light


def put_light(samples: UInt16, matrix: Float32, light: Float32 | Float16) -> None:
    """The same, put where it should be, in floats of 32 or 16 bits."""
    name = "samples_to_light" if light.dtype == np.float32 else "samples_to_half_light"
    rows = np.ascontiguousarray(matrix, np.float32)
    kernels.call(name, samples=np.ascontiguousarray(samples), table=_light(), matrix=rows, light=light)


def from_light(light: Float32) -> UInt16:
    """Linear light (H, W, 3) as 16-bit samples with the sRGB transfer function; what is beyond 0..1 is clipped."""
    return _look_up(light, _srgb())


def to_pq(light: Float32) -> UInt16:
    """Linear light (H, W, 3) with SDR white at 1.0 as PQ (SMPTE ST 2084) in 16 bits, full range."""
    return _look_up(light, _pq())


def to_ten_bits(samples: UInt16) -> UInt16:
    """16 bits to 10, rounded."""
    ten = samples >> np.uint16(10)
    np.subtract(samples, ten, out=ten)
    ten += np.uint16(32)
    ten >>= np.uint16(6)
    return ten


def _look_up(light: Float32, table: UInt16) -> UInt16:
    samples = np.empty(light.shape, np.uint16)
    kernels.call(
        "light_to_samples",
        light=np.ascontiguousarray(light),
        table=table,
        steps=_STEPS,
        octaves=-_LOWEST,
        samples=samples,
    )
    return samples


@functools.cache
def _light() -> Float32:
    return np.asarray(color.decode_srgb(np.arange(65536) / 65535), np.float32)


def _levels() -> NDArray[np.float64]:
    """The middles of a table's entries."""
    step = np.arange(1 << _STEPS) + 0.5
    levels: NDArray[np.float64] = (2.0 ** np.arange(_LOWEST, _HIGHEST)[:, None] * (1 + step / (1 << _STEPS))).ravel()
    levels[0] = 0.0
    return levels


def _sixteen(values: NDArray[Any]) -> UInt16:
    return np.asarray(np.rint(np.clip(values, 0, 1) * 65535), np.uint16)


@functools.cache
def _srgb() -> UInt16:
    return _sixteen(color.encode_srgb(np.minimum(_levels(), 1.0)))


@functools.cache
def _pq() -> UInt16:
    return _sixteen(pq(_levels() * SDR_WHITE))


def pq(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse EOTF of SMPTE ST 2084:2014, 5.3: cd/m2 to 0..1."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = (np.maximum(luminance, 0.0) / 10000) ** m1
    return np.asarray(((c1 + c2 * power) / (1 + c3 * power)) ** m2)
