"""Strips: the parts of a picture, and the threads that make them."""

import threading
import time

import pytest

from fotohaus import kernels
from fotohaus.report import Report
from fotohaus.strips import STRIP, in_threads, strips


@pytest.mark.parametrize("height", [1, STRIP - 1, STRIP, STRIP + 1, 1000])
def test_strips_cover_the_height_once(height):
    rows = [row for top, bottom in strips(height) for row in range(top, bottom)]
    assert rows == list(range(height))
    assert all(top % 16 == 0 for top, _ in strips(height))


def test_results_come_in_order():
    def work(part):
        time.sleep(0.002 * (part % 3))
        return part

    assert list(in_threads(work, range(20))) == list(range(20))


def test_few_results_wait():
    begun = []
    results = in_threads(begun.append, range(1000))
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 2 * kernels.threads() + 2
    results.close()


def test_an_exception_arrives_and_ends_the_work():
    begun = []

    def work(part):
        begun.append(part)
        if part == 3:
            raise KeyError(part)

    with pytest.raises(KeyError):
        list(in_threads(work, range(1000)))
    assert len(begun) < 100


def test_stages_of_other_threads_are_parts_of_the_open_one():
    report = Report()

    def work(_part):
        assert threading.current_thread() is not threading.main_thread()
        with report.stage("inner"):
            pass

    with report.stage("outer"):
        list(in_threads(work, range(5)))
    (outer,) = report.stages
    (inner,) = outer.parts
    assert (inner.name, inner.runs) == ("inner", 5)
