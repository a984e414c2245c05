"""Scoring MARS: clips of any length, targets drawn by a seed, the same from the tree and from a pack."""

import json

import numpy as np
import pytest

import react_data
import react_eval
from react_eval.baselines import baseline, generate_predictions, usual_baselines
from react_eval.cli import main
from react_eval.demo import score_baselines
from react_eval.errors import AlignmentError, InputError, LengthError, SubmissionError

YEARS = {"react2025": ["emotion", "3dmm"], "react2026": ["emotion", "eeg"]}


@pytest.fixture(scope="module", params=YEARS)
def tree(request, tmp_path_factory):
    options = {
        "recordings": 70,
        "behaviours": 1,
        "frames": 80,
        "modalities": YEARS[request.param],
        "show_progress": False,
    }
    return react_data.synthesise(tmp_path_factory.mktemp("mars") / "tree", layout=request.param, **options)


@pytest.fixture(scope="module")
def dataset(tree):
    return react_data.open_split(tree, "val")


@pytest.fixture(scope="module")
def predictions(dataset):
    return generate_predictions(baseline("B_Random", dataset), dataset, show_progress=False)


def scored(predictions, tree, **options):
    return react_eval.score(predictions, split="val", data=tree, show_progress=False, context=False, **options)


def scores_of(result):
    return json.dumps(result.to_dict()["scores"])


def test_lengths_are_those_of_the_speakers(dataset, predictions):
    lengths = [each.shape[1] for each in predictions.arrays["emotion"]]
    assert lengths == dataset["speaker_row_size"].values.tolist()
    assert len(set(lengths)) > 5


@pytest.mark.parametrize("protocol", ["+linear", "+crop", "corrected+linear"])
def test_a_pack_scores_as_its_tree_to_the_byte(tree, dataset, predictions, tmp_path, protocol):
    name = protocol if protocol[0] != "+" else dataset.attrs["layout"] + protocol
    packed = react_data.pack(tree, tmp_path / "data.h5", show_progress=False)
    found = [scored(predictions, data, protocol=name) for data in (tree, packed)]
    assert scores_of(found[0]) == scores_of(found[1])


def test_the_protocol_follows_from_the_data_and_the_signature_tells_draw_and_alignment(tree, dataset, predictions):
    result = scored(predictions, tree, metrics=["FRVar"])
    assert result.protocol.name == f"{dataset.attrs['layout']}+linear"
    assert "|neighbours:drawn-seed-0|alignment:linear|" in result.signature


def test_another_draw_gives_another_score_that_repeats(tree, predictions):
    metrics = {"metrics": ["FRCorr"]}
    first, again, other = (scored(predictions, tree, draw_seed=seed, **metrics) for seed in (0, 0, 7))
    assert scores_of(first) == scores_of(again) == scores_of(scored(predictions, tree, **metrics))
    assert other["FRCorr"] != first["FRCorr"]
    assert "drawn-seed-7" in other.signature


def test_a_pack_can_be_drawn_anew(tree, predictions, tmp_path):
    packed = react_data.pack(tree, tmp_path / "data.h5", show_progress=False)
    found = [scored(predictions, data, draw_seed=7, metrics=["FRCorr"]) for data in (tree, packed)]
    assert scores_of(found[0]) == scores_of(found[1])


def test_plain_protocols_want_an_aligner(tree, dataset, predictions):
    with pytest.raises(AlignmentError, match="weights are not public"):
        scored(predictions, tree, protocol=dataset.attrs["layout"])


def test_protocols_of_one_length_say_so(tree, predictions):
    with pytest.raises(LengthError, match=r"react2024@1.*clips of one length.*corrected\+linear"):
        scored(predictions, tree, protocol="react2024")


def test_real_listeners_score_perfectly_where_the_challenge_says_so(tree, dataset):
    real = generate_predictions(baseline("GT", dataset), dataset, show_progress=False)
    result = scored(real, tree)
    assert result["FRDist"] == 0
    assert result["MAE"] == 0
    assert (result["FRCorr"] == pytest.approx(10)) is (dataset.attrs["layout"] == "react2026")
    assert scored(real, tree, protocol="corrected+linear")["FRCorr"] == pytest.approx(1)


def test_a_scorer_agrees_to_the_last_bit(tree, dataset, predictions):
    scorer = react_eval.Scorer(split="val", data=tree, context=False)
    for clip, values in zip(predictions.clips, predictions.arrays["emotion"], strict=True):
        scorer.update([clip], [values])
    mine, theirs = (each.to_dict()["scores"] for each in (scorer.compute(), scored(predictions, tree)))
    assert mine["values"] == theirs["values"]
    assert mine["hashes"] == theirs["hashes"]


def test_a_ragged_submission_is_written_read_and_scored(tree, predictions, tmp_path):
    path = tmp_path / "preds.h5"
    react_eval.save_submission(path, predictions.arrays["emotion"], clips=predictions.clips, split="val")
    mine, theirs = scored(path, tree), scored(predictions, tree)
    assert dict(mine) == dict(theirs)


def test_short_clips_are_named_and_long_ones_cut(tree, predictions):
    arrays = dict(zip(predictions.clips, predictions.arrays["emotion"], strict=True))
    first, second = list(arrays)[:2]
    longer = arrays | {first: np.concatenate([arrays[first]] * 2, axis=1)}
    assert scored(longer, tree)["FRCorr"] == scored(predictions, tree)["FRCorr"]
    with pytest.raises(SubmissionError, match=rf"1 clips are shorter than their speakers: {second} \(20 of"):
        scored(arrays | {second: arrays[second][:, :20]}, tree)
    missing = {clip: values for clip, values in arrays.items() if clip != first}
    report = react_eval.validate(missing, split="val", data=tree, show_progress=False)
    assert [problem.code for problem in report.errors] == ["RE112"]


def test_the_baselines_are_the_challenges(tree, dataset):
    noise = "B_Random2026" if dataset.attrs["layout"] == "react2026" else "B_Random"
    assert usual_baselines(dataset) == ("GT", noise, "B_Mime", "B_MeanFr")
    results = score_baselines(tree, "val", show_progress=False)
    assert [each.results[0].facts["baseline"] for each in results] == list(usual_baselines(dataset))
    assert [each.protocol.name for each in results[0].results] == [
        f"{dataset.attrs['layout']}+linear",
        "corrected+linear",
    ]


def test_an_average_clip_is_refused_where_lengths_differ(tree, dataset):
    with pytest.raises(InputError, match=r"differ in length\. Use B_MeanFr"):
        baseline("B_MeanSeq", dataset, react_data.open_split(tree, "train"))


def test_noise_of_2026_keeps_to_what_channels_mean(dataset):
    noise = generate_predictions(baseline("B_Random2026", dataset), dataset, show_progress=False)
    values = np.concatenate([each.reshape(-1, 25) for each in noise.arrays["emotion"]])
    assert np.isin(values[:, :15], (0, 1)).all()
    assert values[:, :15].mean() == pytest.approx(0.5, abs=0.01)
    assert np.abs(values[:, 15:17]).max() <= 1
    assert values[:, 15:17].std() == pytest.approx(0.44, abs=0.01)
    np.testing.assert_allclose(values[:, 17:].sum(axis=1), 1, atol=1e-5)


def test_a_matrix_is_not_drawn(tmp_path):
    options = {"recordings": 6, "frames": 80, "modalities": ["emotion"], "show_progress": False}
    root = react_data.synthesise(tmp_path / "tree", **options)
    with pytest.raises(react_data.ReactError, match="are not drawn, but appropriateness matrix"):
        scored(np.zeros((4, 10, 80, 25), np.float32), root, draw_seed=1)


def test_the_command_line_draws(tree, predictions, tmp_path, capsys):
    path = tmp_path / "preds.h5"
    react_eval.save_submission(path, predictions.arrays["emotion"], clips=predictions.clips, split="val")
    options = ["--split", "val", "--data", str(tree), "--draw-seed", "7", "-m", "FRCorr", "--quiet"]
    main(["score", str(path), *options], standalone_mode=False)
    assert "drawn-seed-7" in capsys.readouterr().out
