"""What one step of the demosaic network's 16-bit integers is worth, and by how many bits its sums are shifted.

Shared by the kernel and by develop/demosaic_network.py, which turns the trained weights into integers.
"""

SAMPLE = 2.0**-14  # of the encoded mosaic and its estimate: up to 2, which is 4.2 times white
RAW = 2.0**-13  # what the first filters find
ACTIVE = 2.0**-9  # the same by local activity, and what the layers find: up to 64, where they reach 35
CONTEXT = 2.0**-14  # direction, contrast and level, all within -1 and 1
GATE = 2.0**-15  # saturates where the gate is to be clamped
GATED = GATE * ACTIVE * 2**16  # the high halves of products
FOUND = 2.0**-22  # sums of the last layer

# Bits by which sums of 32 are shifted down to 16.
STEM_SHIFT, CONTEXT_SHIFT, POINT_SHIFT, GATE_SHIFT = 13, 16, 12, 9
