"""Trans-AE: one reaction to each speaker."""

import numpy as np
import pytest
import torch

from reference_models.errors import ConfigError, MissingInputError
from reference_models.transae.config import TransAEConfig
from reference_models.transae.model import TransAE

WIDTHS = {"speaker_emotion": 25, "speaker_3dmm": 58, "speaker_mfcc78": 78}


def batch_of(clips, frames=18):
    rng = np.random.default_rng(0)
    series = {name: rng.normal(size=(clips, frames, width)).astype(np.float32) for name, width in WIDTHS.items()}
    return {"clip": [f"NoXI/chat/Expert_video/{number}" for number in range(clips)], **series}


def made(**changes):
    torch.manual_seed(0)
    return TransAE(TransAEConfig(**{**vars(TransAEConfig.tiny()), **changes})).eval()


def test_all_reactions_to_a_speaker_are_one():
    out = made().generate(batch_of(2), 3, seed=1)["coefficients"]
    assert out.shape == (2, 3, 18, 58)
    np.testing.assert_array_equal(out[:, 0], out[:, 2])


def test_the_seed_changes_nothing_and_neither_does_a_listener():
    model, batch = made(), batch_of(1)
    listener = {"listener_3dmm": np.ones((1, 18, 58), np.float32)}
    one, two = model.generate(batch, 1, 0), model.generate({**batch, **listener}, 1, 5)
    assert one["coefficients"].tobytes() == two["coefficients"].tobytes()


def test_different_speakers_get_different_reactions():
    out = made().generate(batch_of(2), 1)["coefficients"]
    assert np.abs(out[0] - out[1]).max() > 1e-3


def test_video_and_sound_are_taken():
    sizes = {"voice_width": 16, "voice_layers": 1, "voice_heads": 2, "voice_feed_forward": 16, "voice_channels": 8}
    model = made(speaker=("video", "audio"), width=16, **sizes)
    rng = np.random.default_rng(0)
    video, sound = rng.normal(size=(1, 9, 3, 32, 32)), rng.normal(size=(1, 9 * 640))
    batch = {"speaker_video": video.astype(np.float32), "speaker_audio": sound.astype(np.float32), "clip": ["c"]}
    assert model.generate(batch, 2)["coefficients"].shape == (1, 2, 9, 58)


def test_every_parameter_learns():
    model = made().train()
    batch = {name: torch.from_numpy(each) for name, each in batch_of(2).items() if name != "clip"}
    found = model.loss({**batch, "listener_3dmm": batch["speaker_3dmm"]})
    found["loss"].backward()
    assert {name for name, each in model.named_parameters() if each.grad is None} == set()
    torch.testing.assert_close(found["loss"], found["expression"] + 10 * found["pose"] + 10 * found["smoothness"])


def test_series_are_standardised_by_the_training_items():
    model = made()
    batch = {name: torch.from_numpy(each) for name, each in batch_of(2).items() if name != "clip"}
    model.begin_stage("reaction", iter([{**batch, "listener_3dmm": 5 + 3 * batch["speaker_3dmm"]}]))
    torch.testing.assert_close(model.scaling.mean, 5 + 3 * batch["speaker_3dmm"].mean((0, 1)))
    assert model.generate(batch_of(1), 1)["coefficients"].mean() > 3


def test_frames_after_the_end_of_a_clip_do_not_count():
    model = made()
    batch = {name: torch.from_numpy(each) for name, each in batch_of(1).items() if name != "clip"}
    mask = torch.arange(18)[None] < 9
    spoilt = torch.where(mask[..., None], batch["speaker_3dmm"], torch.tensor(1e3))
    found = [
        model.loss({**batch, "listener_3dmm": target, "frame_mask": mask})["pose"]
        for target in (batch["speaker_3dmm"], spoilt)
    ]
    torch.testing.assert_close(*found)


def test_a_training_batch_without_listeners_is_refused():
    batch = {name: torch.from_numpy(each) for name, each in batch_of(1).items() if name != "clip"}
    with pytest.raises(MissingInputError, match="no listener_3dmm"):
        made().loss(batch)


@pytest.mark.parametrize(
    ("changes", "message"), [({"layers": 0}, "layers is 0"), ({"speaker": ()}, "speaker is empty")]
)
def test_configurations_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TransAEConfig(**changes)
