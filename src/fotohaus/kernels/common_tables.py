"""Grids of the tables that kernels look up by a float's own bits: so many entries per octave, over so many octaves."""

CURVE_STEPS, CURVE_LOW, CURVE_HIGH = 64, -16, 8

BOUNDARY_UNIT = 2.0**-17
"""Oklab chroma of the last bit in a gamut boundary's table."""

TILE = 32
"""Pixels of a gain map's row that are made, or passed by, together."""
