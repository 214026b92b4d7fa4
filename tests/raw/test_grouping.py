"""Which frames belong together, from made-up facts and from small files."""

import struct
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fotohaus.raw.frame_facts import FrameFacts, exposure_value, facts_of, mismatch, read_facts
from fotohaus.raw.grouping import FrameGroup, group_files, group_frames
from fotohaus.raw.image import CaptureInfo, ImageSequence
from fotohaus.raw.sources import read_raw

NOON = datetime(2026, 5, 4, 12)
CAPTURE = CaptureInfo(make="Maker", model="One", exposure_time=0.02, iso=200, f_number=2.0, focal_length=8.7)


def frames(*seconds: float | None, fine: bool = True, **capture: Any) -> list[FrameFacts]:
    """Frames that begin so many seconds after noon; None: nobody knows. fine: with fractions of a second."""
    made = []
    for i, second in enumerate(seconds):
        info = replace(CAPTURE, **capture)
        if second is not None:
            whole = int(second)
            fraction = f"{round((second - whole) * 1000):03}" if fine else None
            info = replace(info, taken=NOON + timedelta(seconds=whole), subsecond=fraction)
        made.append(FrameFacts(f"frame_{i}.dng", info, (100, 200), "RGGB", 1))
    return made


def sizes(groups: list[FrameGroup]) -> list[int]:
    return [len(group.frames) for group in groups]


def burst(start: float, count: int, step: float) -> list[float]:
    return [start + i * step for i in range(count)]


@pytest.mark.parametrize(
    ("times", "parts"),
    [
        (burst(0, 8, 0.1), [8]),
        (burst(0, 8, 0.1) + burst(5, 8, 0.1), [8, 8]),
        ([*burst(0, 3, 0.1), 40, *burst(200, 3, 0.1)], [3, 1, 3]),
        (burst(0, 2, 0.3) + burst(20, 2, 0.3) + burst(40, 2, 0.3), [2, 2, 2]),
        ([0, 5, 9, 15, 19, 26], [6]),  # by hand, one after the other
        ([0, 25], [2]),
        ([0, 45], [1, 1]),
        ([0, 100, 190, 300], [1, 1, 1, 1]),
        ([3], [1]),
        ([], []),
    ],
)
def test_pauses_part_bursts(times: list[float], parts: list[int]) -> None:
    assert sizes(group_frames(frames(*times))) == parts


def test_the_exposure_is_no_pause() -> None:
    # A camera that subtracts a dark frame rests as long as it exposed.
    assert sizes(group_frames(frames(*burst(0, 5, 122.0), exposure_time=60.0))) == [5]
    assert sizes(group_frames(frames(*burst(0, 5, 122.0), exposure_time=1.0))) == [1] * 5


def test_whole_seconds_are_a_second_wide() -> None:
    times = [0, 0, 0, 1, 1, 1, 5, 5, 6]
    assert sizes(group_frames(frames(*times, fine=False))) == [6, 3]


def test_a_gap_that_is_given_decides() -> None:
    times = [0, 1, 4, 5]
    assert sizes(group_frames(frames(*times), gap=2)) == [2, 2]
    assert sizes(group_frames(frames(*times), gap=5)) == [4]
    assert sizes(group_frames(frames(0, 3600), gap=1e9)) == [2]


def test_frames_without_a_time_stay_with_their_neighbour() -> None:
    assert sizes(group_frames(frames(None, None, None))) == [3]
    groups = group_frames(frames(None, 0, None, 0.1, 100, None))
    assert [[f.name[6] for f in group.frames] for group in groups] == [["0", "1", "2", "3"], ["4", "5"]]


def test_the_order_of_files_stays_whatever_the_clock_says() -> None:
    groups = group_frames(frames(100.2, 100.1, 0.1, 0.0))
    assert [[f.name[6] for f in group.frames] for group in groups] == [["0", "1"], ["2", "3"]]


DIFFERENT: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"model": "Two"}, "another camera (Maker Two) than frame_0.dng (Maker One)"),
    ({}, {"serial": "b"}, "another Maker One than that of frame_0.dng"),
    ({}, {"focal_length": 2.2}, "focal length 2.2 mm, but frame_0.dng has 8.7 mm"),
    ({}, {"lens_model": "wide"}, "another lens (wide) than frame_0.dng (long)"),
    ({"size": (200, 100)}, {}, "100 x 200 px, but frame_0.dng has 200 x 100"),
    ({"colors": "BGGR"}, {}, "CFA BGGR, but frame_0.dng has RGGB"),
    ({"orientation": 6}, {}, "orientation 6, but frame_0.dng has 1"),
]


@pytest.mark.parametrize(("change", "capture", "reason"), DIFFERENT)
def test_what_does_not_fit_is_apart_and_told(change: dict[str, Any], capture: dict[str, Any], reason: str) -> None:
    same = frames(*burst(0, 5, 0.1), serial="a", lens_model="long")
    odd = replace(same[2], capture=replace(same[2].capture, **capture), **change)
    assert mismatch(odd, same[0]) == reason
    assert sizes(group_frames([*same[:2], odd, *same[3:]])) == [4, 1]
    # What one file does not say is no difference.
    silent = replace(
        odd,
        capture=replace(odd.capture, **dict.fromkeys(capture)),
        **dict.fromkeys(change),
    )
    assert mismatch(silent, same[0]) is None
    assert sizes(group_frames([*same[:2], silent, *same[3:]])) == [5]


def test_a_silent_frame_does_not_bring_two_kinds_together() -> None:
    a, silent, b = frames(0, 0.1, 0.2)
    silent = replace(silent, capture=replace(silent.capture, model=None))
    b = replace(b, capture=replace(b.capture, model="Two"))
    assert sizes(group_frames([silent, a, b])) == [2, 1]


def test_a_sequence_that_is_named_decides_instead_of_the_clock() -> None:
    made = frames(0, 0.1, 0.2, 500)
    names = ["x", "x", "y", "x"]
    made = [
        replace(f, capture=replace(f.capture, sequence=ImageSequence(name, "burst")))
        for f, name in zip(made, names, strict=True)
    ]
    assert [[f.name[6] for f in g.frames] for g in group_frames(made)] == [["0", "1", "3"], ["2"]]


def exposed(*stops: float | None) -> FrameGroup:
    made = frames(*burst(0, len(stops), 0.1))
    times = [None if stop is None else 0.02 * 2**stop for stop in stops]
    (group,) = group_frames(
        [replace(f, capture=replace(f.capture, exposure_time=t)) for f, t in zip(made, times, strict=True)]
    )
    return group


@pytest.mark.parametrize(
    ("stops", "kind", "equal"),
    [
        ([0], "single", [0]),
        ([0, 0, 0], "burst", [0, 1, 2]),
        ([0, 0.2, 0.1], "burst", [0, 1, 2]),
        ([0, -2, 2], "bracket", [0]),
        ([-2, 0, 2], "bracket", [1]),
        ([0, 1, 0, 1, 0], "bracket", [0, 2, 4]),
        ([0, 0.95], "bracket", [0]),
        ([0, 0.5, 0.5], "uneven", [1, 2]),
        ([None, None], "burst", [0, 1]),
        ([0, -2, None, -2], "bracket", [1, 2, 3]),
    ],
)
def test_brackets_are_told_from_bursts(stops: list[float | None], kind: str, equal: list[int]) -> None:
    group = exposed(*stops)
    assert group.kind == kind
    assert group.equal() == [group.frames[i] for i in equal]
    for frame in group.frames:
        assert frame in group.equal(frame)


def test_aperture_and_iso_are_exposure_too() -> None:
    assert exposure_value(CAPTURE) is not None
    half = replace(CAPTURE, exposure_time=0.01)
    for change in ({"iso": 400}, {"f_number": 2**0.5}):
        assert exposure_value(replace(half, **change)) == pytest.approx(exposure_value(CAPTURE))  # type: ignore[arg-type]
    assert exposure_value(replace(CAPTURE, exposure_time=None)) is None


def test_ten_thousand_frames_take_a_moment() -> None:
    made = [f for i in range(2500) for f in frames(*burst(60 * i, 4, 0.1))]
    made = [replace(f, name=str(i)) for i, f in enumerate(made)]
    begin = time.process_time()
    assert sizes(group_frames(made)) == [4] * 2500
    assert time.process_time() - begin < 2


Maker = Callable[..., bytes]


def test_facts_are_those_of_the_frame_read(dng: Maker, samples: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(dng(samples((12, 16))))
    facts, raw = read_facts(path), facts_of(read_raw(path))
    assert replace(raw, bytes=facts.bytes) == facts
    assert facts.bytes == path.stat().st_size


def test_a_sequence_is_read_from_the_file(dng: Maker, samples: Callable[..., Any], tmp_path: Path) -> None:
    for i, name in enumerate((b"one", b"two", b"one")):
        info = name + b"\0burst\0\0" + struct.pack(">IIB", i + 1, 3, 0)
        (tmp_path / f"{i}.dng").write_bytes(dng(samples((12, 16)) + i, main={52548: (7, info)}))
    grouping = group_files(sorted(tmp_path.iterdir()))
    assert sizes(grouping.groups) == [2, 1]


def test_damaged_files_and_twins_are_left_out(dng: Maker, samples: Callable[..., Any], tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.dng").write_bytes(dng(samples((12, 16)) + i))
    (tmp_path / "3.dng").write_bytes((tmp_path / "1.dng").read_bytes())
    (tmp_path / "4.dng").write_bytes(b"")
    (tmp_path / "5.dng").write_bytes(b"no")
    grouping = group_files([*sorted(tmp_path.iterdir()), tmp_path / "missing.dng"])
    assert sizes(grouping.groups) == [3]
    assert grouping.twins == [(str(tmp_path / "3.dng"), str(tmp_path / "1.dng"))]
    assert [Path(name).name for name, _ in grouping.unread] == ["4.dng", "5.dng", "missing.dng"]
    assert grouping.unread[0][1] == "is empty"


def test_large_files_that_differ_in_one_byte_are_no_twins(
    dng: Maker, samples: Callable[..., Any], tmp_path: Path
) -> None:
    whole = dng(np.zeros((400, 500), np.uint16))
    (tmp_path / "a.dng").write_bytes(whole)
    (tmp_path / "b.dng").write_bytes(whole[:201_111] + b"\1" + whole[201_112:])
    (tmp_path / "c.dng").write_bytes(whole)
    grouping = group_files(sorted(tmp_path.iterdir()))
    assert [Path(name).name for name, _ in grouping.twins] == ["c.dng"]


def test_real_burst(shared: Path) -> None:
    (group,) = group_files(sorted((shared / "burst" / "m94").glob("*.dng"))).groups
    assert (group.kind, len(group.frames)) == ("burst", 8)
