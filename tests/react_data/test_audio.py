import contextlib
import struct
import sys
import wave

import numpy as np
import pytest

from react_data.audio import Sound, fit_to_frames, frame_blocks, read_sound, resample
from react_data.errors import RecordingFormatError
from react_data.optional_libraries import LibraryMissingError
from react_data.wave_files import open_wave

STEREO = np.array([[0.5, -0.5], [0.25, 0.75], [-1.0, 0.5], [0.0, 0.0], [-0.5, -0.25]])
AVERAGED = np.array([0.0, 0.5, -0.25, 0.0, -0.375], dtype=np.float32)


def stored(values, kind, bits):
    if kind == 3:
        return values.astype(f"<f{bits // 8}").tobytes()
    whole = np.round(values * 2.0 ** (bits - 1)).astype(np.int64)
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    return b"".join(int(value).to_bytes(bits // 8, "little", signed=True) for value in whole.ravel())


def wav(body, *, kind=1, channels=2, rate=8000, bits=16, extensible=False, length=None, before=b"", block=None):
    block = channels * bits // 8 if block is None else block
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else kind, channels, rate, rate * block, block, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 3, kind) + bytes(14)
    data = b"data" + struct.pack("<I", len(body) if length is None else length) + body
    content = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + before + data
    return b"RIFF" + struct.pack("<I", len(content)) + content


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "1.wav"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(("kind", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)])
@pytest.mark.parametrize("extensible", [False, True])
def test_every_encoding_is_read_and_channels_are_averaged(write, kind, bits, extensible):
    sound = read_sound(write(wav(stored(STEREO, kind, bits), kind=kind, bits=bits, extensible=extensible)))
    np.testing.assert_array_equal(sound.samples, AVERAGED)
    assert (sound.sample_rate, sound.samples.dtype) == (8000, np.float32)


def test_files_of_the_standard_library_are_read(tmp_path):
    path = tmp_path / "1.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
        file.writeframes(np.array([-32768, 16384, 32767], "<i2").tobytes())
    np.testing.assert_array_equal(read_sound(path).samples, np.float32([-1, 0.5, 32767 / 32768]))


def test_other_chunks_are_passed_over_with_their_padding(write):
    before = b"LIST" + struct.pack("<I", 5) + b"abcde\0"
    np.testing.assert_array_equal(read_sound(write(wav(stored(STEREO, 1, 16), before=before))).samples, AVERAGED)


def test_a_file_written_into_a_pipe_lasts_to_its_end(write):
    np.testing.assert_array_equal(read_sound(write(wav(stored(STEREO, 1, 16), length=0xFFFFFFFF))).samples, AVERAGED)


def test_a_stretch_is_the_same_samples_as_in_the_whole(write):
    noise = np.random.default_rng(0).uniform(-1, 1, (8000, 2))
    path = write(wav(stored(noise, 1, 24), bits=24))
    whole, stretch = read_sound(path), read_sound(path, start_s=0.25, stop_s=0.5)
    np.testing.assert_array_equal(stretch.samples, whole.samples[2000:4000])
    assert (stretch.seconds, whole.seconds, read_sound(path, start_s=0.75, stop_s=9).seconds) == (0.25, 1.0, 0.25)


SILENCE = stored(np.zeros((5, 2)), 1, 16)
NOT_FINITE = stored(np.array([[0, 0], [np.inf, -np.inf], [1e300, 0]]), 3, 64)
DAMAGE = {
    "no wav": (b"ID3 and what follows", "is not a wav file"),
    "nothing": (b"", "is not a wav file"),
    "rate 0": (wav(SILENCE, rate=0), "0 samples a second"),
    "no channels": (wav(SILENCE, channels=0), "0 channels"),
    "odd block": (wav(SILENCE, block=3), "3 bytes for each sample"),
    "truncated": (wav(SILENCE)[:-6], "ends after 3 of the 5 samples"),
    "ends in its header": (wav(SILENCE)[:30], "ends before any sound"),
    "empty": (wav(b""), "holds no samples"),
    "compressed": (wav(SILENCE, kind=85), "sound of kind 85 with 16 bits"),
    "no format": (wav(SILENCE).replace(b"fmt ", b"junk"), "does not say how"),
    "not finite": (wav(NOT_FINITE, kind=3, bits=64), "2 samples that are not finite, the first at 1"),
}


@pytest.mark.parametrize(("content", "said"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named(write, content, said):
    with pytest.raises(RecordingFormatError, match=said) as refused:
        read_sound(write(content))
    assert "1.wav" in str(refused.value)


def test_no_cut_or_changed_header_raises_anything_else(write):
    whole = wav(stored(STEREO, 1, 16), extensible=True)
    random = np.random.default_rng(0)
    contents = [whole[:length] for length in range(len(whole))]
    for _ in range(500):
        changed = bytearray(whole)
        changed[random.integers(len(whole) - 20)] = random.integers(256)
        contents.append(bytes(changed))
    for content in contents:
        path = write(content)
        with contextlib.suppress(RecordingFormatError):
            assert read_sound(path).samples.size <= 2 * STEREO.size


def test_missing_files_and_stretches_outside_are_refused(write, tmp_path):
    with pytest.raises(RecordingFormatError, match="does not exist"):
        read_sound(tmp_path / "none.wav")
    with pytest.raises(RecordingFormatError, match="cannot be read"):
        read_sound(tmp_path)
    path = write(wav(SILENCE))
    with pytest.raises(RecordingFormatError, match=r"seconds 1 to 0\.000625"):
        read_sound(path, start_s=1)
    with pytest.raises(RecordingFormatError, match="samples 2 to 9"):
        open_wave(path).read(2, 9)


def test_what_lasts_too_long_is_not_read_at_once(tmp_path):
    path, samples = tmp_path / "1.wav", 2 * 3601
    with path.open("wb") as file:
        file.write(wav(b"", channels=1, rate=2, length=2 * samples))
        file.truncate(file.tell() + 2 * samples)
    with pytest.raises(RecordingFormatError, match="would be read for 3601 s"):
        read_sound(path)
    assert read_sound(path, start_s=3600).seconds == 1


def test_a_file_that_shrinks_after_it_was_opened_is_refused(write):
    file = open_wave(write(wav(SILENCE)))
    file.path.write_bytes(b"")
    with pytest.raises(RecordingFormatError, match="has become shorter"):
        file.read()


def tone(rate, seconds=1.0, hertz=440):
    return Sound(np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate).astype(np.float32), rate)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_resampling_keeps_a_tone(rate):
    found = resample(tone(rate), 16_000)
    middle = slice(1600, -1600)
    np.testing.assert_allclose(found.samples[middle], tone(16_000).samples[middle], atol=1e-3)
    assert (found.sample_rate, len(found.samples), found.samples.dtype) == (16_000, 16_000, np.float32)


def test_resampling_rounds_the_length_up_and_removes_what_the_new_rate_cannot_hold():
    assert len(resample(tone(44_100, 0.01), 16_000).samples) == 160
    assert len(resample(Sound(np.zeros(442, np.float32), 44_100), 16_000).samples) == 161
    assert np.abs(resample(tone(48_000, hertz=12_000), 16_000).samples[1600:-1600]).max() < 1e-3


def test_the_same_rate_needs_no_resampler(monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)
    sound = tone(8000, 0.1)
    assert resample(sound, 8000) is sound
    with pytest.raises(LibraryMissingError, match=r"pip install 'react-eval\[audio\]'"):
        resample(sound, 16_000)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_blocks_at_25_frames_a_second_are_the_challenges(rate):
    sound = Sound(np.arange(rate, dtype=np.float32), rate)
    official = np.pad(sound.samples, (0, rate // 25 * 2)).reshape(27, rate // 25)
    np.testing.assert_array_equal(frame_blocks(sound, 27), official)
    np.testing.assert_array_equal(frame_blocks(sound, 3), official[:3])


def test_blocks_at_30_frames_a_second_do_not_drift():
    blocks = frame_blocks(Sound(np.arange(160_000, dtype=np.float32), 16_000), 300, 30)
    assert blocks.shape == (300, 533)
    np.testing.assert_array_equal(blocks[:4, 0], [0, 533, 1066, 1600])
    assert blocks[299, 0] == 159_466


def test_longer_blocks_reach_into_the_next_frame():
    blocks = frame_blocks(Sound(np.arange(6, dtype=np.float32), 90), 2, 30, block_samples=4)
    np.testing.assert_array_equal(blocks, [[0, 1, 2, 3], [3, 4, 5, 0]])


def test_sound_is_cut_or_filled_to_its_frames():
    sound = Sound(np.ones(100, np.float32), 30)
    assert len(fit_to_frames(sound, 751, 29.97).samples) == 751
    assert len(fit_to_frames(sound, 10, 25).samples) == 12
    np.testing.assert_array_equal(fit_to_frames(sound, 110, 30).samples[-10:], 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"frames": 0}, "frames is 0"),
        ({"frames": 3, "frames_per_second": 0}, "frames_per_second is 0"),
        ({"frames": 3, "frames_per_second": float("nan")}, "frames_per_second is nan"),
        ({"frames": 3, "frames_per_second": 31}, "at most the sound's 30"),
        ({"frames": 3, "block_samples": 0}, "block_samples is 0"),
    ],
)
def test_impossible_frames_are_refused(arguments, said):
    with pytest.raises(RecordingFormatError, match=said):
        frame_blocks(Sound(np.ones(9, np.float32), 30), **arguments)


def test_sound_is_one_channel_of_float32_with_a_rate():
    with pytest.raises(RecordingFormatError, match=r"shape \(3, 2\)"):
        Sound(np.zeros((3, 2), np.float32), 8000)
    with pytest.raises(RecordingFormatError, match="type float64"):
        Sound(np.zeros(3), 8000)
    with pytest.raises(RecordingFormatError, match="rate is 0"):
        Sound(np.zeros(3, np.float32), 0)
    with pytest.raises(RecordingFormatError, match="to have is 0"):
        resample(tone(8000, 0.1), 0)
