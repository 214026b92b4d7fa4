"""`python -m benchmarks [NAME ...] [--write]`: run the benchmarks; keep their tables in docs/benchmarks.md.

Every module of this folder that is not shared code is a benchmark: `python benchmarks/NAME.py` prints its tables.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from datetime import date

from benchmarks.common import ROOT, machine

SHARED = ("common", "adobe_sdk", "peers_raw", "relit")
PAGE = ROOT / "docs" / "benchmarks.md"
INTRODUCTION = """\
# Benchmarks

Figures that back what the other pages say, each with its peers in the same run. `make bench` prints them all again,
`make bench BENCH="NAME --write"` keeps one here. Times of other runs, and of other machines, do not compare.
"""


def names() -> list[str]:
    """The benchmarks, quality before speed."""
    found = sorted(p.stem for p in (ROOT / "benchmarks").glob("[a-z]*.py") if p.stem not in SHARED)
    return sorted(found, key=lambda name: name == "speed")


def measure(name: str) -> str | None:
    """What a benchmark prints, shown as it comes; None if it fails."""
    lines = []
    with subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "benchmarks" / f"{name}.py")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return None if process.returncode else "".join(lines)


def section(name: str, printed: str) -> str:
    """A benchmark's part of the page."""
    text = printed.strip()
    if not re.search(r"^\|", text, re.MULTILINE):
        text = f"```\n{text}\n```"
    return f"## {name}\n\n`python benchmarks/{name}.py`, {date.today()}, {machine()}\n\n{text}\n"


def write(measured: dict[str, str]) -> None:
    """Put what was measured into the page; sections of other benchmarks stay."""
    old = PAGE.read_text() if PAGE.exists() else ""
    parts = {part.split("\n", 1)[0]: f"## {part}" for part in re.split(r"^## ", old, flags=re.MULTILINE)[1:]}
    parts |= {name: section(name, printed) for name, printed in measured.items()}
    kept = [parts[name].strip() for name in names() if name in parts]
    PAGE.write_text("\n\n".join([INTRODUCTION.strip(), *kept]) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}; all by default")
    parser.add_argument("--write", action="store_true", help="keep the tables in docs/benchmarks.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names()):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    measured: dict[str, str] = {}
    failed = []
    for name in arguments.names or names():
        print(f"== {name}", flush=True)
        printed = measure(name)
        if printed is None:
            failed.append(name)
        else:
            measured[name] = printed
        print(flush=True)
    if arguments.write:
        write(measured)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
