"""Memory: predictions are read, scored and streamed without holding much beside them, and warping holds little."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import react_data
import react_eval

RECORDINGS = 40
FRAMES = 750

needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")

SCRIPT = r"""
import json, pathlib, re, resource, sys
import react_eval
root, path = sys.argv[1:]
result = react_eval.score(path, split="val", data=root, metrics=["FRDiv", "FRVar", "FRDvs"], context=False)
# VmHWM begins anew with a program; ru_maxrss would carry over what the tests' process held when it started this one.
own = int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) * 1024
reader = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps({"scores": dict(result), "own": own, "reader": reader}))
"""

# What a call takes beyond what is held before it: a thread looks while kernels run, which release the GIL.
WATCHED = """
import resource, threading, time
import numpy as np

def held():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize()

def taken_by(work):
    done, seen, before = threading.Event(), [], held()
    def watch():
        while not done.is_set():
            seen.append(held())
            time.sleep(0.002)
    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return max(seen) - before, len(seen)
"""

WARPING = """
from react_eval.kernels.dynamic_time_warping import weighted_dtw

def distance(rows, columns):
    first, second = (np.random.default_rng(0).random((frames, 25)) for frames in (rows, columns))
    groups = np.array([0, 15, 17]), np.array([15, 17, 25]), np.array([1 / 15, 1.0, 1 / 8])
    return weighted_dtw(first, second, *groups, np.inf)

distance(50, 51)  # compiles
print(*taken_by(lambda: distance(20_000, 20_001)))
"""

STREAMING = """
from react_eval import Scorer

CLIPS = 300
scorer = Scorer("react2024", metrics=["FRDiv", "FRVar", "FRDvs"])

def clip(number):
    return np.random.default_rng(number).random((1, 10, 750, 25), dtype=np.float32)

def rest():
    for number in range(2, CLIPS):
        scorer.update([str(number)], clip(number))

scorer.update(["0", "1"], np.concatenate([clip(0), clip(1)]))  # compiles
print(*taken_by(rest))
"""


def watched(script):
    """Bytes that the work of a script takes, and how often they were looked at."""
    done = subprocess.run([sys.executable, "-c", WATCHED + script], capture_output=True, text=True, check=True)
    return map(int, done.stdout.split())


@needs_proc
def test_peak_memory_stays_near_the_size_of_the_predictions(tmp_path):
    root = react_data.synthesise(
        tmp_path / "tree",
        recordings=RECORDINGS,
        splits=("val",),
        frames=FRAMES,
        modalities=("emotion",),
        show_progress=False,
    )
    clips = [str(clip) for clip in react_data.open_split(root, "val")["clip"].values]
    predictions = np.random.default_rng(0).random((len(clips), 10, FRAMES, 25), dtype=np.float32)
    react_eval.save_submission(tmp_path / "preds.h5", predictions, clips=clips, split="val")

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(root), str(tmp_path / "preds.h5")],
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(done.stdout)

    # 350 MB is what the interpreter, numpy, xarray, pandas, numba, the speakers and the listeners take.
    assert measured["own"] < predictions.nbytes + 350e6
    assert measured["reader"] < predictions.nbytes + 350e6
    assert measured["scores"]["FRVar"] == react_eval.metrics.frvar(predictions)


@needs_proc
def test_two_clips_of_20000_frames_are_warped_in_less_than_50_mb():
    taken, looks = watched(WARPING)
    assert looks > 10
    assert taken < 50e6


@needs_proc
def test_a_scorer_keeps_no_predictions_in_memory():
    taken, looks = watched(STREAMING)
    assert looks > 10
    assert taken < 50e6  # the predictions are 224 MB
