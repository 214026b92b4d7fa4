"""DNGs that Adobe's SDK wrote, beside its own rendition of them: `python benchmarks/adobe_files.py [FILE.dng ...]`.

    python benchmarks/adobe_files.py --write KIND IN.dng OUT.dng

KIND: "lossless" and "lossy", the mosaic in JPEG XL, the lossy one in roots with a border and a polynomial that undoes
them; "linear", a demosaiced lossy one, as Adobe's DNG converter makes; "jpeg", the same in JPEG, as before DNG 1.7. CIE
delta E 2000 between neutral renditions, as in benchmarks/sdk.py: pixel by pixel, and of means of 8 x 8 pixels.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

import adobe_sdk

KINDS = ("lossless", "lossy", "linear", "jpeg")
# Bytes from the start of a dng_host, DNG SDK 1.7.1, x86-64, libstdc++.
SAVE_VERSION, LOSSY_MOSAIC, LOSSLESS = 0x30, 0x35, 0x36
NEWEST, BEFORE_JPEG_XL = 0x01070100, 0x01040000


def write(source: Path, target: Path, kind: str) -> None:
    """Have the SDK write a DNG anew, in a process of its own. Raises RuntimeError if it refuses."""
    command = [sys.executable, __file__, "--write", kind, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{source}: {(done.stdout + done.stderr).strip()[-300:]}")


def _write(source: str, target: str, kind: str) -> None:
    sdk = adobe_sdk.Sdk()
    sdk.call("_ZN11dng_xmp_sdk13InitializeSDKEP17dng_xmp_namespacePKc", None, None)
    host = sdk.make("_ZN8dng_hostC1EP20dng_memory_allocatorP17dng_abort_sniffer", None, None)
    version = BEFORE_JPEG_XL if kind == "jpeg" else NEWEST
    if kind != "linear":
        ctypes.c_uint32.from_address(host + SAVE_VERSION).value = version
    if kind in ("lossless", "lossy"):
        ctypes.c_uint8.from_address(host + (LOSSLESS if kind == "lossless" else LOSSY_MOSAIC)).value = 1
    negative = adobe_sdk.read(sdk, host, source)
    writer = sdk.make("_ZN16dng_image_writerC1Ev")
    if kind in ("linear", "jpeg"):
        sdk.call("_ZN12dng_negative16BuildStage2ImageER8dng_host", negative, host)
        sdk.call("_ZN12dng_negative16BuildStage3ImageER8dng_hosti", negative, host, -1)
        sides = ctypes.c_uint32(0), ctypes.c_uint64(0)
        sdk.call("_ZN12dng_negative14ConvertToProxyER8dng_hostR16dng_image_writerjm", negative, host, writer, *sides)
    elif kind == "lossless":
        step = "_ZN12dng_negative19LosslessCompressJXLER8dng_hostR16dng_image_writerb"
        sdk.call(step, negative, host, writer, True)
    else:
        sdk.call("_ZN12dng_negative22LossyCompressMosaicJXLER8dng_hostR16dng_image_writer", negative, host, writer)
    out = sdk.make("_ZN15dng_file_streamC1EPKcbj", target.encode(), True, ctypes.c_uint32(1 << 16))
    put = "_ZN16dng_image_writer8WriteDNGER8dng_hostR10dng_streamR12dng_negativePK16dng_preview_listjbb"
    put += "PK9dng_imagePK26dng_lossy_compressed_image"
    sdk.call(put, writer, host, out, negative, None, ctypes.c_uint32(version), False, True, None, None)
    sdk.call("_ZN10dng_stream5FlushEv", out)


def main() -> None:
    if sys.argv[1:2] == ["--write"]:
        kind, source, target = sys.argv[2:]
        _write(source, target, kind)
        return
    if adobe_sdk.library() is None:
        print("needs dngpy 0.1.3 on x86-64 Linux")
        return
    import sdk
    from common import DATA, table

    paths = [Path(name) for name in sys.argv[1:]] or [DATA / "raw" / f"{name}.dng" for name in sdk.FILES]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            for kind in KINDS:
                made = Path(folder) / f"{path.stem}.dng"
                write(path, made, kind)
                (row,) = sdk.rows(made, {"as shot": None})
                found.append([path.stem, kind, made.stat().st_size, *row[4:]])
    print(
        table(
            (
                "file",
                "kind",
                "bytes",
                "develop, median",
                "99 %",
                "8 x 8, median",
                "99 %",
                "SDK's demosaic, median",
                "99 %",
            ),
            found,
        )
    )


if __name__ == "__main__":
    main()
