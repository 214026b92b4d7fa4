"""Hot pixels: they stay with the sensor while the scene moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.burst.frame import PAD, SITE_COLORS, Frame, mirror_borders
from fotohaus.raw.image import Float32

MOVED = 2.0
"""px between two frames from which a point of the scene is no longer the same sample's peak."""

WEAK, STRONG = 3.0, 5.0  # deviations of its noise by which a sample stands out of its neighbours in a frame
CONTRAST = 2.0  # times what the neighbours differ by beyond noise is asked for on top
SPILL = 0.015
"""Share of a peak that its neighbours get from the sharpest of lenses; a star that is centred on a sample gives each of
the four beside it 8 %, and in another colour a fifth of that."""

SEEN = 0.35
"""Share of a peak that the reference shows where the scene was, from which on it is the scene's: it may lie between
samples of its colour there."""

_GROUP = 32  # samples of a row, as in kernels/burst_hot_gen.py
_NODES = 64  # px between the displacement's nodes
_NEAR = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
_SAME = np.array([(i, j) for i in (-2, 0, 2) for j in (-2, 0, 2) if i or j])
_BESIDE = np.array([(0, -1), (0, 1), (-1, 0), (1, 0)])
_BEYOND = np.array([(i, j) for i in (-2, 2) for j in (-1, 1)] + [(i, j) for i in (-1, 1) for j in (-2, 2)])

Places = NDArray[np.intp]


@dataclass(frozen=True)
class _Sight:
    """Sorted indices of what one frame shows, and where the frame lies."""

    outliers: Places
    clear: Places
    lonely: Places
    nodes: Float32


class HotPixels:
    """The sensor's hot pixels, as far as the frames have shown them.

    A frame's outliers are samples above all but one of their twelve neighbours. Those that are outliers of two frames
    at the same place of the sensor, while the scene moved by `MOVED` and more, belong to the sensor; where they do not
    stand out clearly, of three frames. Where the scene did not move they may be stars: only a single sample counts
    that is so bright that any lens would have lit its neighbours.

    known : sorted indices into the quads' samples, row by row.
    """

    def __init__(self, reference: Frame) -> None:
        rows, columns = (2 * n for n in reference.quads)
        self._reference, self._columns = reference, columns
        self._suspects = np.empty((rows, -(-columns // _GROUP)), np.uint8)
        self.known: Places = np.zeros(0, np.intp)
        # Of the reference and of the last frame.
        self._seen = [_Sight(*self._find(reference), np.zeros((1, 1, 2), np.float32))]

    def remove(self, frame: Frame, nodes: Float32) -> None:
        """Learn from a frame displaced by `nodes` (see `Alignment`), and take the known ones out of it.

        Those that are new are taken out of the reference as well.
        """
        now = _Sight(*self._find(frame), nodes)
        new, moved = [np.zeros(0, np.intp)], []
        for before in self._seen:
            both = np.intersect1d(now.outliers, before.outliers, assume_unique=True)
            shift = np.hypot(*(self._at(nodes, both) - self._at(before.nodes, both)).T)
            moved.append(both[shift >= MOVED])
            clear = np.intersect1d(now.clear, before.clear, assume_unique=True)
            new += [np.intersect1d(moved[-1], clear), np.intersect1d(now.lonely, before.lonely)]
        if len(moved) == 2:
            new.append(np.intersect1d(*moved))
        self._seen[1:] = [now]
        fresh = np.setdiff1d(np.concatenate(new), self.known)
        fresh = fresh[~self._went_along(frame, fresh, nodes)]
        if fresh.size:
            self._repair(self._reference, fresh)
            self.known = np.union1d(self.known, fresh)
        self._repair(frame, self.known)

    def _find(self, frame: Frame) -> tuple[Places, Places, Places]:
        """Sorted indices of a frame's outliers, of the clear and of the lonely ones among them."""
        plane = np.arange(4).reshape(2, 2)
        kernels.call(
            "burst_suspects",
            mosaic=frame.padded,
            black=frame.black,
            slope=frame.noise_scale[plane] / frame.scale,
            offset=frame.noise_offset[plane] / np.square(frame.scale),
            pad=PAD,
            weak=WEAK,
            contrast=CONTRAST,
            suspects=self._suspects,
        )
        groups = np.flatnonzero(self._suspects)
        kinds = np.empty((groups.size, _GROUP), np.uint8)
        if groups.size:
            kernels.call(
                "burst_outliers",
                mosaic=frame.padded,
                groups=groups.astype(np.int32),
                across=self._suspects.shape[1],
                black=frame.black,
                scale=frame.scale,
                balance=frame.balance,
                noise_scale=frame.noise_scale,
                noise_offset=frame.noise_offset,
                pad=PAD,
                weak=WEAK,
                strong=STRONG,
                contrast=CONTRAST,
                outliers=kinds,
            )
        found = np.flatnonzero(kinds)
        y, part = np.divmod(groups[found // _GROUP], self._suspects.shape[1])
        x = part * _GROUP + found % _GROUP
        outliers, kind = y * self._columns + x, kinds.ravel()[found]
        outliers, kind = outliers[x < self._columns], kind[x < self._columns]
        clear = outliers[kind == 2]
        return outliers, clear, self._lonely(frame, clear)

    def _lonely(self, frame: Frame, places: Places) -> Places:
        """Those of the outliers whose neighbours show nothing of them, though a lens would have shown it."""
        y, x = np.divmod(places, self._columns)
        peak = self._light(frame, y, x)
        around = np.median(self._light(frame, y, x, _SAME), axis=1)
        beside, beyond = (self._light(frame, y, x, offsets).mean(1) for offsets in (_BESIDE, _BEYOND))
        noise = self._deviation(y, x, around, y.shape)
        # The mean of four neighbours less that of eight around has 0.6 of their deviation.
        return np.asarray(places[beside - beyond + 1.2 * noise < SPILL * (peak - around)])

    def _went_along(self, frame: Frame, places: Places, nodes: Float32) -> NDArray[np.bool_]:
        """Which of a frame's outliers the reference shows where the scene was: two points that met at one sample."""
        if not places.size:
            return np.zeros(0, bool)
        y, x = np.divmod(places, self._columns)
        shift = np.rint(self._at(nodes, places)).astype(np.intp)
        there_y, there_x = (v[:, None] for v in (y - shift[:, 1], x - shift[:, 0]))
        there_y, there_x = there_y + _NEAR[:, 0], there_x + _NEAR[:, 1]
        rows, columns = (2 * n for n in self._reference.quads)
        seen = (there_y >= 0) & (there_y < rows) & (there_x >= 0) & (there_x < columns)
        # The sample itself says nothing: it is one of both.
        seen &= (there_y != y[:, None]) | (there_x != x[:, None])
        there_y, there_x = np.where(seen, there_y, y[:, None]).ravel(), np.where(seen, there_x, x[:, None]).ravel()
        own, around = self._light(frame, y, x), np.median(self._light(frame, y, x, _SAME), axis=1)
        ring = np.median(self._light(self._reference, there_y, there_x, _SAME), axis=1)
        raised = (self._light(self._reference, there_y, there_x) - ring).reshape(seen.shape)
        least = np.maximum(SEEN * (own - around)[:, None], WEAK * self._deviation(there_y, there_x, ring, seen.shape))
        return np.asarray((seen & (raised > least)).any(1))

    def _deviation(self, y: Places, x: Places, light: Float32, shape: tuple[int, ...]) -> Float32:
        """Deviation of the noise of the reference's balanced samples in such light."""
        frame, plane = self._reference, 2 * (y & 1) + (x & 1)
        gain = frame.balance[np.array(SITE_COLORS)[plane]]
        variance = frame.noise_scale[plane] * np.maximum(light, 0) * gain + frame.noise_offset[plane] * gain**2
        return np.asarray(np.sqrt(variance).reshape(shape), np.float32)

    @staticmethod
    def _light(frame: Frame, y: Places, x: Places, offsets: NDArray[np.intp] | None = None) -> Float32:
        """Balanced light of samples, or of what lies around them: (n,) or (n, offsets)."""
        if offsets is not None:
            y, x = y[:, None] + offsets[:, 0], x[:, None] + offsets[:, 1]
        dn = frame.padded[y + PAD, x + PAD].astype(np.float32)
        gain = frame.scale[y & 1, x & 1] * frame.balance[np.array(SITE_COLORS)[2 * (y & 1) + (x & 1)]]
        return np.asarray((dn - frame.black[y & 1, x & 1]) * gain, np.float32)

    def _at(self, nodes: Float32, places: Places) -> Float32:
        """(n, 2) displacement near some samples."""
        y, x = np.divmod(places, self._columns)
        last_y, last_x = nodes.shape[0] - 1, nodes.shape[1] - 1
        return np.asarray(nodes[np.minimum(y // _NODES, last_y), np.minimum(x // _NODES, last_x)])

    def _repair(self, frame: Frame, places: Places) -> None:
        """Replace samples by the median of the eight around them of the same colour."""
        if not places.size:
            return
        y, x = np.divmod(places, self._columns)
        around = frame.padded[y[:, None] + _SAME[:, 0] + PAD, x[:, None] + _SAME[:, 1] + PAD]
        frame.padded[y + PAD, x + PAD] = np.median(around, axis=1).astype(np.uint16)
        mirror_borders(frame)
