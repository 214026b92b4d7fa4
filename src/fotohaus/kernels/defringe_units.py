"""How the correction of colour fringes divides a picture, and where it takes it to have edges.

Shared by the kernels and by develop/defringe.py, which says what tiles they are to make.
"""

CELL = 4  # px along a cell's side; cells begin at the input's first pixel
TILE = 16, 8  # cells across and down
POOL = 1.5, 3  # of cells' moments: deviation and taps to either side
MEASURED, MOMENTS, FITS = 23, 21, 10  # numbers of a cell
CONTRAST, BRIGHT = (1.6, 3.0), (0.1, 0.3)  # of light near by, from no edge to a strong one
