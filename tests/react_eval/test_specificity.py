"""Whether a method listens: who is told to and who is not, what is re-paired with what, and what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.examples import example, smooth
from scipy import stats

import react_data
import react_eval
from react_eval.baselines import baseline, generate_predictions
from react_eval.errors import InputError, SubmissionError
from react_eval.specificity_result import SpecificValue
from react_eval.specificity_scoring import repaired_order, specificity, specificity_arrays

FRAMES = 120
COMPARING = ["FRCorr", "FRDist", "FRSyn"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data set whose val split is 32 clips of five conversations."""
    path = tmp_path_factory.mktemp("data") / "tree"
    options = {"splits": ("train", "val"), "modalities": ("emotion",), "frames": FRAMES}
    return react_data.synthesise(path, recordings=64, show_progress=False, **options)


@pytest.fixture(scope="module")
def found(root):
    """What is found for every naive baseline."""
    dataset, train = (react_data.open_split(root, split) for split in ("val", "train"))
    options = {"split": "val", "data": root, "protocol": "corrected", "show_progress": False}
    return {
        name: specificity(
            generate_predictions(baseline(name, dataset, train), dataset, show_progress=False), method=name, **options
        )
        for name in ("GT", "B_Mime", "B_MeanSeq", "B_Random")
    }


def conversations(seed=0, **changes):
    """Eight clips of four conversations."""
    data = example(seed, clips=8, channels=3, reactions=2, frames=80) | changes
    return data | {"sessions": list("aabbccdd"), "protocol": "corrected"}


def test_who_answers_the_speaker_is_told_to_listen(found):
    assert [key for key, each in found["GT"].items() if each.listens] == ["FRCorr", "FRDist"]
    assert found["GT"].verdict == "GT listens: FRCorr and FRDist better with the own speaker than with others."
    assert [key for key, each in found["B_Mime"].items() if each.listens] == ["FRSyn"]
    assert found["B_Mime"]["FRSyn"].reading == "fits its own speaker better"


@pytest.mark.parametrize("name", ["B_MeanSeq", "B_Random"])
def test_who_ignores_the_speaker_is_told_not_to(found, name):
    assert not found[name].listens
    assert found[name].verdict == f"No sign that {name} listens: reactions made for other speakers score as well."


def test_one_reaction_for_all_differs_in_nothing_at_all(found):
    for each in found["B_MeanSeq"].values():
        assert (each.difference, each.chance, each.sd) == (0, 0, 0)
        assert each.reading == "the same for every speaker"


def test_noise_differs_by_what_chance_makes(found):
    for each in found["B_Random"].values():
        assert abs(each.difference) < each.chance
        assert each.reading == "no sign that the speaker matters"


def test_the_value_is_the_score_and_the_difference_that_to_the_mean_of_the_draws(root, found):
    dataset = react_data.open_split(root, "val")
    preds = generate_predictions(baseline("B_Mime", dataset), dataset, show_progress=False)
    result = react_eval.score(preds, split="val", data=root, protocol="corrected", show_progress=False)
    for key in COMPARING:
        each = found["B_Mime"][key]
        assert each.value == result[key]
        assert len(each.repaired) == 10
        assert each.mean == pytest.approx(np.mean(each.repaired))
        assert each.sd == pytest.approx(np.std(each.repaired, ddof=1))
        assert each.difference == pytest.approx(each.value - each.mean)
    assert found["B_Mime"]["FRSyn"].value == 0


def test_only_metrics_that_compare_are_looked_at(found):
    assert list(found["GT"]) == COMPARING
    assert len(found["GT"]) == 3


def test_files_in_another_order_and_under_other_names_give_the_same(root, tmp_path):
    dataset = react_data.open_split(root, "val")
    clips = [str(clip) for clip in dataset["clip"].values]
    values = smooth(np.random.default_rng(0), len(clips), 10, FRAMES, 25)
    aliases = [str(react_data.ClipId.parse(clip).alias) for clip in clips]
    react_eval.save_submission(tmp_path / "preds.h5", values[::-1], clips=aliases[::-1], method="m", split="val")
    options = {"split": "val", "data": root, "draws": 2, "metrics": ["FRCorr"], "show_progress": False}
    assert specificity(tmp_path / "preds.h5", **options)["FRCorr"] == specificity(values, **options)["FRCorr"]


def test_on_a_personalised_clip_set_only_its_clips_are_exchanged(root):
    dataset = react_data.open_split(root, "val")
    preds = generate_predictions(baseline("B_Mime", dataset), dataset, show_progress=False)
    options = {"split": "val", "data": root, "draws": 2, "show_progress": False}
    found = specificity(preds, protocol="perfrdiff", metrics=["FRCorr_personal"], **options)
    assert found.clips < dataset.sizes["clip"]
    assert list(found) == ["FRCorr_personal"]


def test_arrays_give_what_a_split_gives(root):
    dataset = react_data.open_split(root, "val")
    values = smooth(np.random.default_rng(0), dataset.sizes["clip"], 10, FRAMES, 25)
    of_split = specificity(values, split="val", data=root, draws=2, show_progress=False)
    of_arrays = specificity_arrays(
        values,
        listener=dataset["listener_emotion"].values,
        speaker=dataset["speaker_emotion"].values,
        neighbours=dataset["neighbours"].values,
        sessions=[str(session) for session in dataset["session"].values],
        draws=2,
    )
    assert dict(of_arrays) == dict(of_split)


def test_arrays_are_scored_by_the_metrics_whose_inputs_are_there():
    data = conversations()
    predictions = data.pop("predictions")
    assert list(specificity_arrays(predictions, **data)) == COMPARING
    alone = {key: data[key] for key in ("speaker", "sessions", "protocol")}
    assert list(specificity_arrays(predictions, **alone)) == ["FRSyn"]
    with pytest.raises(InputError, match=r"no metric of 'corrected@1' that compares .* pass speaker="):
        specificity_arrays(predictions, protocol="corrected")


def test_clips_of_several_lengths_are_exchanged_with_their_like():
    lengths, sessions = [60] * 4 + [80] * 4, list("abcdabcd")
    series = [smooth(np.random.default_rng(n), length, 3) for n, length in enumerate(lengths)]
    mimicry = [each[None] for each in series]
    found = specificity_arrays(mimicry, speaker=series, sessions=sessions, protocol="corrected", draws=3)
    assert found["FRSyn"].value == 0
    assert found["FRSyn"].mean > 0


def value(own, repaired, better=1, groups=10**9):
    return SpecificValue("FRCorr", better, own, repaired, groups)


def test_chance_is_a_prediction_interval_of_one_more_draw_for_three_metrics():
    draws = (1.0, 2.0, 4.0, 3.0, 2.5)
    expected = stats.t.ppf(1 - 0.05 / 6, 4) * np.std(draws, ddof=1) * np.sqrt(1 + 1 / 5)
    assert value(0.0, draws).chance == pytest.approx(expected, rel=1e-3)
    few = expected * np.sqrt((6 / 4 + 1 / 5) / (1 + 1 / 5))
    assert value(0.0, draws, groups=6).chance == pytest.approx(few, rel=1e-3)
    many = tuple(np.random.default_rng(0).normal(size=60))
    expected = stats.t.ppf(1 - 0.05 / 6, 59) * np.std(many, ddof=1) * np.sqrt(1 + 1 / 60)
    assert value(0.0, many).chance == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("count", range(2, 32))
def test_every_number_of_draws_has_its_quantile(count):
    draws = tuple(np.random.default_rng(count).normal(size=count))
    spread = np.std(draws, ddof=1) * np.sqrt(1 + 1 / count)
    assert value(0.0, draws).chance / spread == pytest.approx(stats.t.ppf(1 - 0.05 / 6, count - 1), abs=6e-4)


READINGS = {
    "better": (value(12.0, (1.0, 2.0, 3.0)), "fits its own speaker better", True),
    "lower is better": (value(-12.0, (1.0, 2.0, 3.0), better=-1), "fits its own speaker better", True),
    "worse": (value(-12.0, (1.0, 2.0, 3.0)), "fits other speakers better", False),
    "neither": (value(12.0, (1.0, 2.0, 3.0), better=0), "depends on the speaker", False),
    "within chance": (value(10.0, (1.0, 2.0, 3.0)), "no sign that the speaker matters", False),
    "equal": (value(1.0, (1.0, 1.0)), "the same for every speaker", False),
    "every draw the same": (value(2.0, (1.0, 1.0)), "too rarely defined to tell", False),
    "undefined": (value(float("nan"), (1.0, 2.0)), "undefined", False),
}


@pytest.mark.parametrize("case", READINGS)
def test_a_difference_is_read_in_plain_words(case):
    found, reading, listens = READINGS[case]
    assert (found.reading, found.listens) == (reading, listens)


def strangers(seed, conversations=12, clips=5, frames=80):
    """Reactions, listeners and speakers that know nothing of each other; a conversation's clips are alike."""
    generator = np.random.default_rng(seed)

    def walks(*shape):
        return np.cumsum(generator.normal(size=(*shape, frames)), axis=-1)

    def drawn():
        values = 2 * walks(conversations, 1) + walks(conversations, clips)
        return values.reshape(-1, frames, 1).astype(np.float32)

    return {
        "predictions": drawn()[:, None],
        "listener": drawn(),
        "speaker": drawn(),
        "neighbours": np.eye(conversations * clips, dtype=bool),
        "sessions": np.repeat(np.arange(conversations), clips),
        "channels": react_data.MOTION_ENERGY,
        "protocol": "corrected",
    }


@pytest.mark.slow
def test_strangers_whose_clips_depend_on_each_other_are_rarely_said_to_listen():
    runs = 100
    told = sum(specificity_arrays(**strangers(seed), metrics=COMPARING, seed=seed).listens for seed in range(runs))
    assert told / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
def test_strangers_with_several_reactions_and_neighbours_are_rarely_said_to_listen():
    runs, told = 200, 0
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        data = {name: smooth(generator, 16, 60, 3) for name in ("listener", "speaker")}
        data["neighbours"] = np.eye(16, dtype=bool) | (generator.random((16, 16)) < 0.3)
        reactions, sessions = smooth(generator, 16, 2, 60, 3), list("aabbccddeeffgghh")
        told += specificity_arrays(reactions, **data, sessions=sessions, protocol="corrected", seed=seed).listens
    assert told / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_without_conversations_clips_are_exchanged_and_that_is_said():
    data = conversations() | {"sessions": None}
    assert "No conversations are known: other clips may be of the same one." in str(specificity_arrays(**data))


SOME_GROUPS = st.lists(st.integers(0, 6), min_size=4, max_size=20)


@settings(max_examples=60, deadline=None)
@given(SOME_GROUPS.filter(lambda groups: len(set(groups)) >= 4), st.integers(0, 10**6))
def test_every_group_gets_the_clips_of_exactly_one_other_in_turn(groups, seed):
    groups, lengths = np.array(groups * 2), np.repeat([700, 750], len(groups))
    order = repaired_order(groups, lengths, np.random.default_rng(seed))
    givers = {group: set(groups[order[groups == group]]) for group in set(groups)}
    assert (groups[order] != groups).all()
    assert (lengths[order] == lengths).all()
    assert {len(each) for each in givers.values()} == {1}
    assert set.union(*givers.values()) == set(groups)
    for giver in givers:
        for length in (700, 750):
            taken = np.bincount(order, minlength=len(groups))[(groups == giver) & (lengths == length)]
            assert np.ptp(taken) <= 1


@given(SOME_GROUPS.filter(lambda groups: len(set(groups)) < 4))
def test_fewer_than_four_groups_are_refused(groups):
    with pytest.raises(InputError, match=rf"there are {len(set(groups))} conversations, expected at least 4"):
        repaired_order(groups, [750] * len(groups), np.random.default_rng(0))


def test_of_groups_of_equal_size_every_clip_is_used_once():
    order = repaired_order(np.repeat(range(5), 3), [750] * 15, np.random.default_rng(0))
    assert sorted(order) == list(range(15))


def test_lengths_that_no_other_conversation_has_are_refused():
    with pytest.raises(InputError, match=r"no exchange of conversations was found .* Cut clips to one length"):
        repaired_order([0, 0, 1, 2, 3], [750, 700, 750, 750, 750], np.random.default_rng(0))


def test_all_other_groups_and_their_clips_are_about_equally_likely():
    groups, generator, draws = np.array([0, 0, 0, 1, 1, 2, 2, 3]), np.random.default_rng(0), 3000
    orders = np.array([repaired_order(groups, [750] * 8, generator) for _ in range(draws)])
    for clip, group in enumerate(groups):
        partners = np.bincount(orders[:, clip], minlength=8) / draws
        expected = (groups != group) / 3 / np.bincount(groups)[groups]
        assert partners == pytest.approx(expected, abs=4 * np.sqrt(1 / 3 * 2 / 3 / draws))


def test_draws_depend_on_the_seed_alone():
    data = conversations()
    first, again, other = (specificity_arrays(**data, seed=seed) for seed in (0, 0, 1))
    assert dict(first) == dict(again)
    assert first["FRCorr"].repaired != other["FRCorr"].repaired


REFUSED = {
    "three sessions": ({"sessions": list("aaabbbcc")}, "there are 3 conversations, expected at least 4"),
    "one draw": ({"draws": 1}, "draws is 1, expected at least 2"),
    "diversity": ({"metrics": ["FRDiv", "FRCorr"]}, "re-pairing cannot change FRDiv"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_tells_nothing_is_refused(case):
    changes, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        specificity_arrays(**(conversations() | changes))


def test_invalid_submissions_are_refused_with_their_problems(root):
    with pytest.raises(SubmissionError, match="3 reactions a clip, expected 10"):
        specificity(np.zeros((32, 3, FRAMES, 25), np.float32), split="val", data=root, show_progress=False)


def test_what_is_found_prints_in_every_form(found, tmp_path):
    each = found["B_Mime"]
    assert "B_Mime listens" in str(each)
    assert "fits its own speaker better" in each.to_markdown()
    assert r"\toprule" in each.to_latex()
    assert "<table>" in each.to_html() == each._repr_html_()
    assert repr(each).startswith("<Specificity of B_Mime, corrected@1: FRCorr=")
    told = json.loads(each.to_json(tmp_path / "found.json"))
    assert told == json.loads((tmp_path / "found.json").read_text())
    assert told["found"]["FRSyn"]["value"] == 0
    assert told["listens"]
    assert each.to_frame()["listens"].tolist() == [False, False, True]
    few = specificity_arrays(**conversations())
    assert str(few).startswith("Specificity of this method, corrected@1, 8 clips in 4 sessions")
