"""What frames show of the reference's picture, and the margin where few do."""

import numpy as np
import pytest

from fotohaus.burst import merge
from fotohaus.burst.frame import make_frame, padded_like
from fotohaus.burst.reach import reach_of
from fotohaus.raw.noise import noise_of
from fotohaus.simulate import simulate_burst

SIZE = (256, 384)


def frame_of(raw):
    return make_frame(raw, noise_of(raw), padded_like(raw))


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_a_shifted_frame_lacks_a_margin(scene, cfa):
    frame = frame_of(simulate_burst(scene, size=SIZE, frames=1, cfa=cfa).frame(0))
    nodes = np.zeros((6, 8, 2), np.float32)
    assert (reach_of(frame, frame, nodes, (17, 25), 1) == 1).all()
    nodes[..., 0], nodes[..., 1] = 8, -24  # shows what lies right of the reference and above it
    seen = reach_of(frame, frame, nodes, (17, 25), 1)
    down = 1 if cfa == "GBRG" else 0  # the quads begin a row before the mosaic
    assert seen[8, 12] == 1
    # The first tile shows 16 rows of the picture, the next 32.
    assert seen[:3, 12] == pytest.approx([0, (8 - down) / (32 - down), (24 - down) / 32] if down else [0, 0.25, 0.75])
    assert seen[8, 22:] == pytest.approx([1, 0.75, 0.5])
    nodes[..., 1] = 0
    assert reach_of(frame, frame, nodes, (17, 25), 1, border=4)[8, 22:] == pytest.approx([1, 0.75, 0])
    nodes[..., 1] = -24
    assert (reach_of(frame, frame, nodes, (4, 6), 4) == seen[2:16:4, 2:24:4]).all()


def test_a_margin_that_few_frames_show_is_denoised_by_its_own_noise(scene, measure):
    burst = simulate_burst(scene, size=SIZE, iso=1600, exposure=0.25, frames=6, shake=30)
    frames = list(burst)
    error = [np.square(measure.light(merge(frames, reference=1, denoise=d, even=False)) - burst.truth) for d in (0, 1)]
    margin = np.ones(SIZE, bool)
    margin[12:-12, 12:-12] = False
    gain = [10 * np.log10(error[0][part].mean() / error[1][part].mean()) for part in (margin, ~margin)]
    assert gain[0] > gain[1] - 2
