"""Functions of colour on the way to a display, for several generators; imported at build time only."""

import halide as hl
from halide import f32

# (1 - e)^(-1/3) and (1 - e)^(-2/3) by powers of e, good to 1.3e-6 and 2e-7 in the range that `_guessed` leaves.
THIRD = (0.9999797344, 0.3343165815, 0.2070793510, 0.2610311508)
TWO_THIRDS = (1.0000066757, 0.6662583947, 0.5643754601, 0.4092864692, 0.8056076169)


def polynomial(weights, v):
    """The sum of weights times powers of a value."""
    found = f32(weights[-1])
    for weight in weights[-2::-1]:
        found = found * v + f32(weight)
    return found


def _guessed(bits):
    """About a^(-1/3), of the bits of a positive a: 1 - a r^3 is between 0.033 and 0.196."""
    return hl.reinterpret(hl.Float(32), hl.i32(f32(0x549A0000) - f32(bits) * f32(1 / 3)))


def inverse_cube_root(a):
    """Of a positive number, to 1.3e-6 relative."""
    r = _guessed(hl.reinterpret(hl.Int(32), a))
    return r * polynomial(THIRD, 1 - a * r * r * r)


def cube_root(v):
    """Signed cube root to 4e-7 relative: colours of the gamut's edge are small differences of what is made of it."""
    bits = hl.reinterpret(hl.Int(32), v)
    magnitude = bits & 0x7FFFFFFF
    r = _guessed(magnitude)
    nearly = hl.reinterpret(hl.Float(32), magnitude) * r * r
    root = nearly * polynomial(TWO_THIRDS, 1 - nearly * r)
    return hl.reinterpret(hl.Float(32), hl.reinterpret(hl.Int(32), root) | (bits & hl.i32(-0x80000000)))


# sRGB's curve, 1.055 v^(1 / 2.4) - 0.055, as a polynomial in the fourth root of v; good to 2e-6.
ENCODED = (-0.05964172, 0.14077650, 1.36022677, -0.83896778, 0.63877218, -0.30603850, 0.06487366)


def encode_srgb(v):
    """The sRGB transfer function (IEC 61966-2-1) of 0..1."""
    curved = polynomial(ENCODED, hl.sqrt(hl.sqrt(v)))
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
