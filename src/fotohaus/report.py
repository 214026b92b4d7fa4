"""How stages tell what they do: time, decisions and progress, for whoever listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageRecord:
    """One finished stage: its name, its wall time in seconds, what it decided, and the stages inside it.

    A stage that runs again inside the same one adds to its record: `runs` says how often.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.seconds = 0.0
        self.notes: list[str] = []
        self.parts: list[StageRecord] = []
        self.runs = 1


class Report:
    """Collects what the stages say; subclasses show it. Every stage takes one and works without.

    Stages that run in other threads count as parts of the stage that is open where the report was made; their times
    add up, over all threads.
    """

    def __init__(self) -> None:
        self.stages: list[StageRecord] = []
        self.warnings: list[str] = []
        self._open: list[StageRecord] = []
        self._thread = threading.get_ident()
        self._elsewhere = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the enclosed work under `name`; stages may nest."""
        record = StageRecord(name)
        if threading.get_ident() != self._thread:
            start = time.perf_counter()
            yield
            record.seconds = time.perf_counter() - start
            with self._elsewhere:
                _add(self._open[-1].parts if self._open else self.stages, record)
            return
        self._open.append(record)
        self.began(record)
        start = time.perf_counter()
        try:
            yield
        finally:
            self._open.pop()
        record.seconds = time.perf_counter() - start
        if self._open:
            _add(self._open[-1].parts, record)
        else:
            self.stages.append(record)
            self.ended(record)

    def take(self, other: Report) -> None:
        """What another report collected, in another thread say, as if it had happened here."""
        if threading.get_ident() != self._thread:
            with self._elsewhere:
                for stage in other.stages:
                    _add(self._open[-1].parts if self._open else self.stages, stage)
                self.warnings += other.warnings
            return
        for stage in other.stages:
            if self._open:
                _add(self._open[-1].parts, stage)
            else:
                self.stages.append(stage)
                self.ended(stage)
        for warning in other.warnings:
            self.warn(warning)

    def note(self, text: str) -> None:
        """Say what the running stage decided; not from another thread than the report's."""
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
        """Called when an outermost stage has ended well."""


def _add(parts: list[StageRecord], record: StageRecord) -> None:
    for part in parts:
        if part.name == record.name:
            part.seconds += record.seconds
            part.notes += record.notes
            part.runs += record.runs
            return
    parts.append(record)
