"""Protocols: frozen records, their ids and overrides; and that freezing channels does not pay under `corrected`."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from functools import cache
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pytest
from oracles.official import NAMES, golden

import react_eval
from react_eval import Protocol, extensions, find_protocol, protocol, protocols, registry
from react_eval.errors import InputError, UnknownNameError
from react_eval.registry import all_metrics, find_metric

OF_ONE_LENGTH = ["react2024@1", "react2023@1", "reactface@1", "perfrdiff@1", "corrected@1"]
OF_MARS = [f"react{year}{suffix}@1" for year in (2025, 2026) for suffix in ("", "+linear", "+crop")]
OURS = [*OF_ONE_LENGTH, *OF_MARS, "corrected+linear@1"]


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
        ("FRSyn", "longest_lag", 4.5, r"FRSyn\.longest_lag = 4\.5 is not of type int"),
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
    with pytest.raises(InputError, match="the name 'TLCC' of metric 'Mine' is taken by 'FRSyn'"):
        registry.register(replace(find_metric("FRDiv"), name="Mine", aliases=("TLCC",)))
    with pytest.raises(UnknownNameError, match=r"there is no metric 'FRDvz'\. Did you mean 'FRDvs'\?"):
        find_metric("FRDvz")


class Added(EntryPoint):
    """An entry point of a package whose object is at hand."""

    def load(self):
        return self.made()

    @property
    def dist(self):
        return SimpleNamespace(name=self.module)


def added(package, name, made):
    point = Added(name, f"{package}:{name}", "group")
    vars(point)["made"] = made if callable(made) and not isinstance(made, Protocol) else lambda: made
    return point


@pytest.fixture
def install(monkeypatch):
    """Installs entry points in place of those of the environment; says how often they were looked for."""
    scans = []

    def installed(**groups):
        def found(group):
            scans.append(group)
            return groups.get(group.removeprefix("react_eval."), [])

        monkeypatch.setattr(extensions, "entry_points", found)
        monkeypatch.setattr(extensions, "_LEFT_OUT", {})
        monkeypatch.setattr(registry, "_METRICS", dict(registry._METRICS))
        monkeypatch.setattr(protocol, "_PROTOCOLS", dict(protocol._PROTOCOLS))
        return scans

    return installed


def their_function(*_arguments):
    raise NotImplementedError


def frames_metric(**changes):
    return replace(find_metric("FRDiv"), **{"name": "FRFrames", "aliases": (), "needs": ("videos",)} | changes)


def theirs(name="theirs", **changes):
    return replace(find_protocol("react2024"), name=name, **changes)


def test_an_installed_package_adds_metrics_and_protocols(install):
    use = protocol.MetricUse("FRFrames", "FRFrames", frames_metric().settings())
    with_frames = theirs(uses=(*find_protocol("react2024").uses, use))
    install(metrics=[added("a", "FRFrames", frames_metric())], protocols=[added("a", "theirs", with_frames)])
    assert "theirs@1" in protocols()
    assert "FRFrames" in all_metrics()
    result = react_eval.score_arrays(np.zeros((2, 1, 60, 1), np.float32), protocol="theirs")
    assert "FRFrames left out: no videos." in result.notes


def test_packages_are_looked_for_once_in_a_process(install):
    scans = install()
    for _ in range(3):
        protocols()
        all_metrics()
        find_protocol("react2024").use("tlcc")
    assert sorted(scans) == ["react_eval.metrics", "react_eval.protocols"]


def test_threads_that_ask_first_wait_for_what_is_installed(install):
    def slowly():
        time.sleep(0.2)
        return theirs()

    install(protocols=[added("a", "theirs", slowly)])
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: find_protocol("theirs").id, range(4)))
    assert found == ["theirs@1"] * 4


def broken():
    raise ImportError("libfoo.so.1 is missing")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (broken, "ImportError: libfoo.so.1 is missing"),
        (lambda: {"name": "theirs"}, "it is a dict, expected a Protocol"),
    ],
)
def test_a_broken_package_is_left_out_with_a_warning_and_named_when_it_is_asked_for(install, made, message):
    install(protocols=[added("broken_package", "theirs", made), added("sound", "mine", theirs("mine"))])
    with pytest.warns(RuntimeWarning, match=f"'theirs' of package 'broken_package' is left out: {message}"):
        protocols()
    assert find_protocol("mine").id == "mine@1"
    for name in ("theirs", "theirs@1"):
        with pytest.raises(UnknownNameError, match=f"'theirs' of package 'broken_package' is left out: {message}"):
            find_protocol(name)
    with pytest.raises(UnknownNameError, match="Did you mean 'mine@1'"):
        find_protocol("mime")


def test_a_broken_metric_is_named_when_it_is_asked_for(install):
    install(metrics=[added("broken_package", "FRFrames", broken)])
    with pytest.warns(RuntimeWarning, match="'FRFrames' of package 'broken_package' is left out"):
        assert "FRFrames" not in all_metrics()
    with pytest.raises(UnknownNameError, match="libfoo"):
        find_metric("frframes")
    assert find_metric("frc").name == "FRCorr"


def test_one_name_of_two_packages_is_refused_naming_both(install):
    install(
        protocols=[added(package, "theirs", theirs(frames=frames)) for package, frames in (("one", 9), ("two", 8))],
        metrics=[added(package, "FRFrames", frames_metric(unit=package)) for package in ("one", "two")],
    )
    with pytest.warns(RuntimeWarning, match="'theirs@1' is defined by the packages 'one' and 'two'"):
        assert "theirs@1" not in protocols()
    with pytest.warns(RuntimeWarning, match="'FRFrames' is defined by the packages 'one' and 'two'"):
        assert "FRFrames" not in all_metrics()
    with pytest.raises(UnknownNameError, match=r"by the packages 'one' and 'two'\. Uninstall one"):
        find_protocol("theirs")
    with pytest.raises(UnknownNameError, match="by the packages 'one' and 'two'"):
        find_metric("FRFrames")


def test_our_names_cannot_be_taken(install):
    before = list(all_metrics().values())
    install(
        protocols=[added("greedy", "react2024", replace(find_protocol("react2024"), frames=9))],
        metrics=[added("greedy", "FRCorr", replace(find_metric("FRCorr"), conclude=their_function))],
    )
    with pytest.warns(RuntimeWarning, match="'react2024@1' of package 'greedy' is left out: .*registered with other"):
        assert find_protocol("react2024").frames == 750
    with pytest.warns(RuntimeWarning, match="'FRCorr' of package 'greedy' is left out: .*of package 'react_eval'"):
        assert find_metric("FRCorr") in before


def test_a_package_may_look_up_ours_while_it_is_loaded(install):
    install(protocols=[added("a", "theirs", lambda: theirs())], metrics=[added("a", "FRFrames", frames_metric)])
    assert find_protocol("theirs").id == "theirs@1"
    assert find_metric("FRFrames").name == "FRFrames"


def test_a_protocol_changed_under_its_official_id_is_refused():
    released = find_protocol("react2024")
    for changed in (
        replace(released, frames=100),
        replace(released, uses=released.uses[:2]),
        replace(released.override("FRSyn", reactions="all"), frames=100),
        replace(released, uses=released.override("FRSyn", reactions="all").uses),
        replace(released.override("FRSyn", reactions="all"), uses=released.override("FRCorr", scale=2.0).uses),
    ):
        with pytest.raises(InputError, match=r"is not what 'react2024@1' is released as.*override.*name of its own"):
            react_eval.score_arrays(np.zeros((2, 1, 60, 1), np.float32), protocol=changed)


def test_a_protocol_under_a_name_of_its_own_or_changed_by_override_is_scored():
    released = find_protocol("react2024")
    for changed in (
        theirs("mine", frames=100),
        released.override("FRSyn", reactions="all").override("FRCorr", scale=2),
        released.override("FRSyn", reactions="all").override("FRSyn", reactions="first"),
    ):
        assert find_protocol(changed) is changed


@dataclass(frozen=True)
class TheirSettings:
    limit: int | None = None
    weights: tuple[float, ...] = (1.0,)
    pair: tuple[int, str] = (1, "a")
    scale: float = 1.0
    label: str = "x"
    whole: bool = False
    of: Literal[1, 2] = 1


SETTINGS = [
    ("limit", "3", 3),
    ("limit", "None", None),
    ("weights", "1, 2.5", (1.0, 2.5)),
    ("weights", "(1,)", (1.0,)),
    ("pair", "(2, 'b')", (2, "b")),
    ("pair", "2,b", (2, "b")),
    ("scale", "2", 2.0),
    ("scale", "1e-3", 0.001),
    ("label", "3", "3"),
    ("label", "None", "None"),
    ("whole", "True", True),
    ("of", "2", 2),
]


def their_protocol():
    use = protocol.MetricUse("FRDiv", "FRDiv", TheirSettings())
    return theirs("their-settings", uses=(use,))


@pytest.mark.parametrize(("setting", "text", "value"), SETTINGS)
def test_settings_of_every_type_are_read_from_text(setting, text, value):
    found = getattr(their_protocol().override_text("FRDiv", setting, text).use("FRDiv").settings, setting)
    assert found == value
    assert type(found) is type(value)
    assert getattr(their_protocol().override("FRDiv", **{setting: value}).use("FRDiv").settings, setting) == value


@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        ("limit", "many", r"FRDiv\.limit = 'many' is not of type int \| None"),
        ("weights", "1,x", r"FRDiv\.weights = '1,x' is not of type tuple\[float, \.\.\.\]"),
        ("pair", "(1, 2, 3)", "is not of type tuple"),
        ("scale", "True", r"FRDiv\.scale = 'True' is not of type float"),
        ("whole", "1", r"FRDiv\.whole = '1' is not of type bool"),
        ("of", "3", r"FRDiv\.of = '3' is not known\..*Available: 1, 2"),
    ],
)
def test_text_that_is_no_value_of_a_setting_says_what_is_one(setting, text, message):
    with pytest.raises(InputError, match=message):
        their_protocol().override_text("FRDiv", setting, text)


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
        assert "of the channels vary on both sides" in found.reason


@freezing
@pytest.mark.parametrize("name", sorted(FOLLOW_THE_SPEAKER))
def test_freezing_never_improves_the_synchrony_of_what_follows_the_speaker(name, still):
    whole = corrected(name).measurements["FRSyn"]
    assert whole.details["mean_peak"] > 0.9
    for frozen in FROZEN:
        found = corrected(name, frozen, still).measurements["FRSyn"]
        assert found.value >= whole.value
        assert found.details["mean_peak"] <= whole.details["mean_peak"]
