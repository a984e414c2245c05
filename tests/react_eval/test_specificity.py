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
    path = tmp_path_factory.mktemp("data") / "tree"
    options = {"splits": ("train", "val"), "modalities": ("emotion",), "frames": FRAMES}
    return react_data.synthesise(path, recordings=40, show_progress=False, **options)


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
        assert len(each.repaired) == 5
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
    lengths = [60, 60, 60, 60, 80, 80, 80, 80]
    series = [smooth(np.random.default_rng(n), length, 3) for n, length in enumerate(lengths)]
    mimicry = [each[None] for each in series]
    found = specificity_arrays(mimicry, speaker=series, sessions=list("aabbaabb"), protocol="corrected", draws=3)
    assert found["FRSyn"].value == 0
    assert found["FRSyn"].mean > 0


def value(own, repaired, better=1):
    return SpecificValue("FRCorr", better, own, repaired)


def test_chance_is_a_prediction_interval_of_one_more_draw():
    draws = (1.0, 2.0, 4.0, 3.0, 2.5)
    expected = stats.t.ppf(0.975, 4) * np.std(draws, ddof=1) * np.sqrt(1 + 1 / 5)
    assert value(0.0, draws).chance == pytest.approx(expected, rel=1e-3)
    many = tuple(np.random.default_rng(0).normal(size=60))
    assert value(0.0, many).chance == pytest.approx(stats.t.ppf(0.975, 59) * np.std(many, ddof=1), rel=0.03)


READINGS = {
    "better": (value(9.0, (1.0, 2.0, 3.0)), "fits its own speaker better", True),
    "lower is better": (value(-9.0, (1.0, 2.0, 3.0), better=-1), "fits its own speaker better", True),
    "worse": (value(-9.0, (1.0, 2.0, 3.0)), "fits other speakers better", False),
    "neither": (value(9.0, (1.0, 2.0, 3.0), better=0), "depends on the speaker", False),
    "within chance": (value(4.0, (1.0, 2.0, 3.0)), "no sign that the speaker matters", False),
    "equal": (value(1.0, (1.0, 1.0)), "the same for every speaker", False),
    "every draw the same": (value(2.0, (1.0, 1.0)), "too rarely defined to tell", False),
    "undefined": (value(float("nan"), (1.0, 2.0)), "undefined", False),
}


@pytest.mark.parametrize("case", READINGS)
def test_a_difference_is_read_in_plain_words(case):
    found, reading, listens = READINGS[case]
    assert (found.reading, found.listens) == (reading, listens)


@pytest.mark.slow
def test_reactions_that_have_nothing_to_do_with_the_speaker_are_rarely_said_to():
    told = dict.fromkeys(COMPARING, 0)
    for seed in range(300):
        generator = np.random.default_rng(seed)
        data = {name: smooth(generator, 16, 60, 3) for name in ("listener", "speaker")}
        data["neighbours"] = np.eye(16, dtype=bool) | (generator.random((16, 16)) < 0.3)
        reactions, sessions = smooth(generator, 16, 2, 60, 3), list("aabbccddeeffgghh")
        found = specificity_arrays(reactions, **data, sessions=sessions, protocol="corrected", seed=seed)
        told = {key: told[key] + found[key].listens for key in told}
    assert max(told.values()) / 300 <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 300)


def test_without_conversations_clips_are_exchanged_and_that_is_said():
    data = conversations() | {"sessions": None}
    assert "No conversations are known: other clips may be of the same one." in str(specificity_arrays(**data))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=30), st.integers(0, 10**6))
def test_every_clip_gets_one_of_another_group_and_the_same_length_once(groups, seed):
    lengths = [750 + group % 2 for group in range(len(groups))]
    groups = np.array(groups)
    possible = all(
        2 * max(np.bincount(groups[places])) <= len(places)
        for places in (np.flatnonzero(np.array(lengths) == length) for length in set(lengths))
    )
    if not possible:
        with pytest.raises(InputError, match="belong to one conversation"):
            repaired_order(groups, lengths, np.random.default_rng(seed))
        return
    order = repaired_order(groups, lengths, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(groups)))
    assert (groups[order] != groups).all()
    assert [lengths[clip] for clip in order] == lengths


def test_all_partners_are_about_equally_likely():
    groups, generator = [0, 0, 0, 1, 1, 2, 2, 3], np.random.default_rng(0)
    orders = np.array([repaired_order(groups, [750] * 8, generator) for _ in range(2000)])
    partners = np.bincount(orders[:, 7], minlength=8)[:7]
    others = np.bincount(orders[:, 0], minlength=8)[3:]
    assert partners.min() > 150
    assert others.max() < 1.6 * others.min()


def test_draws_depend_on_the_seed_alone():
    data = conversations()
    first, again, other = (specificity_arrays(**data, seed=seed) for seed in (0, 0, 1))
    assert dict(first) == dict(again)
    assert first["FRCorr"].repaired != other["FRCorr"].repaired


REFUSED = {
    "one session": ({"sessions": list("aaaaaabb")}, "of the 8 clips of 80 frames, 6 belong to one conversation"),
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
        specificity(np.zeros((16, 3, FRAMES, 25), np.float32), split="val", data=root, show_progress=False)


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
