"""`fotohaus group`: which files are frames of one photo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fotohaus.cli.terminal import plain, print_json
from fotohaus.modes.frames import describe
from fotohaus.raw import expand_sources
from fotohaus.raw.grouping import FrameGroup, group_files


def print_groups(sources: Sequence[Path], gap: float | None, as_json: bool) -> bool:
    """Print the groups among files; files that belong to none go to stderr. Returns whether every file could be read.

    Raises ReadError for a source that does not exist, or a folder without raw files.
    """
    grouping = group_files(expand_sources(sources), gap)
    twins = [(name, f"the same as {twin}") for name, twin in grouping.twins]
    if as_json:
        left_out = [{"file": name, "reason": reason} for name, reason in grouping.unread + twins]
        facts = {"groups": [_facts(group) for group in grouping.groups], "left_out": left_out}
        print_json(facts)
    else:
        for number, group in enumerate(grouping.groups, 1):
            print(f"{number}: {plain(describe(group))}; {plain(group.frames[0].camera or 'unknown camera')}")
            print(*(f"  {plain(frame.name)}" for frame in group.frames), sep="\n")
    for name, reason in grouping.unread + twins:
        print(f"fotohaus: {plain(name)}: {plain(reason)}", file=sys.stderr)
    return not grouping.unread


def _facts(group: FrameGroup) -> dict[str, Any]:
    first = group.frames[0]
    height, width = first.size or (None, None)
    facts = {
        "kind": group.kind,
        "camera": first.camera or None,
        "width": width,
        "height": height,
        "cfa": first.colors,
        "orientation": first.orientation,
        "focal_length_mm": first.capture.focal_length,
        "taken": None if first.capture.taken is None else first.capture.taken.isoformat(sep=" "),
        "seconds": None if group.seconds is None else round(group.seconds, 3),
    }
    frames = [
        {"file": frame.name, "ev": None if step is None else round(step, 2)}
        for frame, step in zip(group.frames, group.steps, strict=True)
    ]
    return {k: v for k, v in facts.items() if v is not None} | {"frames": frames}
