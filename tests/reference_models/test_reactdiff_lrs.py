"""ReactDiff (LRS), our reading: what a listener's other clip changes, and what it leaves alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import reference_models
from reference_models.errors import ConfigError, MissingInputError
from reference_models.reactdiff_latent.model import ReactDiff
from reference_models.reactdiff_lrs.config import ReactDiffLRSConfig
from reference_models.reactdiff_lrs.model import ReactDiffLRS
from reference_models.records import find_model

FRAMES = 30
SMALL = {
    "window": 10,
    "context": 0,
    "guessed": False,
    "fusion_width": 16,
    "latent_width": 8,
    "condition_width": 16,
    "denoiser_width": 8,
    "style_width": 16,
    "style_feed_forward": 16,
    "shift_width": 16,
    "noise_scale": 1.0,
}
CHANGED = {"second.0", "second.1", "coefficients", "emotion"}


def made(**changes):
    torch.manual_seed(0)
    model = ReactDiffLRS(replace(ReactDiffLRSConfig.tiny(), **SMALL, **changes)).eval()
    for parameter in model.denoiser.parameters():
        if not parameter.any():  # so that what begins at 0 says something
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def shifting(**changes):
    """A model whose shifts say something, as after training."""
    model = made(**changes)
    for parameter in model.shifts.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def batch_of(clips, history=0):
    generator = np.random.default_rng(0)
    shapes = {"speaker_emotion": (clips, FRAMES, 25), "speaker_3dmm": (clips, FRAMES, 58)}
    shapes |= {"history_3dmm": (clips, history, 58)} if history else {}
    series = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {"clip": [f"NoXI/chat/Expert_video/{number}" for number in range(clips)], **series}


def training_batch(clips=3):
    generator = torch.Generator().manual_seed(0)
    widths = {
        f"{role}_{kind}": width for role in ("speaker", "listener") for kind, width in (("emotion", 25), ("3dmm", 58))
    }
    found = {name: torch.randn(clips, FRAMES, width, generator=generator) for name, width in widths.items()}
    mask = torch.arange(24) < torch.tensor([[24], [20], [24]])
    return found | {"history_3dmm": torch.randn(clips, 24, 58, generator=generator), "history_frame_mask": mask}


def test_it_says_that_it_is_an_interpretation():
    record = find_model("reactdiff_lrs")
    assert "interpretation" in record.title
    assert "interpretation" in record.card.summary.lower()
    assert "interpretation" in ReactDiffLRS.__doc__.lower()


def test_without_a_history_it_is_the_base_to_the_bit():
    model = shifting()
    base = ReactDiff(model.config).eval()
    base.load_state_dict({key: value for key, value in model.state_dict().items() if key in base.state_dict()})
    own, others = (each.generate(batch_of(2), 2)["emotion"] for each in (model, base))
    assert own.tobytes() == others.tobytes()


def test_before_training_a_history_changes_nothing():
    model = made()
    plain, personal = (model.generate(batch_of(1, history), 2)["emotion"] for history in (0, 20))
    assert np.allclose(plain, personal, atol=1e-6)


def test_a_history_shifts_reactions_and_weights_stay_as_they_are():
    model = shifting()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    batch = batch_of(1, 20)
    other = {**batch, "history_3dmm": batch["history_3dmm"] + 1}
    plain, one, another = (model.generate(each, 2)["emotion"] for each in (batch_of(1), batch, other))
    assert np.abs(plain - one).max() > 1e-3
    assert np.abs(one - another).max() > 1e-3
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@torch.no_grad()
def test_a_batch_may_mix_listeners():
    model = shifting()
    histories, latents = torch.randn(3, 20, 58), torch.randn(6, FRAMES, 8)
    mixed = model.decode_shifted(latents, model.listener_shifts(histories), None)
    alone = [
        model.decode_shifted(latents[2 * row : 2 * row + 2], model.listener_shifts(histories[row : row + 1]), None)
        for row in range(3)
    ]
    for number in range(2):
        assert torch.allclose(mixed[number], torch.cat([each[number] for each in alone]), atol=1e-5)


@torch.no_grad()
def test_shifts_are_thin_matrices_added_to_weights():
    model = shifting(shift_rank=2)
    shifts, latents = model.listener_shifts(torch.randn(1, 20, 58)), torch.randn(2, FRAMES, 8)
    assert set(shifts.weights) == CHANGED
    assert {int(torch.linalg.matrix_rank(each.whole()[0], atol=1e-4)) for each in shifts.weights.values()} <= {1, 2}
    edited = made(shift_rank=2)
    edited.load_state_dict(model.state_dict())
    for name, weight in edited.decoder.shifted_weights().items():
        weight += shifts.weights[name].whole()[0]
    expected = edited.decoder(latents + shifts.latent)
    for got, wanted in zip(model.decode_shifted(latents, shifts, None), expected, strict=True):
        assert torch.allclose(got, wanted, atol=1e-4)


@torch.no_grad()
def test_frames_after_the_end_of_a_history_change_nothing():
    model, histories = shifting(), torch.randn(2, 20, 58)
    mask = torch.arange(20) < torch.tensor([[20], [12]])
    padded = model.listener_shifts(histories, mask).latent[1]
    assert torch.allclose(padded, model.listener_shifts(histories[1:, :12]).latent[0], atol=1e-5)


@pytest.mark.parametrize("predicts", ["sample", "epsilon"])
def test_the_personal_stage_learns_style_and_shifts(predicts):
    model = made(predicts=predicts)
    model.stage = "personal"
    losses = model.loss(training_batch())
    losses["loss"].backward()
    assert set(losses) == {"loss", "latent", "emotion", "coefficients"}
    for weight in (model.shifts.latent.weight, *(each.weight for each in model.shifts.left.values())):
        assert weight.grad.abs().max() > 0


def test_the_frozen_decoder_drops_nothing_where_it_drops_nothing_in_generation():
    for dropping in (True, False):
        model = made(dropout=0.5, decoder_dropout_at_inference=dropping).train()
        model.stage = "personal"
        model.loss(training_batch())
        assert model.decoder.training is dropping


def test_the_personal_stage_needs_a_history():
    model, batch = made(), training_batch()
    model.stage = "personal"
    del batch["history_3dmm"]
    with pytest.raises(MissingInputError, match="no history_3dmm"):
        model.loss(batch)


def test_earlier_stages_are_those_of_the_base():
    model = made()
    for model.stage in ("autoencoder", "diffusion"):
        model.loss(training_batch())["loss"].backward()
    assert all(each.grad is None for module in (model.style, model.shifts) for each in module.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"shift_rank": 0}, "shift_rank is 0"), ({"style_width": 20}, "style_width is 20, expected a multiple of 8")],
)
def test_configurations_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        ReactDiffLRSConfig(**changes)


def test_it_trains_with_other_clips_of_listeners(dyads, tmp_path):
    config, recipe = replace(ReactDiffLRSConfig.tiny(), **SMALL), find_model("reactdiff_lrs").training_recipe().tiny
    found = reference_models.train(
        "reactdiff_lrs", dyads, out=tmp_path / "run", config=config, recipe=recipe, epochs=1, validation="",
        show_progress=False,
    )  # fmt: skip
    assert found.model.shifts.latent.weight.abs().max() > 0
