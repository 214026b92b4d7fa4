"""Functions of colour on the way to a display, for several generators; imported at build time only."""

import halide as hl
from halide import f32


def inverse_cube_root(a):
    """Of a positive number, to 1.5e-6 relative: guessed from the bits, then a fifth-order step."""
    third = hl.i32(hl.f32(hl.reinterpret(hl.Int(32), a)) * f32(1 / 3))
    r = hl.reinterpret(hl.Float(32), hl.i32(0x54A20000) - third)
    e = 1 - a * r * r * r
    return r + r * e * (f32(1 / 3) + e * (f32(2 / 9) + e * (f32(14 / 81) + e * f32(35 / 243))))


def cube_root(v):
    """Signed cube root to 3e-6 relative."""
    a = hl.max(hl.abs(v), f32(1e-18))
    r = inverse_cube_root(a)
    root = a * r * r
    return hl.select(v < 0, -root, root)


# sRGB's curve, 1.055 v^(1 / 2.4) - 0.055, as a polynomial in the fourth root of v; good to 2e-6.
ENCODED = (-0.05964172, 0.14077650, 1.36022677, -0.83896778, 0.63877218, -0.30603850, 0.06487366)


def encode_srgb(v):
    """The sRGB transfer function (IEC 61966-2-1) of 0..1."""
    t = hl.sqrt(hl.sqrt(v))
    curved = f32(ENCODED[-1])
    for weight in ENCODED[-2::-1]:
        curved = curved * t + f32(weight)
    return hl.select(v <= f32(0.0031308), f32(12.92) * v, curved)


def difference(a, b):
    """a - b; exactly 0 where they are equal, which the compiler can't spread over the sum that it goes into."""
    return hl.select(a == b, f32(0), a - b)


def about(matrix, row, v, pivot):
    """Row of a matrix whose rows sum to 1, as pivot + differences: exactly neutral for a neutral input."""
    first, second = (difference(v[i], v[pivot]) for i in range(3) if i != pivot)
    return v[pivot] + matrix[0, row] * first + matrix[1, row] * second


def hue_turn(a, b):
    """0..4 once around, a monotone stand-in for the hue angle, from -90 degrees."""
    turn = b / (hl.abs(a) + hl.abs(b) + f32(1e-20))
    return hl.select(a < 0, 2 - turn, turn) + 1
