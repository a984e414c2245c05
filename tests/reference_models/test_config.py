"""Configurations, recipes and settings of runs: plain data that says what is wrong with it."""

import pytest
from toy_model import RECIPE, ToyConfig

from reference_models.errors import ConfigError
from reference_models.training.settings import TrainingSettings, read_settings_file, with_overrides


def test_clean_is_the_default_and_published_is_compat():
    assert ToyConfig().context == "past"
    assert ToyConfig.published().context == "window"
    assert ToyConfig.published().answered("clean") == ToyConfig()


def test_traps_have_both_answers():
    (found,) = ToyConfig.traps()
    assert (found.name, found.compat, found.clean) == ("context", "window", "past")


def test_a_configuration_survives_json():
    config = ToyConfig(width=3, sizes=(4,))
    assert ToyConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("given", "message"),
    [({"widht": 3}, "Did you mean 'width'"), ({"width": "3"}, "expected int"), ({"noise": True}, "expected float")],
)
def test_a_wrong_field_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        ToyConfig.from_dict(given)


def test_a_recipe_is_changed_by_stage():
    changed = RECIPE.changed({"neighbours": 3, "stages": {"second": {"epochs": 9, "loss_weights": {"fit": 2}}}})
    assert [stage.epochs for stage in changed.stages] == [2, 9]
    assert changed.stages[1].loss_weights == {"fit": 2}
    assert changed.neighbours == 3


def test_what_a_recipe_writes_can_be_read():
    assert RECIPE.changed(RECIPE.to_dict()) == RECIPE


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stages": {"third": {}}}, "no stage 'third'"),
        ({"stages": {"first": {"epoch": 1}}}, "Did you mean 'epochs'"),
        ({"stages": {"first": {"epochs": "many"}}}, "expected int"),
        ({"stages": 3}, "expected settings by stage"),
        ({"target": "paired"}, "Did you mean 'targets'"),
    ],
)
def test_a_wrong_recipe_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        RECIPE.changed(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"epoch": 1}, "Did you mean 'epochs'"), ({"seed": "1"}, "expected int"), ({"devices": 0}, "at least 1"),
     ({"precision": "8"}, "32, bf16, 16")],
)  # fmt: skip
def test_wrong_settings_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        TrainingSettings.of(given)


def test_overrides_win_over_the_file(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("model: toy\nconfig: {width: 3}\ntraining: {seed: 1}\n")
    found = with_overrides(read_settings_file(file), ["config.width=5", "recipe.stages.first.epochs=1", "seed=2"])
    assert found["config"] == {"width": 5}
    assert found["recipe"] == {"stages": {"first": {"epochs": 1}}}
    assert found["training"] == {"seed": 2}


@pytest.mark.parametrize(
    ("text", "message"), [("confg: {}", "Did you mean 'config'"), ("- 1", "a list"), ("config: [", "YAML")]
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    file = tmp_path / "run.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_settings_file(file)


def test_an_override_without_a_value_is_refused():
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        with_overrides({}, ["seed"])
