import contextlib
import os
import pickle
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from react_data.errors import RecordingFormatError
from react_data.optional_libraries import LibraryMissingError
from react_data.video import Film, ImageFolder, crop_and_normalise, open_video

FRAMES, BITS, BLOCK = 45, 6, 16


def numbered(frame, height=48):
    """A picture that shows its number as black and white stripes, tinted red on the left half."""
    stripes = np.repeat([255 * (frame >> bit & 1) for bit in range(BITS)], BLOCK)
    return np.broadcast_to(stripes[np.newaxis, :, np.newaxis], (height, BITS * BLOCK, 3)).astype(np.uint8)


def number_on(image):
    return sum(int(image[24, BLOCK * bit + 8].mean() > 127) << bit for bit in range(BITS))


def write_film(path, *, codec="h264", rate=25, frames=FRAMES, options=None, sound_only=False):
    import av

    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        if sound_only:
            stream = container.add_stream("aac", rate=8000)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 8000
            container.mux([*stream.encode(silence), *stream.encode()])
            return path
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = BITS * BLOCK, 48, "yuv420p"
        for frame in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(frame), format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Frames predicted from both sides, a key frame every 10."""
    return write_film(tmp_path_factory.mktemp("film") / "1.mp4", options={"g": "10", "bf": "2", "sc_threshold": "0"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder") / "1"
    folder.mkdir()
    for frame in range(FRAMES):
        Image.fromarray(numbered(frame)).save(folder / f"{frame + 1}.png")
    return folder


@pytest.fixture(params=["film", "folder"])
def video(request):
    return open_video(request.getfixturevalue(request.param))


def test_what_a_video_says_of_itself(video):
    assert (video.frames, video.height, video.width) == (FRAMES, 48, BITS * BLOCK)
    assert video.frames_per_second == {Film: 25.0, ImageFolder: None}[type(video)]


def test_frames_come_in_the_order_of_their_numbers(video):
    images = list(video.images())
    assert [number_on(image) for image in images] == list(range(FRAMES))
    assert {(image.shape, image.dtype) for image in images} == {((48, BITS * BLOCK, 3), np.dtype("uint8"))}


@pytest.mark.parametrize("length", [1, 7, 20])
def test_every_range_holds_the_frames_of_the_whole(video, length):
    whole = np.stack(list(video.images()))
    for start in range(FRAMES - length + 1):
        np.testing.assert_array_equal(
            np.stack(list(video.images(start, start + length))), whole[start : start + length]
        )


def test_an_opened_video_can_be_handed_to_another_process(video):
    copy = pickle.loads(pickle.dumps(video))
    np.testing.assert_array_equal(next(copy.images(7, 8)), next(video.images(7, 8)))


def test_ranges_outside_are_refused_and_empty_ones_are_empty(video):
    assert list(video.images(3, 3)) == []
    assert video.read(45).shape == (0, 3, 224, 224)
    for start, stop in [(-1, 3), (4, 3), (0, 46)]:
        with pytest.raises(RecordingFormatError, match=f"frames {start} to {stop} of .* holds 45"):
            video.images(start, stop)


def test_read_gives_the_challenges_crop(video):
    values = video.read(9, 12)
    assert (values.shape, values.dtype) == ((3, 3, 224, 224), np.float32)
    np.testing.assert_array_equal(values[1], crop_and_normalise(next(video.images(10, 11))))


def test_images_that_are_not_asked_for_are_not_read(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "1")
    video = open_video(copy)
    for number in (1, 20, 45):
        (copy / f"{number}.png").write_bytes(b"")
    assert [number_on(image) for image in video.images(1, 19)] == list(range(1, 19))


def test_a_film_is_decoded_from_the_key_frame_before_what_is_asked_for(film, monkeypatch):
    video, decoded = open_video(film), []
    opened = video._opened

    @contextlib.contextmanager
    def watched():
        with opened() as (container, stream):
            container_seen = SimpleNamespace(seek=container.seek, decode=lambda part: seen(container.decode(part)))
            yield container_seen, stream

    def seen(images):
        for image in images:
            decoded.append(number_on(image.to_ndarray(format="rgb24")))
            yield image

    monkeypatch.setattr(video, "_opened", watched)
    assert [number_on(image) for image in video.images(33, 35)] == [33, 34]
    assert decoded == [30, 31, 32, 33, 34]


@pytest.mark.parametrize(("codec", "suffix"), [("mpeg4", ".mp4"), ("libvpx", ".webm"), ("h264", ".mkv")])
def test_other_kinds_of_films_are_read(tmp_path, codec, suffix):
    video = open_video(write_film(tmp_path / f"1{suffix}", codec=codec, rate=30, frames=20))
    assert [number_on(image) for image in video.images(5, 15)] == list(range(5, 15))
    assert video.frames_per_second == 30


def test_the_crop_of_256_pixels_is_the_middle_and_values_are_signed():
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    image[16, 16], image[239, 239] = (0, 255, 51), (255, 0, 0)
    values = crop_and_normalise(image)
    assert (values.shape, values.dtype) == ((3, 224, 224), np.float32)
    np.testing.assert_allclose(values[:, 0, 0], [-1, 1, -0.6], atol=1e-6)
    np.testing.assert_array_equal(values[:, -1, -1], [1, -1, -1])
    np.testing.assert_allclose(values, image[16:240, 16:240].transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize(
    ("height", "width", "resized"), [(384, 384, (256, 256)), (200, 321, (256, 410)), (90, 60, (384, 256))]
)
def test_other_sizes_are_resized_as_pillow_does_it(height, width, resized):
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    whole = np.asarray(Image.fromarray(image).resize(resized[::-1], Image.Resampling.BILINEAR))
    top, left = ((side - 224) // 2 for side in resized)
    expected = whole[top : top + 224, left : left + 224].transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(crop_and_normalise(image), expected, atol=1e-6)


@pytest.mark.parametrize("mode", ["RGBA", "L", "P"])
def test_pngs_of_other_modes_are_made_red_green_blue(tmp_path, mode):
    Image.fromarray(numbered(21)).convert(mode).save(tmp_path / "1.png")
    (image,) = open_video(tmp_path).images()
    np.testing.assert_array_equal(image, numbered(21))


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_what_is_no_image_is_passed_over(copied):
    (copied / ".DS_Store").write_bytes(b"x")
    (copied / "._1.png").write_bytes(b"x")
    (copied / "list.txt").write_bytes(b"x")
    assert open_video(copied).frames == FRAMES


FOLDER_DAMAGE = {
    "a gap": (lambda folder: (folder / "7.png").unlink(), r"where 7\.png belongs comes 8\.png"),
    "counted from 0": (
        lambda folder: (folder / "45.png").rename(folder / "0.png"),
        r"where 1\.png belongs comes 0\.png",
    ),
    "twice": (lambda folder: shutil.copy(folder / "2.png", folder / "02.png"), r"where 3\.png belongs comes 0?2\.png"),
    "other names": (lambda folder: (folder / "45.png").rename(folder / "last.png"), r"holds last\.png; frames are"),
    "empty": (lambda folder: [file.unlink() for file in folder.iterdir()], "no png images"),
    "unreadable first": (
        lambda folder: (folder / "1.png").write_bytes(b"GIF89a"),
        r"frame 0 of .*, 1\.png, is no readable",
    ),
}


@pytest.mark.parametrize(("damage", "said"), FOLDER_DAMAGE.values(), ids=FOLDER_DAMAGE)
def test_damaged_folders_are_refused(copied, damage, said):
    damage(copied)
    with pytest.raises(RecordingFormatError, match=said) as refused:
        open_video(copied)
    assert str(copied) in str(refused.value)


def test_unreadable_frames_are_named_and_raise_nothing_else(copied):
    whole = (copied / "30.png").read_bytes()
    video = open_video(copied)
    random = np.random.default_rng(0)
    changed = [whole[:length] for length in range(0, len(whole) - 12, 3)]
    for _ in range(50):
        content = bytearray(whole)
        content[random.integers(len(whole))] ^= 1 << random.integers(8)
        changed.append(bytes(content))
    for content in changed:
        (copied / "30.png").write_bytes(content)
        with contextlib.suppress(RecordingFormatError):
            assert len(list(video.images(28, 31))) == 3
    (copied / "30.png").write_bytes(whole[:-30])
    with pytest.raises(RecordingFormatError, match=r"frame 29 of .*, 30\.png, is no readable png"):
        list(video.images(28, 31))


@pytest.fixture
def damaged(film, tmp_path):
    return shutil.copy(film, tmp_path / "1.mp4")


def test_truncated_films_are_refused(damaged):
    os.truncate(damaged, damaged.stat().st_size * 3 // 4)
    with pytest.raises(RecordingFormatError, match=r"1\.mp4 ends after \d+ of the 45 frames"):
        open_video(damaged)


@pytest.mark.parametrize("content", [b"", b"no film" * 100])
def test_what_is_no_film_is_refused(damaged, content):
    damaged.write_bytes(content)
    with pytest.raises(RecordingFormatError, match="cannot be read as a film"):
        open_video(damaged)


def test_frames_that_cannot_be_decoded_are_named(damaged):
    video = open_video(damaged)
    content = damaged.read_bytes()
    start = content.index(b"mdat") + 4
    damaged.write_bytes(content[:start] + bytes(len(content) - start))
    with pytest.raises(RecordingFormatError, match=r"1\.mp4"):
        list(video.images(20, 22))


def test_sound_without_pictures_is_refused(tmp_path):
    with pytest.raises(RecordingFormatError, match="holds no pictures"):
        open_video(write_film(tmp_path / "1.mp4", sound_only=True))


def test_a_missing_video_is_refused(tmp_path):
    with pytest.raises(RecordingFormatError, match="does not exist"):
        open_video(tmp_path / "1.mp4")


@pytest.mark.parametrize(("module", "path"), [("av", "film"), ("PIL.Image", "folder")])
def test_the_extra_is_named_where_a_library_is_missing(module, path, request, monkeypatch):
    path = request.getfixturevalue(path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(LibraryMissingError, match=r"react-eval\[video\]"):
        open_video(path)
