"""Studies of what a listener's history is worth: every row on the same clips, continued where they were ended."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from toy_model import PersonalModel, ToyConfig, ToyModel

import react_data
import reference_models
from reference_models.cli import main
from reference_models.errors import ConfigError, GeneratorError, ModelInputError


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return react_data.synthesise(
        tmp_path_factory.mktemp("people") / "data", recordings=24, frames=60, splits=("train", "test"),
        modalities=("emotion", "3dmm"), show_progress=False,
    )  # fmt: skip


class Watching(PersonalModel):
    """Reacts in the course of the history, and notes what it sees."""

    def __init__(self):
        super().__init__(ToyConfig())
        self.seen = []

    def react(self, speaker, reactions, generator, *, online):
        history = speaker.get("history_3dmm")
        self.seen.append(0 if history is None else len(history))
        return super().react(speaker, reactions, generator, online=online)


def study(model, data, out, **how):
    return reference_models.history_study(model, data, split="test", out=out, show_progress=False, **how)


def test_every_condition_is_a_row(people, tmp_path):
    model = Watching()
    found = study(model, people, tmp_path / "study.json", lengths=(10, 40))
    assert [(row.content, row.frames) for row in found.rows] == [
        ("first", 10), ("first", 40), ("first", None), ("other", None), ("stranger", None), ("none", None),
    ]  # fmt: skip
    clips = len(react_data.personalised_clips(react_data.open_split(people, "test")["clip"].values.tolist()))
    assert model.seen == [frames for frames in (10, 40, 60, 60, 60, 0) for _ in range(clips)]
    assert set(found.rows[0].values) == {"FRCorr", "FRCorr_personal", "FRDist", "FRDist_personal"}
    values = [row.values["FRDist"] for row in found.rows]
    assert len(set(values)) > 3
    assert json.loads((tmp_path / "study.json").read_text()) == found.to_dict()
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"], "submissions are large, so none is left"
    for text in ("clip 1 of the conversation", "none (generic)", "PMAFRG", "12 clips" if clips == 12 else "clips"):
        assert text in str(found)


def test_a_study_is_continued(people, tmp_path):
    class Stopping(Watching):
        left = 10**6

        def react(self, speaker, reactions, generator, *, online):
            type(self).left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().react(speaker, reactions, generator, online=online)

    model, how = Stopping(), {"lengths": (10,), "contents": ("first", "none")}
    whole = study(model, people, tmp_path / "whole.json", **how)
    needed = 10**6 - Stopping.left
    Stopping.left = needed // 3 + 2
    with pytest.raises(KeyboardInterrupt):
        study(model, people, tmp_path / "part.json", **how)
    assert len(json.loads((tmp_path / "part.json").read_text())["rows"]) == 1
    Stopping.left = needed - needed // 3 - 2
    assert study(model, people, tmp_path / "part.json", **how) == whole
    Stopping.left = 0
    assert study(model, people, tmp_path / "part.json", **how) == whole
    with pytest.raises(GeneratorError, match="another seed"):
        study(model, people, tmp_path / "part.json", seed=1, **how)
    (tmp_path / "part.json").write_text("[]")
    with pytest.raises(GeneratorError, match="no study"):
        study(model, people, tmp_path / "part.json", **how)


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"contents": ("last",)}, ConfigError, "contents names 'last'"),
        ({"contents": ()}, ConfigError, "contents names nothing"),
        ({"lengths": (0,)}, ConfigError, "history_frames is 0"),
        ({"contents": ("elsewhere",)}, ModelInputError, "in another conversation"),
    ],
)
def test_what_cannot_be_studied_is_refused(people, tmp_path, how, error, message):
    with pytest.raises(error, match=message):
        study(Watching(), people, tmp_path / "study.json", **how)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_history_is_refused(people, tmp_path):
    with pytest.raises(ModelInputError, match="cannot personalise"):
        study(ToyModel(ToyConfig()), people, tmp_path / "study.json")


def test_listeners_are_known_across_conversations_where_the_data_says_so(people):
    dataset = react_data.open_split(people, "train")
    persons = np.where([clip.startswith("NoXI") for clip in dataset["clip"].values], "Anna", "Ben")
    known = dataset.assign_coords(listener_person=("clip", persons))
    found = react_data.histories.Histories(known, "elsewhere")
    sessions, clips = dataset["session"].values, dataset["clip"].values.tolist()
    place = clips.index(found.clips[0])
    drawn = found.draw(place, np.random.default_rng(0))
    assert sessions[drawn] != sessions[place]
    assert persons[drawn] == persons[place]


def test_the_command_line_studies(people, tmp_path):
    reference_models.save_checkpoint(reference_models.load("personal_toy"), tmp_path / "toy")
    how = ["--split", "test", "--lengths", "20", "--contents", "first,none", "--device", "cpu", "--quiet"]
    command = ["history", str(tmp_path / "toy"), "--data", str(people), "--out", str(tmp_path / "study.json"), *how]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Personal toy by the history that it is shown")
    again = CliRunner().invoke(main, [*command, "--json"])
    assert len(json.loads(again.stdout)["rows"]) == 3
    assert CliRunner().invoke(main, [*command, "--lengths", "long"]).exit_code == 2
