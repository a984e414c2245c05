"""Validation: every kind of problem, all at once, without labels."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from react_data.channels import EMOTION_25
from react_data.problems import known_problems
from react_eval.prediction_values import summarise_values
from react_eval.protocol import find_protocol
from react_eval.submissions import save_submission
from react_eval.validation import validate

FRAMES = 30
RECORDINGS = [("RECOLA/group-2/P41", "RECOLA/group-2/P42", clip) for clip in ("1", "10", "2")]
CLIPS = [f"{first}/{clip}" for first, _, clip in RECORDINGS] + [f"{second}/{clip}" for _, second, clip in RECORDINGS]
HEADER = ",".join(EMOTION_25.channels)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A split of three recordings whose listeners' facial attributes are there."""
    root = tmp_path_factory.mktemp("data")
    rows = [f"{n},{first}/{clip},{second}/{clip}" for n, (first, second, clip) in enumerate(RECORDINGS)]
    (root / "val.csv").write_text("\n".join([",speaker_path,listener_path", *rows]))
    for clip in CLIPS:
        file = root / "val" / "Emotion" / f"{clip}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(file, np.full((FRAMES, 25), 0.1), delimiter=",", header=HEADER, comments="")
    return root


def good(reactions=10, frames=FRAMES, clips=6) -> np.ndarray:
    return np.random.default_rng(0).random((clips, reactions, frames, 25), dtype=np.float32)


def changed(index, value) -> dict[str, np.ndarray]:
    preds = good()
    preds[index] = value
    return dict(zip(CLIPS, preds, strict=True))


def found(preds, data, **options) -> list[str]:
    report = validate(preds, split="val", data=data, show_progress=False, **options)
    return [f"{problem.severity} {problem.code} {problem.message}" for problem in report]


def only(preds, data, **options) -> str:
    problems = found(preds, data, **options)
    assert len(problems) == 1, problems
    return problems[0]


def test_a_good_submission_has_no_problem(data, tmp_path):
    path = save_submission(tmp_path / "p.h5", good(), clips=CLIPS, split="val")
    report = validate(path, split="val", data=data)
    assert report.ok
    assert not list(report)
    assert report.subject == str(path)
    assert report.checked["prediction"] == "6 clips × 10 reactions × 30 frames × 25 channels"
    assert "p.h5: valid, 0 error(s), 0 warning(s)" in str(report)


def test_clips_may_come_in_any_order_and_under_their_aliases(data):
    preds = dict(zip(reversed([clip.replace("P41", "P1") for clip in CLIPS]), good(), strict=True))
    assert found(preds, data) == []


def test_all_problems_are_reported_together(data, tmp_path):
    preds = good(reactions=3, frames=20)
    preds[0, 0, 0, 0], preds[1, 1, 1, 1] = 40, 1.5
    clips = [*CLIPS[:4], CLIPS[0], "RECOLA/group-2/P42/22"]
    path = save_submission(tmp_path / "p.h5", preds, clips=[*clips[:4], "RECOLA/group-2/P1/1", clips[5]], split="test")
    codes = [problem.split()[1] for problem in found(path, data)]
    assert sorted(set(codes)) == ["RE110", "RE112", "RE115", "RE116", "RE119"]
    assert codes.count("RE112") == 3


def test_missing_clips_are_listed(data):
    preds = dict(zip(CLIPS[:4], good(), strict=False))
    expected = "error RE112 2 of 6 clips are missing: RECOLA/group-2/P42/10, RECOLA/group-2/P42/2."
    assert only(preds, data) == expected


def test_unknown_clips_come_with_a_suggestion(data):
    preds = dict(zip([*CLIPS, "RECOLA/group-2/P42/22", "x"], good(clips=8), strict=True))
    message = only(preds, data)
    assert (
        "2 clips are not in the split: 'RECOLA/group-2/P42/22' (did you mean 'RECOLA/group-2/P42/2'?), 'x'" in message
    )


def test_clips_given_twice_are_listed(data):
    preds = dict(zip([*CLIPS, "RECOLA/group-2/P1/1"], good(clips=7), strict=True))
    assert "1 clips are given more than once: RECOLA/group-2/P41/1" in only(preds, data)


def test_order_on_trust_is_a_warning(data):
    message = only(good(), data)
    assert message.startswith("warning RE118 no clips are named: they are taken, on trust")


def test_one_direction_only_is_recognised(data):
    problems = found(good(clips=3), data)
    assert any(
        "RE113 there are 3 clips, expected the 6 of the split. Every recording counts twice" in p for p in problems
    )


def test_short_clips_are_an_error(data):
    preds = dict(zip(CLIPS, good(), strict=True)) | {CLIPS[1]: good()[1, :, :12]}
    assert only(preds, data) == (
        "error RE110 1 clips are shorter than the 30 frames that are scored: RECOLA/group-2/P41/10 (12)."
    )


def test_long_clips_are_cut_with_a_warning(data):
    message = only(dict(zip(CLIPS, good(frames=31), strict=True)), data)
    assert message == "warning RE110 6 clips have up to 31 frames; the first 30 are scored."


def test_another_number_of_reactions_is_an_error(data):
    preds = dict(zip(CLIPS, good(reactions=5), strict=True))
    assert only(preds, data) == "error RE116 there are 5 reactions a clip, expected 10."
    assert found(preds, data, reactions=5) == []


def test_values_that_are_not_finite_are_located(data):
    message = only(changed((1, 3, 7, 15), np.nan), data)
    assert "error RE114 1 values in 1 clips are NaN or infinite" in message
    assert "clip RECOLA/group-2/P41/10, reaction 3, frame 7, channel valence: nan" in message


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_every_value_that_is_not_finite_counts(data, value):
    assert "RE114 300 values in 6 clips" in only(changed(np.s_[:, :5, :10, 3], value), data)


def test_values_far_out_are_an_error(data):
    message = only(changed((2, 0, 5, 0), -11), data)
    assert "error RE115 1 values are beyond [-10, 10], the first: clip RECOLA/group-2/P41/2" in message
    assert "reaction 0, frame 5, channel AU1: -11" in message


def test_values_outside_their_channels_range_are_a_warning(data):
    message = only(changed(np.s_[:, 0, :, 16], -2), data)
    assert message.startswith("warning RE115 values leave their range in arousal (10 % of values, -2 to ")
    assert message.endswith("expected [-1, 1]).")
    assert "RE115 values leave their range in AU2" in only(changed((0, 0, 0, 1), -0.5), data)


def test_identical_reactions_are_a_warning(data):
    preds = good()
    preds[4, 9] = preds[4, 2]
    preds[5, 9] = preds[5, 2]
    preds[5, 9, 1, 0] += 0.1
    assert only(dict(zip(CLIPS, preds, strict=True)), data) == (
        "warning RE117 1 clips have identical reactions: RECOLA/group-2/P42/10."
    )


def test_half_precision_is_refused_where_a_channel_is_constant(data, tmp_path):
    preds = good().astype(np.float16)
    np.savez(tmp_path / "fine.npz", prediction=preds, clip=CLIPS)
    preds[1, 2, :, 16] = 0.25
    np.savez(tmp_path / "constant.npz", prediction=preds, clip=CLIPS)
    assert found(tmp_path / "fine.npz", data) == []
    message = only(tmp_path / "constant.npz", data)
    assert "error RE111 the values were stored as float16, and 1 channels of a reaction do not change" in message
    assert "clip RECOLA/group-2/P41/10, reaction 2, frame 0, channel arousal: 0.25" in message
    assert found(dict(zip(CLIPS, preds.astype(np.float32), strict=True)), data) == []


def test_a_claim_of_another_split_is_a_warning(data, tmp_path):
    path = save_submission(tmp_path / "p.h5", good(), clips=CLIPS, split="test")
    assert only(path, data) == (
        "warning RE119 the predictions say that they are for split 'test', but they are used for 'val'."
    )


def test_wrong_channels_are_an_error(data):
    problems = found(dict(zip(CLIPS, good()[..., :17], strict=True)), data)
    assert "error RE120 prediction has 17 channels, expected 25." in problems


def test_only_coefficients_cannot_be_used_where_there_are_none(data):
    preds = dict(zip(CLIPS, np.random.default_rng(0).normal(size=(6, 10, FRAMES, 58)), strict=True))
    assert only(preds, data) == "error RE120 there is only prediction_3dmm; pass prediction (25 channels)."


@pytest.mark.parametrize(
    ("names", "severity", "match"),
    [
        (
            EMOTION_25.channels[::-1],
            "error",
            "channel 0 is 'Contempt', expected 'AU1' (24 differ). They are in another",
        ),
        (("AU01", *EMOTION_25.channels[1:]), "warning", "channel 0 is 'AU01', expected 'AU1' (1 differ)."),
    ],
)
def test_channel_names_of_a_file_are_compared(data, tmp_path, names, severity, match):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["prediction"], file["clip"], file["emotion"] = good(), CLIPS, list(names)
    message = only(tmp_path / "p.h5", data)
    assert message.startswith(f"{severity} RE120")
    assert match in message


def as_dataset(names):
    coords = {"clip": CLIPS, "emotion": list(names)}
    return xr.Dataset({"prediction": (("clip", "reaction", "frame", "emotion"), good())}, coords)


def as_frame(names):
    index = pd.MultiIndex.from_product([CLIPS, range(10), range(FRAMES)], names=["clip", "reaction", "frame"])
    return pd.DataFrame(good().reshape(-1, 25), index=index, columns=list(names))


@pytest.mark.parametrize("form", [as_dataset, lambda names: as_dataset(names)["prediction"], as_frame])
def test_channel_names_of_every_form_are_compared(data, form):
    assert found(form(EMOTION_25.channels), data) == []
    assert "RE120 prediction names its channels differently: channel 0 is 'Contempt'" in only(
        form(EMOTION_25.channels[::-1]), data
    )


def test_a_dataset_that_claims_another_split_is_a_warning(data):
    claiming = as_dataset(EMOTION_25.channels).assign_attrs(split="test")
    assert only(claiming, data).startswith("warning RE119 the predictions say that they are for split 'test'")


def test_the_protocol_says_how_many_frames_and_reactions_are_expected(data):
    shorter = replace(find_protocol("react2024"), name="shorter", frames=20, reactions=4)
    preds = dict(zip(CLIPS, good(reactions=4, frames=20), strict=True))
    assert found(preds, data, protocol=shorter) == []
    assert [problem.split()[1] for problem in found(preds, data)] == ["RE110", "RE116"]
    assert found(preds, data, protocol=[shorter, "react2024"]) == [
        "error RE110 6 clips are shorter than the 30 frames that are scored: "
        + ", ".join(f"{clip} (20)" for clip in CLIPS)
        + ".",
        "error RE116 there are 4 reactions a clip, expected 10 (react2024@1).",
    ]
    assert "RE116 there are 4 reactions a clip, expected 7." in only(preds, data, protocol=shorter, reactions=7)


def test_a_tree_of_coefficients_alone_tells_its_frames(tmp_path):
    (tmp_path / "val.csv").write_text(",speaker_path,listener_path\n0,RECOLA/group-2/P41/1,RECOLA/group-2/P42/1\n")
    for person in ("P41", "P42"):
        file = tmp_path / "val" / "3D_FV_files" / "RECOLA" / "group-2" / person / "1.npy"
        file.parent.mkdir(parents=True)
        np.save(file, np.zeros((FRAMES, 58), np.float32))
    clips = [f"RECOLA/group-2/{person}/1" for person in ("P41", "P42")]
    values = np.random.default_rng(0).normal(size=(2, 10, FRAMES, 58)).astype(np.float32)
    assert found(dict(zip(clips, values, strict=True)), tmp_path) == []


def test_every_kind_of_problem_is_explained():
    assert [f"RE{number}" for number in range(110, 121)] == [code for code in known_problems() if code.startswith("RE")]


def test_a_speaker_only_tree_validates(data, tmp_path):
    speakers_only = tmp_path / "val" / "Emotion" / "RECOLA" / "group-2" / "P41"
    speakers_only.mkdir(parents=True)
    (tmp_path / "val.csv").write_text((data / "val.csv").read_text())
    for clip in ("1", "10", "2"):
        source = data / "val" / "Emotion" / "RECOLA" / "group-2" / "P41" / f"{clip}.csv"
        (speakers_only / f"{clip}.csv").write_text(source.read_text())
    assert found(dict(zip(CLIPS[:3], good(), strict=False)), tmp_path) == []


def test_values_are_summarised_blockwise_like_at_once():
    values = good() * 3 - 1
    summary = summarise_values(values, EMOTION_25)
    low = np.zeros(25)
    low[15:17] = -1
    np.testing.assert_array_equal(summary.low, values.min(axis=(0, 1, 2)))
    np.testing.assert_array_equal(summary.high, values.max(axis=(0, 1, 2)))
    np.testing.assert_array_equal(summary.outside, ((values < low) | (values > 1)).sum(axis=(0, 1, 2)))


MEASURE = """
import resource, sys
from pathlib import Path
from react_eval.submissions import read_submission
from react_eval.prediction_values import summarise_values
from react_data.channels import EMOTION_25

def peak():  # of this program alone; ru_maxrss would count the process that started it
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0])

before = peak()
submission = read_submission(sys.argv[1], show_progress=False)
after = peak()
child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
summarise_values(submission.arrays["emotion"], EMOTION_25)
print(after - before, child, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_stays_small_beside_the_array(tmp_path):
    clips = 120
    tile = np.random.default_rng(0).random((10, 750, 25), dtype=np.float32)
    np.save(tmp_path / "p.npy", np.broadcast_to(tile, (clips, 10, 750, 25)))
    array_kb = clips * tile.nbytes / 1024
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "p.npy")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    reading, child, checking = map(int, output.split())
    assert reading < 40_000
    assert child < 300_000
    assert checking < array_kb + 60_000
