"""Protocols: frozen records, their ids and overrides; and that freezing channels does not pay under `corrected`."""

from dataclasses import FrozenInstanceError, fields, replace
from functools import cache
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from oracles.official import NAMES, golden

import react_eval
from react_eval import find_protocol, protocol, protocols, registry
from react_eval.errors import InputError, UnknownNameError
from react_eval.registry import Measurement, all_metrics, find_metric

OURS = ["react2024@1", "react2023@1", "reactface@1", "perfrdiff@1", "corrected@1"]


def test_every_protocol_is_listed_with_a_line():
    assert list(protocols()) == OURS
    assert all(summary and "\n" not in summary for summary in protocols().values())


def test_a_name_without_revision_means_the_newest(monkeypatch):
    monkeypatch.setattr(protocol, "_PROTOCOLS", dict(protocol._PROTOCOLS))
    newer = protocol.register_protocol(replace(find_protocol("corrected"), revision=2))
    assert find_protocol("corrected") is newer
    assert find_protocol("corrected@1").revision == 1
    assert find_protocol(newer) is newer


def test_protocols_are_frozen_and_their_ids_never_redefined():
    released = find_protocol("react2024")
    with pytest.raises(FrozenInstanceError):
        released.revision = 2
    with pytest.raises(InputError, match=r"'react2024@1' is registered with other definitions\. Raise its revision"):
        protocol.register_protocol(replace(released, frames=751))
    assert protocol.register_protocol(released) is released


def test_react2023_is_react2024():
    old, new = find_protocol("react2023"), find_protocol("react2024")
    assert replace(old, name=new.name, summary=new.summary) == new


@pytest.mark.parametrize("name", OURS)
def test_every_setting_has_the_type_it_says(name):
    for use in find_protocol(name).uses:
        assert isinstance(use.settings, use.record.settings)
        for setting in fields(use.settings):
            value = getattr(use.settings, setting.name)
            assert find_protocol(name).override(use.key, **{setting.name: value}).use(use.key).settings == use.settings


def test_an_override_has_its_own_id_and_leaves_the_release_alone():
    changed = find_protocol("react2024").override("tlcc", reactions="all", longest_lag=24)
    assert changed.id == "react2024@1+FRSyn.reactions=all+FRSyn.longest_lag=24"
    assert changed.use("FRSyn").settings.longest_lag == 24
    assert find_protocol("react2024").use("FRSyn").settings.reactions == "first"
    assert (
        find_protocol("react2024").override_text("FRSyn", "longest_lag", "24").use("FRSyn").settings.longest_lag == 24
    )


@pytest.mark.parametrize(
    ("metric", "setting", "value", "message"),
    [
        ("FRSyn", "reactions", "every", r"FRSyn\.reactions = 'every' is not known\..*Available: first, all"),
        ("FRSyn", "reaction", "all", r"FRSyn has no setting 'reaction'\. Did you mean 'reactions'\?"),
        ("FRSyn", "longest_lag", "49", r"FRSyn\.longest_lag = '49' is not of type int"),
        ("FRCorr", "epsilon", True, r"FRCorr\.epsilon = True is not of type float"),
        ("FRCor", "epsilon", 0.0, r"protocol 'react2024@1' has no metric 'FRCor'\. Did you mean 'FRCorr'\?"),
    ],
)
def test_wrong_overrides_say_what_there_is(metric, setting, value, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        find_protocol("react2024").override(metric, **{setting: value})


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("reakt2024", r"there is no protocol 'reakt2024'\. Did you mean 'react2024@1'\?"),
        ("react2024@9", "there is no protocol 'react2024@9'"),
        ([], "no protocol was asked for"),
    ],
)
def test_unknown_protocols_are_refused_with_a_suggestion(asked, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        react_eval.score_arrays(np.zeros((2, 1, 60, 1), np.float32), protocol=asked)


def test_one_protocol_asked_for_twice_is_scored_once():
    result = react_eval.score_arrays(np.zeros((2, 1, 60, 1), np.float32), protocol=["react2024", "react2024@1"])
    assert result.protocol.id == "react2024@1"


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        *(("FRC", "FRCorr"), ("frc", "FRCorr"), ("FRcorr", "FRCorr")),
        *(("FRD", "FRDist"), ("FRdist", "FRDist"), ("TLCC", "FRSyn"), ("tlcc", "FRSyn")),
        *(("S-MSE", "FRDiv"), ("smse", "FRDiv")),
    ],
)
def test_aliases_of_papers_are_understood(alias, name):
    assert find_metric(alias).name == name
    assert find_protocol("react2024").use(alias).key == name


def test_a_name_of_another_metric_cannot_be_taken():
    with pytest.raises(UnknownNameError, match="the name 'TLCC' of metric 'Mine' is taken by 'FRSyn'"):
        registry.register(replace(find_metric("FRDiv"), name="Mine", aliases=("TLCC",)))
    with pytest.raises(UnknownNameError, match=r"there is no metric 'FRDvz'\. Did you mean 'FRDvs'\?"):
        find_metric("FRDvz")


def frames_of_video(inputs, _settings):
    return Measurement(float(len(inputs.predictions)))


def test_an_installed_package_adds_metrics_and_protocols(monkeypatch):
    metric = replace(find_metric("FRDiv"), name="FRFrames", aliases=(), needs=("videos",), measure=frames_of_video)
    use = protocol.MetricUse("FRFrames", "FRFrames", metric.settings())
    theirs = replace(find_protocol("react2024"), name="theirs", uses=(*find_protocol("react2024").uses, use))
    extensions = {
        "react_eval.metrics": _entry_point("FRFrames", metric),
        "react_eval.protocols": _entry_point("theirs", theirs),
    }
    for module in (registry, protocol):
        monkeypatch.setattr(module, "entry_points", lambda group: [extensions[group]])
    monkeypatch.setattr(registry, "_METRICS", dict(registry._METRICS))
    monkeypatch.setattr(protocol, "_PROTOCOLS", dict(protocol._PROTOCOLS))
    assert "theirs@1" in protocols()
    assert "FRFrames" in all_metrics()
    result = react_eval.score_arrays(np.zeros((2, 1, 60, 1), np.float32), protocol="theirs")
    assert "FRFrames left out: no videos." in result.notes


def _entry_point(name, value):
    class Loaded(EntryPoint):
        def load(self):
            return value

    return Loaded(name, "module:value", "group")


FROZEN = {
    "first 60 %, all action units": lambda channels: range(round(0.6 * channels)),
    "all but one": lambda channels: range(channels - 1),
    "a random half": lambda channels: np.random.default_rng(0).permutation(channels)[: channels // 2],
    "last 5": lambda channels: range(channels - 5, channels),
    "all": range,
}
STILL = {"at 0": lambda values: np.zeros_like(values), "at their mean": lambda values: values.mean(2, keepdims=True)}
UNLIKE_REAL_REACTIONS = {"mime", "random", "lagged", "mean_frame"}
FOLLOW_THE_SPEAKER = {"mime", "lagged"}


@cache
def corrected(name, frozen=None, still=None):
    data = dict(golden(name))
    if frozen is not None:
        values = data["predictions"].copy()
        channels = list(FROZEN[frozen](values.shape[-1]))
        values[..., channels] = STILL[still](values[..., channels])
        data["predictions"] = values
    return react_eval.score_arrays(**data, protocol="corrected", metrics=["FRCorr", "FRDist", "FRSyn"], context=False)


freezing = pytest.mark.parametrize("still", STILL)


@freezing
@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNLIKE_REAL_REACTIONS])
def test_freezing_channels_never_improves_appropriateness(name, still):
    """Not for mime, random, lagged and mean_frame: they resemble no real reaction (FRCorr below .05).

    There a still face is nearer to the real ones than what is predicted, and FRCorr moves by thousandths.
    """
    for frozen in FROZEN:
        assert corrected(name, frozen, still)["FRCorr"] <= corrected(name)["FRCorr"]
        assert corrected(name, frozen, still)["FRDist"] >= corrected(name)["FRDist"]


@pytest.mark.parametrize("name", sorted(UNLIKE_REAL_REACTIONS))
def test_the_exceptions_resemble_no_real_reaction(name):
    assert corrected(name)["FRCorr"] < 0.05
    assert all(corrected(name, frozen, "at 0")["FRCorr"] < 0.05 for frozen in FROZEN)


@freezing
@pytest.mark.parametrize("name", NAMES)
def test_freezing_nearly_everything_never_improves_the_correlation(name, still):
    for frozen in ("all but one", "all"):
        assert corrected(name, frozen, still)["FRCorr"] <= corrected(name)["FRCorr"] + 1e-12
    assert corrected(name, "all", still)["FRCorr"] == pytest.approx(0, abs=1e-12)


@freezing
@pytest.mark.parametrize("name", NAMES)
def test_freezing_more_than_half_of_the_channels_cannot_be_ranked(name, still):
    """Where a prediction does not follow the speaker, its best lag is the argmax of noise and may move either way."""
    for frozen in ("first 60 %, all action units", "all but one", "all"):
        found = corrected(name, frozen, still).measurements["FRSyn"]
        assert found.details["coverage"] < 0.5
        assert not found.rankable
        assert "not rankable" in found.reason


@freezing
@pytest.mark.parametrize("name", sorted(FOLLOW_THE_SPEAKER))
def test_freezing_never_improves_the_synchrony_of_what_follows_the_speaker(name, still):
    whole = corrected(name).measurements["FRSyn"]
    assert whole.details["mean_peak"] > 0.9
    for frozen in FROZEN:
        found = corrected(name, frozen, still).measurements["FRSyn"]
        assert found.value >= whole.value
        assert found.details["mean_peak"] <= whole.details["mean_peak"]
