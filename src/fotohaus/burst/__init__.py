"""Room burst: raw images of one photo to one raw image."""

from fotohaus.burst.align import Alignment
from fotohaus.burst.merge import align_burst, align_frames, merge

__all__ = ["Alignment", "align_burst", "align_frames", "merge"]
