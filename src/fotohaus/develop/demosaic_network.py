"""The demosaic's trained network, as numbers and as the integers that the kernel multiplies."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fotohaus.kernels.demosaic_units import (
    ACTIVE,
    CONTEXT,
    CONTEXT_SHIFT,
    FOUND,
    GATE,
    GATE_SHIFT,
    GATED,
    POINT_SHIFT,
    RAW,
    SAMPLE,
    STEM_SHIFT,
)

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@functools.cache
def weights() -> dict[str, Float32]:
    """The network's arrays, as tools/train_demosaic.py writes them; C channels, B blocks, G gates.

    stem : (C, 4, 3, 3), filters of the mosaic's four planes. estimate : (C, 8), of what the directional estimate adds
    to the means of neighbours. surroundings : (C, 3), of direction, contrast and level. depthwise : (B, C, 3, 3).
    pointwise : (B + G, C, C), the blocks' and the gates'. bias : (1 + 2 B + G, C). tail : (8, (2 + G) C), the colours
    that a quad lacks.
    """
    # One record, not an .npz: reading those imports zipfile and every compression, for as long as decoding a raw takes.
    record = np.load(Path(__file__).with_name("demosaic_weights.npy"))
    return {name: record[name] for name in record.dtype.names}


def stem() -> Float32:
    """The filters of the mosaic, with what the estimate is compared to: (C, 4, 3, 3).

    The network takes the estimate less the means of neighbours. Those are sums of samples that the filters see anyway.
    """
    near, beside, above, diagonal = (
        [(-1, 0), (1, 0), (0, -1), (0, 1)], [(-1, 0), (1, 0)], [(0, -1), (0, 1)], [(-1, -1), (1, -1), (-1, 1), (1, 1)]
    )  # fmt: skip
    means = np.zeros((8, 4, 3, 3), np.float32)
    places = ((0, near), (0, diagonal), (1, beside), (1, above), (2, above), (2, beside), (3, diagonal), (3, near))
    for mean, (place, neighbours) in zip(means, places, strict=True):
        for dx, dy in neighbours:
            column, row = (place & 1) + dx, (place >> 1) + dy
            mean[2 * (row & 1) + (column & 1), (row >> 1) + 1, (column >> 1) + 1] = 1 / len(neighbours)
    network = weights()
    return network["stem"] - np.tensordot(network["estimate"], means, 1)


# The samples of each colour among the 36 that a filter sees, and among the eight colours that a quad lacks.
_COLORS = (([0], [2, 4, 6]), ([1, 2], [0, 7]), ([3], [1, 3, 5]))


def _blind(filters: Float64, estimate: Float64) -> tuple[Float64, Float64]:
    """Both as integers (C, 4, 9), (C, 8), of which those of any one colour add up to 0."""
    whole, told = np.round(filters), np.round(estimate)
    for planes, outputs in _COLORS:
        exact = filters[:, planes].reshape(len(filters), -1)
        off = whole[:, planes].sum((1, 2)) + told[:, outputs].sum(1)
        rounded = whole[:, planes].reshape(exact.shape)
        for rows, asked, excess in zip(rounded, exact, off.astype(int), strict=True):
            # Those that rounding moved the farthest the same way are moved back by one.
            order = np.argsort(-np.sign(excess) * (rows - asked), kind="stable")
            rows[order[: abs(excess)]] -= np.sign(excess)
        whole[:, planes] = rounded.reshape(len(filters), len(planes), 9)
    return whole, told


def _buffer(values: Float64, dtype: type[np.signedinteger]) -> NDArray[np.signedinteger]:
    """Integers, the last axis the kernel's first; raises ValueError where they do not fit."""
    whole = np.round(values)
    if np.abs(whole).max() > np.iinfo(dtype).max:
        raise ValueError("a weight of the demosaic's network does not fit its integer")
    turned = np.ascontiguousarray(whole.astype(dtype)).transpose()
    # A kernel's first two indices are column and row, an array's row and column.
    return turned if turned.ndim < 2 else turned.swapaxes(0, 1)


@functools.cache
def integers() -> dict[str, NDArray[np.signedinteger]]:
    """The kernel's buffers: weights as 16 bits, what is added to their sums as 32; channels stand in pairs.

    No sum can leave 32 bits: the weights of one add up to less than 2^16.
    """
    network = weights()
    channels, blocks = network["stem"].shape[0], network["depthwise"].shape[0]
    pairs = channels // 2
    # One step of a depthwise layer's output: the high half of a product, with its largest weight as large as it can be.
    largest = np.abs(network["depthwise"]).max((2, 3)).astype(np.float64)
    step = ACTIVE * 32768 * np.maximum(largest, 0.7) / 32767
    depthwise = network["depthwise"] * (32768 * ACTIVE / step)[:, :, None, None]
    bias = network["bias"].astype(np.float64)
    filters, estimate = (
        v * (SAMPLE / RAW * 2**STEM_SHIFT) for v in (stem().reshape(channels, 4, 9), network["estimate"])
    )
    filters, estimate = _blind(filters, estimate)
    surroundings = np.zeros((channels, 4))
    surroundings[:, :3] = network["surroundings"] * (CONTEXT / ACTIVE * 2**CONTEXT_SHIFT)
    points = network["pointwise"].astype(np.float64)
    points[:blocks] *= step[:, None, :] / ACTIVE * 2**POINT_SHIFT
    points[blocks:] *= ACTIVE / GATE * 2**GATE_SHIFT
    units = [ACTIVE / 2**CONTEXT_SHIFT, *[ACTIVE / 2**POINT_SHIFT] * blocks]
    units += [GATE / 2**GATE_SHIFT] * (len(points) - blocks)
    halves = [2.0 ** (CONTEXT_SHIFT - 1), *[2.0 ** (POINT_SHIFT - 1)] * blocks]
    halves += [2.0 ** (GATE_SHIFT - 1)] * (len(points) - blocks)
    added = bias[[0, *range(1 + blocks, len(bias))]] / np.array(units)[:, None] + np.array(halves)[:, None]
    tail = network["tail"].astype(np.float64)
    tail[:, : 2 * channels] *= ACTIVE / FOUND
    tail[:, 2 * channels :] *= GATED / FOUND
    return {
        "stem": _buffer(filters.reshape(channels, 2, 2, 3, 3).transpose(0, 3, 4, 1, 2), np.int16),
        "estimate": _buffer(estimate.reshape(channels, 4, 2), np.int16),
        "surroundings": _buffer(surroundings.reshape(channels, 2, 2), np.int16),
        "depthwise": _buffer(depthwise.reshape(blocks, pairs, 2, 3, 3).transpose(0, 3, 4, 1, 2), np.int16),
        # High halves are rounded down, each by half a step in the mean.
        "offset": _buffer((bias[1 : 1 + blocks] / step).reshape(blocks, pairs, 2), np.int16),
        "pointwise": _buffer(points.reshape(-1, channels, pairs, 2), np.int16),
        "bias": _buffer(added, np.int32),
        "tail": _buffer(tail.reshape(8, -1, 2), np.int16),
        "start": _buffer(np.round(tail[:, 2 * channels :]).sum(1) / 2, np.int32),
    }
