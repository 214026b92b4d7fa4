"""What a person sees while fotohaus works: a progress bar on a terminal, stage by stage with -v, else nothing."""

from __future__ import annotations

import re
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fotohaus.report import Report, StageRecord

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


# What a terminal obeys or turns around: C0 and C1 controls, line separators, bidirectional overrides; and half pairs.
_NO_TEXT = "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


def plain(text: object) -> str:
    """Text of a file or its name, to be shown on one line: what is no letter to see is written as an escape."""
    return re.sub(_NO_TEXT, lambda found: found[0].encode("unicode_escape").decode("ascii"), str(text))


def print_json(value: Any) -> None:
    """JSON on stdout, in plain ASCII where the terminal's encoding, or a file's odd name, asks for it."""
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    print(text)


class TerminalReport(Report):
    """Shows what the stages say on stderr; use as a context manager so that the bar goes away."""

    def __init__(self, verbose: bool = False) -> None:
        super().__init__()
        self._verbose = verbose
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> TerminalReport:
        if sys.stderr.isatty() and not self._verbose:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def warn(self, text: str) -> None:
        """Show a warning, on any kind of stderr."""
        super().warn(text)
        if self._bar:
            self._bar.console.print(f"warning: {plain(text)}", markup=False, highlight=False)
        else:
            print(f"warning: {plain(text)}", file=sys.stderr)

    def progress(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)

    def began(self, record: StageRecord) -> None:
        """Name the stage on the bar."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, description=record.name, completed=0, total=None)

    def ended(self, record: StageRecord) -> None:
        """Print the stage's line with -v."""
        if self._verbose:
            print(*map(plain, stage_lines(record)), sep="\n", file=sys.stderr)


def stage_lines(record: StageRecord, depth: int = 0) -> list[str]:
    """A line for a finished stage, its name, time and decisions, and one for each stage inside it."""
    name = "  " * depth + record.name + (f" x{record.runs}" if record.runs > 1 else "")
    line = f"{name:<14} {record.seconds * 1000:7.0f} ms  {'; '.join(record.notes)}".rstrip()
    return [line, *(inner for part in record.parts for inner in stage_lines(part, depth + 1))]
