import numpy as np
import pandas as pd
import pytest

from react_data.channels import MOTION_ENERGY, OPENFACE
from react_data.errors import RecordingFormatError
from react_data.motion_energy import read_motion_energy
from react_data.openface import read_openface_pair


def write_energy(path, frames=20, header='"pat" "th"', change=None):
    lines = [header, *(f"{row} {1000 + row}" for row in range(frames))]
    for line, text in (change or {}).items():
        lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")
    return path


def write_track(path, seconds=4.0, rate=60.0, change=None):
    times = np.arange(round(seconds * rate) + 1) / rate
    columns = {"frame": np.arange(len(times)), "timestamp": times, "confidence": 0.9, "success": 1}
    table = pd.DataFrame(columns | {name: (n + 1) * times for n, name in enumerate(OPENFACE.channels)})
    if change is not None:
        table = change(table)
    table.to_csv(path, index=False, header=[f" {name}" for name in table.columns])
    return path


def test_motion_energy_is_cut_in_clips_and_the_tail_dropped(tmp_path):
    data = read_motion_energy(write_energy(tmp_path / "dyad.txt"), clip_frames=8)
    assert data["clip"].values.tolist() == [
        f"motion-energy/dyad/{person}/{clip}" for person in ("patient", "therapist") for clip in (1, 2)
    ]
    np.testing.assert_array_equal(data["speaker_emotion"][1, :, 0], np.arange(8, 16))
    np.testing.assert_array_equal(data["listener_emotion"][1, :, 0], 1000 + np.arange(8, 16))
    np.testing.assert_array_equal(data["speaker_emotion"][2:], data["listener_emotion"][:2])
    np.testing.assert_array_equal(data["neighbours"], np.eye(4, dtype=bool))
    assert tuple(data["emotion"].values) == MOTION_ENERGY.channels
    assert data["listener_person"].values[0] == "motion-energy/dyad/therapist"
    assert data["session"].values[3] == "motion-energy/dyad"


def test_motion_energy_that_windows_saved_is_read(tmp_path):
    path = write_energy(tmp_path / "dyad.txt")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_motion_energy(path, clip_frames=8).sizes["clip"] == 4


def test_motion_energy_of_a_folder_comes_in_the_order_of_names(tmp_path):
    for name in ("b", "a"):
        write_energy(tmp_path / f"{name}.txt")
    data = read_motion_energy(tmp_path, clip_frames=None, log=True)
    assert [clip.split("/")[1] for clip in data["clip"].values] == ["a", "b", "a", "b"]
    assert data.sizes["frame"] == 20
    assert float(data["listener_emotion"].max()) == pytest.approx(np.log(1020))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({1: "pat th more"}, r"line 1: the header is"),
        ({4: "1"}, r"line 4 \('1 '\)"),
        ({4: ""}, r"line 4 "),
        ({4: "1 x", 9: "-1 2"}, r"line 4 \('1 x'\), line 9 \('-1 2'\)"),
        ({4: "1 2 3"}, r"line 4"),
        ({4: "inf 1"}, r"line 4 \('inf 1'\)"),
        ({4: "1e39 1"}, r"line 4 \('1e39 1'\)"),
    ],
)
def test_motion_energy_in_another_format_names_the_file_and_line(tmp_path, change, reason):
    path = write_energy(tmp_path / "dyad.txt", change=change)
    with pytest.raises(RecordingFormatError, match=f"dyad.txt.*{reason}"):
        read_motion_energy(path, clip_frames=5)


def test_motion_energy_that_is_short_or_absent(tmp_path):
    with pytest.raises(RecordingFormatError, match="holds no"):
        read_motion_energy(tmp_path)
    with pytest.raises(RecordingFormatError, match="does not exist"):
        read_motion_energy(tmp_path / "none.txt")
    path = write_energy(tmp_path / "dyad.txt")
    with pytest.raises(RecordingFormatError, match="has 20 frames at 25 a second, fewer than one clip of 750"):
        read_motion_energy(path)
    with pytest.raises(RecordingFormatError, match="clip_frames is 0"):
        read_motion_energy(path, clip_frames=0)


def test_openface_tracks_are_resampled_on_their_timestamps(tmp_path):
    first, second = write_track(tmp_path / "a.csv", rate=60), write_track(tmp_path / "b.csv", rate=30, seconds=3.0)
    data = read_openface_pair(first, second, clip_frames=None)
    assert data.sizes["frame"] == 76
    assert tuple(data["emotion"].values) == OPENFACE.channels
    np.testing.assert_allclose(data["speaker_emotion"][0, :, 2], 3 * np.arange(76) / 25, atol=1e-5)
    np.testing.assert_allclose(data["speaker_emotion"], data["listener_emotion"], atol=1e-5)
    assert data["clip"].values.tolist() == ["openface/a-b/a/1", "openface/a-b/b/1"]


def test_openface_clips_drop_the_tail(tmp_path):
    first, second = (write_track(tmp_path / f"{name}.csv") for name in "ab")
    data = read_openface_pair(first, second, clip_frames=40, frames_per_second=30)
    assert data.sizes["clip"] == 6
    assert data.sizes["frame"] == 40


def test_openface_bridges_frames_without_a_face(tmp_path):
    def lose(table):
        table.loc[10:20, "success"] = 0
        table.loc[10:20, "AU12_r"] = 5.0
        return table

    lost, kept = write_track(tmp_path / "a.csv", change=lose), write_track(tmp_path / "b.csv")
    data = read_openface_pair(lost, kept, clip_frames=None)
    np.testing.assert_allclose(data["speaker_emotion"][0], data["listener_emotion"][0], atol=1e-5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.drop(columns="AU06_r"), "line 1: the columns AU06_r are missing"),
        (
            lambda t: t.assign(timestamp=t["timestamp"].where(t.index != 7, 0.0)),
            "line 9: the timestamp 0 does not exceed",
        ),
        (lambda t: t.assign(AU12_r=t["AU12_r"].where(t.index != 3)), "line 5, AU12_r"),
        (lambda t: t.assign(AU12_r="x"), "line 2, AU12_r"),
        (lambda t: t.assign(confidence=1.5), r"line 2, confidence 1.5, expected 0..1"),
        (lambda t: t.assign(success=0), "a face was found in 0 of 241 frames"),
        (lambda t: t.assign(success=(t.index < 30) | (t.index > 120)), "no face for over 1 s in lines 31 to 123"),
        (lambda t: t.assign(timestamp=t["timestamp"] + 100), "no time in common"),
    ],
)
def test_openface_in_another_format_says_where(tmp_path, change, reason):
    def as_numbers(table):
        changed = change(table)
        return changed.assign(success=changed["success"].astype(int))

    odd, sound = write_track(tmp_path / "a.csv", change=as_numbers), write_track(tmp_path / "b.csv")
    with pytest.raises(RecordingFormatError, match=f"a.csv.*{reason}"):
        read_openface_pair(odd, sound, clip_frames=None)


def test_openface_that_is_short_or_absent(tmp_path):
    track = write_track(tmp_path / "a.csv")
    with pytest.raises(RecordingFormatError, match=r"b.csv does not exist"):
        read_openface_pair(track, tmp_path / "b.csv")
    with pytest.raises(RecordingFormatError, match="has 101 frames at 25 a second, fewer than one clip of 750"):
        read_openface_pair(track, track)
    with pytest.raises(RecordingFormatError, match="frames_per_second is 0"):
        read_openface_pair(track, track, frames_per_second=0)


def test_twenty_real_dyads_make_400_clips_each_way(real):
    data = read_motion_energy(real / "motion_energy")
    assert data["speaker_emotion"].shape == (800, 750, 1)
    assert len(np.unique(data["session"])) == 20
    assert len(np.unique(data["recording"])) == 400
    assert data["clip"].values[200] == "motion-energy/normal_200_01/patient/1"
    assert data["speaker_emotion"][200, 0, 0] == 1550
    assert data["listener_emotion"][200, 0, 0] == 6948


def test_the_real_openface_pair_makes_one_clip_each_way(real):
    folder = real / "action_units"
    data = read_openface_pair(folder / "person0.csv", folder / "person1.csv")
    assert data["speaker_emotion"].shape == (2, 750, 22)
    assert data["clip"].values.tolist() == [f"openface/person0-person1/person{n}/1" for n in (0, 1)]
    whole = read_openface_pair(folder / "person0.csv", folder / "person1.csv", clip_frames=None)
    assert whole.sizes["frame"] == 776
    assert 0 <= float(whole["speaker_emotion"][..., 5:].min()) <= float(whole["speaker_emotion"][..., 5:].max()) <= 1
