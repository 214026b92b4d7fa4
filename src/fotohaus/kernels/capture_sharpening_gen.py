"""Deconvolution of linear luminance by a small inverse filter, weighed by the noise and limited at edges."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x, y
from fotohaus.kernels.common_raw import largest, total

# Luminance of linear Rec. 2020 (ITU-R BT.2020).
LUMINANCE = (0.2627, 0.6780, 0.0593)
# What a saturated pixel loses of its 255 at distance 0, 1, ... along each axis.
FURTHER = (0, 0, 0, 85, 170)
# A pixel's luminance changes by no more than this factor.
LARGEST_RATIO = 3.0
WIDE = 4096  # pixels of a row that are made at once: memory is read faster in long rows


@hl.generator(name="capture_sharpening")
class CaptureSharpening:
    """Planar linear Rec. 2020 in and out; `left`, `top` : the first pixel of the output in the input.

    matrix[i, o]: from what is read to linear Rec. 2020, of `capture_sharpening_camera` alone.
    weights[class] : of the difference to the neighbours at distances (1,0), (1,1), (2,0), (2,1), (2,2).
    The variance of the filtered noise that is taken off the detail's energy: noise_scale * Y + noise_offset.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    weights = hl.InputBuffer(hl.Float(32), 1)
    noise_scale = hl.InputScalar(hl.Float(32))
    noise_offset = hl.InputScalar(hl.Float(32))
    overshoot = hl.InputScalar(hl.Float(32))
    white = hl.InputScalar(hl.Float(32))
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    sharpened = hl.OutputBuffer(hl.Float(32), 3)

    matrix = None

    def generate(self):
        g = self
        source = hl.BoundaryConditions.repeat_edge(
            g.pixels, [(0, g.pixels.dim(0).extent()), (0, g.pixels.dim(1).extent())]
        )
        at = [source[x + g.left, y + g.top, i] for i in range(3)]
        if g.matrix is not None:
            at = [total([g.matrix[i, o] * at[i] for i in range(3)]) for o in range(3)]
        luminance, saturated = hl.Func("luminance"), hl.Func("saturated")
        luminance[x, y] = total([k * v for k, v in zip(LUMINANCE, at, strict=True)])
        share = hl.clamp(largest(at) * (f32(255 / 0.13) / g.white) - f32(255 * 0.85 / 0.13 - 0.5), 0.0, 255.0)
        saturated[x, y] = hl.cast(hl.UInt(8), share)  # in bytes the many maxima cost little
        here = luminance[x, y]

        # The filter, 5x5 and alike in its eight octants: rows at the same distance are added first.
        rows = [hl.Func(f"rows_{i}") for i in range(3)]
        rows[0][x, y] = here
        for i in (1, 2):
            rows[i][x, y] = luminance[x, y - i] + luminance[x, y + i]
        w10, w11, w20, w21, w22 = (g.weights[i] for i in range(5))
        centre = -4 * (w10 + w11 + w20 + 2 * w21 + w22)
        detail = hl.Func("detail")
        detail[x, y] = (
            centre * here
            + w10 * (rows[1][x, y] + rows[0][x - 1, y] + rows[0][x + 1, y])
            + w11 * (rows[1][x - 1, y] + rows[1][x + 1, y])
            + w20 * (rows[2][x, y] + rows[0][x - 2, y] + rows[0][x + 2, y])
            + w21 * (rows[2][x - 1, y] + rows[2][x + 1, y] + rows[1][x - 2, y] + rows[1][x + 2, y])
            + w22 * (rows[2][x - 2, y] + rows[2][x + 2, y])
        )

        # Detail's energy in 3x3 pixels, less that of the noise: the Wiener weight of what is left.
        energy_y, energy = hl.Func("energy_y"), hl.Func("energy")
        square = [detail[x, y + i] * detail[x, y + i] for i in (-1, 0, 1)]
        energy_y[x, y] = 0.25 * square[0] + 0.5 * square[1] + 0.25 * square[2]
        energy[x, y] = 0.25 * energy_y[x - 1, y] + 0.5 * energy_y[x, y] + 0.25 * energy_y[x + 1, y]
        mean_y = 0.25 * rows[1][x, y] + 0.5 * here
        noise = g.noise_scale * hl.max(mean_y, 0.0) + g.noise_offset
        kept = hl.max(energy[x, y] - noise, 0.0) / (energy[x, y] + f32(1e-20))

        low_y, high_y = hl.Func("low_y"), hl.Func("high_y")
        low_y[x, y] = hl.min(luminance[x, y - 1], here, luminance[x, y + 1])
        high_y[x, y] = hl.max(luminance[x, y - 1], here, luminance[x, y + 1])
        low = hl.min(low_y[x - 1, y], low_y[x, y], low_y[x + 1, y])
        high = hl.max(high_y[x - 1, y], high_y[x, y], high_y[x + 1, y])
        # A share of the range is much on the dark side of an edge: there, it is at most that share of the darkness.
        room = g.overshoot * (high - low)
        below = hl.min(room, g.overshoot * hl.max(low, 0.0))

        # Round saturated pixels nothing is known of the light that was blurred: they and their surroundings stay.
        near_y, near = hl.Func("near_y"), hl.Func("near")
        reach = [(i, hl.u8(FURTHER[abs(i)])) for i in range(1 - len(FURTHER), len(FURTHER))]
        near_y[x, y] = largest([hl.saturating_sub(saturated[x, y + i], less) for i, less in reach])
        near[x, y] = largest([hl.saturating_sub(near_y[x + i, y], less) for i, less in reach])

        wanted = hl.clamp(here + detail[x, y] * kept, low - below, high + room)
        ratio = hl.clamp(wanted / hl.max(here, f32(1e-6)), 1 / LARGEST_RATIO, LARGEST_RATIO)
        gain = hl.Func("gain")
        changing = (f32(255) - hl.f32(near[x, y])) * f32(1 / 255)
        gain[x, y] = 1.0 + (hl.select(here > f32(1e-6), ratio, 1.0) - 1.0) * changing
        g.sharpened[x, y, c] = hl.mux(c, at) * gain[x, y]

        yo, yi, xo, xi = (hl.Var(name) for name in ("yo", "yi", "xo", "xi"))
        vector = max(8, g.natural_vector_size(hl.Float(32)))  # type: ignore[attr-defined]  # the decorator adds it
        strip = strip_of(g.sharpened.output_buffer().dim(1).extent(), 128)
        tail = hl.TailStrategy.GuardWithIf
        g.sharpened.bound(c, 0, 3)
        g.sharpened.split(y, yo, yi, strip, hl.TailStrategy.ShiftInwards).split(x, xo, xi, WIDE, tail)
        g.sharpened.reorder(xi, c, yi, xo, yo).vectorize(xi, vector, tail).unroll(c).parallel(yo)
        gain.compute_at(g.sharpened, yi).vectorize(x, vector)
        for f in (luminance, saturated, detail):
            f.store_at(g.sharpened, xo).compute_at(g.sharpened, yi).vectorize(x, vector)
        for f in (rows[1], rows[2]):
            f.store_at(g.sharpened, xo).compute_at(g.sharpened, yi).vectorize(x, vector)
        for f in (energy_y, low_y, high_y):
            f.compute_at(g.sharpened, yi).vectorize(x, vector)
        for f in (near_y, near):
            f.compute_at(g.sharpened, yi).vectorize(x, 4 * vector)
        # The picture's border is split off within a row alone: not in whole tasks, strips and rows that touch it.
        for var in (yo, xo, yi):
            g.sharpened.partition(var, hl.Partition.Never)


@hl.generator(name="capture_sharpening_camera")
class CaptureSharpeningCamera(CaptureSharpening):
    """The same of another camera's colours: they pass a matrix first."""

    matrix = hl.InputBuffer(hl.Float(32), 2)


if __name__ == "__main__":
    hl.main()
