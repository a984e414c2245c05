"""Reading: every form and precision, exactly the hashed bytes, and a reading process that misbehaves."""

import hashlib
import sys
import time

import h5py
import numpy as np
import pytest

from react_eval.errors import UnreadableFileError
from react_eval.submissions import ReadingLimits, asking, read_submission, reading

PREDICTION = np.random.default_rng(0).random((4, 3, 40, 25), dtype=np.float32)
COEFFICIENTS = np.random.default_rng(1).normal(size=(4, 3, 40, 58)).astype(np.float32)
CLIPS = [f"NoXI/065_2016-04-14_Nottingham/Expert_video/{n}" for n in (1, 10, 2, 3)]


def write_h5(path, values=PREDICTION, clips=CLIPS, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("prediction", data=values, **options)
        file["clip"] = clips
    return path


@pytest.mark.parametrize("chunks", [None, (1, 3, 40, 25), (4, 1, 1, 25), (4, 3, 40, 25), (2, 2, 7, 9), (1, 1, 1, 1)])
def test_any_chunks_of_hdf5_give_the_same_values(tmp_path, chunks, monkeypatch):
    path = write_h5(tmp_path / "p.h5", chunks=chunks, compression="gzip" if chunks else None)
    submission = read_submission(path)
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)
    assert submission.clips == tuple(CLIPS)
    assert submission.format == "HDF5"
    assert submission.notes == ()


@pytest.mark.parametrize("block_bytes", [100, 5_000, 400_000])
def test_any_size_of_blocks_gives_the_same_values(tmp_path, monkeypatch, block_bytes):
    from react_eval.submissions import decoding
    from react_eval.submissions.formats import open_file

    monkeypatch.setattr(decoding, "_BLOCK_BYTES", block_bytes)
    for path in (write_h5(tmp_path / "p.h5", chunks=(3, 2, 7, 9)), tmp_path / "p.npy"):
        if path.suffix == ".npy":
            np.save(path, np.asfortranarray(PREDICTION))
        opened = open_file(path, ReadingLimits(), path.name, print)
        assert sum(decoding.decode(opened, tmp_path)) == PREDICTION.nbytes
        np.testing.assert_array_equal(np.fromfile(tmp_path / "emotion.float32", "<f4"), PREDICTION.ravel())


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", ">f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_precision_and_order_of_npy_is_read(tmp_path, dtype, order):
    stored = np.asarray(PREDICTION.astype(dtype), order=order)
    np.save(tmp_path / "p.npy", stored)
    submission = read_submission(tmp_path / "p.npy")
    np.testing.assert_array_equal(submission.arrays["emotion"], stored.astype(np.float32))
    assert submission.stored_dtype["emotion"] == np.dtype(dtype).name
    assert any("cast from" in note for note in submission.notes) == ("4" not in dtype)
    assert "on trust" in submission.notes[0]
    assert submission.clips is None


@pytest.mark.parametrize("dtype", [">f4", "<f8", "<f2"])
def test_any_precision_of_hdf5_is_read(tmp_path, dtype):
    submission = read_submission(write_h5(tmp_path / "p.h5", PREDICTION.astype(dtype)))
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION.astype(dtype).astype(np.float32))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_with_both_kinds_and_clips_is_read(tmp_path, save):
    save(tmp_path / "p.npz", prediction=np.asfortranarray(PREDICTION), prediction_3dmm=COEFFICIENTS, clip=CLIPS)
    submission = read_submission(tmp_path / "p.npz")
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)
    np.testing.assert_array_equal(submission.arrays["coefficients"], COEFFICIENTS)
    assert submission.clips == tuple(CLIPS)


def test_the_only_array_of_an_npz_is_taken(tmp_path):
    np.savez(tmp_path / "p.npz", COEFFICIENTS)
    np.testing.assert_array_equal(read_submission(tmp_path / "p.npz").arrays["coefficients"], COEFFICIENTS)


def test_fixed_length_and_character_arrays_are_clip_ids(tmp_path):
    fixed = np.array(CLIPS, dtype="S80")
    characters = fixed.view("S1").reshape(4, 80)
    for clips in (fixed, characters):
        assert read_submission(write_h5(tmp_path / "p.h5", clips=clips)).clips == tuple(CLIPS)


def test_ragged_clips_become_views_of_one_map(tmp_path):
    lengths = [10, 25, 1, 4]
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["prediction"] = PREDICTION[0, :, :40].swapaxes(0, 1)
        file["row_size"] = lengths
        file["clip"] = CLIPS
    clips = read_submission(tmp_path / "p.h5").arrays["emotion"]
    assert [clip.shape for clip in clips] == [(3, length, 25) for length in lengths]
    np.testing.assert_array_equal(np.concatenate(clips, axis=1), PREDICTION[0])


def test_attributes_are_texts_and_others_are_noted(tmp_path):
    with h5py.File(write_h5(tmp_path / "p.h5"), "a") as file:
        file.attrs.update({"method": "ours", "run_seed": 7, "loss": 0.5, "history": [1, 2, 3], "tag": np.bytes_("x")})
    submission = read_submission(tmp_path / "p.h5")
    assert submission.attributes == {"method": "ours", "run_seed": "7", "loss": "0.5", "tag": "x"}
    assert "history" in submission.notes[0]


def test_a_misleading_suffix_is_noted(tmp_path):
    assert "named .npy but is of format HDF5" in read_submission(write_h5(tmp_path / "p.npy")).notes[0]


def test_exactly_the_hashed_bytes_are_read(tmp_path, monkeypatch):
    path = write_h5(tmp_path / "p.h5")
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    decode = reading.decode_in_child

    def replace_then_decode(*arguments):
        write_h5(path, PREDICTION * 0)
        return decode(*arguments)

    monkeypatch.setattr(reading, "decode_in_child", replace_then_decode)
    submission = read_submission(path)
    assert submission.sha256 == expected
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)


def test_closing_removes_the_private_folder(tmp_path):
    path = write_h5(tmp_path / "p.h5")
    with read_submission(path) as submission:
        assert submission.folder.stat().st_mode & 0o077 == 0
        assert [file.name for file in submission.folder.iterdir() if file.suffix == ".float32"] == ["emotion.float32"]
        assert not submission.arrays["emotion"].flags.writeable
    assert not submission.folder.exists()


def test_being_collected_removes_the_private_folder(tmp_path):
    submission = read_submission(write_h5(tmp_path / "p.h5"))
    folder = submission.folder
    del submission
    assert not folder.exists()


@pytest.mark.parametrize(
    ("program", "match"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"crashes the library that reads it \(SIGSEGV\)"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            r"stopped by the system \(SIGKILL\): out of mem",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", r"\(SIGXCPU\).*This says nothing of the file"),
        ("import time; time.sleep(60)", "checking its structure takes more than 1 seconds"),
        ("while True: pass", "checking its structure takes more than 1 seconds"),
        ("import subprocess, sys; subprocess.run(['sleep', '60'])", "takes more than 1 seconds"),
        ("import sys; sys.exit('no such module')", "ended with status 1 and without an answer. .*no such module"),
        ("print('{\"structure\": {}}', flush=True)", "damaged answer"),
        ("print('{\"structure\": [[[', flush=True)", "without an answer"),
        ("print('[' * 200000)", "without an answer"),
        ("print('{\"finished\": true}')", "damaged answer"),
        ('while True: print(\'{"loading": "torch"}\', flush=True)', "damaged answer"),
        ('print(\'{"loading": "loop"}\', flush=True)', "damaged answer"),
        ('while True: print(\'{"loaded": "numpy"}\', flush=True)', "damaged answer"),
        ("print('{\"done\": 5}', flush=True)", "damaged answer"),
        (r"import json; print(json.dumps({'error': '\x1b[2J\ud800'}))", r"\\x1b\[2J\\ud800"),
        ("print('{\"anything\": 1}')", "damaged answer"),
    ],
)
def test_a_reading_process_that_misbehaves_is_an_error(tmp_path, monkeypatch, program, match):
    monkeypatch.setattr(asking, "READER", (sys.executable, "-c", program))
    start = time.monotonic()
    with pytest.raises(UnreadableFileError, match=match):
        read_submission(write_h5(tmp_path / "p.h5"), limits=ReadingLimits(structure_seconds=1))
    assert time.monotonic() - start < 4


def test_decoding_has_a_time_limit(tmp_path):
    path = write_h5(tmp_path / "p.h5", np.tile(PREDICTION, (1, 1, 100, 1)), compression="gzip")
    with pytest.raises(UnreadableFileError, match="decoding it takes more than 0 seconds"):
        read_submission(path, limits=ReadingLimits(decoding_seconds=0.001, decoding_rate=1e12))


def test_reading_has_a_memory_limit(tmp_path):
    zeros = np.zeros((4, 3, 160_000, 25), np.float32)
    path = write_h5(tmp_path / "p.h5", zeros, chunks=zeros.shape, compression="gzip")
    with pytest.raises(UnreadableFileError, match=r"more than 150.0 MB of memory, the limit for a submission"):
        read_submission(path, limits=ReadingLimits(address_space=150_000_000))


@pytest.mark.parametrize(
    "answer",
    [
        '{"arrays": [{"shape": [4, 3, 40, 25], "kind": "../../x", "stored_dtype": "f", "channels": null}]}',
        '{"arrays": []}',
        '{"arrays": [{"shape": [4, 3, 40000000000, 25], "kind": "emotion", "stored_dtype": "f", "channels": null}]}',
        '{"arrays": [{"shape": [4, -3, 40, 25], "kind": "emotion", "stored_dtype": "f", "channels": null}]}',
        '{"arrays": [{"shape": [4, 3, 40, 2], "kind": "emotion", "stored_dtype": "float32", "channels": ["a"]}]}',
        '{"arrays": [{"shape": [4, 3, 40, 25], "kind": "emotion", "stored_dtype": "object", "channels": null}]}',
    ],
)
def test_an_answer_is_not_trusted(tmp_path, monkeypatch, answer):
    rest = ', "format": "npy", "clips": null, "row_sizes": null, "attributes": {}, "notes": []}'
    program = f"print('{{\"structure\": ' + '''{answer[:-1]}{rest}''' + '}}'); print('{{\"finished\": true}}')"
    monkeypatch.setattr(asking, "READER", (sys.executable, "-c", program))
    with pytest.raises(UnreadableFileError, match="damaged answer"):
        read_submission(write_h5(tmp_path / "p.h5"))


def test_values_that_were_not_decoded_are_missed(tmp_path, monkeypatch):
    array = '{"shape": [4, 3, 40, 25], "kind": "emotion", "stored_dtype": "float32", "channels": null}'
    rest = '"format": "npy", "clips": null, "row_sizes": null, "attributes": {}, "notes": []'
    answer = f'{{"structure": {{"arrays": [{array}], {rest}}}}}'
    program = f"print('''{answer}'''); print('{{\"finished\": true}}')"
    monkeypatch.setattr(asking, "READER", (sys.executable, "-c", program))
    with pytest.raises(UnreadableFileError, match="did not decode all of its values"):
        read_submission(write_h5(tmp_path / "p.h5"))
