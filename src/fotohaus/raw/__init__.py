"""Room raw: files to RawImage, RawImage to DNG."""

from fotohaus.raw.calibration import apply_profile
from fotohaus.raw.describe import describe
from fotohaus.raw.extras import DepthMap, Extras, SemanticMask, read_extras
from fotohaus.raw.image import (
    CameraProfile,
    CaptureInfo,
    ColorCalibration,
    GainMap,
    NoiseProfile,
    OtherOpcode,
    RawImage,
    Rectangle,
)
from fotohaus.raw.profile_read import read_dcp
from fotohaus.raw.sources import RAW_EXTENSIONS, expand_sources, read, read_raw, stream

__all__ = [
    "RAW_EXTENSIONS",
    "CameraProfile",
    "CaptureInfo",
    "ColorCalibration",
    "DepthMap",
    "Extras",
    "GainMap",
    "NoiseProfile",
    "OtherOpcode",
    "RawImage",
    "Rectangle",
    "SemanticMask",
    "apply_profile",
    "describe",
    "expand_sources",
    "read",
    "read_dcp",
    "read_extras",
    "read_raw",
    "stream",
]
