"""Models learn: after the tiny recipe they beat naive baselines and their untrained selves on dyads they never saw."""

from typing import NamedTuple

import pytest

from benchmarks.learning import learn

SEED = 41  # of dyads that no recipe was chosen by, and that the docs do not show


class Trial(NamedTuple):
    """What a tiny model is trained on, and how far its reactions to a clip differ at least.

    The least spread is about a tenth of what is usual after the recipe.
    """

    name: str
    recordings: int
    frames: int
    behaviours: int | None
    online: bool
    least_spread: float


TRIALS = (
    Trial("transvae", 60, 200, None, online=False, least_spread=0.001),
    Trial("transvae_online", 240, 200, 5, online=True, least_spread=0.001),
    Trial("belfusion", 240, 200, 5, online=False, least_spread=0.0005),
    Trial("belfusion_online", 160, 400, 5, online=True, least_spread=0.0005),
    Trial("reactface", 240, 200, 5, online=True, least_spread=0.0005),
    Trial("reactdiff_latent", 240, 200, 5, online=False, least_spread=0.0005),
    Trial("regnn", 240, 200, 5, online=False, least_spread=0.003),
    Trial("faceais", 240, 200, 5, online=True, least_spread=0.0005),
)


@pytest.mark.slow
@pytest.mark.parametrize("trial", TRIALS, ids=[trial.name for trial in TRIALS])
def test_a_tiny_recipe_beats_naive_baselines(trial, tmp_path):
    found = learn(trial.name, SEED, trial.recordings, trial.frames, tmp_path, trial.behaviours, online=trial.online)
    trained, *others = (scores["FRCorr"] for scores in found["test"].values())
    assert trained > max(others)
    assert found["test"]["trained"]["FRDiv"] > trial.least_spread


@pytest.mark.slow
def test_the_tiny_recipe_of_the_deterministic_model_beats_naive_baselines(tmp_path):
    found = learn("transae", SEED, 240, 200, tmp_path, 5)
    trained, *others = (scores["FRCorr"] for scores in found["test"].values())
    assert trained > max(others)
