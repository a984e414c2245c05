import sys
import wave
from dataclasses import fields, replace

import numpy as np
import pytest

import react_data
from react_data.annotations import read_emotion
from react_data.channels import EMOTION_25
from react_data.drawn_faces import draw_faces
from react_data.drawn_people import Movement
from react_data.errors import SynthesisError
from react_data.official_tree import OfficialTree
from react_data.optional_libraries import LibraryMissingError
from react_data.synthesis import synthesise
from react_data.synthetic_conversations import plan_recordings
from react_data.synthetic_signals import coefficients, perform
from react_data.synthetic_videos import VideoSettings, movement_of, person_look, write_video
from react_data.video import open_video

SIZE = 32
UNITS = EMOTION_25.channels[:15]
QUICK = {"recordings": 2, "splits": ("val",), "frames": 30, "modalities": ("emotion",), "frame_size": SIZE}


def still(frames):
    """A face at rest that looks straight ahead."""
    zeros = np.zeros(frames)
    return Movement(
        np.zeros((frames, len(UNITS))), zeros, zeros, np.zeros((frames, 3)), np.zeros((frames, 2)), zeros + 1
    )


def drawn(movement, person="someone", size=SIZE):
    return np.stack(list(draw_faces(person_look(person, 0), movement, size)))


def change(one, other):
    return np.abs(one.astype(float) - other.astype(float)).mean()


def area_under_curve(scores, on):
    ranks = np.argsort(np.argsort(scores)) + 1
    positives = on.sum()
    return (ranks[on == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(on) - positives))


def linear_probe(pixels, wanted, held_out):
    """Scores of held-out frames by a ridge regression from the pixels of the others."""
    kernel = pixels @ pixels.T + np.eye(len(pixels))
    return held_out @ (pixels.T @ np.linalg.solve(kernel, wanted - wanted.mean(axis=0)))


def as_pixels(images):
    """Rows of pixels, each less its mean over the clip."""
    pixels = images.reshape(len(images), -1) / 255
    return pixels - pixels.mean(axis=0)


@pytest.fixture(scope="module")
def performances():
    plan = plan_recordings({"train": 8}, ("NoXI",), 2, seed=0)
    return [each for recording in plan for each in perform(recording, 0, 751).values()]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A tree with sound and films."""
    settings = QUICK | {"frames": 400, "modalities": ("emotion", "audio"), "frame_size": 64}
    return synthesise(tmp_path_factory.mktemp("films") / "data", video="mp4", sample_rate=8000, **settings)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A tree with folders of images."""
    return synthesise(tmp_path_factory.mktemp("images") / "data", video="png", **QUICK)


def test_every_action_unit_shows_in_the_pixels():
    random = np.random.default_rng(0)
    units = (random.random((600, len(UNITS))) < 0.4).astype(float)
    pixels = as_pixels(drawn(replace(still(600), units=units, talk=random.random(600))))
    scores = linear_probe(pixels[:400], units[:400], pixels[400:])
    found = {name: area_under_curve(scores[:, k], units[400:, k]) for k, name in enumerate(UNITS)}
    assert min(found.values()) > 0.9, found
    assert np.mean(list(found.values())) > 0.98


def test_smiles_and_parted_lips_can_be_learnt_for_clips_that_were_not_seen(performances):
    pixels, units = [], []
    for each in performances:
        movement = movement_of(each, 0)
        sixth = Movement(*(getattr(movement, field.name)[::6] for field in fields(movement)))
        pixels.append(as_pixels(drawn(sixth, each.person.person_path)))
        units.append(each.emotion[::6, :15])
    seen, new = slice(0, 12), slice(12, None)
    scores = linear_probe(np.concatenate(pixels[seen]), np.concatenate(units[seen]), np.concatenate(pixels[new]))
    for name in ("AU12", "AU25"):
        k = UNITS.index(name)
        assert area_under_curve(scores[:, k], np.concatenate(units[new])[:, k]) > 0.9, name


def test_the_mouth_opens_with_the_voice(films):
    correlations = []
    for film in films.rglob("*.mp4"):
        middle = np.stack(list(open_video(film).images()))[:, 32:54].astype(float)
        opening = (middle[..., 1] < 0.35 * middle[..., 0]).mean(axis=(1, 2))
        with wave.open(str(film).replace("Video_files", "Audio_files").replace(".mp4", ".wav")) as file:
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float).reshape(len(middle), -1)
        correlations.append(np.corrcoef(opening, np.sqrt((sound**2).mean(axis=1)))[0, 1])
    assert len(correlations) == 4
    assert min(correlations) > 0.5


def test_talking_alone_opens_the_mouth():
    lips_parted, silent = drawn(replace(still(1), talk=np.ones(1))), drawn(still(1))
    assert change(lips_parted[:, 16:], silent[:, 16:]) > 1
    assert change(lips_parted[:, :14], silent[:, :14]) == 0


def middle_of_the_eyes(movement):
    """Where pixels change when the lids close: row and column, in pixels of 64."""
    open_eyes, closed = drawn(movement, size=64), drawn(replace(movement, blink=np.ones(1)), size=64)
    changed = np.abs(open_eyes[0].astype(float) - closed[0]).sum(axis=-1)
    return (np.indices(changed.shape) * changed).sum(axis=(1, 2)) / changed.sum()


@pytest.mark.parametrize(
    ("pose", "moved"),
    [
        ({"turn": [[0, 0.4, 0]]}, (0, 3.4)),
        ({"turn": [[0.3, 0, 0]]}, (2.8, 0)),
        ({"shift": [[0.2, 0]]}, (0, 6.4)),
        ({"shift": [[0, 0.2]]}, (6.4, 0)),
    ],
)
def test_the_eyes_move_with_the_head(pose, moved):
    posed = replace(still(1), **{name: np.array(values, float) for name, values in pose.items()})
    np.testing.assert_allclose(middle_of_the_eyes(posed) - middle_of_the_eyes(still(1)), moved, atol=0.5)


def test_the_pose_is_that_of_the_coefficients(performances):
    movement, pose = movement_of(performances[0], 0), coefficients(performances[0], 0)[:, 52:]
    np.testing.assert_allclose(movement.turn, pose[:, :3] - [np.pi, 0, 0], atol=1e-6)
    for k, series in enumerate([movement.shift[:, 0], -movement.shift[:, 1], -movement.scale]):
        assert np.corrcoef(series, pose[:, 3 + k])[0, 1] > 0.95
    np.testing.assert_array_equal(movement.units > 0.5, performances[0].emotion[:, :15] == 1)


def test_clips_of_a_person_show_one_face_and_persons_differ(performances):
    people = sorted({each.person.person_path for each in performances})
    faces = [drawn(still(1), person) for person in people]
    assert len(people) >= 4
    assert min(change(one, other) for k, one in enumerate(faces) for other in faces[:k]) > 5
    assert change(drawn(still(1), people[0]), faces[0]) == 0


def test_larger_frames_show_the_same_picture():
    movement = replace(still(1), units=np.full((1, len(UNITS)), 0.5))
    large = drawn(movement, size=128).reshape(1, 32, 4, 32, 4, 3).mean(axis=(2, 4))
    assert change(large, drawn(movement)) < 4


def test_a_head_outside_of_the_picture_leaves_the_backdrop():
    image = drawn(replace(still(1), shift=np.array([[9.0, -9.0]])))
    assert (image == image[0, 0, 0]).all()


def test_a_clip_has_as_many_images_as_frames(images):
    folders = [path for path in images.rglob("Video_files/*/*/*/*") if path.is_dir()]
    assert len(folders) == 4
    for folder in folders:
        video = open_video(folder)
        assert (video.frames, video.height, video.width) == (30, SIZE, SIZE)
    assert react_data.verify(images, show_progress=False).ok


def test_images_show_the_clip_they_are_named_after(images):
    tree = OfficialTree(images, "val")
    person = tree.rows[0].speaker
    shown = np.stack(list(open_video(images / "val" / "Video_files" / str(person)).images()))
    recording = next(each for each in plan_recordings({"val": 2}, ("NoXI", "RECOLA"), 1, 0) if person in each.persons)
    performance = perform(recording, 0, 30)[person]
    np.testing.assert_array_equal(read_emotion(tree.file("emotion", person))[:, :15], performance.emotion[:, :15])
    np.testing.assert_array_equal(shown, drawn(movement_of(performance, 0), person.person_path))


def test_films_play_at_the_rate_of_the_official_data(films):
    film = open_video(next(films.rglob("*.mp4")))
    assert (film.frames, film.frames_per_second, film.height) == (400, 25.0, 64)
    assert react_data.verify(films, show_progress=False).ok


def test_a_film_shows_what_the_images_show(performances, tmp_path):
    shown = {}
    part = replace(performances[0], emotion=performances[0].emotion[:40], activity=performances[0].activity[:40])
    for kind in ("png", "mp4"):
        write_video(tmp_path / kind, part, "someone", VideoSettings(kind, 64, 25, 0))
        shown[kind] = np.stack(list(open_video(tmp_path / kind).images()))
    assert shown["png"].shape == shown["mp4"].shape == (40, 64, 64, 3)
    assert change(shown["png"], shown["mp4"]) < 6


@pytest.mark.parametrize("layout", ["react2025", "react2026"])
def test_mars_has_films_as_long_as_its_clips(tmp_path, layout):
    root = synthesise(tmp_path / "data", layout=layout, video="mp4", **QUICK)
    clips = sorted((root / "val" / "facial-attributes").rglob("*.npy"))
    assert len(clips) == 4
    for clip in clips:
        film = open_video(str(clip).replace("facial-attributes", "video-face-crop").replace(".npy", ".mp4"))
        assert (film.frames, film.frames_per_second) == (len(np.load(clip)), 30.0)
    assert react_data.verify(root, show_progress=False).ok


def test_a_dyad_of_mars_keeps_its_faces_from_session_to_session(tmp_path):
    root = synthesise(tmp_path / "data", layout="react2025", video="mp4", behaviours=2, **QUICK)
    first, other = ({film.parts[-3]: film for film in root.rglob(f"session{k}/*.mp4")} for k in (0, 1))
    corner = {film: next(open_video(film).images())[2, 2].astype(int) for film in (*first.values(), *other.values())}
    for role in ("speaker", "listener"):
        assert np.abs(corner[first[role]] - corner[other[role]]).max() < 6
    assert np.abs(corner[first["speaker"]] - corner[first["listener"]]).max() > 6


@pytest.mark.parametrize("kind", ["png", "mp4"])
def test_equal_settings_give_equal_videos(tmp_path, kind):
    one, same = (synthesise(tmp_path / name, video=kind, **QUICK) for name in ("a", "b"))
    files = sorted(path.relative_to(one) for path in one.rglob(f"*.{kind}"))
    assert files
    assert all((one / file).read_bytes() == (same / file).read_bytes() for file in files)


@pytest.mark.parametrize("kind", ["png", "mp4"])
def test_an_interrupted_video_is_not_there_and_is_completed(tmp_path, monkeypatch, kind):
    def stop_early(look, movement, size):
        for frame, image in enumerate(draw_faces(look, movement, size)):
            if frame == 20:
                raise KeyboardInterrupt
            yield image

    def videos(root):
        return [path for path in root.rglob("Video_files/*/*/*/*") if not path.name.startswith(".")]

    with monkeypatch.context() as patch:
        patch.setattr("react_data.synthetic_videos.draw_faces", stop_early)
        with pytest.raises(KeyboardInterrupt):
            synthesise(tmp_path / "data", video=kind, **QUICK)
    assert not videos(tmp_path / "data")
    root = synthesise(tmp_path / "data", video=kind, **QUICK)
    assert [open_video(video).frames for video in videos(root)] == [30] * 4
    assert not list(root.rglob(".*partial"))


def test_a_complete_video_is_not_drawn_again(images, monkeypatch):
    monkeypatch.setattr("react_data.synthetic_videos.draw_faces", None)
    assert synthesise(images, video="png", **QUICK) == images


def test_hidden_listeners_are_not_filmed(tmp_path):
    root = synthesise(tmp_path / "data", video="png", hidden=("val",), **QUICK)
    people = {path.parent.name for path in root.rglob("Video_files/*/*/*/*")}
    assert people
    assert not people & {"Novice_video", "P42"}


def test_the_record_names_the_video_and_trees_without_one_have_none(images, tmp_path):
    assert '"video": "png",\n  "frame_size": 32' in (images / "synthesis.json").read_text()
    plain = synthesise(tmp_path / "data", **QUICK)
    assert not list(plain.rglob("Video_files"))
    with pytest.raises(SynthesisError, match="video is None, not 'png'; frame_size is None, not 32"):
        synthesise(plain, video="png", **QUICK)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"video": "avi"}, "video is 'avi'. Available: png, mp4"),
        ({"video": "png", "frame_size": 33}, "frame_size is 33, expected an even number in 16"),
        ({"video": "png", "frame_size": 8}, "frame_size is 8"),
        ({"video": "png", "layout": "react2025"}, "react2025 has films. Choose video='mp4'"),
    ],
)
def test_impossible_videos_say_why_and_write_nothing(tmp_path, settings, reason):
    with pytest.raises(SynthesisError, match=reason):
        synthesise(tmp_path / "data", **(QUICK | settings))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("kind", "library"), [("png", "PIL.Image"), ("mp4", "av")])
def test_a_missing_library_is_named_before_anything_is_written(tmp_path, monkeypatch, kind, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(LibraryMissingError, match=rf"needs {library}.*react-eval\[video\]"):
        synthesise(tmp_path / "data", video=kind, **QUICK)
    assert not (tmp_path / "data").exists()


def test_an_av_that_cannot_write_films_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("react_data.synthetic_videos._CODEC", "no_such_codec")
    with pytest.raises(LibraryMissingError, match="this av cannot write no_such_codec films"):
        synthesise(tmp_path / "data", video="mp4", **QUICK)
