"""Adobe's DNG SDK 1.7.1 as a judge: a DNG's demosaiced samples and its neutral rendition, straight from the library.

    python benchmarks/adobe_sdk.py IN.dng OUT [--white X,Y] [--look]

`dngpy` (PyPI) brings the SDK as a shared library. Its Python side shows no rendition, so the SDK's own functions are
called by their C++ names, with the places of members of 1.7.1 for x86-64 Linux. What is thrown there ends the process:
run it as one, as `stages` does.

OUT/stage2.npy, stage3.npy : samples after opcode list 2, and demosaiced after list 3, in camera colours.
OUT/render.npy : (H, W, 3) float32, linear ProPhoto (D50), 0 to 1, the default crop as stored, no baseline exposure, no
shadows. Without --look there is no look table, tone curve, gain table map or RGB table; with it the file's are applied,
and its baseline exposure.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import math
import platform
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOKS = {50940: "tone curve", 50981: "look", 50982: "look", 52525: "gains", 52544: "gains", 52543: "RGB tables"}
PIXELS = {1: "u1", 3: "u2", 11: "f4"}  # TIFF types
FLOAT = 11
# Bytes from the start of an object, DNG SDK 1.7.1, x86-64, libstdc++.
STAGE_2, STAGE_3, STAGE_3_GAIN = 1696, 1704, 1712  # dng_negative
WHITE, EXPOSURE, SHADOWS, CURVE, SPACE, KIND, PROFILE = 24, 40, 48, 56, 64, 72, 80  # dng_render
BOUNDS, PLANES, TYPE = 8, 24, 28  # dng_image


@dataclass(frozen=True)
class Stages:
    """What the SDK makes of a file; arrays are (H, W, planes)."""

    stage2: Any
    stage3: Any
    render: Any


def library() -> Path | None:
    """The SDK's library inside dngpy; None where there is none that this script knows."""
    found = importlib.util.find_spec("dngpy")
    if found is None or found.origin is None or (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return None
    path = Path(found.origin).parents[1] / "lib" / "libdng.so.1.7.1"
    return path if path.is_file() else None


def stages(path: Path, *, white: tuple[float, float] | None = None, look: bool = False) -> Stages:
    """Run the SDK on a file. Raises RuntimeError with its last words if it refuses it.

    It takes the file's first camera profile, whatever AsShotProfileName says.
    """
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, str(path), folder]
        command += [f"--white={white[0]!r},{white[1]!r}"] if white else []
        done = subprocess.run([*command, *(["--look"] if look else [])], capture_output=True, text=True, check=False)
        if done.returncode:
            words = (done.stdout + done.stderr).strip().splitlines()[-2:]
            raise RuntimeError(f"{path}: {' / '.join(words) or done.returncode}")
        return Stages(*(np.load(Path(folder) / f"{name}.npy") for name in ("stage2", "stage3", "render")))


def without_look(data: bytes) -> bytes:
    """The DNG with the fields of a profile's look under numbers that mean nothing."""
    out = bytearray(data)
    order = "<" if data[:2] == b"II" else ">"

    def walk(base: int, at: int, seen: set[int], big: bool) -> None:
        if at in seen or not 8 <= at < len(data) - 2:
            return
        seen.add(at)
        number, size = (8, 20) if big else (2, 12)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        for entry in range(at + number, at + number + size * count, size):
            tag, _, number_of, value = struct.unpack_from(order + ("2H2Q" if big else "2H2I"), data, entry)
            if tag in LOOKS:
                struct.pack_into(order + "H", out, entry, 65400 + tag % 100)
            elif tag in (330, 50933):  # SubIFDs, ExtraCameraProfiles
                inline = entry + (12 if big else 8)
                first = inline if 4 * number_of <= entry + size - inline else base + value
                for place in struct.unpack_from(f"{order}{number_of}I", data, first):
                    if tag == 330:
                        walk(base, place, seen, big)
                    else:
                        walk(place, place + struct.unpack_from(order + "I", data, place + 4)[0], seen, False)

    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    walk(0, struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0], set(), big)
    return bytes(out)


class Sdk:
    """Objects of the SDK are addresses; their memory is never given back."""

    def __init__(self) -> None:
        path = library()
        if path is None:
            raise SystemExit("needs dngpy 0.1.3 on x86-64 Linux")
        self.library = ctypes.CDLL(str(path))
        self.kept: list[Any] = []

    def call(self, name: str, *arguments: Any, result: Any = None) -> Any:
        function = self.library[name]
        function.restype = result
        return function(*[ctypes.c_void_p(a) if isinstance(a, int) and a > 1 << 20 else a for a in arguments])

    def make(self, constructor: str, *arguments: Any) -> int:
        memory = ctypes.create_string_buffer(1 << 12)
        self.kept.append(memory)
        self.call(constructor, ctypes.addressof(memory), *arguments)
        return ctypes.addressof(memory)

    def get(self, name: str, *arguments: Any) -> int:
        return int(self.call(name, *arguments, result=ctypes.c_void_p))

    def array(self, image: int) -> Any:
        """The pixels of a dng_image."""
        import numpy as np

        top, left, bottom, right = (ctypes.c_int32 * 4).from_address(image + BOUNDS)
        planes = ctypes.c_uint32.from_address(image + PLANES).value
        kind = ctypes.c_uint32.from_address(image + TYPE).value
        out = np.empty((bottom - top, right - left, planes), PIXELS[kind])
        numbers = [ctypes.c_uint32(n) for n in (0, planes, kind, 1)]
        buffer = self.make("_ZN16dng_pixel_bufferC1ERK8dng_rectjjjjPv", image + BOUNDS, *numbers, out.ctypes.data)
        self.call("_ZNK9dng_image3GetER16dng_pixel_bufferNS_11edge_optionEjj", image, buffer, 0, 1, 1)
        return out


def read(sdk: Sdk, host: int, path: str) -> int:
    """The dng_negative of a file, with its samples as stored."""
    stream = sdk.make("_ZN15dng_file_streamC1EPKcbj", path.encode(), False, ctypes.c_uint32(1 << 16))
    info = sdk.make("_ZN8dng_infoC1Ev")
    sdk.call("_ZN8dng_info5ParseER8dng_hostR10dng_stream", info, host, stream)
    sdk.call("_ZN8dng_info9PostParseER8dng_host", info, host)
    if not sdk.call("_ZN8dng_info10IsValidDNGEv", info, result=ctypes.c_bool):
        raise SystemExit("no valid DNG")
    negative = sdk.get("_ZN8dng_host17Make_dng_negativeEv", host)
    for step in ("5Parse", "9PostParse", "15ReadStage1Image", "17ReadSemanticMasks"):
        sdk.call(f"_ZN12dng_negative{step}ER8dng_hostR10dng_streamR8dng_info", negative, host, stream, info)
    return negative


def develop(path: str, white: tuple[float, float] | None, look: bool) -> dict[str, Any]:
    """dng_validate's steps, and a rendition."""
    sdk = Sdk()
    sdk.call("_ZN11dng_xmp_sdk13InitializeSDKEP17dng_xmp_namespacePKc", None, None)
    host = sdk.make("_ZN8dng_hostC1EP20dng_memory_allocatorP17dng_abort_sniffer", None, None)
    negative = read(sdk, host, path)
    sdk.call("_ZN12dng_negative16BuildStage2ImageER8dng_host", negative, host)
    out = {"stage2": sdk.array(ctypes.c_void_p.from_address(negative + STAGE_2).value or 0)}
    sdk.call("_ZN12dng_negative16BuildStage3ImageER8dng_hosti", negative, host, -1)
    sdk.call("_ZN12dng_negative32ResizeSemanticMasksToMatchStage3ER8dng_host", negative, host)
    stage3 = ctypes.c_void_p.from_address(negative + STAGE_3).value or 0
    out["stage3"] = sdk.array(stage3)

    render = sdk.make("_ZN10dng_renderC1ER8dng_hostRK12dng_negative", host, negative)
    if not look:
        total = "_ZNK12dng_negative21TotalBaselineExposureERK21dng_camera_profile_id"
        baseline = sdk.call(total, negative, render + PROFILE, result=ctypes.c_double)
        gain = ctypes.c_double.from_address(negative + STAGE_3_GAIN).value
        ctypes.c_double.from_address(render + EXPOSURE).value = math.log2(gain) - baseline
    ctypes.c_double.from_address(render + SHADOWS).value = 0.0
    if white:
        (ctypes.c_double * 2).from_address(render + WHITE)[:] = white
    gray = ctypes.c_uint32.from_address(stage3 + PLANES).value == 1
    space = "_ZN21dng_space_Gray_Linear3GetEv" if gray else "_ZN25dng_space_ProPhoto_Linear3GetEv"
    ctypes.c_void_p.from_address(render + CURVE).value = sdk.get("_ZN15dng_1d_identity3GetEv")
    ctypes.c_void_p.from_address(render + SPACE).value = sdk.get(space)
    ctypes.c_uint32.from_address(render + KIND).value = FLOAT
    out["render"] = sdk.array(sdk.get("_ZN10dng_render6RenderEv", render))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--white", type=lambda text: tuple(map(float, text.split(","))))
    parser.add_argument("--look", action="store_true")
    choice = parser.parse_args()
    import numpy as np

    choice.out.mkdir(parents=True, exist_ok=True)
    source = choice.path
    if not choice.look:
        source = choice.out / "neutral.dng"
        source.write_bytes(without_look(choice.path.read_bytes()))
    for name, array in develop(str(source), choice.white, choice.look).items():
        np.save(choice.out / f"{name}.npy", array)


if __name__ == "__main__":
    main()
