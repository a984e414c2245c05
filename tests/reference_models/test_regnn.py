"""REGNN: generation, the invertible network, distributions and edges, losses, and the speaker's inputs."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_models
from reference_models.blocks.concordance import concordance_loss
from reference_models.errors import ConfigError, GeneratorError, MissingInputError, ModelInputError
from reference_models.regnn.cognition import Edges, Mixture
from reference_models.regnn.config import INPUT_WIDTHS, REGNNConfig
from reference_models.regnn.losses import (
    LOSS_WEIGHTS,
    EasyWindows,
    Targets,
    discordance,
    group_spread,
    least_by_group,
    targets_of,
)
from reference_models.regnn.model import REGNN
from reference_models.regnn.motor import ActivationNorm, GraphAttention, Motor
from reference_models.regnn.sampling import limited_noise, noise_field
from reference_models.regnn.windows import cut, join, window_starts

SMALL = replace(
    REGNNConfig(),
    speaker=("emotion", "mfcc78"),
    window=10,
    width=16,
    feed_forward=16,
    layers=1,
    fused_width=8,
    node_width=8,
    edge_channels=3,
    components=4,
)
COMPAT = SMALL.answered("compat")
MIXTURE = replace(SMALL, noise="mixture")
FRAMES = 35
NODES = 25


def model(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return REGNN(config)


def batch(clips=2, frames=FRAMES, config=SMALL):
    rng = np.random.default_rng(0)
    series = {f"speaker_{kind}": rng.random((clips, frames, INPUT_WIDTHS[kind]), "f4") for kind in config.speaker}
    return {"clip": [f"clip{number}" for number in range(clips)], **series}


def training_batch(config=SMALL, clips=3, neighbours=4):
    made = {
        name: torch.from_numpy(values) for name, values in batch(clips, config.window, config).items() if name != "clip"
    }
    targets = torch.rand(clips, neighbours, config.window, NODES)
    return made | {"target_emotion": targets, "target_mask": torch.ones(clips, neighbours, dtype=torch.bool)}


def windows_and_edges(config=SMALL, count=3, seed=0):
    torch.manual_seed(seed)
    windows = torch.randn(count, NODES, config.window)
    return windows, Edges(config)(torch.randn_like(windows))


@pytest.mark.parametrize("config", [SMALL, COMPAT, MIXTURE])
def test_the_same_seed_gives_the_same_bytes_however_clips_are_batched(config):
    ours, both = model(config), batch()
    together = ours.generate(both, reactions=3, seed=5)["emotion"]
    second = {name: values[1:] for name, values in both.items()}
    assert together.shape == (2, 3, FRAMES, NODES)
    assert together[1:].tobytes() == ours.generate(second, reactions=3, seed=5)["emotion"].tobytes()


@pytest.mark.parametrize("config", [SMALL, COMPAT, MIXTURE])
def test_reactions_differ_and_so_do_seeds(config):
    first, other = (model(config).generate(batch(1), 2, seed)["emotion"] for seed in (0, 1))
    assert abs(first[0, 0] - first[0, 1]).max() > 1e-3
    assert abs(first - other).max() > 1e-3


def test_the_listener_is_never_seen():
    ours, known = model(), batch(1)
    expected = ours.generate(known, 2)["emotion"]
    listener = {"listener_emotion": np.ones((1, FRAMES, NODES), "f4")}
    assert np.array_equal(ours.generate(known | listener, 2)["emotion"], expected)


@torch.no_grad()
def test_the_steps_between_which_others_put_theirs_make_a_reaction():
    ours, speaker = (
        model().eval(),
        {name: torch.from_numpy(each[0]) for name, each in batch(1).items() if name != "clip"},
    )
    starts = window_starts(FRAMES, SMALL)
    streams = ours.speaker_streams({name: cut(each, starts, SMALL.window) for name, each in speaker.items()})
    assert streams.face.shape == streams.voice.shape == (len(starts), SMALL.window, SMALL.width)
    mean = ours.distribution(ours.fuse(streams))
    latents = ours.sample(mean, starts, 2, torch.Generator().manual_seed(1))
    made = join(ours.decode(latents, ours.edges(mean)), starts, FRAMES)
    assert torch.equal(made, ours.react(speaker, 2, torch.Generator().manual_seed(1), online=False)["emotion"])


@given(frames=st.integers(1, 90), half=st.integers(1, 15))
def test_windows_cover_a_clip_and_join_to_it(frames, half):
    config = replace(SMALL, window=2 * half)
    starts = window_starts(frames, config)
    assert all(later - earlier <= half for earlier, later in pairwise(starts))
    series = torch.arange(2.0 * frames).reshape(frames, 2)
    assert torch.allclose(join(cut(series, starts, config.window), starts, frames), series)


def test_frames_of_two_windows_are_their_mean():
    windows = torch.stack([torch.zeros(10, 1), torch.ones(10, 1)])
    assert join(windows, [0, 5], 15)[:, 0].tolist() == [0] * 5 + [0.5] * 5 + [1] * 5


@pytest.mark.parametrize("frames", [9, 12, 34])
def test_the_published_model_refuses_other_lengths(frames):
    with pytest.raises(ModelInputError, match=rf"clip 'clip0': a clip of {frames} frames"):
        model(COMPAT).generate(batch(1, frames))
    assert model().generate(batch(1, frames), 2)["emotion"].shape == (1, 2, frames, NODES)


def test_it_is_offline_only():
    with pytest.raises(ModelInputError, match="cannot generate online"):
        model().generate(batch(1), online=True)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), size=st.floats(0.1, 5.0), weights=st.floats(0.3, 3.0))
def test_the_inverse_inverts(seed, size, weights):
    torch.manual_seed(seed)
    motor = Motor(SMALL)
    for parameter in motor.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.1 * weights)
    windows, edges = windows_and_edges(seed=seed)
    found = motor.inverse(motor(size * windows, edges), edges)
    assert torch.allclose(found, size * windows, atol=1e-4, rtol=1e-4)


def test_the_published_inverse_is_an_approximation():
    windows, edges = windows_and_edges(COMPAT)
    motor = Motor(COMPAT)
    left = abs(motor.inverse(motor(windows, edges), edges) - windows).max()
    assert 0 < left < 1e-3


@pytest.mark.parametrize("how", ["five", "exact"])
def test_what_cannot_be_inverted_is_said(how):
    config = replace(COMPAT, inverse=how)
    motor, (windows, edges) = Motor(config), windows_and_edges(config)
    for layer in motor.layers:  # weights whose sum is nearly 0 are no contraction
        layer.attention.channel_weights.data = torch.tensor([1.0, -1.0, 1e-6])
    if how == "five":
        with pytest.raises(GeneratorError, match="after 5 steps"):
            motor.inverse(windows, edges)
    else:
        with pytest.warns(RuntimeWarning, match="after 50 steps"):
            motor.inverse(windows, edges)


@torch.no_grad()
def test_weights_whose_sum_is_zero_do_no_harm_in_the_clean_answer():
    windows, edges = windows_and_edges()
    signed, absolute = GraphAttention(COMPAT), GraphAttention(SMALL)
    absolute.load_state_dict(signed.state_dict())
    assert torch.equal(*(each(windows, edges, each.bound()) for each in (signed, absolute)))
    for each in (signed, absolute):
        each.channel_weights.copy_(torch.tensor([1.0, -2.0, 1.0]))
    assert not signed(windows, edges, signed.bound()).isfinite().all()
    assert absolute(windows, edges, absolute.bound()).abs().max() < 1


def test_the_volume_is_that_of_the_jacobian():
    config = replace(SMALL, window=4)
    torch.manual_seed(0)
    motor, (windows, edges) = Motor(config), windows_and_edges(config, 1)
    for layer in motor.layers:
        layer.norm.log_scale.data.normal_(std=0.2)
    jacobian = torch.autograd.functional.jacobian(lambda each: motor(each, edges), windows)
    exact = torch.linalg.slogdet(jacobian.reshape(100, 100)).logabsdet
    estimates = torch.stack([motor.volume(windows, edges).detach()[0] for _ in range(60)])
    assert abs(estimates.mean() - exact) < 4 * estimates.std() / 60**0.5 + 1e-3
    assert estimates.std() < 0.2 * exact.abs()


def test_the_volume_keeps_reactions_from_shrinking():
    losses = {}
    for config in (COMPAT, SMALL):
        ours, known = model(config).eval(), training_batch()
        for layer in ours.motor.layers:
            layer.norm.log_scale.data.sub_(4)
        losses[config] = ours.loss(known)
    assert "volume" not in losses[COMPAT]
    assert losses[SMALL]["volume"] > 7
    assert losses[SMALL]["spread"] < 0.01


def test_norms_begin_with_the_first_batch_and_are_not_overwritten(tmp_path):
    windows = 3 + 2 * torch.randn(50, NODES, 10)
    windows[:, 4] = 1
    norm = ActivationNorm(0.1).train()
    normed = norm(windows)
    changing = [node for node in range(NODES) if node != 4]
    assert torch.allclose(normed.mean((0, 2)), torch.zeros(NODES), atol=1e-4)
    assert torch.allclose(normed[:, changing].std((0, 2)), torch.ones(NODES - 1), atol=1e-2)
    assert norm.log_scale.exp()[4].item() == pytest.approx(10)
    ours = model().train()
    ours.begin_stage("reaction", [training_batch()])
    again = reference_models.load_checkpoint(reference_models.save_checkpoint(ours, tmp_path / "saved")).train()
    again.loss(training_batch(clips=5))
    assert all(torch.equal(each, again.state_dict()[key]) for key, each in ours.state_dict().items() if "norm." in key)


def test_a_fresh_model_inverts_before_any_training():
    assert np.isfinite(model().eval().generate(batch(1))["emotion"]).all()


def plain_edges(alike, kept):
    """Edges of one channel, by loops."""
    by_row = np.where(kept, alike, 0)
    by_row /= by_row.sum(1, keepdims=True)
    return by_row @ (by_row / by_row.sum(0, keepdims=True)).T


@torch.no_grad()
@pytest.mark.parametrize("mask", ["union", "row"])
def test_edges_go_to_the_nearest_nodes(mask):
    config = replace(SMALL, edge_mask=mask, edge_neighbours=2)
    edges, mean = Edges(config), torch.randn(1, NODES, config.window)
    mapped = edges.queries_keys(edges.embedding(mean))[0].reshape(NODES, 2, 3, 10).numpy()
    scores = np.einsum("ick,jck->cij", mapped[:, 0], mapped[:, 1]) / 10**0.5
    alike = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    nearest = np.argsort(-alike.sum(0), axis=1)[:, :2]
    kept = np.eye(NODES, dtype=bool)
    for node in range(NODES):
        kept[slice(None) if mask == "union" else node, nearest[node]] = True
    expected = np.stack([plain_edges(each, kept) for each in alike])
    assert np.allclose(edges(mean)[0], expected, atol=1e-5)


@torch.no_grad()
def test_a_frame_that_begins_with_zero_has_no_position_in_the_published_answer():
    series = torch.zeros(1, 3, 16)
    series[:, :, 1] = 1
    published, clean = (model(config).eval().fusion.own._embedded(series) for config in (COMPAT, SMALL))
    assert torch.equal(published, 4 * series)
    assert abs(clean[0, 0] - clean[0, 1]).max() > 0.1


def test_the_published_noise_is_bounded_and_depends_on_how_much_there_is():
    few, many = torch.randn(4, 2, NODES, 10), torch.randn(4, 40, NODES, 10)
    few, many = limited_noise(few, 0.06), limited_noise(many, 0.06)
    largest = torch.full((4,), 0.06**0.5)
    assert torch.allclose(few.abs().amax((1, 2, 3)), largest)
    assert torch.allclose(many.abs().amax((1, 2, 3)), largest)
    assert few.std() > many.std() * 1.1
    small = torch.full((1, 5), 0.1)
    assert torch.allclose(limited_noise(small, 0.06), small)


def test_a_field_of_noise_is_the_same_wherever_windows_overlap():
    mean = torch.zeros(3, NODES, 10)
    field = noise_field(50, [0, 5, 10], mean, torch.Generator().manual_seed(0))
    assert torch.equal(field[:, 0, :, 5:], field[:, 1, :, :5])
    joined = join(field.transpose(-2, -1), [0, 5, 10], 20)
    assert joined.std() == pytest.approx(1, abs=0.02)


def test_a_mixture_is_that_of_torch():
    mixture, mean, latents = Mixture(MIXTURE), torch.randn(6, NODES, 10), torch.randn(6, NODES, 10)
    mixture.log_deviation.data.normal_(std=0.3)
    means = mixture(mean)
    each = torch.distributions.Independent(torch.distributions.Normal(means.movedim(0, 1), mixture.deviation), 2)
    expected = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(torch.ones(6, 4)), each)
    assert torch.allclose(mixture.log_likelihood(means, latents), expected.log_prob(latents), rtol=1e-5)


def test_a_mixture_without_deviation_gives_as_many_reactions_as_components():
    ours = model(replace(MIXTURE, mixture_scale=0.0))
    made = ours.generate(batch(1), 30)["emotion"][0]
    assert len({each.tobytes() for each in made}) == MIXTURE.components


def test_the_mixture_plays_no_part_as_published():
    ours = model(COMPAT)
    ours.loss(training_batch())["loss"].backward()
    assert all(each.grad is None for each in ours.cognition.mixture.parameters())
    expected = ours.generate(batch(1), 1)["emotion"]
    for each in ours.cognition.mixture.parameters():
        each.data.normal_()
    assert np.array_equal(ours.generate(batch(1), 1)["emotion"], expected)
    assert not hasattr(model().cognition, "mixture")


@pytest.mark.parametrize("config", [SMALL, COMPAT, MIXTURE])
def test_losses_reach_every_trained_parameter(config):
    ours = model(config)
    parts = ours.loss(training_batch())
    parts["loss"].backward()
    assert all(torch.isfinite(value) for value in parts.values())
    untouched = [name for name, each in ours.named_parameters() if each.requires_grad and each.grad is None]
    assert untouched == []


def test_the_nearest_reaction_counts_and_all_are_drawn_together():
    ours, known = model(COMPAT).eval(), training_batch()
    with torch.no_grad():
        mean = ours.distribution(ours.fuse(ours.speaker_streams(known)))
        edges = ours.edges(mean)
        encoded = [
            ours.motor(known["target_emotion"][number].transpose(1, 2), edges[[number] * 4]) for number in range(3)
        ]
        parts = ours.loss(known)
    distances = [[(mean[number] - each).square().mean() for each in encoded[number]] for number in range(3)]
    spread = [(each - each.mean(0)).square().mean() for each in encoded]
    assert parts["nearest"].item() == pytest.approx(np.mean([min(each) for each in distances]), rel=1e-4)
    assert parts["spread"].item() == pytest.approx(np.mean(spread), rel=1e-4)
    assert parts["loss"].item() == pytest.approx((parts["nearest"] + parts["spread"]).item(), rel=1e-5)


def test_reactions_that_are_not_there_do_not_count():
    known = training_batch()
    expected = targets_of(known)
    there = known["target_mask"].clone()
    there[1] = False
    frames = torch.ones(3, 4, SMALL.window, dtype=torch.bool)
    frames[0, 2, -1] = False
    found = targets_of(known | {"target_mask": there, "target_frame_mask": frames})
    assert found.groups.tolist() == [0, 0, 0, 2, 2, 2, 2]
    assert torch.equal(found.windows, expected.windows[[0, 1, 3, 8, 9, 10, 11]])
    listener = torch.rand(3, SMALL.window, NODES)
    own = targets_of({"listener_emotion": listener, "frame_mask": frames[:, 2]})
    assert own.groups.tolist() == [1, 2]
    assert torch.equal(own.windows, listener[1:].transpose(1, 2))


def test_a_batch_without_any_whole_reaction_has_no_loss():
    known = training_batch() | {"target_mask": torch.zeros(3, 4, dtype=torch.bool)}
    parts = model(MIXTURE).eval().loss(known)
    assert all(value == 0 for value in parts.values())


@pytest.mark.parametrize("config", [COMPAT, MIXTURE])
def test_concordance_of_latents_is_learned_if_wished(config):
    ours, known = model(config).eval(), training_batch()
    assert "concordance" not in ours.loss(known)
    ours.loss_weights = dict.fromkeys(LOSS_WEIGHTS, 0.0) | {"concordance": 2.0}
    parts = ours.loss(known)
    parts["loss"].backward()
    assert parts["loss"] == 2 * parts["concordance"]
    assert ours.cognition.nodes[0].weight.grad.any()


def test_discordance_is_that_to_the_most_concordant_reaction_of_each_window():
    latents, made = torch.randn(3, NODES, 9), torch.randn(2, NODES, 9)
    targets = Targets(latents, torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0]))
    assert discordance(latents[[1, 2]], latents, targets).item() == pytest.approx(0, abs=1e-3)
    each = [
        concordance_loss(made[[at]].mT, latents[[of]].mT[:, None], torch.ones(1, 1, 9) > 0)
        for at, of in ((0, 0), (0, 1), (1, 2))
    ]
    assert discordance(made, latents, targets).item() == pytest.approx((min(each[:2]) + each[2]).item() / 2)


def test_losses_of_groups():
    values, groups = torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([0, 0, 2])
    assert group_spread(values, groups, 3) == pytest.approx(2 / 3)
    assert least_by_group(values[:, 0], groups, 3).tolist() == [1, 0, 7]


def test_easy_windows_count_as_nothing_after_a_while():
    easy, distances = EasyWindows(0.5, steps=3).train(), torch.tensor([1.0, 3.0])
    assert [easy(distances).item() for _ in range(3)] == [2, 2, 2]
    assert easy.threshold == 1
    assert easy(distances) == 1.5
    assert easy.eval()(torch.tensor([0.9, 3.1])) == pytest.approx(1.55)
    assert easy.count == 1
    without = EasyWindows(0.0, steps=1).train()
    assert [without(distances).item() for _ in range(2)] == [2, 2]


def test_measured_series_are_standardised():
    ours, known = model().train(), training_batch(clips=8)
    ours.begin_stage("reaction", [known, training_batch(clips=8)])
    scaled = ours.scaling(torch.cat([known[name] for name in ours.inputs], -1)).flatten(0, 1)
    assert torch.allclose(scaled.mean(0), torch.zeros(25 + 78), atol=1e-4)
    assert ours.easy.count == 0
    assert not any("scaling" in key for key in model(COMPAT).state_dict())


def test_a_few_steps_lower_the_loss():
    ours, known = model(MIXTURE).train(), training_batch()
    ours.begin_stage("reaction", [known])
    optimiser = torch.optim.Adam(ours.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        losses.append(ours.loss(known)["loss"])
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < losses[0] - 0.1


@pytest.mark.parametrize("speaker", [("emotion",), ("3dmm",), ("emotion", "3dmm", "mfcc78"), ("swin768", "vggish128")])
def test_every_kind_of_input_trains_and_generates(speaker):
    config = replace(SMALL, speaker=speaker)
    ours = model(config)
    ours.loss(training_batch(config))["loss"].backward()
    assert ours.generate(batch(1, config=config), 2)["emotion"].shape == (1, 2, FRAMES, NODES)


def test_sound_as_wide_as_the_model_is_not_mapped():
    published = replace(COMPAT, speaker=("swin768", "vggish128"), width=128)
    voice = torch.rand(2, 10, 128)
    streams = model(published).speaker_streams({"speaker_swin768": torch.rand(2, 10, 768), "speaker_vggish128": voice})
    assert torch.equal(streams.voice, voice)
    assert not hasattr(model(published.answered("clean")).fusion, "voice_map")


@pytest.mark.parametrize("answer", ["compat", "clean"])
def test_autocast_gives_finite_losses_and_inverses(answer):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = model(SMALL.answered(answer))
        assert torch.isfinite(ours.loss(training_batch())["loss"])
        assert np.isfinite(ours.generate(batch(1))["emotion"]).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"speaker": ("mfcc78",)}, "beside them at most one"),
        ({"speaker": ("swin768", "emotion")}, "beside them at most one"),
        ({"speaker": ("emotion", "mfcc")}, "no input 'mfcc'"),
        ({"window": 11}, "even window"),
        ({"width": 18}, "multiple of heads"),
        ({"graph_layers": 0}, "at least 1"),
        ({"edge_neighbours": 26}, "at most the 25 nodes"),
        ({"noise": "windows"}, "noise is 'windows'"),
        ({"noise": "mixture", "log_determinant": False}, "needs log_determinant"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changed, message):
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **changed)


def test_bad_batches_are_refused():
    ours, good, known = model(), batch(1), training_batch()
    with pytest.raises(MissingInputError, match="speaker_mfcc78"):
        ours.generate({name: values for name, values in good.items() if name != "speaker_mfcc78"})
    with pytest.raises(ModelInputError, match=r"expected \(frames, 25\)"):
        ours.generate(good | {"speaker_emotion": good["speaker_emotion"][..., :20]})
    features = replace(SMALL, speaker=("swin768", "vggish128"))
    with pytest.raises(ModelInputError, match=r"expected \(frames, 768\)"):
        model(features).generate(batch(1, config=features) | {"speaker_swin768": np.zeros((1, FRAMES, 512), "f4")})
    with pytest.raises(MissingInputError, match="target_emotion or listener_emotion"):
        ours.loss({name: values for name, values in known.items() if not name.startswith("target")})
    with pytest.raises(MissingInputError, match="speaker_emotion"):
        ours.loss({"target_emotion": known["target_emotion"]})
    with pytest.raises(ModelInputError, match="learns from windows of 10"):
        ours.loss(known | {name: known[name][:, :9] for name in ours.inputs})
