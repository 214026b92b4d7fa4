"""Which of the files that were named make the photo."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fotohaus.errors import MergeError, ReadError
from fotohaus.raw.frame_facts import FrameFacts, mismatch
from fotohaus.raw.grouping import FrameGroup, group_files
from fotohaus.report import Report

_TOLD = 4  # groups left out that are told apart


def choose_frames(
    files: Sequence[Path],
    *,
    reference: int | str | None = None,
    gap: float | None = None,
    strict: bool = False,
    report: Report | None = None,
) -> list[Path]:
    """The files whose frames are merged: of the group that the reference, or else the first sound file, belongs to,
    those of equal exposure. A reference that was named is the first of them.

    What is left out is said in a warning: files that can't be read, files that hold the same as another one, other
    groups, and the other exposures of a bracket. reference : number from 1 of a file, its name or its path. gap : as in
    `group_files`. strict : nothing may be left out.

    Raises MergeError if the reference is none of the files, or, if strict, for the first file to be left out; ReadError
    if the reference, or no file, can be read.
    """
    report = report or Report()
    with report.stage("group"):
        leader = None if reference is None else os.fspath(find_reference(files, reference))
        grouping = group_files(files, gap)
        for name, reason in grouping.unread:
            if strict or name == leader:
                raise ReadError(name, reason)
            report.warn(f"{name} left out: {reason}")
        for name, twin in grouping.twins:
            if strict:
                raise MergeError(name, f"the same as {twin}")
            report.warn(f"{name} left out: the same as {twin}")
            leader = twin if name == leader else leader
        if not grouping.groups:
            raise MergeError(None, f"none of the {len(files)} files can be read")
        chosen, first = grouping.groups[0], None
        if leader is not None:
            chosen, first = next((g, f) for g in grouping.groups for f in g.frames if f.name == leader)
        others = [group for group in grouping.groups if group is not chosen]
        _leave_out_groups(chosen, others, strict, report)
        frames = _equal(chosen, first, strict, report)
        report.note(f"{len(frames)} of {len(files)} files: {describe(chosen)}")
        if first is not None:
            frames = [first, *(f for f in frames if f is not first)]
        return [Path(f.name) for f in frames]


def find_reference(files: Sequence[Path], reference: int | str) -> Path:
    """The file that a number from 1, a path, a name or a name without its extension means; MergeError if none does."""
    if isinstance(reference, int):
        if not 1 <= reference <= len(files):
            raise MergeError(None, f"reference is frame {reference}, but there are only {len(files)}")
        return files[reference - 1]
    for found in (
        [f for f in files if os.path.realpath(f) == os.path.realpath(reference)],
        [f for f in files if f.name == reference],
        [f for f in files if f.stem == reference],
    ):
        if len(found) > 1:
            raise MergeError(None, f"reference {reference} may be {found[0]} or {found[1]}: give its path")
        if found:
            return found[0]
    raise MergeError(None, f"reference {reference} is none of the {len(files)} frames")


def describe(group: FrameGroup) -> str:
    """A group in a few words: its kind, frames, exposures and time."""
    count = len(group.frames)
    shown = [_exposure(members[0]) for members in group.exposures]
    if len(shown) > 3:
        shown = [shown[0], "...", shown[-1]]
    kind = {"single": "one frame", "burst": f"a burst of {count}", "uneven": f"{count} frames of different exposures"}
    words = [kind.get(group.kind, f"a bracket of {count} over {group.span:.1f} EV"), " / ".join(filter(None, shown))]
    if count > 1 and group.seconds is not None:
        words.append(f"in {group.seconds:.1f} s")
    return ", ".join(filter(None, words))


def _exposure(frame: FrameFacts) -> str:
    seconds, iso = frame.capture.exposure_time, frame.capture.iso
    time = "" if not seconds else f"1/{1 / seconds:.0f} s" if seconds < 0.3 else f"{seconds:g} s"
    return f"{time} ISO {iso}".strip() if iso else time


def _leave_out_groups(chosen: FrameGroup, others: list[FrameGroup], strict: bool, report: Report) -> None:
    if not others:
        return
    lead = chosen.frames[0]
    if strict:
        frame = others[0].frames[0]
        raise MergeError(frame.name, _difference(frame, lead))
    if len(others) > _TOLD:
        count = sum(len(group.frames) for group in others)
        report.warn(
            f"{count} files of {len(others)} other groups left out: the photo is made of that of {lead.name}; "
            "`fotohaus group` lists them"
        )
        return
    for group in others:
        frame, count = group.frames[0], len(group.frames)
        more = f" and {count - 1} more" if count > 1 else ""
        report.warn(f"{frame.name}{more} left out: {_difference(frame, lead)}")


def _difference(frame: FrameFacts, lead: FrameFacts) -> str:
    reason = mismatch(frame, lead)
    if reason is not None:
        return reason
    sequences = frame.capture.sequence, lead.capture.sequence
    if any(sequences) and sequences[0] != sequences[1]:
        return f"of another sequence than {Path(lead.name).name}"
    begins, zero = frame.begins, lead.begins
    if begins is None or zero is None or begins == zero:
        return f"not taken together with {Path(lead.name).name}"
    seconds = abs(begins - zero)
    units = [(86400, "days"), (3600, "hours"), (60, "minutes")]
    length = next((f"{seconds / s:.0f} {unit}" for s, unit in units if seconds > 2 * s), f"{seconds:.0f} s")
    return f"taken {length} {'after' if begins > zero else 'before'} {Path(lead.name).name}"


def _equal(group: FrameGroup, reference: FrameFacts | None, strict: bool, report: Report) -> list[FrameFacts]:
    """The group's frames of one exposure."""
    used = group.equal(reference)
    if len(used) == len(group.frames):
        return used
    ours = used[0].ev or 0.0
    if strict:
        other = next(f for f in group.frames if f not in used)
        raise MergeError(other.name, f"its exposure differs by {(other.ev or 0.0) - ours:+.1f} EV")
    kind = "a bracket" if group.kind == "bracket" else "frames of different exposures"
    report.warn(
        f"{len(group.frames)} frames from {group.frames[0].name} on are {kind} over {group.span:.1f} EV: only "
        f"{'the one' if len(used) == 1 else f'the {len(used)}'} of {_exposure(used[0])} "
        f"{'is' if len(used) == 1 else 'are'} used"
    )
    return used
