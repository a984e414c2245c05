"""The streaming Scorer gives the bits of one call, whatever the batches, processes and merges were."""

import copy
import pickle
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.examples import example

import react_data
import react_eval
from react_eval import Scorer, computing, score_arrays
from react_eval.computing import Resources
from react_eval.errors import (
    ChannelError,
    InputError,
    LengthError,
    NonFiniteError,
    ReactError,
    ShapeError,
    UnknownNameError,
)
from react_eval.stream import Stream

BOTH = ["react2024", "corrected"]
CLIPS = list("abcdefg")
DATA = example(3, clips=len(CLIPS), reactions=2, constant=(4,))
TARGETS = {name: DATA[name] for name in ("listener", "speaker", "neighbours")} | {"clips": CLIPS}
PREDICTIONS = DATA["predictions"]
OTHERS = example(4, clips=len(CLIPS), reactions=2)["predictions"]

few = settings(max_examples=12, deadline=None)


def scores(result):
    """What is byte-stable of a result, by protocol."""
    results = result.to_dict()
    return {name: each["scores"] for name, each in results.items()} if "scores" not in results else results["scores"]


@cache
def expected():
    return scores(score_arrays(PREDICTIONS, **TARGETS, protocol=BOTH))


def scorer(protocol=BOTH, **changes):
    return Scorer(protocol, **TARGETS | changes)


def fed(numbers, made=scorer):
    """A scorer that saw some clips in one batch."""
    each = made()
    each.update([CLIPS[n] for n in numbers], PREDICTIONS[list(numbers)])
    return each


@pytest.fixture
def complete():
    return fed(range(len(CLIPS)))


@st.composite
def batches(draw):
    """All clips in any order, in batches of any size."""
    order = draw(st.permutations(range(len(CLIPS))))
    cuts = sorted(draw(st.sets(st.integers(1, len(CLIPS) - 1))))
    return [order[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(CLIPS)], strict=True)]


@few
@given(batches())
def test_any_batches_give_the_bits_of_one_call(parts):
    made = scorer()
    for part in parts:
        made.update([CLIPS[n] for n in part], PREDICTIONS[part])
    assert scores(made.compute()) == expected()


@few
@given(batches(), st.lists(st.sets(st.integers(0, 6), min_size=1), max_size=3), st.data())
def test_any_tree_of_merges_gives_the_bits_of_one_call_however_they_overlap(parts, overlapping, data):
    left = [fed(sorted(part)) for part in (*parts, *overlapping)]
    while len(left) > 1:
        one = left.pop(data.draw(st.integers(0, len(left) - 1)))
        other = left[data.draw(st.integers(0, len(left) - 1))]
        other.merge(pickle.loads(pickle.dumps(one.state())) if data.draw(st.booleans()) else one)
    assert scores(left[0].compute()) == expected()


def test_merging_leaves_the_other_scorer_as_it_was():
    other, rest = fed(range(3)), fed(range(3, 5))
    before = scores(other.compute(partial=True))
    made = scorer()
    made.merge(other)
    made.merge(rest)
    made.update(CLIPS[5:], PREDICTIONS[5:])
    assert scores(other.compute(partial=True)) == before
    assert scores(made.compute()) == expected()


def test_a_state_is_what_was_seen_when_it_was_taken():
    made = fed(range(3))
    state = made.state()
    made.update(CLIPS[3:], PREDICTIONS[3:])
    assert [list(each.clips) for each, _ in state.streams] == [CLIPS[:3]]


def test_merging_a_scorer_with_itself_or_an_empty_one_changes_nothing(complete):
    complete.merge(complete)
    complete.merge(scorer())
    complete.merge(scorer().state())
    assert scores(complete.compute()) == expected()


SPAWNED = """
import pickle, sys
import numpy as np
from react_eval import Scorer

if __name__ == "__main__":
    arguments, clips, predictions = pickle.loads(sys.stdin.buffer.read())
    scorer = Scorer(**arguments)
    scorer.update(clips, predictions)
    sys.stdout.buffer.write(pickle.dumps(scorer.state()))
"""


def test_a_state_of_another_process_merges():
    sent = pickle.dumps((TARGETS | {"protocol": BOTH}, CLIPS[4:], PREDICTIONS[4:]))
    done = subprocess.run([sys.executable, "-c", SPAWNED], input=sent, capture_output=True, check=True)
    made = fed(range(5))  # clip e was seen on both sides, as samplers of distributed training pad
    made.merge(pickle.loads(done.stdout))
    assert scores(made.compute()) == expected()


def test_a_repeat_is_ignored_within_a_batch_and_after_it(complete):
    complete.update(["a", "c", "a"], PREDICTIONS[[0, 2, 0]])
    assert len(complete) == len(CLIPS)
    assert scores(complete.compute()) == expected()


def test_other_predictions_are_refused_with_all_of_their_batch():
    made = fed([0])
    with pytest.raises(InputError, match="1 clips were seen before with other predictions: a"):
        made.update(["b", "a", "c"], np.stack([PREDICTIONS[1], OTHERS[0], PREDICTIONS[2]]))
    with pytest.raises(InputError, match="other predictions: d"):
        made.update(["d", "d"], np.stack([PREDICTIONS[3], OTHERS[3]]))
    assert made.clips == ["a"]
    made.update(CLIPS, PREDICTIONS)
    assert scores(made.compute()) == expected()


def test_a_merge_with_other_predictions_is_refused_as_a_whole():
    made, other = fed(range(4)), scorer()
    other.update(CLIPS[3:], OTHERS[3:])
    with pytest.raises(InputError, match="other predictions: d"):
        made.merge(other)
    assert made.clips == CLIPS[:4]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (np.concatenate([PREDICTIONS[2:3], PREDICTIONS[3:4] * np.nan]), NonFiniteError, r"predictions\[1\] holds"),
        (PREDICTIONS[2:4, :1], ShapeError, "clips have 1 and 2 reactions|clips have 1, 2 reactions"),
        (PREDICTIONS[2:4, ..., :24], ChannelError, "'c' has 24 channels, expected 25"),
        (PREDICTIONS[2:5], ShapeError, "predictions of 3 clips for 2 clip ids"),
        ([PREDICTIONS[2], PREDICTIONS[3, :, :59]], LengthError, "clip 'd' has 59 predicted frames"),
        ((255 * PREDICTIONS[2:4]).astype(np.uint8), InputError, "uint8, expected float32"),
    ],
    ids=["not finite", "reactions", "channels", "clips", "frames", "integers"],
)
def test_what_does_not_fit_is_refused_with_all_of_its_batch(values, error, message):
    made = fed(range(2))
    with pytest.raises(error, match=message):
        made.update(["c", "d"], values)
    assert made.clips == ["a", "b"]
    made.update(CLIPS[2:], PREDICTIONS[2:])
    assert scores(made.compute()) == expected()


def test_unknown_clips_are_named_with_the_nearest(complete):
    with pytest.raises(InputError, match="1 clips are not known: z"):
        complete.update(["a", "z"], PREDICTIONS[:2])
    with pytest.raises(UnknownNameError, match="Did you mean"):
        fed([0], made=lambda: scorer("reakt2024"))


def test_missing_clips_need_partial_and_the_result_says_so():
    made = fed([5, 1])
    with pytest.raises(InputError, match=r"5 of 7 clips are missing: a, c, d, e"):
        made.compute()
    result = made.compute(partial=True).protocol("react2024")
    assert result.facts["partial"] == "partial 2/7"
    assert "partial 2/7" in str(result)
    assert result["FRVar"] == react_eval.metrics.frvar(PREDICTIONS[[1, 5]])
    assert list(result.clips) == ["b", "f"]


def test_nothing_is_no_result(complete):
    with pytest.raises(InputError, match="there are no predictions yet"):
        scorer().compute()
    complete.reset()
    with pytest.raises(InputError, match="7 of 7 clips are missing"):
        complete.compute(partial=True)


def test_merging_what_was_reset_changes_nothing(complete):
    made = scorer()
    complete.reset()
    made.merge(complete)
    made.merge(complete.state())
    assert len(made) == 0


def test_after_reset_the_next_run_is_scored_alone(complete):
    complete.reset()
    assert len(complete) == 0
    complete.update(CLIPS, OTHERS)
    assert scores(complete.compute()) == scores(score_arrays(OTHERS, **TARGETS, protocol=BOTH))
    complete.reset()
    complete.update(CLIPS, PREDICTIONS)
    assert scores(complete.compute()) == expected()


def test_a_fresh_one_has_the_targets_and_nothing_else(complete):
    other = complete.fresh()
    assert len(other) == 0
    other.update(CLIPS[:4], PREDICTIONS[:4])
    other.merge(complete)
    assert scores(other.compute()) == scores(complete.compute()) == expected()


def test_computing_in_between_changes_nothing():
    made = scorer()
    for number, clip in enumerate(CLIPS):
        made.update([clip], PREDICTIONS[number : number + 1])
        made.compute(partial=True)
    assert scores(made.compute()) == expected()


def test_scorers_of_other_targets_protocols_or_metrics_do_not_merge(complete):
    changed = [
        {"protocol": "react2024"},
        {"speaker": TARGETS["speaker"][::-1]},
        {"neighbours": np.eye(7, dtype=bool)},
        {"metrics": ["FRDiv"]},
    ]
    for changes in changed:
        other = scorer(**changes)
        other.update(CLIPS, PREDICTIONS)
        with pytest.raises(InputError, match="have other protocols, metrics or targets"):
            complete.merge(other)
    assert scores(complete.compute()) == expected()


def test_a_refused_merge_leaves_an_empty_scorer_free():
    other, made = Scorer("reactface", metrics=["FRDiv"]), Scorer(metrics=["FRDiv"])
    other.update(["a"], np.zeros((1, 2, 60, 58), np.float32))
    with pytest.raises(InputError, match="have other protocols, metrics or targets"):
        made.merge(other)
    made.update(CLIPS, PREDICTIONS)
    assert made.compute()["FRDiv"] == score_arrays(PREDICTIONS, metrics=["FRDiv"])["FRDiv"]


def test_without_targets_any_id_is_taken_and_diversity_is_scored():
    made = Scorer("react2024")
    made.update(["z", "m"], PREDICTIONS[:2])
    made.update(["a"], PREDICTIONS[2:3])
    result = made.compute()
    assert made.clips == ["a", "m", "z"]
    in_order = score_arrays(PREDICTIONS[[2, 1, 0]], clips=["a", "m", "z"])
    assert scores(result) == scores(in_order)
    assert list(result) == ["FRDiv", "FRVar", "FRDvs"]


def test_clips_of_unequal_length_are_scored_as_in_one_call():
    ragged = [each[:, : 60 - number] for number, each in enumerate(PREDICTIONS)]
    made = Scorer("react2024", clips=CLIPS)
    for clip, each in zip(CLIPS, ragged, strict=True):
        made.update([clip], [each])
    assert scores(made.compute()) == scores(score_arrays(ragged, clips=CLIPS))


def test_torch_tensors_of_any_type_are_taken():
    torch = pytest.importorskip("torch")
    rounded = torch.from_numpy(PREDICTIONS).to(torch.bfloat16)
    made = scorer()
    made.update(CLIPS[:4], rounded[:4].requires_grad_())
    made.update(CLIPS[4:], [each.double() for each in rounded[4:]])
    assert scores(made.compute()) == scores(score_arrays(rounded.float().numpy(), **TARGETS, protocol=BOTH))


@pytest.mark.parametrize("layout", ["strided", "broadcast", "reversed"])
def test_no_layout_in_memory_changes_a_bit(layout):
    views = {
        "strided": np.repeat(PREDICTIONS, 2, axis=2)[:, :, ::2],
        "broadcast": np.broadcast_to(PREDICTIONS[:, :1], PREDICTIONS.shape),
        "reversed": np.ascontiguousarray(PREDICTIONS[..., ::-1])[..., ::-1],
    }
    view, plain = views[layout], views[layout].copy()
    made = scorer()
    made.update(CLIPS, view)
    one_call = scores(score_arrays(plain, **TARGETS, protocol=BOTH))
    assert scores(made.compute()) == one_call
    assert scores(score_arrays(view, **TARGETS, protocol=BOTH)) == one_call


def test_threads_may_update_at_once():
    made = scorer()
    repeated = [number % len(CLIPS) for number in range(3 * len(CLIPS))]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: made.update([CLIPS[n]], PREDICTIONS[n : n + 1]), repeated))
    assert scores(made.compute()) == expected()


def test_clips_are_told_at_any_time_as_they_were_before_the_update(monkeypatch):
    made, observed, told = fed([0]), Stream.observed, []
    monkeypatch.setattr(Stream, "observed", lambda *given: [observed(*given), told.append(made.clips)][0])
    made.update(CLIPS, PREDICTIONS)
    assert told == [["a"]]
    assert made.clips == CLIPS


def fail_the_second_time(function, error):
    """The same function, which fails when it is called for the second time."""
    calls = []

    def failing(*given):
        calls.append(given)
        if len(calls) == 2:
            raise error
        return function(*given)

    return failing


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_update_without_room_or_interrupted_adds_nothing_and_may_be_repeated(monkeypatch, error):
    made, expected_error = fed(range(2)), KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else ReactError
    file = type(made._streams[0].spool._file)
    monkeypatch.setattr(file, "write", fail_the_second_time(file.write, error))
    with pytest.raises(expected_error):
        made.update(CLIPS[2:], OTHERS[2:])
    monkeypatch.undo()
    assert made.clips == CLIPS[:2]
    made.update(CLIPS[2:], PREDICTIONS[2:])
    assert scores(made.compute()) == expected()


def test_a_merge_without_room_changes_nothing(monkeypatch, complete):
    made = fed(range(2))
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(ReactError, match="temporary folder /nowhere"):
        scorer().merge(complete)
    monkeypatch.undo()
    made.merge(complete)
    assert scores(made.compute()) == expected()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_a_copy_has_seen_the_same_and_goes_on_alone(copied):
    made = fed(range(3))
    other = copied(made)
    other.update(CLIPS[3:], PREDICTIONS[3:])
    assert made.clips == CLIPS[:3]
    made.update(CLIPS[3:], PREDICTIONS[3:])
    assert scores(other.compute()) == scores(made.compute()) == expected()


def test_epochs_of_other_clips_keep_no_more_and_observe_no_real_clip_twice(monkeypatch):
    made, observe, seen = scorer("react2024", metrics=["FRCorr", "FRDvs"]), Resources.observe, []

    def noting(self, clips, wanted, **options):
        seen.extend(clips.clips if ("FRCorr" in {name for name, _ in wanted}) and clips.predictions else ())
        return observe(self, clips, wanted, **options)

    monkeypatch.setattr(Resources, "observe", noting)
    kept, contexts = set(), {}
    for epoch in ("abc", "bcd", "aef", "abcdefg", "cg"):
        made.reset()
        numbers = [CLIPS.index(clip) for clip in epoch]
        made.update(list(epoch), PREDICTIONS[numbers])
        seen.clear()
        contexts[epoch] = made.compute(partial=True).context
        contexts[epoch + " observed"] = sorted(seen)
        kept.add(len(made._streams[0].targets._of_data._found))
    alone = scorer("react2024", metrics=["FRCorr", "FRDvs"])
    alone.update(["c", "g"], PREDICTIONS[[2, 6]])
    assert len(kept) == 1
    assert [contexts[f"{epoch} observed"] for epoch in ("abc", "bcd", "aef", "abcdefg", "cg")] == [
        list("aabbcc"),
        list("dd"),
        list("eeff"),
        list("gg"),
        [],
    ]
    assert alone.compute(partial=True).context == contexts["cg"]


def test_the_device_follows_from_all_targets_and_not_from_a_batch(monkeypatch):
    monkeypatch.setattr(computing, "_gpu_in_sight", lambda: True)
    monkeypatch.setattr(computing, "_cuda_problem", lambda: None)
    monkeypatch.setattr(computing, "_WORTH_A_GPU", 10 * int(TARGETS["neighbours"].sum()))
    [stream] = scorer()._made_streams({"emotion": 25})
    assert stream.resources.device == "cuda"
    monkeypatch.setattr(computing, "_WORTH_A_GPU", 10 * int(TARGETS["neighbours"].sum()) + 1)
    [stream] = scorer()._made_streams({"emotion": 25})
    assert stream.resources.device == "cpu"


def test_arrays_and_a_split_are_not_given_together():
    with pytest.raises(InputError, match=r"split='val' brings its own targets\. Leave out listener, clips"):
        Scorer(split="val", listener=DATA["listener"], clips=CLIPS)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return react_data.synthesise(
        tmp_path_factory.mktemp("data") / "tree",
        recordings=4,
        seed=3,
        frames=60,
        splits=("val",),
        modalities=("emotion", "3dmm"),
        show_progress=False,
    )


@pytest.fixture(scope="module")
def split(root):
    return react_data.open_split(root, "val").load()


@pytest.fixture(scope="module")
def ids(split):
    return [str(clip) for clip in split["clip"].values]


@pytest.fixture(scope="module")
def made_up(split):
    """Predictions of both kinds that follow the real listeners."""
    generator = np.random.default_rng(0)

    def blended(name, scale):
        listener = split[name].values[:, None]
        noise = generator.normal(scale=scale, size=(len(listener), 10, *listener.shape[2:]))
        return (0.7 * listener + noise).astype(np.float32)

    return {"emotion": blended("listener_emotion", 0.05).clip(0, 1), "coefficients": blended("listener_3dmm", 0.2)}


def one_call(root, ids, values, protocol):
    by_clip = dict(zip(ids, values, strict=True))
    return scores(react_eval.score(by_clip, split="val", data=root, protocol=protocol, show_progress=False))


EMOTION = ["react2024", "corrected", "perfrdiff"]


@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_split_is_scored_as_by_score_under_protocols_of_different_clips(root, ids, made_up, size):
    made, values = Scorer(EMOTION, "val", data=root), made_up["emotion"]
    for begin in reversed(range(0, len(ids), size)):
        made.update(ids[begin : begin + size], values[begin : begin + size])
    result = made.compute()
    assert len(result.protocol("perfrdiff").clips) < len(ids) == len(result.protocol("react2024").clips)
    assert scores(result) == one_call(root, ids, values, EMOTION)


def test_coefficients_are_scored_as_by_score(root, ids, made_up):
    made = Scorer("reactface", "val", data=root)
    made.update(ids[3:], made_up["coefficients"][3:])
    made.update(ids[:3], {"coefficients": made_up["coefficients"][:3]})
    preds = {"coefficients": dict(zip(ids, made_up["coefficients"], strict=True))}["coefficients"]
    assert scores(made.compute()) == one_call(root, ids, list(preds.values()), "reactface")


def test_both_kinds_at_once_go_to_the_protocols_that_take_them(root, ids, made_up):
    made = Scorer(["react2024", "reactface"], "val", data=root)
    for part in (slice(0, 5), slice(5, None)):
        made.update(ids[part], {kind: values[part] for kind, values in made_up.items()})
    together = scores(made.compute())
    assert together["react2024@1"] == one_call(root, ids, made_up["emotion"], "react2024")
    kind = react_eval.find_protocol("reactface").channels[0]
    assert together["reactface@1"] == one_call(root, ids, made_up[kind], "reactface")


def test_a_kind_that_is_missing_is_refused_with_all_of_its_batch(root, ids, made_up):
    made = Scorer(["react2024", "reactface"], "val", data=root)
    made.update(ids[:4], {kind: values[:4] for kind, values in made_up.items()})
    with pytest.raises(ChannelError, match="the batch has emotion channels, those before had coefficients"):
        made.update(ids[4:], made_up["emotion"][4:])
    assert made.clips == ids[:4]


def test_the_emotion_folders_person_names_are_understood(root, ids, made_up):
    made, values = Scorer("react2024", "val", data=root), made_up["emotion"]
    aliases = [str(react_data.ClipId.parse(clip).alias) for clip in ids]
    made.update(aliases, values)
    made.update(ids[:2], values[:2])
    assert made.clips == ids
    assert scores(made.compute()) == one_call(root, ids, values, "react2024")


def test_clips_that_no_protocol_scores_are_taken_and_left_out(root, ids, made_up):
    made, values = Scorer("perfrdiff", "val", data=root), made_up["emotion"]
    made.update(ids, values)
    assert made.clips == [clip for clip in ids if not clip.endswith("/1")]
    assert scores(made.compute()) == one_call(root, ids, values, "perfrdiff")


def test_longer_predictions_are_cut_and_shorter_ones_refused(root, ids, made_up):
    made, values = Scorer("react2024", "val", data=root), made_up["emotion"]
    made.update(ids, np.pad(values, ((0, 0), (0, 0), (0, 9), (0, 0))))
    assert scores(made.compute())["values"] == one_call(root, ids, values, "react2024")["values"]
    with pytest.raises(ShapeError, match="has 59 frames, expected 60"):
        made.update(ids[:1], values[:1, :, :59])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), InputError("of one clip")])
@pytest.mark.parametrize("stage", ["observed", "grown"])
def test_what_fails_for_some_protocols_adds_nothing_for_any(monkeypatch, root, ids, made_up, stage, error):
    made, values = Scorer(EMOTION, "val", data=root), made_up["emotion"]
    monkeypatch.setattr(Stream, stage, fail_the_second_time(getattr(Stream, stage), error))
    with pytest.raises(type(error)):
        made.update(ids, values + np.float32(0.01))
    monkeypatch.undo()
    assert made.clips == []
    made.update(ids, values)
    assert scores(made.compute()) == one_call(root, ids, values, EMOTION)


def test_a_merge_that_fails_for_some_protocols_merges_nothing(monkeypatch, root, ids, made_up):
    made, other, values = Scorer(EMOTION, "val", data=root), Scorer(EMOTION, "val", data=root), made_up["emotion"]
    made.update(ids[:2], values[:2])
    other.update(ids[2:], values[2:])
    monkeypatch.setattr(Stream, "merged", fail_the_second_time(Stream.merged, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        made.merge(other)
    monkeypatch.undo()
    assert made.clips == ids[:2]
    made.merge(other)
    assert scores(made.compute()) == one_call(root, ids, values, EMOTION)


def test_a_scorer_of_a_split_is_pickled_with_what_it_saw(root, ids, made_up):
    made, values = Scorer(EMOTION, "val", data=root), made_up["emotion"]
    made.update(ids[:3], values[:3])
    other = pickle.loads(pickle.dumps(made))
    other.update(ids[3:], values[3:])
    assert scores(other.compute()) == one_call(root, ids, values, EMOTION)


def test_scorers_of_a_split_merge(root, ids, made_up):
    values = made_up["emotion"]
    first, second = (Scorer(EMOTION, "val", data=root) for _ in range(2))
    first.update(ids[:5], values[:5])
    second.update(ids[3:], values[3:])
    first.merge(pickle.loads(pickle.dumps(second.state())))
    assert scores(first.compute()) == one_call(root, ids, values, EMOTION)
