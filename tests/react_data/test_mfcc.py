import sys
from pathlib import Path

import numpy as np
import pytest

from react_data.audio import Sound
from react_data.errors import RecordingFormatError
from react_data.mfcc import mfcc
from react_data.optional_libraries import LibraryMissingError

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "golden_audio" / "mfcc.npz"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "golden" / "audio" / "mfcc.npz"
TOLERANCE = 1e-3


def check_golden(path, rate, coefficients):
    with np.load(path, allow_pickle=False) as golden:
        sound, expected = Sound(golden[f"wave_{rate}"], rate), golden[f"mfcc{coefficients}_{rate}"]
    np.testing.assert_allclose(mfcc(sound, len(expected), coefficients=coefficients), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("coefficients", [78, 26])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_coefficients_are_those_of_the_challenges_code(rate, coefficients):
    check_golden(GOLDEN, rate, coefficients)


@pytest.mark.parametrize("coefficients", [78, 26])
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_coefficients_are_those_of_the_challenges_code_in_full(rate, coefficients):
    if not SHARED.is_file():
        pytest.skip(f"the golden values are not at {SHARED}")
    check_golden(SHARED, rate, coefficients)


def noise(rate, seconds=2.0, loudness=0.1):
    samples = np.random.default_rng(rate).normal(0, loudness, int(rate * seconds))
    return Sound(samples.astype(np.float32), rate)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 32_000, 44_100, 96_000])
def test_every_usual_rate_has_two_windows_a_frame(rate):
    found = mfcc(noise(rate), 50)
    assert found.shape == (50, 78)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_the_layout_is_difference_then_cepstrum_then_window():
    static, first, second = mfcc(noise(16_000), 50).reshape(50, 3, 13, 2).transpose(1, 0, 2, 3)
    step = 0.3 * (static[..., 1] - static[..., 0])
    np.testing.assert_allclose(first, np.stack([step, step], axis=-1), atol=1e-4)
    np.testing.assert_allclose(second, 0, atol=1e-4)


def test_coefficient_0_is_the_logarithm_of_the_energy_and_never_below_0():
    sound = noise(16_000)
    windows = sound.samples.reshape(50, 640)[:, :400].astype(np.float64)
    energy = np.log(((windows - windows.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
    assert energy.min() > 0
    np.testing.assert_allclose(mfcc(sound, 50)[:, 0], energy, atol=1e-4)
    quiet = mfcc(noise(16_000, loudness=1e-3), 50)
    np.testing.assert_array_equal(quiet[:, :2], 0)


def test_a_frame_depends_on_its_own_sound_only_and_silence_follows_the_end():
    sound = noise(16_000)
    whole = mfcc(sound, 60)
    np.testing.assert_allclose(mfcc(Sound(sound.samples[640 * 7 :], 16_000), 5), whole[7:12], atol=1e-4)
    np.testing.assert_array_equal(whole[50:], np.broadcast_to(whole[50], (10, 78)))


def test_long_clips_are_computed_part_by_part():
    sound = noise(8000, 61)
    np.testing.assert_array_equal(mfcc(sound, 1520)[745:755], mfcc(Sound(sound.samples[745 * 320 :], 8000), 10))


def test_at_30_frames_a_second_windows_start_with_their_frame():
    sound = noise(48_000)
    found = mfcc(sound, 60, frames_per_second=30)
    alone = mfcc(Sound(sound.samples[17 * 1600 :], 48_000), 1)
    assert found.shape == (60, 78)
    np.testing.assert_allclose(found[17], alone[0], atol=1e-4)


def test_what_cannot_be_computed_is_refused(monkeypatch):
    with pytest.raises(RecordingFormatError, match="39 coefficients"):
        mfcc(noise(8000), 50, coefficients=39)
    with pytest.raises(RecordingFormatError, match="4000 samples a second"):
        mfcc(noise(4000), 50)
    with pytest.raises(RecordingFormatError, match="frames is 0"):
        mfcc(noise(8000), 0)
    monkeypatch.setitem(sys.modules, "kaldi_native_fbank", None)
    with pytest.raises(LibraryMissingError, match=r"react-eval\[audio\]"):
        mfcc(noise(8000), 50)
