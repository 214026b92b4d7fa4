"""What follows from a sensor's size, a focal length and an aperture; lengths are in mm, angles in degrees.

Full frame is 36 x 24 mm. Sizes are compared by their diagonals, because sensors of phones are 4:3.
"""

from __future__ import annotations

import math

FULL_FRAME = math.hypot(36, 24)
"""43.2666 mm, the diagonal of full frame."""
SHARP = 1500
"""The circle of confusion is the diagonal over this, a common convention: 0.0288 mm at full frame."""


def sensor_diagonal(pitch: float, megapixels: float, aspect: float = 4 / 3) -> float:
    """Diagonal of so many square pixels of `pitch` micrometres."""
    return pitch * 1e-3 * math.sqrt(megapixels * 1e6 * (aspect + 1 / aspect))


def format_diagonal(inches: float) -> float:
    """Diagonal, within some 3 %, of a sensor of an optical format such as 1/1.28 (inch), its "type".

    An inch of it stands for 16 mm from 1/2" on, and for 18 mm below: formats are names of camera tubes, not lengths.
    """
    return inches * (16.0 if inches >= 0.5 else 18.0)


def crop_factor(diagonal: float) -> float:
    """How much smaller than full frame: what a focal length is multiplied by for its 35 mm equivalent."""
    return FULL_FRAME / diagonal


def circle_of_confusion(diagonal: float) -> float:
    """The largest spot that still looks sharp in the whole picture."""
    return diagonal / SHARP


def hyperfocal_distance(focal_length: float, f_number: float, circle: float) -> float:
    """The nearest focus at which infinity still looks sharp: f^2 / (N c) + f."""
    return focal_length**2 / (f_number * circle) + focal_length


def field_of_view(size: float, focal_length: float) -> float:
    """Angle that a rectilinear lens, focused at infinity, shows along `size`: 2 atan(size / 2 f)."""
    return 2 * math.degrees(math.atan(size / (2 * focal_length)))
