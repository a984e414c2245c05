"""The naive baselines, whose scores are known beforehand."""

import numpy as np
import pytest
import xarray as xr
from oracles.examples import smooth

from react_data.errors import LabelsMissingError
from react_eval.baselines import NAMES, baseline, generate_predictions
from react_eval.errors import InputError, UnknownNameError
from react_eval.scoring import score_arrays

OF_ANY_CHANNELS = [name for name in NAMES if name != "B_Random2026"]


def split(clips=4, frames=80, seed=0, coefficients=False, labels=True, emotion=True):
    """A data set as `react_data.open_split` gives it, in memory."""
    generator = np.random.default_rng(seed)
    roles = ("speaker", "listener") if labels else ("speaker",)
    variables = {
        f"{role}_emotion": (("clip", "frame", "emotion"), smooth(generator, clips, frames, 25)) for role in roles
    }
    if not emotion:
        variables = {}
    if coefficients:
        variables |= {
            f"{role}_3dmm": (("clip", "frame", "coefficient"), smooth(generator, clips, frames, 58)) for role in roles
        }
    names = [f"NoXI/{seed:03d}/Expert_video/{number}" for number in range(clips)]
    return xr.Dataset(variables, {"clip": names}, {"labels": "listeners" if labels else "none"})


def generated(name, dataset, train=None, **options):
    return generate_predictions(baseline(name, dataset, train), dataset, show_progress=False, **options)


def scored(name, dataset, train=None, protocol="react2024", **options):
    arrays = {"listener": dataset["listener_emotion"].values, "speaker": dataset["speaker_emotion"].values}
    neighbours = np.eye(dataset.sizes["clip"], dtype=bool)
    predictions = generated(name, dataset, train, **options)
    return score_arrays(predictions, **arrays, neighbours=neighbours, protocol=protocol, context=False)


@pytest.mark.parametrize(("clips", "frames"), [(2, 60), (5, 200), (9, 750)])
def test_known_answers_hold_at_any_size(clips, frames):
    dataset, train = split(clips, frames), split(3, frames + 1, seed=1)
    noise = scored("B_Random", dataset)
    still = scored("B_MeanFr", dataset, train)
    assert {key: noise[key] for key in ("FRDiv", "FRVar", "FRDvs")} == {
        "FRDiv": pytest.approx(1 / 6, rel=0.03),
        "FRVar": pytest.approx(1 / 12, rel=0.03),
        "FRDvs": pytest.approx(1 / 6, rel=0.03),
    }
    assert [still[key] for key in ("FRCorr", "FRDiv", "FRVar", "FRDvs", "FRSyn")] == [0, 0, 0, 0, 49]
    assert scored("GT", dataset)["FRDist"] == 0
    assert scored("GT", dataset, protocol="corrected")["FRCorr"] == 1
    assert scored("B_Mime", dataset)["FRDiv"] == 0
    assert scored("B_Mime", dataset)["FRSyn"] == 0
    assert scored("B_MeanSeq", dataset, train)["FRDvs"] == 0


def test_gt_and_mime_share_movement_on_a_mirrored_split():
    half = split(3)
    mirrored = half.rename({"speaker_emotion": "listener_emotion", "listener_emotion": "speaker_emotion"})
    whole = xr.concat([half, mirrored.assign_coords(clip=[f"{clip}m" for clip in half["clip"].values])], "clip")
    real, mime = scored("GT", whole), scored("B_Mime", whole)
    assert real["FRVar"] == pytest.approx(mime["FRVar"], rel=1e-12)
    assert real["FRDvs"] == pytest.approx(mime["FRDvs"], rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_the_batch_size_changes_nothing(name, batch_size):
    dataset, train = split(), split(seed=1)
    once, again = (generated(name, dataset, train, batch_size=size).arrays["emotion"] for size in (4, batch_size))
    assert (np.stack(once) == np.stack(again)).all()


@pytest.mark.parametrize("name", NAMES)
def test_predictions_have_the_size_asked_for_and_the_ids(name):
    dataset = split()
    predictions = generated(name, dataset, split(seed=1), reactions=7, frames=70)
    assert np.shape(predictions.arrays["emotion"]) == (4, 7, 70, 25)
    assert np.stack(predictions.arrays["emotion"]).dtype == np.float32
    assert predictions.clips == tuple(dataset["clip"].values)


def test_noise_depends_on_seed_and_clip_alone():
    dataset = split()
    noise = np.stack(generated("B_Random", dataset).arrays["emotion"])
    reversed_ = np.stack(generated("B_Random", dataset.isel(clip=slice(None, None, -1))).arrays["emotion"])
    assert (reversed_[::-1] == noise).all()
    assert (np.stack(generated("B_Random", dataset, seed=1).arrays["emotion"]) != noise).mean() > 0.99
    assert noise.min() >= 0
    assert noise.max() < 1


def test_the_averages_are_those_of_speakers_and_listeners_of_training():
    dataset, train = split(), split(5, seed=1)
    both = np.concatenate([train["speaker_emotion"], train["listener_emotion"]]).mean(axis=0)
    sequence = np.stack(generated("B_MeanSeq", dataset, train).arrays["emotion"])
    frame = np.stack(generated("B_MeanFr", dataset, train).arrays["emotion"])
    assert (sequence == sequence[0, 0]).all()
    assert sequence[0, 0] == pytest.approx(both, rel=1e-6)
    assert (frame == frame[0, 0, 0]).all()
    assert frame[0, 0, 0] == pytest.approx(both.mean(axis=0), rel=1e-6)


@pytest.mark.parametrize("name", OF_ANY_CHANNELS)
def test_a_tree_of_coefficients_alone_is_enough(name):
    only = {"coefficients": True, "emotion": False}
    arrays = generated(name, split(**only), split(seed=1, **only)).arrays
    assert set(arrays) == {"coefficients"}
    assert np.shape(arrays["coefficients"]) == (4, 10, 80, 58)


def test_averages_are_of_the_kinds_that_split_and_training_share():
    both, emotion = split(coefficients=True), split(seed=1)
    assert set(generated("B_MeanFr", both, emotion).arrays) == {"emotion"}
    assert set(generated("B_MeanSeq", split(), split(seed=1, coefficients=True)).arrays) == {"emotion"}
    with pytest.raises(InputError, match="the training split has emotion, but the split has coefficients: no average"):
        generated("B_MeanFr", split(coefficients=True, emotion=False), emotion)


def test_noise_in_coefficients_leaves_noise_in_facial_attributes_alone():
    alone, beside = (generated("B_Random", split(coefficients=both)).arrays for both in (False, True))
    assert (np.stack(alone["emotion"]) == np.stack(beside["emotion"])).all()
    noise = np.stack(beside["coefficients"])
    assert 0 <= noise.min() < 0.01
    assert 0.99 < noise.max() < 1
    assert (noise[..., :25] != np.stack(beside["emotion"])).mean() > 0.99


def test_noise_with_a_meaning_is_of_facial_attributes_alone():
    assert set(generated("B_Random2026", split(coefficients=True)).arrays) == {"emotion"}
    with pytest.raises(InputError, match="makes facial attributes, which the data set does not have"):
        generated("B_Random2026", split(coefficients=True, emotion=False))


@pytest.mark.parametrize("name", OF_ANY_CHANNELS)
def test_coefficients_are_predicted_where_there_are_some(name):
    dataset, train = split(coefficients=True), split(seed=1, coefficients=True)
    arrays = generated(name, dataset, train).arrays
    assert np.shape(arrays["coefficients"]) == (4, 10, 80, 58)
    assert np.shape(arrays["emotion"]) == (4, 10, 80, 25)


def test_any_generator_can_be_used_and_never_sees_the_listener():
    seen = set()

    class Echo:
        def generate(self, batch, reactions=10, seed=0, online=False):
            seen.update(batch)
            return {"emotion": np.repeat(batch["speaker_emotion"][:, None], reactions, axis=1)}

    dataset = split(coefficients=True)
    predictions = generate_predictions(Echo(), dataset, show_progress=False)
    assert (np.stack(predictions.arrays["emotion"]) == dataset["speaker_emotion"].values[:, None]).all()
    assert seen == {"clip", "speaker_emotion", "speaker_3dmm"}


class Returns:
    def __init__(self, made):
        self.made = made

    def generate(self, batch, reactions=10, seed=0, online=False):
        return self.made


def test_a_generator_may_return_tensors_or_double_precision():
    values = np.random.default_rng(0).random((4, 10, 80, 25))
    torch = pytest.importorskip("torch")
    for made in (values, torch.from_numpy(values), torch.from_numpy(values).float()):
        found = generate_predictions(Returns({"emotion": made}), split(), show_progress=False).arrays["emotion"]
        assert (np.stack(found) == values.astype(np.float32)).all()
        assert found[0].dtype == np.float32


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"emotions": np.zeros((4, 10, 80, 25))}, r"the generator returned 'emotions'\. Did you mean 'emotion'\?"),
        ({"emotion": np.zeros((4, 80, 25))}, r"emotion of shape \(4, 80, 25\), expected \(4, 10, frames, channels\)"),
        ({"emotion": np.zeros((3, 10, 80, 25))}, "one entry a speaker of the batch, then one a reaction"),
        (
            {"emotion": np.zeros((4, 10, 80, 25), int)},
            "what the generator returned as emotion has values of type int64",
        ),
    ],
)
def test_what_a_generator_returns_is_checked(made, message):
    with pytest.raises(InputError, match=message):
        generate_predictions(Returns(made), split(), show_progress=False)


def test_what_a_baseline_lacks_is_said():
    with pytest.raises(UnknownNameError, match=r"there is no baseline 'B_Mimi'\. Did you mean 'B_Mime'\?"):
        baseline("B_Mimi", split())
    with pytest.raises(
        LabelsMissingError, match=r"GT needs the real listeners, which this split does not hold\. Use val"
    ):
        baseline("GT", split(labels=False))
    with pytest.raises(InputError, match="a generator reacts to speakers, but the data set has none"):
        generated("B_Mime", split(labels=False).drop_vars("speaker_emotion"))
    with pytest.raises(InputError, match="B_MeanSeq and B_MeanFr need the training split"):
        baseline("B_MeanFr", split())
    with pytest.raises(InputError, match="the average training clip has 60 frames, but the split's clips have 80"):
        generated("B_MeanSeq", split(), split(frames=60, seed=1))


def test_speakers_alone_are_enough_for_all_but_gt():
    speakers, train = split(labels=False), split(seed=1)
    for name in NAMES[1:]:
        assert len(generated(name, speakers, train)) == 4
