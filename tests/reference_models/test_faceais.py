"""FaceAIS: what it generates, from what, and what it learns from; and why its published diversities are alike."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from react_eval.metrics.frdiv import frdiv
from react_eval.metrics.frdvs import frdvs
from reference_models import check_causality
from reference_models.blocks.quantisation import FiniteScalarQuantiser
from reference_models.errors import ConfigError, MissingInputError, ModelInputError, TrainingError
from reference_models.faceais.config import FaceAISConfig
from reference_models.faceais.losses import FACE_PARTS, face_loss
from reference_models.faceais.model import FaceAIS
from reference_models.faceais.predictor import SPECIAL_TOKENS
from reference_models.faceais.sampling import block_noise, sampled_tokens, token_chances
from reference_models.faceais.transformer import hiding_mask
from reference_models.faceais.windows import next_block_lesson, published_lesson, value_known

BLOCK, FRAMES = 4, 22
SMALL = {
    "block": BLOCK,
    "context": 8,
    "own_past": 8,
    "levels": (4, 3),
    "tokenizer_width": 16,
    "tokenizer_layers": 1,
    "vocabulary": 16,
    "width": 16,
    "layers": 2,
    "temperature": 1.0,
    "spread": 1.0,
    "noise": "token",
    "speech_channels": 8,
    "sound_context": 8,
    "blocks_a_clip": 2,
}
SPEECH = {"speaker_inputs": ("speaker_3dmm", "speaker_audio")}
FACE_ONLY = {"speaker_inputs": ("speaker_3dmm",)}


def made(how="clean", **changes):
    torch.manual_seed(0)
    config = replace(FaceAISConfig.tiny(), **SMALL).answered(how)
    model = FaceAIS(
        replace(config, **({} if changes.get("sound_context") is not None else {"sound_context": 8}), **changes)
    )
    with torch.no_grad():
        for name, value in model.named_parameters():  # far from even distributions
            value.copy_(torch.ones(()) if name.endswith("gate") else value * 10 if value.ndim > 1 else value)
    return model.eval()


def batch_of(clips=2, frames=FRAMES, model=None):
    rng = np.random.default_rng(0)
    shapes = {"speaker_3dmm": (frames, 58), "speaker_emotion": (frames, 25), "speaker_audio": (640 * frames,)}
    inputs = model.inputs if model else FaceAISConfig.tiny().speaker_inputs
    series = {name: rng.normal(size=(clips, *shapes[name])).astype(np.float32) for name in inputs}
    return {"clip": [f"NoXI/chat/Expert_video/{number}" for number in range(clips)], **series}


def training_batch(model, clips=3, frames=FRAMES):
    batch = {name: torch.from_numpy(each) for name, each in batch_of(clips, frames, model).items() if name != "clip"}
    widths = {"listener_3dmm": 58, "listener_emotion": 25}
    return batch | {name: torch.randn(clips, frames, width) for name, width in widths.items()}


@pytest.mark.parametrize("inputs", [{}, SPEECH, FACE_ONLY])
@pytest.mark.parametrize("frames", [FRAMES, 8, 1])
def test_reactions_have_both_heads_at_any_length(inputs, frames):
    model = made(**inputs)
    out = model.generate(batch_of(2, frames, model), 3, online=True)
    assert {head: each.shape for head, each in out.items()} == {
        "coefficients": (2, 3, frames, 58),
        "emotion": (2, 3, frames, 25),
    }


@pytest.mark.parametrize("how", ["compat", "clean"])
def test_the_same_seed_gives_the_same_bytes_for_any_batch_size(how):
    model = made(how, sound_context=0, **SPEECH)
    batch = batch_of(3, 20, model)
    whole = model.generate(batch, 2, 7, online=True)["coefficients"]
    alone = model.generate({name: each[2:] for name, each in batch.items()}, 2, 7, online=True)["coefficients"]
    assert whole[2:].tobytes() == alone.tobytes()


def test_reactions_differ_and_so_do_seeds():
    one, other = (made().generate(batch_of(1), 2, seed, online=True)["emotion"] for seed in (1, 2))
    assert np.abs(one[0, 0] - one[0, 1]).max() > 1e-4
    assert np.abs(one - other).max() > 1e-4


def test_the_listener_is_never_seen():
    model, batch = made(), batch_of(1)
    listener = {"listener_3dmm": np.ones((1, FRAMES, 58), np.float32)}
    bare, more = (model.generate(each, 2, online=True)["emotion"] for each in (batch, {**batch, **listener}))
    assert bare.tobytes() == more.tobytes()


@pytest.mark.parametrize("inputs", [{}, SPEECH, FACE_ONLY, {"own_past": 0}])
def test_clean_generation_is_causal(inputs):
    model = made(**inputs)
    report = check_causality(model, batch_of(2, 20, model), clips=2)
    assert report.causal
    assert report.listens


def test_published_generation_looks_to_the_end_of_its_block():
    model = made("compat", other_lengths="filled")
    model.tokenizer.encoder.layers[0].attention.output.weight.data *= 50  # every token tells of its whole block
    looks = [check_causality(model, batch_of(1, frames), searches=4).looks_ahead for frames in (16, 22)]
    assert max(looks) == BLOCK - 1


def test_published_sound_looks_to_the_end_of_the_clip():
    sound = torch.randn(1, 640 * 12)
    louder = torch.cat([sound[:, : 640 * 8], 9 * sound[:, 640 * 8 :]], 1)
    first = {
        how: [made(sound_context=frames, **SPEECH).speech(each)[:, :16] for each in (sound, louder)]
        for how, frames in (("clean", 8), ("compat", 0))
    }
    assert torch.equal(*first["clean"])
    assert (first["compat"][0] - first["compat"][1]).abs().max() > 1e-3


def test_speech_has_two_vectors_a_frame_of_which_the_first_is_zero():
    speech = made(**SPEECH).speech(torch.randn(2, 640 * 12))
    assert speech.shape == (2, 24, 8)
    assert (speech[:, 0] == 0).all()
    assert (speech[:, 1:] != 0).any(-1).all()


def test_a_speaker_is_tokenised_and_encoded_once_for_all_reactions():
    model, encoded, fused = made(), [], []
    model.tokenizer.encoder.register_forward_hook(lambda _, given, __: encoded.append(len(given[0])))
    model.predictor.speaker.register_forward_hook(lambda _, given, __: fused.append(len(given[0].face)))
    model.generate(batch_of(1, 24), 5, online=True)
    assert encoded == [6]
    assert fused == [1] * 6


def test_published_clips_are_whole_blocks():
    with pytest.raises(ModelInputError, match=r"clip 'NoXI.*0' has 22 frames, .*Cut it to 20"):
        made("compat").generate(batch_of(1), 1, online=True)


def test_longer_clips_begin_alike():
    model, batch = made(), batch_of(1, 24)
    shorter = {name: each if name == "clip" else each[:, :14] for name, each in batch.items()}
    longer, first = (model.generate(each, 2, online=True)["coefficients"] for each in (batch, shorter))
    assert np.allclose(longer[:, :, :12], first[:, :, :12], atol=1e-5)


@pytest.mark.parametrize("second_stream", ["replaced", "kept"])
def test_the_speaker_enters_the_first_or_all_of_the_gated_layers(second_stream):
    model = made(second_stream=second_stream)
    first, *_, last = model.predictor.listener.layers
    first.gate.data.zero_()
    assert last.gate == 1
    past = torch.randint(2, 14, (1, 8))
    streams = [model.speaker_streams(torch.randint(2, 14, (1, 8)), torch.randn(1, 8, 25)) for _ in range(2)]
    with torch.no_grad():
        one, other = (model.distribution(model.fuse(each), past) for each in streams)
    assert torch.equal(one, other) == (second_stream == "replaced")


def test_the_published_first_block_attends_evenly_to_padding():
    model, rows = made("compat", other_lengths="filled"), []
    model.predictor.listener.register_forward_hook(lambda _, given, __: rows.append((given[1].shape[1], given[2])))
    model.generate(batch_of(1, 8), 2, online=True)
    assert [count for count, _ in rows] == [8, 4]
    assert not rows[0][1].any()
    assert rows[1][1].shape == (2, 4)


def test_clean_padding_is_a_block():
    model, rows = made(), []
    model.predictor.listener.register_forward_hook(lambda _, given, __: rows.append((given[1].shape[1], given[2])))
    model.generate(batch_of(1, 20), 2, online=True)
    assert rows == [(4, None), (4, None), (8, None), (8, None), (8, None)]


@pytest.mark.parametrize(("own_past", "rows"), [(0, [4, 4, 4]), (4, [4, 4, 4]), (16, [4, 4, 8])])
def test_as_much_of_the_own_past_is_seen_as_wished(own_past, rows):
    model, pasts = made(own_past=own_past), []
    model.predictor.listener.register_forward_hook(lambda _, given, __: pasts.append(given[1]))
    model.generate(batch_of(1, 12), 2, online=True)
    assert [each.shape[1] for each in pasts] == rows
    assert [bool(each.any()) for each in pasts] == [False, own_past > 0, own_past > 0]
    lesson = next_block_lesson(*lesson_clips(), replace(model.config, blocks_a_clip=20))
    assert lesson.past.shape[1] == max(4, min(own_past, 8))
    assert bool(lesson.past.any()) == (own_past > 0)


def test_published_padding_is_what_is_zero():
    speech = torch.ones(1, 6, 2)
    speech[0, 0, 1] = speech[0, 2, 0] = speech[0, 3, 0] = 0
    assert value_known(torch.tensor([[0, 5, 1]])).tolist() == [[False, True, True]]
    assert value_known(speech, 2).tolist() == [[True, False, True]]


def test_published_masks_are_of_other_clips():
    known = torch.tensor([[True, True], [False, True], [True, False]])
    mixed, own = (hiding_mask(known, torch.zeros(1), heads=2, mixed=mixed) for mixed in (True, False))
    assert (own == 0).squeeze().tolist() == known.tolist()
    assert (mixed == 0).squeeze().tolist() == known[[0, 1, 2, 0, 1, 2]].view(3, 2, 2).tolist()


def sampled(logits, noise=0.5, **changes):
    config = replace(FaceAISConfig.tiny(), **SMALL | changes)
    logits = torch.as_tensor(logits)[:, None]
    return sampled_tokens(token_chances(logits, config), torch.full(logits.shape[:2], noise))[:, 0].tolist()


def test_tokens_without_a_code_are_never_sampled_in_clean_only():
    logits = torch.zeros(1, 18)
    logits[0, 15] = 99
    assert sampled(logits, unused_tokens="wrap") == [15]
    assert {*sampled(logits, 0.0), *sampled(logits, 0.99999994)} == {2, 13}
    model = made()
    assert torch.equal(model.vectors(torch.tensor([15, 1])), model.vectors(torch.tensor([3, 13])))


def test_a_published_threshold_depends_on_other_reactions():
    logits = torch.zeros(2, 18)
    logits[0, 2:14] = torch.arange(12.0)
    logits[1, 2:14] = torch.arange(12.0) - 9
    batch, own = (sampled(logits, 0.0, top_k=2, top_k_threshold=each) for each in ("batch", "own"))
    assert own == [12, 12]
    assert batch == [3, 12]


def test_less_spread_is_nearer_to_what_is_expected():
    none, half, whole = (
        made(spread=spread, own_past=0, emotion_range="any").generate(batch_of(1), 2, online=True)["coefficients"][0]
        for spread in (0.0, 0.5, 1.0)
    )
    assert np.abs(none[0] - none[1]).max() < 1e-6
    assert 0 < np.abs(half[0] - half[1]).mean() < np.abs(whole[0] - whole[1]).mean()


def test_no_temperature_takes_the_likeliest():
    logits = torch.zeros(1, 18)
    logits[0, 7] = 0.1
    assert sampled(logits, 0.99, temperature=0.0) == [7]
    assert sampled(logits, 0.99, temperature=1e-3, top_k=0) == [7]


def test_sampling_follows_the_distribution():
    logits = torch.log(torch.tensor([0.5, 0.3, 0.2]))
    noise = torch.linspace(0, 1, 10_001)[:-1]
    config = replace(FaceAISConfig.tiny(), **SMALL | {"levels": (3,)})
    padded = torch.cat([torch.zeros(2), logits]).expand(len(noise), 1, 5)
    counts = sampled_tokens(token_chances(padded, config), noise[:, None]).flatten().bincount() / len(noise)
    assert counts[SPECIAL_TOKENS:].tolist() == pytest.approx([0.5, 0.3, 0.2], abs=1e-3)


@pytest.mark.parametrize(("noise", "different"), [("token", (4, 3)), ("block", (1, 3)), ("reaction", (1, 1))])
def test_noise_is_shared_as_wished(noise, different):
    config = replace(FaceAISConfig.tiny(), **SMALL | {"noise": noise})
    drawn = block_noise(2, 3, config, torch.Generator().manual_seed(0))
    assert drawn.shape == (3, 2, BLOCK)
    assert (len(drawn[0, 0].unique()), len(drawn[:, 0, 0].unique())) == different
    assert (drawn[:, 0] != drawn[:, 1]).all()


def test_emotion_is_limited_in_clean_only():
    limited, free = (made(emotion_range=each) for each in ("limited", "any"))
    for model in (limited, free):
        model.tokenizer.emotion_head.weight.data *= 50
    limited, free = (model.decode(torch.randn(1, 40, 16))[1] for model in (limited, free))
    assert limited[..., :15].min() == 0
    assert limited[..., 15:17].min() == -1
    assert limited.max() == 1
    assert free.abs().max() > 1


def test_every_code_is_quantised_to_itself():
    quantiser = FiniteScalarQuantiser(2, (4, 3))
    with torch.no_grad():
        for linear in (quantiser.inwards, quantiser.outwards):
            linear.weight.copy_(torch.eye(2))
            linear.bias.zero_()
    tokens = torch.arange(12)
    codes = quantiser.vectors(tokens)
    assert codes.min() == -1
    levels = codes * torch.tensor([2, 1])
    offset, half = torch.tensor([0.5, 0.0]), torch.tensor([1.5, 1.0]) * 1.001
    inner = torch.atanh((levels + offset).div(half)) - torch.atanh(offset / half)
    again, found = quantiser(inner)
    assert torch.equal(found, tokens)
    assert torch.allclose(again, codes, atol=1e-6)
    assert torch.equal(quantiser.vectors(tokens - 12), codes)


def test_gradients_flow_through_rounding():
    quantiser, vectors = FiniteScalarQuantiser(3, (4, 3)), torch.randn(5, 3, requires_grad=True)
    quantiser(vectors)[0].sum().backward()
    assert vectors.grad.abs().min() > 0


def test_small_parts_of_the_face_count_as_much():
    there, zeros = torch.tensor([[True, False]]), torch.zeros(1, 2, 58)
    for first, stop in pairwise([0, *FACE_PARTS, 58]):
        face = zeros.clone()
        face[..., first:stop] = 1
        face[:, 1] = 9
        assert face_loss(face, zeros, there) == 1


@pytest.mark.parametrize("how", ["compat", "clean"])
@pytest.mark.parametrize(
    ("stage", "part", "frozen"), [("tokenizer", "tokenizer", "predictor"), ("predictor", "predictor", "tokenizer")]
)
def test_every_stage_reaches_its_parameters(how, stage, part, frozen):
    model = made(how).train()
    model.stage = stage
    losses = model.loss(training_batch(model))
    losses["loss"].backward()
    unreached = {name for name, each in getattr(model, part).named_parameters() if each.grad is None}
    published = {"speaker.norm.weight", "speaker.norm.bias", "unused.weight"} if how == "compat" else set()
    assert unreached == (published if part == "predictor" else set())
    assert all(each.grad is None for each in getattr(model, frozen).parameters())


def test_the_stage_of_the_emotion_decoder_learns_emotion_only():
    model = made()
    model.stage = "emotion"
    losses = model.loss(training_batch(model))
    assert set(losses) == {"loss", "emotion"}
    assert losses["loss"] == losses["emotion"]


def test_the_tokenizer_drops_nothing_while_the_predictor_learns():
    model = made(dropout=0.5).train()
    assert model.tokenizer.training
    model.stage = "predictor"
    assert not model.train().tokenizer.training
    assert model.predictor.training


def numbered(clips, frames):
    """Tokens that say which frame of which clip they are of."""
    return 100 * torch.arange(1, clips + 1)[:, None] + torch.arange(frames)


def lesson_clips():
    return numbered(2, 20) + 1000, None, numbered(2, 20), torch.ones(2, 20, dtype=torch.bool)


def test_a_clean_lesson_knows_what_generation_knows():
    config = replace(FaceAISConfig.tiny(), **SMALL | {"blocks_a_clip": 50})
    listener, there = numbered(2, 20), torch.arange(20) < torch.tensor([[20], [13]])
    second = torch.zeros(2, 20, 25)
    lesson = next_block_lesson(listener + 1000, second, listener, there, config)
    starts = lesson.targets[:, 0] % 100
    assert {*starts[:50].tolist()} == {0, 4, 8, 12, 16}
    assert {*starts[50:].tolist()} == {0, 4, 8}
    for start, past, speaker, known in zip(starts, lesson.past, lesson.speaker, lesson.known, strict=True):
        assert known.sum() == min(max(start, 4), 8)
        frames = past[known] % 100 if start else past[known]
        assert frames.tolist() == (list(range(max(0, start - 8), start)) if start else [0] * 4)
        assert torch.equal(speaker[known], past[known] + 1000) or not start


def test_a_published_lesson_holds_most_of_its_targets():
    config = replace(FaceAISConfig.tiny(), **SMALL, past_hidden=0.0)
    listener, there = numbered(2, 12), torch.ones(2, 12, dtype=torch.bool)
    lesson = published_lesson(listener + 1000, None, listener, there, config)
    assert lesson.known is None
    assert torch.equal(lesson.targets, listener[:, 4:])
    assert torch.equal(lesson.past[:, 4:], lesson.targets[:, :4])
    hidden = published_lesson(listener, None, listener, there, replace(config, past_hidden=1.0)).known
    assert hidden.sum(1).min() >= 1
    assert torch.equal(hidden.cummax(1).values, hidden)


@pytest.mark.parametrize("places", [True, False])
def test_the_listener_knows_how_far_into_the_clip_it_is_if_wished(places):
    model = made(places=places)
    fused, past = model.fuse(model.speaker_streams(numbered(1, 8) % 12, torch.rand(1, 8, 25))), numbered(1, 8) % 12
    early, late = (model.distribution(fused, past, ends=torch.tensor([end])) for end in (8, 16))
    assert torch.equal(early, late) is not places


@pytest.mark.parametrize("how", ["clean", "compat"])
def test_concordance_is_learned_if_wished(how):
    model = made(how)
    model.stage, batch = "predictor", training_batch(model)
    model.loss_weights = {"tokens": 0.0, "concordance": 2.0}
    parts = model.loss(batch)
    parts["loss"].backward()
    assert parts["loss"] == 2 * parts["concordance"]
    assert model.predictor.listener.head.weight.grad.any()


@pytest.mark.parametrize(("teach", "frames"), [(next_block_lesson, 4), (published_lesson, 8)])
def test_a_lesson_knows_which_frames_it_teaches(teach, frames):
    config = replace(FaceAISConfig.tiny(), **SMALL)
    listener, there = numbered(2, 12), torch.ones(2, 12, dtype=torch.bool)
    lesson = teach(listener, None, listener, there, config)
    assert lesson.frames.shape[1] == frames
    assert torch.equal(lesson.targets, listener[lesson.items[:, None], lesson.frames])


def test_before_training_coefficients_are_measured():
    model, batch = made(), {"listener_3dmm": 3 + 2 * torch.randn(4, 500, 58)}
    model.begin_stage("predictor", iter([batch]))
    assert model.scaling.mean.abs().max() == 0
    model.begin_stage("tokenizer", iter([batch]))
    assert torch.allclose(model.scaling(batch["listener_3dmm"]).std((0, 1)), torch.ones(58), atol=1e-2)


def test_what_cannot_be_learned_from_is_refused():
    model = made()
    batch = training_batch(model, frames=3)
    with pytest.raises(ModelInputError, match="has 3 frames, but FaceAIS learns from at least 4"):
        model.loss(batch)
    with pytest.raises(MissingInputError, match="no listener_emotion, which FaceAIS"):
        model.loss({name: each for name, each in batch.items() if name != "listener_emotion"})
    model.stage = "dreaming"
    with pytest.raises(TrainingError, match="no stage 'dreaming', only tokenizer, emotion, predictor"):
        model.loss(batch)


def test_wrong_speakers_are_refused():
    model = made(**SPEECH)
    batch = batch_of(1, model=model)
    with pytest.raises(ModelInputError, match=r"speaker_audio of clip .* for 22 frames, expected \(14080,\)"):
        model.generate({**batch, "speaker_audio": batch["speaker_audio"][:, :9000]}, 1, online=True)
    with pytest.raises(MissingInputError, match="needs speaker_audio"):
        model.generate({name: batch[name] for name in ("clip", "speaker_3dmm")}, 1, online=True)
    with pytest.raises(ModelInputError, match="cannot generate offline, only online"):
        model.generate(batch, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speaker_inputs": ()}, r"speaker_inputs is \(\)"),
        ({"speaker_inputs": ("speaker_3dmm", "speaker_video")}, "at most one of 'speaker_audio'"),
        ({"noise": "loud"}, "noise is 'loud'"),
        ({"layers": 0}, "layers is 0"),
        ({"width": 65}, "width is 65"),
        ({"context": 60}, "context is 60"),
        ({"sound_context": 8}, "sound_context 8"),
        ({"vocabulary": 999}, "vocabulary is 999"),
        ({"levels": (1000, 1)}, r"levels are \(1000, 1\)"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        replace(FaceAISConfig.tiny(), **changes)


def test_reading_passes_as_reactions_makes_the_published_diversities_alike():
    """Official outputs are 10 passes over N clips; read as 10 reactions of N clips, clips are compared with others."""
    rng = np.random.default_rng(0)
    clips, passes, frames, channels = 47, 10, 6, 25
    reactions = rng.normal(size=(clips, 1, 1, channels)) + 0.1 * rng.normal(size=(clips, passes, frames, channels))
    reactions = reactions.astype(np.float32)
    as_written = reactions.swapaxes(0, 1).reshape(passes * clips, frames, channels)
    as_read = as_written.reshape(clips, passes, frames, channels)
    within, between = frdiv(reactions), frdvs(reactions)
    assert within < between / 50
    assert frdiv(as_read) == pytest.approx(between, rel=0.1)
    assert frdvs(as_read) == pytest.approx(between, rel=0.1)
    assert np.array_equal(as_written.reshape(passes, clips, frames, channels).swapaxes(0, 1), reactions)
