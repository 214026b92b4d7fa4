"""Room burst: raw images of one photo to one raw image."""

from fotohaus.burst.merge import merge
from fotohaus.burst.noise import estimate_noise

__all__ = ["estimate_noise", "merge"]
