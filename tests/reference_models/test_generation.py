"""Submissions of generators: the same bytes for a seed, continued after a kill, everything checked before any work."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from toy_model import Shout, ToyConfig, ToyModel

import react_data
import react_eval
import reference_models
from react_eval.submissions import read_submission
from reference_models.errors import (
    ConfigError,
    GeneratorError,
    MissingInputError,
    ModelInputError,
    UnknownModelError,
)
from reference_models.generator_names import find_generator
from reference_models.speaker_inputs import SpeakerInputs, open_for

HERE = Path(__file__).parent
COMMAND = [str(Path(sys.executable).with_name("react-models"))]


def generate(model, data, out, **how):
    return reference_models.generate_submission(model, data, out, show_progress=False, **how)


@pytest.fixture(scope="module")
def model():
    return reference_models.load("toy", seed=1)


def test_a_submission_is_written_and_scores(model, dyads, val, tmp_path):
    out = generate(model, dyads, tmp_path / "toy.h5", split="val", reactions=3, seed=4, online=True)
    found = read_submission(out)
    assert found.clips == tuple(val["clip"].values)
    assert found.arrays["emotion"][0].shape == (3, 60, 25)
    assert (found.attributes["method"], found.attributes["track"], found.attributes["run_seed"]) == (
        "Toy", "online", "4",
    )  # fmt: skip
    assert json.loads((tmp_path / "toy.h5.run.json").read_text())["generator"] == "toy_model.ToyModel"


def test_the_same_seed_gives_the_same_bytes(model, val, tmp_path):
    one, same, other = (
        generate(model, val, tmp_path / f"{number}.h5", seed=seed, reactions=2).read_bytes()
        for number, seed in enumerate((0, 0, 1))
    )
    assert one == same
    assert one != other


def test_batches_do_not_change_what_is_generated(model, val):
    speakers = SpeakerInputs(val, model)
    positions = range(len(speakers.clips))
    whole = model.generate(speakers.batch(positions), reactions=2, seed=3)["emotion"]
    single = [model.generate(speakers.batch([each]), reactions=2, seed=3)["emotion"][0] for each in positions]
    assert whole.tobytes() == np.stack(single).tobytes()


def test_a_generator_never_sees_the_listener(model, val):
    speakers = SpeakerInputs(val, Shout())
    assert set(speakers.batch([0])) == {"clip", "speaker_emotion", "speaker_3dmm"}


class Interrupted(Shout):
    inputs = ("speaker_emotion",)

    def __init__(self, after):
        self.left = after

    def generate(self, batch, reactions=10, seed=0, online=False):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().generate(batch, reactions)


def test_an_interrupted_run_is_continued(val, tmp_path):
    whole = generate(Interrupted(10**6), val, tmp_path / "whole.h5", reactions=2)
    with pytest.raises(KeyboardInterrupt):
        generate(Interrupted(2), val, tmp_path / "part.h5", reactions=2)
    missing = val.sizes["clip"] - 2
    part = generate(Interrupted(missing), val, tmp_path / "part.h5", reactions=2)
    assert part.read_bytes() == whole.read_bytes()


def test_another_run_is_not_continued(val, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        generate(Interrupted(2), val, tmp_path / "part.h5", reactions=2)
    with pytest.raises(GeneratorError, match="another reactions"):
        generate(Interrupted(100), val, tmp_path / "part.h5", reactions=3)


def test_a_killed_command_is_continued(dyads, tmp_path):
    arguments = [
        *COMMAND, "generate", "slow_toy:Slow", "--data", dyads, "--split", "val", "--reactions", "2", "--quiet",
        "--out", tmp_path / "killed.h5", "--method", "slow",
    ]  # fmt: skip
    (tmp_path / "slow_toy.py").write_text(
        "import sys, time\nsys.path.insert(0, " + repr(str(HERE)) + ")\nfrom toy_model import Shout\n"
        "class Slow(Shout):\n    def generate(self, batch, **how):\n"
        "        time.sleep(0.2)\n        return super().generate(batch, how['reactions'])\n"
    )
    with subprocess.Popen(list(map(str, arguments)), cwd=tmp_path, stderr=subprocess.PIPE) as process:
        partial = tmp_path / "killed.h5.partial"
        until = time.monotonic() + 60
        while not list(partial.glob("*.finished")) and time.monotonic() < until and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert list(partial.glob("*.finished"))
    assert not (tmp_path / "killed.h5").exists()
    done = subprocess.run(list(map(str, arguments)), cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    whole = generate(Shout(), dyads, tmp_path / "whole.h5", split="val", reactions=2, method="slow")
    assert (tmp_path / "killed.h5").read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("name", ["toy_model:Shout", "toy_model:react", "toy_model:make"])
def test_anything_that_generates_is_found(name, val, tmp_path):
    assert generate(name, val, tmp_path / "out.h5", reactions=2).exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [("toy_model:nothing", "has no nothing"), ("no_such_module:x", "cannot be imported"),
     ("toy_model:CARD", "is a ModelCard"), ("toy_model:ToyModel", "needs config"), ("json:JSONDecoder", "without")],
)  # fmt: skip
def test_what_does_not_generate_is_refused(name, message):
    with pytest.raises(GeneratorError, match=message):
        find_generator(name)


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownModelError, match="no model"):
        find_generator("nobody")


def test_a_checkpoint_generates(model, val, tmp_path):
    path = reference_models.save_checkpoint(model, tmp_path / "toy")
    whole = generate(model, val, tmp_path / "one.h5", reactions=2)
    assert generate(str(path), val, tmp_path / "two.h5", reactions=2).read_bytes() == whole.read_bytes()


class Other:
    def __init__(self, made):
        self.made = made

    def generate(self, batch, reactions=10, seed=0, online=False):
        return self.made


@pytest.mark.parametrize(
    ("made", "message"),
    [({}, "nothing"), ({"smile": np.zeros((1, 2, 60, 25), "f4")}, "'smile'"), (np.zeros(3), "ndarray"),
     ({"emotion": np.zeros((1, 2, 61, 25), "f4")}, "60 frames"), ({"emotion": np.zeros((1, 3, 60, 25), "f4")}, "2 re")],
)  # fmt: skip
def test_what_is_no_reaction_is_refused(made, message, val, tmp_path):
    with pytest.raises(GeneratorError, match=message):
        generate(Other(made), val, tmp_path / "out.h5", reactions=2)


class Needy(ToyModel):
    inputs = ("speaker_emotion", "speaker_mfcc78")


def test_what_is_missing_is_said_before_any_work(dyads, val, tmp_path):
    with pytest.raises(MissingInputError, match="Needy needs speaker_mfcc78"):
        generate(Needy(ToyConfig()), val, tmp_path / "out.h5")
    with pytest.raises(MissingInputError, match="react-data features"):
        open_for(Needy(ToyConfig()), dyads, "val")
    with pytest.raises(MissingInputError, match="speaker_mfcc78"):
        Needy(ToyConfig()).generate({"clip": ["a"], "speaker_emotion": np.zeros((1, 9, 25), "f4")})


class Short(ToyModel):
    most_frames = 50


class OnlyOffline(ToyModel):
    modes = ("offline",)


def test_what_does_not_fit_is_said_before_any_work(model, val, tmp_path):
    out = tmp_path / "out.h5"
    with pytest.raises(ModelInputError, match="takes 50 at most"):
        generate(Short(ToyConfig()), val, out)
    assert generate(Short(ToyConfig()), val, out, frames=50, reactions=1).exists()
    with pytest.raises(ModelInputError, match="made for 25 frames a second, but the data set has 30"):
        generate(model, val.assign_attrs(frames_per_second=30), tmp_path / "rate.h5")
    with pytest.raises(GeneratorError, match="cannot generate online"):
        generate(OnlyOffline(ToyConfig()), val, tmp_path / "mode.h5", online=True)
    assert [path.name for path in tmp_path.iterdir() if "out" not in path.name] == []


def test_a_batch_that_does_not_fit_is_refused(model):
    with pytest.raises(ModelInputError, match=r"shape \(9, 24\), expected \(frames, 25\)"):
        model.generate({"clip": ["a"], "speaker_emotion": np.zeros((1, 9, 24), "f4")})
    with pytest.raises(ModelInputError, match="1 to 800"):
        model.generate({"clip": ["a"], "speaker_emotion": np.zeros((1, 801, 25), "f4")})


def test_mixed_precision_is_for_torch(model, val, tmp_path):
    assert generate(model, val, tmp_path / "bf16.h5", precision="bf16", reactions=1).exists()
    with pytest.raises(ConfigError, match="for models of torch"):
        generate(Shout(), val, tmp_path / "out.h5", precision="bf16")


def test_3dmm_is_centred_for_the_model_only(val):
    class Coefficients(ToyModel):
        inputs = ("speaker_3dmm",)
        heads = ("coefficients",)

        def react(self, speaker, reactions, generator, *, online):
            self.seen = speaker["speaker_3dmm"]
            return {"coefficients": self.seen[None].repeat(reactions, 1, 1)}

    model = Coefficients(ToyConfig())
    model.mean_face, model.std_face = np.full(58, 2, "f4"), np.full(58, 4, "f4")
    batch = SpeakerInputs(val, model).batch([0])
    made = model.generate(batch, reactions=1)["coefficients"]
    np.testing.assert_allclose(model.seen.numpy(), (batch["speaker_3dmm"][0] - 2) / 4, rtol=1e-6)
    np.testing.assert_allclose(made[0, 0], batch["speaker_3dmm"][0], atol=1e-6)


def test_sound_and_video_come_as_the_model_takes_them(tmp_path):
    root = react_data.synthesise(
        tmp_path / "tree", recordings=6, frames=10, sample_rate=8000, splits=("val",), show_progress=False,
        modalities=("emotion", "audio"),
    )  # fmt: skip

    class Sound(ToyModel):
        inputs = ("speaker_audio",)
        sample_rate = 16000

    pytest.importorskip("soxr")
    batch = SpeakerInputs(open_for(Sound(ToyConfig()), root, "val"), Sound(ToyConfig())).batch([0, 1])
    assert set(batch) == {"clip", "speaker_audio"}
    assert batch["speaker_audio"].shape == (2, 10 * 640)


def test_any_change_of_the_data_changes_its_digest(model, val):
    usual = SpeakerInputs(val, model).digest()
    assert SpeakerInputs(val, model).digest() == usual
    for clip in range(val.sizes["clip"]):
        changed = val.copy(deep=True).load()
        changed["speaker_emotion"][clip, -1, 3] += 1
        assert SpeakerInputs(changed, model).digest() != usual
    assert SpeakerInputs(val, model, clips=val["clip"].values[1:]).digest() != usual


def test_references_are_cached(dyads, model, tmp_path, monkeypatch):
    monkeypatch.setenv("REACT_MODELS", str(tmp_path / "models"))
    how = {"split": "val", "cache": tmp_path / "cache", "reactions": 2, "show_progress": False}
    with pytest.raises(GeneratorError, match="no weights here"):
        reference_models.reference_submission("toy", dyads, **how)
    reference_models.save_checkpoint(model, tmp_path / "models" / "toy")
    first = reference_models.reference_submission("toy", dyads, **how)
    written = first.stat().st_mtime_ns
    assert reference_models.reference_submission("toy", dyads, **how) == first
    assert first.stat().st_mtime_ns == written
    assert reference_models.reference_submission("toy", dyads, **how, seed=1) != first
    assert react_eval.validate(first, split="val", data=dyads, reactions=2).ok
