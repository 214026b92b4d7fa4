"""Damaged raw files: `python benchmarks/fuzz.py [--count 20000] [--seed 1] [--keep FOLDER]`.

Mutants of small DNGs of every kind that is read go through the reader, `describe`, the extras and the developer, in
child processes under a limit on memory. A mutant may give an image or a reason; a crash, a hang, a traceback or more
than 2 GB is a fault, and the mutant is kept.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import common  # noqa: F401, first: it says where tests/helpers is
from dng_files import make_dng
from kinds import KINDS, make, mutant

BATCH = 200
MEMORY = 6 << 30  # bytes of address space, most of it libraries and thread stacks
PEAK_MB = 2048
SLOWEST = 10.0  # s for one mutant
STEPS = ("read_raw", "describe", "read_extras", "develop")


def mutants(kind: str, seed: int) -> list[bytes]:
    """One batch."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    data = make(make_dng, kind, seed)
    return [mutant(rng, data) for _ in range(BATCH)]


def child(kind: str, seed: int, path: Path) -> None:
    """Run one batch; a line of JSON for every mutant begun and done."""
    from fotohaus.develop import develop
    from fotohaus.errors import ReadError
    from fotohaus.raw import describe, read_extras, read_raw

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for i, data in enumerate(mutants(kind, seed)):
        print(json.dumps({"began": i}), flush=True)
        path.write_bytes(data)
        begin, outcome, image = time.perf_counter(), {}, None
        for step in STEPS:
            try:
                if step == "read_raw":
                    image = read_raw(path)
                elif step == "describe":
                    describe(path)
                elif step == "read_extras":
                    read_extras(path)
                elif image is not None:
                    develop(image)
                else:
                    continue
                outcome[step] = "good"
            except ReadError as error:
                outcome[step] = "reason" if "\n" not in str(error) else "reason of several lines"
            except BaseException:
                outcome[step] = "traceback: " + traceback.format_exc().strip().splitlines()[-1]
        # Not ru_maxrss: Linux carries the peak of the process that forked this one over into it.
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        peak = int(status["VmHWM"].split()[0]) / 1024
        took = time.perf_counter() - begin
        print(json.dumps({"done": i, "outcome": outcome, "seconds": took, "peak_mb": peak}), flush=True)


def batch(kind: str, seed: int, folder: Path, table: dict[str, Any]) -> list[str]:
    """Run one batch in a child; add it to the table. Returns the faults."""
    path = folder / f"{os.getpid()}.dng"
    command = [sys.executable, __file__, "--child", kind, str(seed), str(path)]
    limit = 60 + BATCH * SLOWEST / 10
    late = False
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            out, said = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, said = process.communicate()
            late = True
    faults, last = [], -1
    for line in out.splitlines():
        row = json.loads(line)
        if "began" in row:
            last = row["began"]
            continue
        table["mutants"] += 1
        table["slowest"] = max(table["slowest"], row["seconds"])
        table["peak_mb"] = max(table["peak_mb"], row["peak_mb"])
        for step, outcome in row["outcome"].items():
            table[f"{step} {outcome.split(':')[0]}"] += 1
            if outcome not in ("good", "reason"):
                faults.append(f"{kind}, seed {seed}, mutant {row['done']}: {step}: {outcome}")
        if row["seconds"] > SLOWEST:
            faults.append(f"{kind}, seed {seed}, mutant {row['done']}: took {row['seconds']:.1f} s")
    if late:
        faults.append(f"{kind}, seed {seed}, mutant {last}: hang, batch stopped after {limit:.0f} s")
    elif process.returncode:
        faults.append(f"{kind}, seed {seed}, mutant {last}: exit {process.returncode}: {said[-300:]}")
    if table["peak_mb"] > PEAK_MB:
        faults.append(f"{kind}, seed {seed}: {table['peak_mb']:.0f} MB")
    path.unlink(missing_ok=True)
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="where mutants with faults are written")
    parser.add_argument("--child", nargs=3, metavar=("KIND", "SEED", "PATH"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        kind, seed, path = chosen.child
        child(kind, int(seed), Path(path))
        return 0
    names = list(KINDS)
    tables: dict[str, Any] = {kind: Counter(slowest=0.0, peak_mb=0.0) for kind in names}
    faults: list[str] = []
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path.cwd()
    for number in range(-(-chosen.count // BATCH)):
        kind, seed = names[number % len(names)], chosen.seed + number // len(names)
        for fault in batch(kind, seed, folder, tables[kind]):
            print("fault:", fault, file=sys.stderr, flush=True)
            faults.append(fault)
            if "mutant " in fault:
                index = int(fault.split("mutant ")[1].split(":")[0])
                chosen.keep.mkdir(exist_ok=True)
                (chosen.keep / f"{kind}-{seed}-{index}.dng").write_bytes(mutants(kind, seed)[index])
    heads = ("mutants", "images", "reasons", "developed", "refused", "slowest", "peak")
    print(f"{'':24}", *(f"{h:>{w}}" for h, w in zip(heads, (8, 7, 8, 10, 8, 8, 7), strict=True)))
    for kind, t in tables.items():
        print(
            f"{kind:24} {t['mutants']:8} {t['read_raw good']:7} {t['read_raw reason']:8} {t['develop good']:10} "
            f"{t['develop reason']:8} {t['slowest']:6.2f} s {t['peak_mb']:4.0f} MB"
        )
    total = sum(t["mutants"] for t in tables.values())
    print(f"{total} mutants, {len(faults)} faults (crash, hang, traceback, more than {PEAK_MB} MB)")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
