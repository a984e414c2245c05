"""One pass over clips: the same bits for any number of threads and any order, also for metrics of other people."""

import _thread
import math
import signal
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.examples import example

import react_eval
from react_data.progress import track
from react_eval import protocol as protocols
from react_eval import registry, score_arrays
from react_eval.clip_set import ClipView
from react_eval.errors import InputError
from react_eval.metrics.arguments import clip_set
from react_eval.observing import digest_of, observe, wanted_of
from react_eval.protocol import MetricUse, Protocol
from react_eval.registry import Measurement, Metric, mean_over_clips, register

DATA = example(5, clips=8, reactions=2, constant=(4,))
PREDICTIONS = DATA["predictions"]
EVERYTHING = ["react2024", "corrected", "reactface"]


@dataclass(frozen=True)
class PeakSettings:
    """The largest value of some channel."""

    channel: int = 0


@dataclass(frozen=True)
class TotalSettings:
    """The number of values in all clips."""


class Total:
    """A pool that counts values."""

    def __init__(self):
        self.values = 0

    def add(self, view):
        self.values += view.reactions.size

    def merge(self, other):
        self.values += other.values


def observe_peak(view, settings):
    return float(view.reactions[..., settings.channel].max())


def conclude_peak(observed, _settings):
    return Measurement(mean_over_clips(np.array(observed.found)), per_clip={"Peak": np.array(observed.found)})


def record(name, observe, conclude, settings, **more):
    words = {"title": "a test's own", "facet": "realism", "better": "higher", "unit": "", "reading": "", "function": ""}
    return Metric(name=name, needs=(), settings=settings, observe=observe, conclude=conclude, **words, **more)


PEAK = record("Peak", observe_peak, conclude_peak, PeakSettings)
TOTAL = record(
    "Total",
    lambda view, _settings: view.id,
    lambda observed, _settings: Measurement(float(observed.pool.values), details={"clips": observed.found}),
    TotalSettings,
    pool=Total,
)


@pytest.fixture
def ours(monkeypatch):
    """A protocol with metrics of the test's own, which are gone after the test."""
    monkeypatch.setattr(registry, "_METRICS", dict(registry.all_metrics()))
    monkeypatch.setattr(protocols, "_PROTOCOLS", dict(protocols._PROTOCOLS))
    register(PEAK)
    register(TOTAL)
    uses = (
        MetricUse("Peak", "Peak", PeakSettings()),
        MetricUse("Peak_last", "Peak", PeakSettings(channel=24)),
        MetricUse("Total", "Total", TotalSettings()),
        react_eval.find_protocol("react2024").use("FRVar"),
    )
    return Protocol("ours", 1, "of a test", uses)


def scores(result):
    return [each["scores"] for each in result.to_dict().values()]


@pytest.mark.parametrize("threads", [2, 7, 64])
def test_the_number_of_threads_changes_no_bit(threads):
    one, several = (score_arrays(**DATA, protocol=EVERYTHING, threads=number) for number in (1, threads))
    assert scores(several) == scores(one)


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_are_at_least_one(threads):
    with pytest.raises(InputError, match=f"threads is {threads}, expected at least 1"):
        score_arrays(PREDICTIONS, threads=threads)


def test_metrics_of_other_people_are_scored(ours):
    result = score_arrays(PREDICTIONS, protocol=ours)
    assert result["Peak"] == pytest.approx(PREDICTIONS[..., 0].max(axis=(1, 2)).mean(), rel=1e-12)
    assert result["Peak_last"] == pytest.approx(PREDICTIONS[..., 24].max(axis=(1, 2)).mean(), rel=1e-12)
    assert result["Total"] == PREDICTIONS.size
    assert result["FRVar"] == react_eval.metrics.frvar(PREDICTIONS)
    assert result.diagnostics["metrics"]["Total"]["clips"] == list("01234567")
    assert (result.measurements["Peak"].per_clip["Peak"] == PREDICTIONS[..., 0].max(axis=(1, 2))).all()


def test_metrics_of_other_people_stream_and_merge(ours):
    first, second = (react_eval.Scorer(ours, clips=list("01234567")) for _ in range(2))
    first.update(list("0123"), PREDICTIONS[:4])
    second.update(list("34567"), PREDICTIONS[3:])
    second.merge(first)
    in_one_call = score_arrays(PREDICTIONS, protocol=ours).to_dict()
    assert second.compute().to_dict()["scores"] == in_one_call["scores"]


def test_settings_that_cannot_be_compared_are_refused(ours):
    unhashable = replace(ours.uses[0], settings=PeakSettings(channel=[1]))
    with pytest.raises(InputError, match="the settings of Peak cannot be compared: unhashable type: 'list'"):
        wanted_of([unhashable])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32) | st.just(math.nan), max_size=40), st.randoms())
def test_a_mean_over_clips_depends_on_no_order(values, random):
    shuffled = random.sample(values, len(values))
    found, other = (mean_over_clips(np.array(each, dtype=np.float64)) for each in (values, shuffled))
    assert found == other or (math.isnan(found) and math.isnan(other))
    assert math.isnan(found) == all(map(math.isnan, values))


def test_every_clip_is_prepared_once_in_batches_and_in_order():
    prepared = []
    inputs = clip_set(PREDICTIONS)
    options = {"prepare": lambda views: prepared.append([view.index for view in views]), "batch": 3, "threads": 1}
    found = observe(inputs, {("Peak", PeakSettings()): PEAK}, look=lambda view: view.index, **options)
    assert prepared == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert [each.facts for each in found.clips.values()] == list(range(8))


def test_what_was_prepared_takes_the_place_of_what_would_be_computed():
    view = ClipView(clip_set(PREDICTIONS), 0)
    view.provide("key", 7)
    assert view.shared("key", lambda: 8) == 7


def test_a_digest_tells_values_and_shapes_apart_and_no_layouts():
    one = PREDICTIONS[0]
    changed = one.copy()
    changed[1, 2, 3] = np.nextafter(changed[1, 2, 3], np.float32(9))
    assert digest_of(np.asfortranarray(one)) == digest_of(one)
    assert len({digest_of(each) for each in (one, changed, one.reshape(1, -1, 25), -one)}) == 4


CLIPS = 400


def stop_with(act):
    """Call `act` with the third of 400 clips; no clip is begun and no thread is left once that is known outside."""
    begun, before = [], threading.active_count()

    def slow(view, _settings):
        begun.append(view.id)
        if view.id == "2":
            act()
        time.sleep(0.005)

    inputs = clip_set(np.zeros((CLIPS, 1, 2, 1), np.float32))
    metric = replace(PEAK, observe=slow)
    try:
        observe(inputs, {("Peak", PeakSettings()): metric}, threads=4)
    finally:
        begun_by_then = len(begun)
        time.sleep(0.05)
        assert len(begun) == begun_by_then
        assert threading.active_count() == before
        assert begun_by_then < CLIPS / 2


def failing():
    raise KeyboardInterrupt


@pytest.fixture
def interruptible():
    """Ctrl+C interrupts, also where tests run in the background, and the progress bar's own thread is there already."""
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    list(track([0], "beginning", show=False))
    yield
    signal.signal(signal.SIGINT, earlier)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("act", [failing, _thread.interrupt_main], ids=["in a thread", "by Ctrl+C"])
def test_an_interrupted_pass_stops_soon_and_leaves_no_thread(act):
    with pytest.raises(KeyboardInterrupt):
        stop_with(act)


def test_a_metric_that_fails_stops_the_pass_with_its_own_error():
    def fail():
        raise ZeroDivisionError("of a metric")

    with pytest.raises(ZeroDivisionError, match="of a metric"):
        stop_with(fail)
