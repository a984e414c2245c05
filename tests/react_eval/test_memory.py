"""Memory: a submission is read, validated and scored for diversity without holding much beside the array itself."""

import json
import subprocess
import sys

import numpy as np

import react_data
import react_eval

RECORDINGS = 40
FRAMES = 750

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
