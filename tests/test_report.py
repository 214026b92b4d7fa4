"""What stages tell."""

import pytest

from fotohaus.cli.terminal import stage_lines
from fotohaus.report import Report


def test_stages_nest_and_repeated_ones_add_up() -> None:
    report = Report()
    with report.stage("merge"):
        for frame in range(3):
            with report.stage("align"):
                report.note(f"frame {frame}")
        report.note("merged 3 frames")
    (merge,) = report.stages
    (align,) = merge.parts
    assert (merge.name, merge.notes, align.runs) == ("merge", ["merged 3 frames"], 3)
    assert align.notes == ["frame 0", "frame 1", "frame 2"]
    assert merge.seconds >= align.seconds > 0
    outer, inner = stage_lines(merge)
    assert outer.startswith("merge")
    assert inner.startswith("  align x3")


def test_a_stage_that_fails_is_not_reported_as_done() -> None:
    report = Report()
    with pytest.raises(ValueError, match="broken"), report.stage("develop"):
        raise ValueError("broken")
    assert report.stages == []
    with report.stage("next"):
        pass
    assert [s.name for s in report.stages] == ["next"]
