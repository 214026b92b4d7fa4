"""Burst finish: what was merged as a mosaic of light, strip by strip, and that in 16 bits."""

import halide as hl

from fotohaus.kernels.common import strip_of, x, y
from fotohaus.kernels.common_raw import Gains, smoothstep, total

REACH = 3  # quads on each side whose mean is a sample's light but for noise
LANES = 16
NEAR = 1.0  # deviations of a frame's noise that a sample's light may be off its surroundings'
FLAT = (0.75, 1.25)  # likewise: where noise made the reference clip up to the first, an edge from the second on
RARE = (2.5, 3.5)  # likewise below white: noise clips there up to the first, never from the second on


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

    `left`, `top`: the part's corner in the padded reference.
    """

    reference = hl.InputBuffer(hl.UInt(16), 2)  # padded, quad 0 at (pad, pad)
    sum = hl.InputBuffer(hl.Float(32), 3)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
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
        base = (hl.f32(g.reference[column, row]) - g.black[px, py]) * g.scale[px, py]
        quad_x, quad_y = (column - g.pad) >> 1, (row - g.pad) >> 1
        merged = base + g.sum[quad_x, quad_y, px + 2 * py] * g.share
        g.light[x, y] = merged * g.gains[px, py]
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
    """merged = guide + kept (light - guide) less the bias that black and white put there, in 16 bits.

    Both are divided by `gains`. `bias[place, position]` belongs to guides from `first` on, `steps` places for 1.0;
    without steps there is no bias. Likewise `lost` was taken off at white, from guides of 1 down, `crest_steps` places
    for one deviation of a frame's noise there (`deviation`), and differences are `stretch` times as large. Light of 1
    and more stays as it is, and what the reference (at `left`, `top`) has clipped is 1 at least, but where the
    surroundings say that noise did it.
    """

    light = hl.InputBuffer(hl.Float(32), 2)
    guide = hl.InputBuffer(hl.Float(32), 2)
    gains = hl.InputBuffer(hl.Float(32), 2)  # by position in the mosaic, [x & 1, y & 1]
    bias = hl.InputBuffer(hl.Float(32), 2)
    first = hl.InputBuffer(hl.Float(32), 1)
    steps = hl.InputScalar(hl.Float(32))
    lost = hl.InputBuffer(hl.Float(32), 2)
    stretch = hl.InputBuffer(hl.Float(32), 2)
    deviation = hl.InputBuffer(hl.Float(32), 1)
    crest_steps = hl.InputScalar(hl.Float(32))
    reference = hl.InputBuffer(hl.UInt(16), 2)
    clip = hl.InputBuffer(hl.Float(32), 2)  # DN at which the reference is clipped
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    kept = hl.InputScalar(hl.Float(32))
    black = hl.InputScalar(hl.Float(32))
    white = hl.InputScalar(hl.Float(32))
    merged = hl.OutputBuffer(hl.UInt(16), 2)

    def generate(self):
        g = self
        position = (x & 1) + 2 * (y & 1)
        gain = g.gains[x & 1, y & 1]
        light, guide = g.light[x, y] / gain, g.guide[x, y] / gain
        made = guide + g.kept * (light - guide)
        table = _Table(g.bias, (guide - g.first[position]) * g.steps)
        value = made - hl.select(g.steps > 0, table.at(g.bias, position), 0.0)

        # Of an edge the surroundings say little: no guide is farther from the sample than noise may be.
        deviation = g.deviation[position]
        near = hl.clamp(guide, made - NEAR * deviation, made + NEAR * deviation)
        table = _Table(g.lost, (1.0 - near) / deviation * g.crest_steps)
        found = table.at(g.lost, position) + (table.at(g.stretch, position) - 1.0) * (made - near)
        value += hl.select(g.crest_steps > 0, found, 0.0)
        column, row = x + g.left, y + g.top
        clipped = hl.f32(g.reference[column, row]) >= g.clip[column & 1, row & 1]
        noise = 1.0 - smoothstep(hl.abs(guide - light) / deviation, *FLAT)
        noise *= 1.0 - smoothstep((1.0 - value) / deviation, *RARE)
        noise = hl.select(g.crest_steps > 0, noise, 0.0)
        value = hl.select(light >= 1.0, light, value)
        value = hl.select(clipped, hl.lerp(hl.max(value, 1.0), value, noise), value) * (g.white - g.black) + g.black
        g.merged[x, y] = hl.u16(hl.clamp(value + 0.5, 0.0, g.white))
        _in_strips(g.merged, LANES)
        g.merged.specialize((g.steps <= 0) & (g.crest_steps <= 0))
        g.merged.specialize(g.crest_steps <= 0)


class _Table:
    """A place in tables of as many places, and what they have there."""

    def __init__(self, table, place):
        place = hl.clamp(place, 0.0, hl.f32(table.dim(0).extent() - 1) - 0.001)
        self.low = hl.i32(place)
        self.part = place - hl.f32(self.low)

    def at(self, table, position):
        return hl.lerp(table[self.low, position], table[self.low + 1, position], self.part)


if __name__ == "__main__":
    hl.main()
