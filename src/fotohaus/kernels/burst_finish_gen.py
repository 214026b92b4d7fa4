"""Burst finish: what was merged as a mosaic of light, strip by strip, and that in 16 bits."""

import halide as hl

from fotohaus.kernels.common import strip_of, x, y
from fotohaus.kernels.common_raw import Gains, total

REACH = 3  # quads on each side whose mean is a sample's light but for noise
LANES = 16


def _mirrored(place, extent):
    """A place up to one extent outside of 0 ... extent - 1, mirrored into it, the border not repeated."""
    last = extent - 1
    return hl.clamp(last - hl.i32(hl.abs(last - hl.i32(hl.abs(place)))), 0, last)


def _in_strips(output, lanes):
    """Rows in parallel, columns in vectors."""
    yo = hl.Var("yo")
    output.split(y, yo, y, strip_of(output.output_buffer().dim(1).extent(), 32), hl.TailStrategy.GuardWithIf)
    output.parallel(yo).vectorize(x, lanes, hl.TailStrategy.GuardWithIf)
    return yo


@hl.generator(name="burst_light")
class BurstLight:
    """light[x, y] = (reference + sum / count) * gains at a part of the mosaic, 1 = white level.

    `left`, `top`: the part's corner in the padded reference. What the reference has clipped is at least that bright.
    """

    reference = hl.InputBuffer(hl.UInt(16), 2)  # padded, quad 0 at (pad, pad)
    sum = hl.InputBuffer(hl.Float(32), 3)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    clip = hl.InputBuffer(hl.Float(32), 2)  # DN at which the reference is clipped
    gains = hl.InputBuffer(hl.Float(32), 2)  # all four by position in the quad
    pad = hl.InputScalar(hl.Int(32))
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    share = hl.InputScalar(hl.Float(32))  # 1 / count
    light = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        column, row = x + g.left, y + g.top
        px, py = column & 1, row & 1
        dn = hl.f32(g.reference[column, row])
        base = (dn - g.black[px, py]) * g.scale[px, py]
        quad_x, quad_y = (column - g.pad) >> 1, (row - g.pad) >> 1
        merged = base + g.sum[quad_x, quad_y, px + 2 * py] * g.share
        g.light[x, y] = hl.select(dn >= g.clip[px, py], hl.max(merged, base), merged) * g.gains[px, py]
        _in_strips(g.light, LANES)


@hl.generator(name="burst_mean")
class BurstMean:
    """Mean of the samples of one colour within REACH quads, mirrored at the borders."""

    light = hl.InputBuffer(hl.Float(32), 2)
    mean = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        columns, rows = g.light.dim(0).extent(), g.light.dim(1).extent()
        offsets = [2 * n for n in range(-REACH, REACH + 1)]
        down, edge = hl.Func("down"), hl.Func("edge")
        down[x, y] = total([g.light[x, _mirrored(y + n, rows)] for n in offsets])
        edge[x, y] = down[_mirrored(x, columns), y]
        g.mean[x, y] = total([edge[x + n, y] for n in offsets]) * hl.f32(1 / len(offsets) ** 2)
        _in_strips(g.mean, LANES)
        down.compute_at(g.mean, y).vectorize(x, LANES, hl.TailStrategy.GuardWithIf)
        edge.compute_at(g.mean, y).vectorize(x, LANES, hl.TailStrategy.GuardWithIf)


@hl.generator(name="burst_mix")
class BurstMix:
    """first + part (second - first), `part` on a grid: column step_x * x + origin_x, rows likewise."""

    first = hl.InputBuffer(hl.Float(32), 2)
    second = hl.InputBuffer(hl.Float(32), 2)
    part = hl.InputBuffer(hl.Float(32), 3)  # one plane
    origin_x = hl.InputScalar(hl.Float(32))
    origin_y = hl.InputScalar(hl.Float(32))
    step_x = hl.InputScalar(hl.Float(32))
    step_y = hl.InputScalar(hl.Float(32))
    top = hl.InputScalar(hl.Int(32))  # row of the image that is y = 0 here
    mixed = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        parts = Gains(g.part, (g.origin_x, g.origin_y), (g.step_x, g.step_y), 1, g.top)
        g.mixed[x, y] = g.first[x, y] + parts.sample(0) * (g.second[x, y] - g.first[x, y])
        _in_strips(g.mixed, LANES)
        parts.row.compute_at(g.mixed, y)


@hl.generator(name="burst_encode")
class BurstEncode:
    """merged = guide + kept (light - guide) less the bias that black put there, in 16 bits.

    Both are divided by `gains`. `bias[place, position]` belongs to guides from `first` on, `steps` places for 1.0;
    without steps there is no bias. Light of 1 and more stays as it is.
    """

    light = hl.InputBuffer(hl.Float(32), 2)
    guide = hl.InputBuffer(hl.Float(32), 2)
    gains = hl.InputBuffer(hl.Float(32), 2)  # by position in the mosaic, [x & 1, y & 1]
    bias = hl.InputBuffer(hl.Float(32), 2)
    first = hl.InputBuffer(hl.Float(32), 1)
    steps = hl.InputScalar(hl.Float(32))
    kept = hl.InputScalar(hl.Float(32))
    black = hl.InputScalar(hl.Float(32))
    white = hl.InputScalar(hl.Float(32))
    merged = hl.OutputBuffer(hl.UInt(16), 2)

    def generate(self):
        g = self
        position = (x & 1) + 2 * (y & 1)
        gain = g.gains[x & 1, y & 1]
        light, guide = g.light[x, y] / gain, g.guide[x, y] / gain
        last = g.bias.dim(0).extent() - 1
        place = hl.clamp((guide - g.first[position]) * g.steps, 0.0, hl.f32(last) - 0.001)
        low = hl.i32(place)
        bias = hl.lerp(g.bias[low, position], g.bias[low + 1, position], place - hl.f32(low))
        value = guide + g.kept * (light - guide) - hl.select(g.steps > 0, bias, 0.0)
        value = hl.select(light >= 1.0, light, value) * (g.white - g.black) + g.black
        g.merged[x, y] = hl.u16(hl.clamp(value + 0.5, 0.0, g.white))
        _in_strips(g.merged, LANES)
        g.merged.specialize(g.steps <= 0)


if __name__ == "__main__":
    hl.main()
