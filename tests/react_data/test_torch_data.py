"""Items to train on: what they hold, and that nothing but seed, epoch and index decides what that is."""

import numpy as np
import pytest
import torch
import xarray as xr

from react_data.audio import read_sound
from react_data.clips import ClipId
from react_data.errors import ClipIdError
from react_data.missing_modalities import LowerRate, MissingModalities, Segment, WholeClip
from react_data.official_tree import OfficialTree
from react_data.opening import open_split
from react_data.personal_clips import history_clip, personalised_clips
from react_data.torch import ReactionData
from react_data.training_windows import TrainingDataError, windows

FRAMES_PER_SECOND = 25


@pytest.fixture(scope="module")
def train(tree):
    """The train split of the synthetic tree, in memory."""
    return open_split(tree, "train").load()


def dyads(clips=2, frames=40):
    """Clips in which channel 0 counts the frames: 1000 for each clip, and 100000 for listeners."""
    counted = np.arange(frames)[:, None] + 1000 * np.arange(clips)[:, None, None] + np.zeros((1, 1, 25))
    dims = ("clip", "frame", "emotion")
    series = {"speaker_emotion": (dims, counted), "listener_emotion": (dims, counted + 100_000)}
    ids = [f"NoXI/chat/Expert_video/{clip + 1}" for clip in range(clips)]
    coordinates = {"clip": ids, "listener_person": ("clip", ["NoXI/chat/Novice_video"] * clips)}
    attributes = {"frames_per_second": FRAMES_PER_SECOND}
    return xr.Dataset(series, coordinates, attributes).astype(np.float32, keep_attrs=True)


def ragged(sizes):
    """Clips of some lengths, whose channels count their frames."""
    rows = np.concatenate([np.arange(size, dtype=np.float32) for size in sizes])[:, None]
    variables = {f"{role}_emotion": ((f"{role}_row", "emotion"), rows) for role in ("speaker", "listener")}
    variables |= {f"{role}_row_size": ("clip", np.array(sizes)) for role in ("speaker", "listener")}
    variables["neighbours"] = (("clip", "listener"), np.ones((len(sizes), len(sizes)), dtype=bool))
    ids = [f"session{clip}/Camera/speaker" for clip in range(len(sizes))]
    return xr.Dataset(variables, {"clip": ids, "listener": ids}, {"frames_per_second": 30})


def equal(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name], name
    return True


def test_a_whole_item_is_the_clip(train):
    item = ReactionData(train)[3]
    clip = train.isel(clip=3)
    assert item["clip"] == clip["clip"].item()
    assert (item["speaker_person"], item["listener_person"]) == (
        clip.speaker_person.item(),
        clip.listener_person.item(),
    )
    for name in ("speaker_emotion", "speaker_3dmm", "listener_emotion", "listener_3dmm"):
        np.testing.assert_array_equal(item[name], clip[name])
    assert item["frame_mask"].all()
    assert item["start"] == 0


def test_all_series_of_an_item_are_of_the_same_frames():
    item = ReactionData(dyads(), window=10)[1]
    frames = item["speaker_emotion"][:, 0]
    assert frames.tolist() == list(range(1000 + item["start"], 1010 + item["start"]))
    torch.testing.assert_close(item["listener_emotion"][:, 0], frames + 100_000)


def test_an_item_depends_on_seed_epoch_and_index_only(train):
    data, again, other = (ReactionData(train, window=20, role_swap=True, seed=seed) for seed in (0, 0, 1))
    backwards = [again[number] for number in reversed(range(len(again)))][::-1]
    assert all(equal(data[number], backwards[number]) for number in range(len(data)))
    starts = [[each["start"] for each in split] for split in (data, other)]
    data.set_epoch(1)
    assert starts[0] != starts[1] != [each["start"] for each in data]
    data.set_epoch(0)
    assert starts[0] == [each["start"] for each in data]
    with pytest.raises(TrainingDataError, match="epoch is -1"):
        data.set_epoch(-1)


def test_neighbours_are_real_reactions_of_appropriate_listeners(train):
    data = ReactionData(train, targets="neighbours", neighbours=9, window=15, outputs=["emotion"])
    appropriate = train.neighbours.to_numpy()
    counts = []
    for clip, item in enumerate(data):
        stretch = slice(item["start"], item["start"] + 15)
        listeners = train.listener_emotion.to_numpy()[appropriate[clip], stretch]
        filled = int(item["target_mask"].sum())
        assert item["target_emotion"].shape == (9, 15, 25)
        assert filled == min(9, len(listeners))
        assert all(
            (listeners == reaction.numpy()).all(axis=(1, 2)).any() for reaction in item["target_emotion"][:filled]
        )
        assert not item["target_emotion"][filled:].any()
        assert item["target_frame_mask"].any(dim=1).tolist() == item["target_mask"].tolist()
        assert "listener_emotion" not in item
        counts.append(filled)
    assert len(set(counts)) > 1


def test_neighbours_are_drawn_anew_in_each_epoch_and_never_twice():
    everyone = (("clip", "listener"), np.ones((6, 6), dtype=bool))
    split = dyads(6).assign(neighbours=everyone).assign_coords(listener=dyads(6)["clip"].values)
    data = ReactionData(split, targets="neighbours", neighbours=3)
    drawn = []
    for epoch in range(4):
        data.set_epoch(epoch)
        drawn.append(tuple(data[0]["target_emotion"][:, 0, 0].tolist()))
        assert len(set(drawn[-1])) == 3
    assert len(set(drawn)) > 1


def test_a_choice_of_clips_keeps_the_neighbours_that_are_left(train):
    half = train.isel(clip=slice(0, None, 2))
    full = ReactionData(train, targets="neighbours", neighbours=99)
    for clip, item in enumerate(ReactionData(half, targets="neighbours", neighbours=99)):
        wanted = train.neighbours.to_numpy()[2 * clip, ::2].sum()
        assert item["target_mask"].sum() == wanted <= full[2 * clip]["target_mask"].sum()


def test_swapped_roles_make_an_item_of_every_recording(train):
    data = ReactionData(train, role_swap=True, targets="neighbours")
    assert len(data) == train.sizes["clip"] // 2
    clips = {item["clip"] for item in data}
    assert {ClipId.parse(clip).recording for clip in clips} == set(train.recording.to_numpy().tolist())
    firsts = set(train["clip"].to_numpy()[: len(data)].tolist())
    assert clips & firsts
    assert clips - firsts


def test_roles_are_swapped_where_one_direction_is_listed():
    data = ReactionData(dyads(8), role_swap=True)
    swapped = [bool(item["speaker_emotion"][0, 0] >= 100_000) for item in data]
    assert set(swapped) == {True, False}
    assert [item["clip"].endswith("#listener") for item in data] == swapped
    assert all((item["listener_emotion"] - item["speaker_emotion"]).abs().unique() == 100_000 for item in data)
    with pytest.raises(TrainingDataError, match="lacks the reverse of a clip"):
        ReactionData(dyads(8), role_swap=True, history="first")


def test_clips_of_one_session_are_not_taken_for_one_recording():
    split = dyads(4).assign_coords(recording=("clip", ["one session"] * 4))
    assert len(ReactionData(split, role_swap=True)) == 4


def test_an_item_may_be_changed(train):
    before = train.speaker_emotion.to_numpy().copy()
    ReactionData(train)[0]["speaker_emotion"].zero_()
    np.testing.assert_array_equal(train.speaker_emotion, before)


def test_windows_cover_every_clip():
    split = dyads(2, frames=750)
    assert len(windows(split, 50, 25)) == 2 * 29
    data = ReactionData(split, window=50, crop="windows", stride=25, clips=split["clip"].values[1:])
    assert len(data) == 29
    assert [item["speaker_emotion"][0, 0].item() for item in data] == list(range(1000, 1701, 25))
    with pytest.raises(TrainingDataError, match="length is 50 and stride is 0"):
        windows(split, 50, 0)


def test_a_centre_crop_is_the_middle():
    assert ReactionData(dyads(), window=10, crop="centre")[0]["start"] == 15


def test_clips_that_are_shorter_than_the_window_are_filled_up():
    item = ReactionData(ragged([4, 20]), window=6)[0]
    assert item["speaker_emotion"][:, 0].tolist() == [0, 1, 2, 3, 0, 0]
    assert item["frame_mask"].tolist() == [True] * 4 + [False] * 2


def test_listeners_whose_clips_end_early_are_read_at_their_end():
    data = ReactionData(ragged([4, 8, 20]), window=6, targets="neighbours", crop="windows", stride=7)
    item = data[len(data) - 1]
    reactions = [[0, 1, 2, 3, 0, 0], [2, 3, 4, 5, 6, 7], [14, 15, 16, 17, 18, 19]]
    assert item["start"] == 14
    assert item["target_emotion"][:3, :, 0].tolist() == reactions
    assert item["target_frame_mask"].sum(dim=1).tolist() == [4, 6, 6] + [0] * 7


@pytest.mark.parametrize("rate", [8000, 44_100, 16_010])
def test_sound_is_cut_with_the_frames(rate):
    samples = np.arange(2 * 2 * rate, dtype=np.float32)
    sound = xr.Variable("speaker_audio_row", samples, {"sample_rate": rate})
    split = dyads(frames=50).assign(speaker_audio=sound, speaker_audio_row_size=("clip", [2 * rate, 2 * rate]))
    item = ReactionData(split, window=10)[1]
    first = 2 * rate + item["start"] * rate // FRAMES_PER_SECOND
    expected = np.arange(first, first + 10 * rate // FRAMES_PER_SECOND)
    np.testing.assert_array_equal(item["speaker_audio"], expected)
    lost = ReactionData(split, window=10, missing=MissingModalities(speech=WholeClip()))[1]
    assert not lost["speaker_audio"].any()
    assert ReactionData(split, inputs=["audio"])[0]["speaker_audio"].shape == (2 * rate,)


def test_sound_of_a_tree_is_that_of_its_files(tree):
    split = open_split(tree, "val", modalities=["emotion", "audio"])
    item = ReactionData(split, window=50)[3]
    path = OfficialTree(tree, "val").file("audio", ClipId.parse(item["clip"]))
    samples = read_sound(path).samples
    first = item["start"] * 8000 // FRAMES_PER_SECOND
    np.testing.assert_array_equal(item["speaker_audio"], samples[first : first + 16_000])


def test_sound_of_frames_that_are_lost_is_silent():
    rate = 1010
    sound = xr.Variable("speaker_audio_row", np.ones(2 * 2 * rate, dtype=np.float32), {"sample_rate": rate})
    split = dyads(frames=50).assign(speaker_audio=sound, speaker_audio_row_size=("clip", [2 * rate, 2 * rate]))
    item = ReactionData(split, window=20, missing=MissingModalities(speech=Segment(0.5)))[0]
    borders = (np.arange(21) + item["start"]) * rate // FRAMES_PER_SECOND
    cut = torch.tensor_split(item["speaker_audio"], (borders[1:-1] - borders[0]).tolist())
    heard = [bool(stretch.any()) for stretch in cut]
    assert heard == item["speaker_speech_present"].tolist()
    assert item["speaker_audio"].shape == (20 * rate // FRAMES_PER_SECOND,)


def test_eeg_is_repeated_for_the_frames_of_its_seconds():
    eeg = xr.Variable(("speaker_eeg_row", "eeg"), np.float32([[1], [np.nan], [3], [4]]), {"rows_per_second": 1})
    split = dyads(frames=60).assign(speaker_eeg=eeg, speaker_eeg_row_size=("clip", [2, 2]))
    first, second = ReactionData(split, inputs=["eeg"], missing=MissingModalities(face=WholeClip()))
    assert first["speaker_eeg"][:, 0].tolist() == [1] * 25 + [0] * 35
    assert first["speaker_eeg_present"][:, 0].tolist() == [True] * 25 + [False] * 35
    assert second["speaker_eeg"][:, 0].tolist() == [3] * 25 + [4] * 25 + [0] * 10


def test_the_history_is_clip_1_of_the_conversation(train):
    task = personalised_clips(train["clip"].values)
    data = ReactionData(train, clips=task, history="first", window=10)
    places = {clip: place for place, clip in enumerate(train["clip"].to_numpy().tolist())}
    for item in data:
        assert item["history_clip"] == history_clip(item["clip"]) != item["clip"]
        place = places[item["history_clip"]]
        np.testing.assert_array_equal(item["history_emotion"], train.listener_emotion[place])
        assert train.listener_person[place] == item["listener_person"]
    with pytest.raises(TrainingDataError, match=r"have no other clip.*Pass clips=personalised_clips"):
        ReactionData(train, history="first")


def test_another_history_is_of_the_same_listener_and_never_the_clip_itself(train):
    persons = train.listener_person.to_numpy()
    single = [clip for clip, person in zip(train["clip"].values, persons, strict=True) if (persons == person).sum() < 2]
    clips = [clip for clip in train["clip"].values if clip not in single]
    data = ReactionData(train, history="other", clips=clips)
    found = []
    for epoch in range(3):
        data.set_epoch(epoch)
        found.append([item["history_clip"] for item in data])
        for item in data:
            assert item["history_clip"] != item["clip"]
            assert ClipId.parse(item["history_clip"]).person_path == ClipId.parse(item["clip"]).person_path
    assert found[0] != found[1]


def test_a_listener_without_another_clip_has_no_history():
    split = ragged([4, 5])
    with pytest.raises(ClipIdError, match="has no clip number"):
        ReactionData(split, history="first")
    with pytest.raises(TrainingDataError, match="the data set names none"):
        ReactionData(split, history="other")
    with pytest.raises(TrainingDataError, match="2 clips have no other clip"):
        ReactionData(split.assign_coords(listener_person=("clip", ["Anna", "Ben"])), history="other")


def test_what_is_lost_is_zero_and_targets_are_whole(train):
    before = train.speaker_emotion.to_numpy().copy()
    whole = ReactionData(train, window=30)
    data = ReactionData(train, window=30, missing=MissingModalities(face=LowerRate(5)))
    for lost, full in zip(data, whole, strict=True):
        present = lost["speaker_face_present"]
        assert present.sum() == 6
        assert lost["speaker_speech_present"].all()
        for kind in ("emotion", "3dmm"):
            assert not lost[f"speaker_{kind}"][~present].any()
            torch.testing.assert_close(lost[f"speaker_{kind}"][present], full[f"speaker_{kind}"][present])
            torch.testing.assert_close(lost[f"listener_{kind}"], full[f"listener_{kind}"])
    np.testing.assert_array_equal(train.speaker_emotion, before)


def test_all_windows_of_a_clip_lose_the_same_frames():
    settings = {"missing": MissingModalities(face=Segment(0.4)), "crop": "windows", "window": 20}
    seen = np.zeros((2, 40), dtype=int)
    for item in ReactionData(dyads(), stride=5, **settings):
        stretch = slice(item["start"], item["start"] + 20)
        seen[int(item["clip"][-1]) - 1, stretch] |= np.where(item["speaker_face_present"], 1, 2)
    assert (seen < 3).all()
    assert ((seen == 2).sum(axis=1) == 16).all()


def test_inputs_alone_hold_nothing_of_the_listener(train):
    item = ReactionData(train, targets="none", inputs=["emotion"])[0]
    assert {name for name in item if not name.endswith("person")} == {"clip", "start", "frame_mask", "speaker_emotion"}
    hidden = train.drop_vars(["listener_emotion", "listener_3dmm", "neighbours"])
    assert "listener_emotion" not in ReactionData(hidden, targets="none")[0]
    with pytest.raises(TrainingDataError, match="the listeners of this data set have no emotion, they have no series"):
        ReactionData(hidden)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"inputs": ["mfcc78"]}, "the speakers of this data set have no mfcc78, they have emotion, 3dmm"),
        ({"outputs": ["swin"]}, "the listeners of this data set have no swin"),
        ({"targets": "neighbour"}, "Did you mean 'neighbours'"),
        ({"targets": "neighbours", "neighbours": 0}, "neighbours is 0"),
        ({"crop": "start", "window": 5}, "crop is 'start'"),
        ({"crop": "windows"}, "needs window"),
        ({"window": 0}, "window is 0"),
        ({"window": 5, "stride": 2}, "stride is for crop='windows'"),
        ({"clips": ["x/y/z/1"]}, "the split has no clip x/y/z/1"),
        ({"clips": []}, "clips is empty"),
        ({"seed": -1}, "seed is -1"),
        ({"history": "last"}, "history is 'last'"),
        ({"missing": "w/o facial"}, r"missing is 'w/o facial', expected MissingModalities\(…\), .*missing_conditions"),
    ],
)
def test_settings_that_do_not_fit_say_why(train, settings, reason):
    with pytest.raises(TrainingDataError, match=reason):
        ReactionData(train, **settings)


def test_neighbours_need_a_matrix(train):
    with pytest.raises(TrainingDataError, match="needs the data set's appropriateness matrix"):
        ReactionData(train.drop_vars("neighbours"), targets="neighbours")
    with pytest.raises(TrainingDataError, match=f"{train.sizes['clip']} clips have no neighbour in the data set"):
        ReactionData(train.assign(neighbours=train.neighbours & False), targets="neighbours")


def test_rates_have_to_be_known():
    silent = dyads().drop_attrs()
    with pytest.raises(TrainingDataError, match="frames_per_second"):
        ReactionData(silent, missing=MissingModalities())
    with pytest.raises(TrainingDataError, match="no series of the data set has a row a frame"):
        ReactionData(silent.drop_dims("frame"), inputs=[], targets="none")
