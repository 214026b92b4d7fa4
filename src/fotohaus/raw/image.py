"""The first noun of the house: RawImage, one sensor image as read."""

from __future__ import annotations

from dataclasses import field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.opcode_types import GainMap, Opcode, OtherOpcode
from fotohaus.raw.profile import CameraProfile
from fotohaus.raw.rectangle import Rectangle
from fotohaus.records import record

__all__ = [
    "CFA_PATTERNS",
    "PLANES",
    "CameraProfile",
    "CaptureInfo",
    "CfaPattern",
    "ColorCalibration",
    "Composite",
    "Float32",
    "Float64",
    "GainMap",
    "ImageSequence",
    "NoiseProfile",
    "Opcode",
    "OtherOpcode",
    "RawImage",
    "Rectangle",
    "Samples",
    "UInt16",
]

CfaPattern = Literal["RGGB", "BGGR", "GRBG", "GBRG"]
CFA_PATTERNS: tuple[CfaPattern, ...] = ("RGGB", "BGGR", "GRBG", "GBRG")
PLANES = "RGB"

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
UInt16 = NDArray[np.uint16]
XY = tuple[float, float]
Samples = NDArray[Any]  # uint16, or float32 for floating-point raws


@record
class NoiseProfile:
    """Variance = scale * x + offset for each of R, G, B; x and the deviation in units of the white level after black.

    DNG 1.7.1, NoiseProfile. `source` says where it comes from: "file", "catalogue", "estimated", "merged".
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    source: str = "file"

    def times(self, factor: float) -> NoiseProfile:
        """So many times the variance."""
        scale, offset = ((factor * v[0], factor * v[1], factor * v[2]) for v in (self.scale, self.offset))
        return replace(self, scale=scale, offset=offset)


@record
class ColorCalibration:
    """How camera colours relate to CIE XYZ; the names and meanings are DNG 1.7.1's (chapter 6).

    Matrices are (3, 3). Color matrices map XYZ to camera, forward matrices map white-balanced camera to XYZ (D50).
    Illuminants are EXIF LightSource codes; `illuminant_whites` has the (x, y) of those that are 255 (other), None of
    the rest. A third calibration stands only beside a first and a second. `as_shot_neutral` is the camera's response to
    a neutral under the scene's light, its largest channel usually 1; None where the file does not say.
    """

    color_matrix_1: Float64
    illuminant_1: int = 21
    color_matrix_2: Float64 | None = None
    illuminant_2: int | None = None
    forward_matrix_1: Float64 | None = None
    forward_matrix_2: Float64 | None = None
    calibration_1: Float64 = field(default_factory=lambda: np.eye(3))
    calibration_2: Float64 = field(default_factory=lambda: np.eye(3))
    analog_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    as_shot_neutral: tuple[float, float, float] | None = None
    as_shot_white_xy: tuple[float, float] | None = None
    baseline_exposure: float = 0.0  # EV, without a profile's offset
    color_matrix_3: Float64 | None = None
    illuminant_3: int | None = None
    forward_matrix_3: Float64 | None = None
    calibration_3: Float64 = field(default_factory=lambda: np.eye(3))
    illuminant_whites: tuple[XY | None, XY | None, XY | None] = (None, None, None)
    # As the file has them, for other profiles than the file's: calibrations count only where the signatures agree.
    camera_calibrations: tuple[Float64 | None, Float64 | None, Float64 | None] = (None, None, None)
    calibration_signature: str | None = None


@record
class ImageSequence:
    """How a file belongs to others of one sequence (DNG 1.7.1, ImageSequenceInfo); None where it does not say."""

    identifier: str
    kind: str
    frame: str = ""
    index: int | None = None  # from 1 on
    count: int | None = None
    final: bool | None = None


@record
class Composite:
    """Of what frames an image was merged (EXIF 2.32, SourceExposureTimesOfCompositeImage).

    captured, used : frames that were at hand, and those that went in. exposures : exposure times of those at hand, s,
    of which `total` went in; empty and None where they are not known. period : from the beginning of the first exposure
    to the end of the last, s.
    """

    captured: int
    used: int
    exposures: tuple[float, ...] = ()
    total: float | None = None
    longest: float | None = None  # of those that went in, s
    shortest: float | None = None
    period: float | None = None


@record
class CaptureInfo:
    """What the camera recorded about the capture; None where the file does not say.

    Private facts (serial numbers, owner, position) are read so that `info` can show them; writers leave them out unless
    they are asked for.
    """

    make: str | None = None
    model: str | None = None
    unique_model: str | None = None
    software: str | None = None
    taken: datetime | None = None
    dated: Literal["original", "digitized", "changed"] = "original"  # what EXIF calls that time
    subsecond: str | None = None
    utc_offset: str | None = None  # "+08:00"
    exposure_time: float | None = None  # s
    f_number: float | None = None
    iso: int | None = None
    exposure_bias: float | None = None  # EV
    focal_length: float | None = None  # mm
    focal_length_35mm: float | None = None  # mm
    lens_make: str | None = None
    lens_model: str | None = None
    # Shortest and longest focal length in mm, f-number at each
    lens_specification: tuple[float | None, float | None, float | None, float | None] | None = None
    flash: int | None = None  # EXIF Flash
    metering: int | None = None  # EXIF MeteringMode
    exposure_program: int | None = None  # EXIF ExposureProgram
    artist: str | None = None
    copyright: str | None = None
    description: str | None = None
    serial: str | None = None
    owner: str | None = None
    position: tuple[float, float] | None = None  # latitude, longitude in degrees
    altitude: float | None = None  # m above sea level
    direction: float | None = None  # degrees clockwise from north that the camera looked to
    magnetic: bool = False  # that north is the compass'
    fix_time: datetime | None = None  # of the position, UTC
    lens_serial: str | None = None
    sources: tuple[str, ...] = ()  # names of the files that went in, without folders
    frames: int = 1  # how many frames were merged
    sequence: ImageSequence | None = None
    composite: Composite | None = None


@record
class RawImage:
    """One sensor image: the mosaic of its active area and everything needed to develop it.

    mosaic : (H, W) with a Bayer `cfa`; or (H, W, 3) linear raw with `cfa` None. uint16, or float32 in DN where the file
        has floating-point numbers or more than 16 bits (`quantized` makes it uint16).
    black, white : (2, 2) float32, level in DN at each position of the CFA, [y & 1, x & 1]; for linear raw (1, 3). White
        minus black is the same at all positions of a plane (DNG 1.7.1 chapter 5: samples are scaled by the white
        level minus the highest black level).
    crop : the default crop, within the mosaic.
    orientation : EXIF Orientation, 1..8, of the mosaic as stored.
    scale : rows and columns of a picture to each row and column of the mosaic, the smaller one 1: pixels may be
        oblong (DNG 1.7.1, DefaultScale).
    """

    mosaic: Samples
    cfa: CfaPattern | None
    black: Float32
    white: Float32
    color: ColorCalibration
    crop: Rectangle
    orientation: int = 1
    noise: NoiseProfile | None = None
    opcodes_1: tuple[Opcode, ...] = ()  # of the samples as stored: those not applied while reading
    opcodes_2: tuple[Opcode, ...] = ()  # after linearisation, before demosaic: gain maps
    opcodes_3: tuple[Opcode, ...] = ()  # after demosaic: lens
    capture: CaptureInfo = field(default_factory=CaptureInfo)
    path: str | None = None
    profile: CameraProfile | None = None
    monochrome: bool = False  # the three planes of `mosaic` are one and the same memory
    denoised: float = 0.0  # of all noise reduction that there should be, what the camera did, from 0 to 1
    scale: tuple[float, float] = (1.0, 1.0)
    rendered: bool = False  # linear raw made of a finished photo: white is where its maker put it

    @property
    def name(self) -> str:
        """What to call the image in a message."""
        return self.path or "raw image"

    def check(self) -> None:
        """Raise ValueError for samples, a pattern or levels that no file gives, but a program may put together."""
        if self.cfa is not None and self.cfa not in CFA_PATTERNS:
            raise ValueError(f"cfa must be one of {', '.join(CFA_PATTERNS)}, or None for linear raw, got {self.cfa!r}")
        shape = getattr(self.mosaic, "shape", None)
        if shape is None or len(shape) != (3 if self.cfa is None else 2) or shape[2:] not in ((), (3,)):
            wanted = "(H, W, 3) without a cfa" if self.cfa is None else "(H, W) with a cfa"
            raise ValueError(f"mosaic must be an array {wanted}, got {shape or type(self.mosaic).__name__}")
        sizes = {np.size(self.mosaic[:1, :1]), 1, 4} if self.cfa is None else {4}
        if not {np.size(self.black), np.size(self.white)} <= sizes:
            raise ValueError(f"black and white must be (2, 2), got {np.shape(self.black)} and {np.shape(self.white)}")

    def with_mosaic(self, mosaic: Samples) -> RawImage:
        """The same image with other samples of the same shape."""
        if mosaic.shape != self.mosaic.shape:
            raise ValueError(f"mosaic must be {self.mosaic.shape}, got {mosaic.shape}")
        return replace(self, mosaic=mosaic)

    def quantized(self, *, whole: bool = True) -> RawImage:
        """The same image with uint16 samples: itself, or floats rounded, with the range from 0 or less to white in
        steps of 1/65535. Samples above white are cut to it, as DNG 1.7.1 (chapter 5, clipping) has it.

        whole : without it, floats are put on that scale and cut, but not rounded: shadows that an exposure lifts by
        some EV would come in steps.
        """
        if self.mosaic.dtype == np.uint16:
            return self
        shape = self.mosaic.shape
        lowest, highest = min(0.0, float(self.black.min())), float(self.white.max())
        scale = 65535 / (highest - lowest)
        samples: Samples = np.empty(shape, np.uint16 if whole else np.float32)
        for top in range(0, shape[0], 64):
            part = (self.mosaic[top : top + 64] - np.float32(lowest)) * np.float32(scale)
            samples[top : top + 64] = (np.rint(part) if whole else part).clip(0, 65535)
        levels = ((level - lowest) * scale for level in (self.black, self.white))
        black, white = (np.asarray(level, np.float32) for level in levels)
        return replace(self, mosaic=samples, black=black, white=white)
