"""What every benchmark needs: data, tables, and honest timing of whole processes.

Imports the standard library only: a process started from here reports at least the memory of its parent.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("FOTOHAUS_DATA", ROOT.parent / "shared" / "data"))
# What makes files for the tests makes them for benchmarks, too.
sys.path.append(str(ROOT / "tests" / "helpers"))
CACHE = Path(os.environ.get("FOTOHAUS_BENCH_CACHE", Path(tempfile.gettempdir()) / "fotohaus-benchmarks"))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table that also reads well in a terminal; numbers are set right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    right = [any(isinstance(row[i], (int, float)) for row in rows) for i in range(len(headers))]

    def line(values: Sequence[str]) -> str:
        parts = [v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True)]
        return f"| {' | '.join(parts)} |"

    rule = "|".join("-" * (w + 1) + ":" if r else "-" * (w + 2) for w, r in zip(widths, right, strict=True))
    return "\n".join([line(headers), f"|{rule}|", *map(line, cells)])


def _cell(value: object) -> str:
    if isinstance(value, float):
        size = abs(value)
        return f"{value:.3g}" if size < 1 else f"{value:.{2 if size < 10 else 1 if size < 100 else 0}f}"
    return str(value)


@dataclass(frozen=True)
class Timing:
    """One run of a process: wall and processor time in s, peak resident memory in MiB."""

    wall: float
    cpu: float
    memory: float


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Timing:
    """Run a process to its end. Raises RuntimeError with its last words if it fails."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env={**os.environ, **(environment or {})}
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-3:]
            raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}: {' / '.join(last)}")
    return Timing(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compare(commands: Mapping[str, Sequence[str] | None], runs: int = 3) -> list[list[object]]:
    """Time commands in turn, A B A B: rows of name, wall s, processor s, peak MiB, wall over that of the first.

    Figures are medians of `runs`. A command that is None is listed as not installed, one that fails with its message.
    """
    done: dict[str, list[Timing]] = {name: [] for name, command in commands.items() if command}
    failed: dict[str, str] = {}
    for _ in range(runs):
        for name in done:
            if name not in failed:
                try:
                    done[name].append(run(commands[name] or []))
                except RuntimeError as error:
                    failed[name] = str(error)
    rows: list[list[object]] = []
    first: float | None = None
    for name in commands:
        if name in failed:
            rows.append([name, f"failed: {failed[name]}", "", "", ""])
        elif name not in done:
            rows.append([name, "not installed", "", "", ""])
        else:
            wall, cpu, memory = (median(getattr(t, what) for t in done[name]) for what in ("wall", "cpu", "memory"))
            first = first or wall
            rows.append([name, wall, cpu, round(memory), wall / first])
    return rows


COMPARED = ("", "wall s", "processor s", "peak MiB", "wall, ratio")


def tool(name: str, *arguments: object) -> list[str] | None:
    """Command line of a peer, or None if it is not installed."""
    path = shutil.which(name)
    return [path, *map(str, arguments)] if path else None


def script(code: str, *arguments: object, needs: Sequence[str] = ()) -> list[str] | None:
    """Command line of a Python one-liner, or None if a module that it needs is not installed."""
    if any(importlib.util.find_spec(module) is None for module in needs):
        return None
    return [sys.executable, "-c", code, *map(str, arguments)]


def fotohaus(*arguments: object) -> list[str]:
    """Command line of the fotohaus command of this Python."""
    return [str(Path(sys.executable).with_name("fotohaus")), *map(str, arguments)]


def machine() -> str:
    """Processor, cores, system and Python, in one line."""
    model = platform.processor() or platform.machine()
    try:
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}"
