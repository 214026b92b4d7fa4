"""Compiles every Halide generator of this folder into one shared library with a plain C interface.

Run at build time only (`hatch_build.py`, or `python src/fotohaus/kernels/build.py`): needs the `halide` package and a C
compiler to link with. Every `*_gen.py` holds one or more generators; each is compiled for all targets, and a wrapper
that Halide writes picks the best one that the processor offers when it is called.

`fotohaus.kernels` imports this module for the names alone: what only a build needs is imported there.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
PREFIX = "fotohaus_"
PACKAGE = "fotohaus.kernels"
LIBRARY = HERE / f"libfotohaus_kernels{'.dylib' if sys.platform == 'darwin' else '.so'}"

# Best first: a multi-target Halide library tries them in order, and the last one must run everywhere.
TARGETS = {
    "x86_64": ["x86-64-{os}-sse41-avx-f16c-fma-avx2", "x86-64-{os}"],
    "aarch64": ["arm-64-{os}"],
}
# Faster by a tenth with AVX-512 on Zen 4, the merge by a quarter, and on Zen 5, whose vectors are 512 bits wide
# throughout, capture sharpening, denoising, gain maps and fringes by as much; the others are not.
AVX512 = "x86-64-{os}-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake"
WITH_AVX512 = ("burst_merge", "burst_suspects", "burst_tiles", "burst_warp", "burst_weights", "capture_sharpening",
               "capture_sharpening_camera", "defringe", "defringe_edges", "defringe_fits", "defringe_moments",
               "denoise", "gain_map", "linearize", "linearize_rebuilt", "quantize", "render", "render_look",
               "render_full_look")  # fmt: skip
# With its multiply-adds of 16-bit integers (VNNI, from Sapphire Rapids and Zen 4 on) the demosaic is faster by a tenth,
# and by a third on the Zen 5 at hand.
VNNI = f"{AVX512}-avx512_cannonlake-avx512_zen4"
WITH_VNNI = ("demosaic",)
MACHINES = {"AMD64": "x86_64", "arm64": "aarch64"}


class Generator:
    """One generator: the file that defines it and the name that it is registered under."""

    def __init__(self, source: Path, name: str) -> None:
        self.source, self.name = source, name


def generators() -> Iterator[Generator]:
    """Every generator defined in this folder."""
    for source in sorted(HERE.glob("*_gen.py")):
        for name in re.findall(r'^@hl\.generator\(name="(\w+)"\)', source.read_text(), re.MULTILINE):
            yield Generator(source, name)


def targets(name: str = "") -> list[str]:
    """Halide targets of a generator, best first; FOTOHAUS_MACHINE=aarch64 cross-compiles."""
    import platform

    machine = os.environ.get("FOTOHAUS_MACHINE") or platform.machine()
    system = "osx" if sys.platform == "darwin" else "linux"
    found = TARGETS[MACHINES.get(machine, machine)]
    if found is TARGETS["x86_64"]:
        more = ([VNNI] if name in WITH_VNNI else []) + ([AVX512] if name in WITH_AVX512 else [])
        found = [*more, *found]
    return [t.format(os=system) for t in found]


def _run(command: list[str]) -> None:
    import subprocess

    # An isolated build has its packages on sys.path only: a child finds them through PYTHONPATH.
    path = os.pathsep.join([str(HERE.parents[1]), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"kernel build failed: {' '.join(command)}\n{done.stdout}{done.stderr}")


def _imported(source: Path, known: list[Path]) -> list[Path]:
    """The kernels' modules that one imports, and those that they do; without those that are known."""
    found: list[Path] = []
    waiting = [source]
    while waiting:
        for path in _modules(waiting.pop().read_text()):
            if path not in (source, *known, *found):
                found.append(path)
                waiting.append(path)
    return sorted(found)


def _modules(text: str) -> Iterator[Path]:
    """The modules of this project that a kernel's source imports, in whatever form and place."""
    import ast

    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = PACKAGE.split(".")[: 3 - node.level] if node.level else []
            module = ".".join([*package, *filter(None, [node.module])])
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        for name in names:
            path = HERE.parents[1].joinpath(*name.split(".")).with_suffix(".py")
            if name.startswith("fotohaus.") and path.is_file():
                yield path


def _compile(generator: Generator, folder: Path) -> Path:
    """Archive of one generator, from the cache if neither its source nor the compiler changed."""
    import hashlib
    from importlib.metadata import version

    key = hashlib.sha256()
    shared = [p for p in sorted(HERE.glob("*.py")) if p.name.startswith("common")]
    for source in (generator.source, *shared, *_imported(generator.source, shared)):
        key.update(source.read_bytes())
    key.update(" ".join([version("halide"), generator.name, *targets(generator.name)]).encode())
    function = f"{PREFIX}{generator.name}"
    out = folder / f"{generator.name}-{key.hexdigest()[:16]}"
    archive = out / f"{function}.a"
    if not archive.exists():
        out.mkdir(parents=True, exist_ok=True)
        target = ",".join(f"{t}-no_runtime" for t in targets(generator.name))
        _run([sys.executable, str(generator.source), "-g", generator.name, "-f", function,
              "-o", str(out), "-e", "static_library", f"target={target}"])  # fmt: skip
    return archive


def _runtime(folder: Path) -> Path:
    """Archive of Halide's runtime (threads, memory, errors), shared by all kernels."""
    from importlib.metadata import version

    target = targets()[-1]
    out = folder / f"runtime-{version('halide')}-{target}"
    archive = out / "halide_runtime.a"
    if not archive.exists():
        out.mkdir(parents=True, exist_ok=True)
        source = next(generators()).source
        _run([sys.executable, str(source), "-r", "halide_runtime", "-o", str(out), "-e", "static_library",
              f"target={target}"])  # fmt: skip
    return archive


def build(folder: Path) -> Path:
    """Compile what changed into `folder` and link the library beside this file; returns the library's path."""
    import sysconfig
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        archives = list(pool.map(lambda g: _compile(g, folder), generators()))
    archives.append(_runtime(folder))
    compiler = os.environ.get("CC") or (sysconfig.get_config_var("CC") or "cc").split()[0]
    if sys.platform == "darwin":
        whole = [f"-Wl,-force_load,{a}" for a in archives]
    else:
        whole = ["-Wl,--whole-archive", *map(str, archives), "-Wl,--no-whole-archive", "-s"]
    partial = LIBRARY.with_suffix(f".{os.getpid()}.tmp")
    _run([compiler, "-shared", "-fPIC", "-o", str(partial), *whole, "-lpthread", "-ldl", "-lm"])
    partial.replace(LIBRARY)
    return LIBRARY


if __name__ == "__main__":
    print(build(HERE.parents[2] / "build" / "kernels"))
