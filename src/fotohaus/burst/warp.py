"""A frame as the reference would have seen it, less the reference."""

from __future__ import annotations

import numpy as np

from fotohaus import kernels
from fotohaus.burst.align import Alignment
from fotohaus.burst.frame import PAD, Frame
from fotohaus.burst.pyramid import TILE
from fotohaus.raw.image import Float32

_WINDOW = 144  # px of the mosaic whose colours one tile of the kernel makes
_HALO = 4  # px around that window that its colours need


def warp(frame: Frame, reference: Frame, found: Alignment, difference: Float32) -> None:
    """The aligned frame less the reference, plane by plane, into `difference`."""
    rows, columns = (n // 64 for n in difference.shape[:2])
    first_y, last_y, first_x, last_x = frame.bounds
    nodes = found.nodes
    per_tile = 2 * TILE // 32
    # The least displacement of each tile's nodes, so that its window begins there.
    corners = [nodes[i : i + per_tile * rows : per_tile, j : j + per_tile * columns : per_tile]
               for i in range(per_tile + 1) for j in range(per_tile + 1)]  # fmt: skip
    least = np.min(corners, axis=0)
    start = np.stack(np.broadcast_arrays(np.arange(columns) * 128, np.arange(rows)[:, None] * 128), -1)
    origins = np.floor(np.clip(least, -1e6, 1e6)).astype(np.int32) + start + PAD - 2
    high = np.array([frame.padded.shape[1], frame.padded.shape[0]]) - _WINDOW - _HALO
    origins = np.clip(origins & ~1, _HALO, high & ~1)
    kernels.call(
        "burst_warp",
        frame=frame.padded,
        reference=reference.padded,
        frame_black=frame.black,
        frame_scale=frame.scale,
        reference_black=reference.black,
        reference_scale=reference.scale,
        balance=reference.balance,
        noise_scale=frame.noise_scale,
        noise_offset=frame.noise_offset,
        grid=nodes,
        origins=kernels.planar(origins.astype(np.int32)),
        pad=PAD,
        left=first_x,
        top=first_y,
        right=last_x,
        bottom=last_y,
        difference=difference,
    )


def warp_planes(frame: Frame, reference: Frame, found: Alignment, difference: Float32) -> None:
    """As `warp`, for quads that are pixels."""
    rows, columns = frame.quads
    kernels.call(
        "burst_warp_planes",
        frame=frame.padded,
        reference=reference.padded,
        frame_black=frame.black,
        frame_scale=frame.scale,
        reference_black=reference.black,
        reference_scale=reference.scale,
        grid=found.nodes,
        pad=PAD,
        width=columns,
        height=rows,
        difference=difference,
    )
