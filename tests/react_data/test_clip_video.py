"""The video of a clip, of a tree and of a pack, as a folder of images and as a film."""

import shutil

import av
import numpy as np
import pytest
from PIL import Image

import react_data
from react_data.clip_videos import clip_video
from react_data.contents import describe
from react_data.errors import RecordingFormatError
from react_data.modalities import ModalityError
from react_data.opening import open_split

OPTIONS = {"recordings": 6, "frames": 30, "modalities": ["emotion"], "show_progress": False}
FRAMES, SIDE = 5, 16


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    return react_data.synthesise(tmp_path_factory.mktemp("official") / "data", **OPTIONS)


@pytest.fixture(scope="module")
def mars(tmp_path_factory):
    return react_data.synthesise(tmp_path_factory.mktemp("mars") / "data", layout="react2026", **OPTIONS)


def write_images(folder, brightness):
    folder.mkdir(parents=True)
    for number in range(1, FRAMES + 1):
        Image.fromarray(np.full((SIDE, SIDE, 3), brightness, np.uint8)).save(folder / f"{number}.png")


def write_film(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=30)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for _ in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.zeros((SIDE, SIDE, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def filmed(official, tmp_path):
    """A tree with images of the first clip's two people, and a film of the second clip's speaker."""
    root = shutil.copytree(official, tmp_path / "data")
    opened = open_split(root, "val")
    videos = root / "val" / "Video_files"
    write_images(videos / str(opened["clip"].values[0]), 10)
    write_images(videos / str(opened["listener_clip"].values[0]), 200)
    write_film(videos / f"{opened['clip'].values[1]}.mp4")
    return root


def test_images_of_both_people_are_found(filmed):
    opened = open_split(filmed, "val")
    clip = str(opened["clip"].values[0])
    first = [next(clip_video(opened, clip, role).images()) for role in ("speaker", "listener")]
    assert [int(image[0, 0, 0]) for image in first] == [10, 200]
    assert clip_video(opened, clip).frames == FRAMES


def test_a_film_is_found(filmed):
    opened = open_split(filmed, "val")
    assert clip_video(opened, str(opened["clip"].values[1])).frames_per_second == 30


def test_people_are_found_under_the_other_names(filmed):
    opened = open_split(filmed, "val")
    clip = react_data.ClipId.parse(str(opened["clip"].values[0]))
    person = filmed / "val" / "Video_files" / clip.person_path
    person.rename(person.with_name(clip.alias.person))
    assert clip_video(opened, str(clip)).frames == FRAMES
    assert clip_video(opened, str(clip.alias)).frames == FRAMES


def test_a_pack_needs_the_tree(filmed, tmp_path):
    packed = react_data.pack(filmed, tmp_path / "data.h5", show_progress=False)
    opened = open_split(packed, "val")
    clip = str(opened["clip"].values[0])
    assert clip_video(opened, clip, videos=filmed).frames == FRAMES
    with pytest.raises(ModalityError, match="Name the tree with videos=ROOT"):
        clip_video(opened, clip)


def test_mars_has_two_views(mars, tmp_path):
    root = shutil.copytree(mars, tmp_path / "data")
    opened = open_split(root, "val")
    session, chat, _ = str(opened["clip"].values[0]).split("/")
    for view, role in (("face-crop", "speaker"), ("raw", "listener")):
        write_film(root / "val" / f"video-{view}" / role / session / f"{chat}.mp4")
    clip = str(opened["clip"].values[0])
    assert clip_video(opened, clip).path.parts[-4] == "video-face-crop"
    assert clip_video(opened, clip, "listener", view="raw").path.parts[-3] == "listener"
    with pytest.raises(RecordingFormatError, match=rf"the listener of {clip} has no video: .*{chat}\.mp4 exists"):
        clip_video(opened, clip, "listener")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"clip": "NoXI/x/Expert_video/1"}, "there is no clip 'NoXI/x/Expert_video/1' among"),
        ({"role": "speakr"}, "Did you mean 'speaker'"),
        ({"view": "raw"}, "has no 'raw' videos. Available: face"),
        ({"videos": "elsewhere"}, "elsewhere is no folder with videos"),
    ],
)
def test_what_is_not_there_is_said(filmed, arguments, message):
    opened = open_split(filmed, "val")
    with pytest.raises(ModalityError, match=message):
        clip_video(opened, **{"clip": str(opened["clip"].values[0]), **arguments})


def test_a_tree_without_videos_says_so(official):
    opened = open_split(official, "val")
    with pytest.raises(ModalityError, match=r"\(react2024\) has no 'face' videos. It has no videos at all"):
        clip_video(opened, str(opened["clip"].values[0]))


def test_videos_are_told_with_the_contents(filmed):
    splits = describe(filmed)["splits"]
    assert [splits[split]["modalities"] for split in ("train", "val")] == [["emotion"], ["emotion", "face video"]]
