"""Grids of the tables that kernels look up by a float's own bits: so many entries per octave, over so many octaves."""

CURVE_STEPS, CURVE_LOW, CURVE_HIGH = 64, -16, 8
ENCODE_STEPS, ENCODE_LOW = 128, -9
