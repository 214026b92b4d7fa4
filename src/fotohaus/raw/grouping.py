"""Which frames were taken together, from their files' metadata alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from fotohaus.errors import ReadError
from fotohaus.raw.frame_facts import MAX_EV, FrameFacts, mismatch, read_facts
from fotohaus.raw.reading import reading
from fotohaus.raw.tiff import Source

BRACKET_EV = 0.9
"""A group whose exposures span so much is a bracket: 1 EV, as cameras round it."""

SHORT_GAP, LONG_GAP = 2.0, 30.0
"""s between one exposure's end and the next one's begin: less never parts a group, more always does."""

_RHYTHM = 4  # a pause so many times longer than a folder's usual short ones parts a group
_PROBES, _PROBE = 16, 4096  # pieces of a file, and their bytes, that are compared before the whole is

Kind = Literal["single", "burst", "uneven", "bracket"]


@dataclass(frozen=True)
class FrameGroup:
    """Frames of one camera and setting, taken together, in the order of their files."""

    frames: tuple[FrameFacts, ...]

    @property
    def steps(self) -> list[float | None]:
        """Exposure of each frame in EV, relative to the first that tells it."""
        known = [f.ev for f in self.frames]
        zero = next((ev for ev in known if ev is not None), 0.0)
        return [None if ev is None else ev - zero for ev in known]

    @property
    def span(self) -> float:
        """EV between the shortest and the longest exposure."""
        known = [step for step in self.steps if step is not None]
        return max(known) - min(known) if known else 0.0

    @property
    def kind(self) -> Kind:
        """What the frames are: alone, equal, or of exposures that differ, by a bracket's steps or by less."""
        if len(self.frames) == 1:
            return "single"
        span = self.span
        return "burst" if span <= _just_over(MAX_EV) else "bracket" if span >= BRACKET_EV else "uneven"

    @property
    def exposures(self) -> list[list[FrameFacts]]:
        """The frames by exposure, shortest first; those that tell none belong to every one."""
        steps = self.steps
        chosen: list[tuple[float, list[int]]] = []
        for step, i in sorted((step, i) for i, step in enumerate(steps) if step is not None):
            if not chosen or step - chosen[-1][0] > _just_over(MAX_EV):
                chosen.append((step, []))
            chosen[-1][1].append(i)
        silent = [i for i, step in enumerate(steps) if step is None]
        return [[self.frames[i] for i in sorted(members + silent)] for _, members in chosen or [(0.0, [])]]

    def equal(self, reference: FrameFacts | None = None) -> list[FrameFacts]:
        """The frames that can be merged: of the reference's exposure, or of the one that most frames have.

        Of exposures that equally many have it is the middle one, which a bracket is laid around.
        """
        sets = self.exposures
        if reference is not None:
            sets = [s for s in sets if reference in s]
        most = max(map(len, sets))
        sets = [s for s in sets if len(s) == most]
        return sets[(len(sets) - 1) // 2]

    @property
    def seconds(self) -> float | None:
        """From the first exposure's begin to the last one's; None if no frame tells."""
        times = [f.begins for f in self.frames if f.begins is not None]
        return max(times) - min(times) if times else None


@dataclass(frozen=True)
class Grouping:
    """Groups in the order of their first files.

    unread : (file, reason) of those that can't be read. twins : (file, earlier file that holds the same).
    """

    groups: list[FrameGroup]
    unread: list[tuple[str, str]]
    twins: list[tuple[str, str]]


def group_files(paths: Sequence[Path], gap: float | None = None) -> Grouping:
    """Find the bursts among files, from their metadata.

    Frames belong together if camera, size, CFA, orientation, lens and focal length agree, as far as their files tell
    (nothing is assumed of what is missing), and if they were taken without a pause. DNG files that name their sequence
    (ImageSequenceInfo, DNG 1.7.1) are parted by that instead of by time.

    gap : the pause in seconds that parts groups; by default four times the folder's usual short pause, within 2 s and
        30 s, and as long as the exposure on top, which is what a camera needs to subtract a dark frame.

    A file that can't be read, or holds what another one does, is left out: that raises nothing.
    """
    found: list[FrameFacts] = []
    unread: list[tuple[str, str]] = []
    for facts in _all_facts(paths):
        if isinstance(facts, ReadError):
            unread.append((str(facts.path), facts.reason))
        else:
            found.append(facts)
    twins = _duplicates(found)
    found = [f for f in found if f.name not in twins]
    return Grouping(group_frames(found, gap), unread, [*twins.items()])


def group_frames(frames: Sequence[FrameFacts], gap: float | None = None) -> list[FrameGroup]:
    """As `group_files`, for frames whose facts are known; groups and frames keep their order."""
    place = {f.name: i for i, f in enumerate(frames)}
    groups = [FrameGroup(tuple(sorted(part, key=lambda f: place[f.name]))) for part in _parts(frames, gap)]
    return sorted(groups, key=lambda group: place[group.frames[0].name])


def _all_facts(paths: Sequence[Path]) -> Iterable[FrameFacts | ReadError]:
    from concurrent.futures import ThreadPoolExecutor

    def read(path: Path) -> FrameFacts | ReadError:
        try:
            return read_facts(path)
        except ReadError as error:
            return error

    with ThreadPoolExecutor(2, "fotohaus-group") as pool:
        yield from pool.map(read, paths)


def _duplicates(frames: Sequence[FrameFacts]) -> dict[str, str]:
    """Names of files that hold byte for byte what an earlier one holds, with that one's."""
    # Frames of one camera are often of one size: a few pieces tell them apart, and only equals are read whole.
    alike = _classes([f.name for f in frames], {f.name: (f.bytes, f.capture.taken, f.ev) for f in frames}.__getitem__)
    alike = [part for names in alike for part in _classes(names, _probe)]
    return {name: names[0] for part in alike for names in _classes(part, _digest) for name in names[1:]}


def _classes(names: Iterable[str], key: Callable[[str], object]) -> list[list[str]]:
    """The names that share their key with others."""
    found: dict[object, list[str]] = {}
    for name in names:
        found.setdefault(key(name), []).append(name)
    return [names for names in found.values() if len(names) > 1]


def _probe(name: str) -> bytes:
    with reading(name), Source(path=name) as source:
        last = max(source.size - _PROBE, 0)
        places = sorted({last * i // (_PROBES - 1) for i in range(_PROBES)})
        return b"".join(bytes(source.read(at, min(_PROBE, source.size))) for at in places)


def _digest(name: str) -> bytes:
    with reading(name), open(name, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _parts(frames: Sequence[FrameFacts], gap: float | None) -> list[list[FrameFacts]]:
    """Frames that go together: of one kind, then of one sequence or time."""
    kinds: list[_Kind] = []
    for frame in frames:
        kind = next((k for k in kinds if k.takes(frame)), None)
        if kind is None:
            kinds.append(kind := _Kind([], {}))
        kind.add(frame)
    parts = []
    for kind in kinds:
        named: dict[str | None, list[FrameFacts]] = {}
        for frame in kind.frames:
            sequence = frame.capture.sequence
            named.setdefault(None if sequence is None else sequence.identifier, []).append(frame)
        for identifier, members in named.items():
            parts += [members] if identifier is not None else _by_time(members, gap)
    return parts


@dataclass(frozen=True)
class _Kind:
    """Frames of one camera and setting, and those of them that stand for all: few, however many frames there are."""

    frames: list[FrameFacts]
    different: dict[object, FrameFacts]

    def takes(self, frame: FrameFacts) -> bool:
        # All are asked: one may not say what another one does.
        return all(mismatch(frame, other) is None for other in self.different.values())

    def add(self, frame: FrameFacts) -> None:
        c = frame.capture
        facts = (c.make, c.model, c.unique_model, c.serial, c.focal_length, c.lens_model)
        self.different.setdefault((facts, frame.size, frame.colors, frame.orientation), frame)
        self.frames.append(frame)


def _by_time(frames: list[FrameFacts], gap: float | None) -> list[list[FrameFacts]]:
    """Frames of one kind, parted where the camera paused; one without a time goes with that before it."""
    timed = sorted((begins, i) for i, f in enumerate(frames) if (begins := f.begins) is not None)
    if not timed:
        return [frames]
    pauses = []
    for (begins, i), (following, j) in pairwise(timed):
        exposure = frames[i].capture.exposure_time or 0.0
        blurred = max(frames[i].blurred_time, frames[j].blurred_time)
        pauses.append((max(0.0, following - begins - exposure - blurred), exposure))
    usual = sorted(pause for pause, _ in pauses)[(len(pauses) - 1) // 4] if pauses else 0.0
    limit = min(max(_RHYTHM * usual, SHORT_GAP), LONG_GAP)
    number = {timed[0][1]: 0}
    for (_, i), (_, j), (pause, exposure) in zip(timed[:-1], timed[1:], pauses, strict=True):
        number[j] = number[i] + (pause > (limit + exposure if gap is None else gap))
    parts: dict[int, list[FrameFacts]] = {}
    last = number[min(number)]
    for i, frame in enumerate(frames):
        last = number.get(i, last)
        parts.setdefault(last, []).append(frame)
    return list(parts.values())


def _just_over(limit: float) -> float:
    return limit + 1e-6
