"""How stages tell what they do: time, decisions and progress, for whoever listens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class StageRecord:
    """One finished stage: its name, its wall time in seconds, and what it decided."""

    name: str
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


class Report:
    """Collects what the stages say; subclasses show it. Every stage takes one and works without."""

    def __init__(self) -> None:
        self.stages: list[StageRecord] = []
        self.warnings: list[str] = []
        self._open: list[StageRecord] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the enclosed work under `name`; stages may nest."""
        record = StageRecord(name)
        self._open.append(record)
        self.began(record)
        start = time.perf_counter()
        try:
            yield
            record.seconds = time.perf_counter() - start
            self.stages.append(record)
            self.ended(record)
        finally:
            self._open.pop()

    def note(self, text: str) -> None:
        """Say what the running stage decided."""
        if self._open:
            self._open[-1].notes.append(text)

    def warn(self, text: str) -> None:
        """Say what a person should know about the result."""
        self.warnings.append(text)

    def progress(self, done: int, total: int) -> None:
        """Say how far the running stage is."""

    def began(self, record: StageRecord) -> None:
        """Called when a stage begins."""

    def ended(self, record: StageRecord) -> None:
        """Called when a stage has ended well."""
