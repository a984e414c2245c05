"""Folders of OpenFace pairs and of motion energy with every kind of damage at once are reported in one run."""

import numpy as np
import pandas as pd
import pytest

from react_data.channels import OPENFACE
from tests.react_data.damages import DamagedTree, cell, content, not_expected, not_reported, remove, table

FRAMES = 760


def tracks(seed):
    rng = np.random.default_rng(seed)
    values = pd.DataFrame(rng.random((FRAMES, len(OPENFACE))), columns=list(OPENFACE.channels))
    values.insert(0, "timestamp", np.arange(FRAMES) / 25)
    values.insert(1, "confidence", 0.9)
    values.insert(2, "success", 1)
    return values.round(3)


@pytest.fixture(scope="module")
def openface(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openface")
    for number, name in enumerate("abcdefghij"):
        for side in (0, 1):
            tracks(2 * number + side).to_csv(folder / f"{name}_p{side}.csv", index=False)
    return DamagedTree(folder)


def lost_face(values):
    values.loc[100:140, "success"] = "0"


def test_every_damage_of_openface_pairs_is_reported_in_one_run(openface):
    tree = openface
    assert tree.verify().problems == []
    tree.change(
        "a_p0.csv", "RD112", "the columns gaze_angle_x are missing", table(lambda v: v.drop(columns="gaze_angle_x"))
    )
    tree.change("a_p1.csv", "RD112", "line 6, AU12_r", cell(6, "AU12_r", np.nan))
    tree.change("b_p0.csv", "RD112", "timestamp 0.04 does not exceed the one before", cell(12, "timestamp", "0.04"))
    tree.change("b_p1.csv", "RD112", "no face for over 1 s in lines 101 to 143", table(lost_face))
    tree.change("c_p0.csv", "RD112", "a face was found in 0 of 760", table(lambda v: v.assign(success="0")))
    tree.change("c_p1.csv", "RD112", "line 3, confidence 1.5, expected 0..1", cell(3, "confidence", "1.5"))
    tree.change("d_p0.csv", "RD112", "is not a csv", content(b""))
    tree.change("d_p1.csv", "RD112", "line 9, pose_Rx", cell(9, "pose_Rx", "left"))
    tree.change("e_p0.csv", "RD113", "outside 0..5, the first 7.5 in second 0.20, AU06_r", cell(7, "AU06_r", "7.5"))
    tree.change("f_p1.csv", "RD111", "", remove)
    tree.expected[-1] = ("RD111", "f_p0.csv", "has no partner f_p1.csv")
    tree.change("g_p0.csv", "RD111", "", remove)
    tree.expected[-1] = ("RD111", "g_p1.csv", "has no partner g_p0.csv")
    tree.change("h_p0.csv", "RD117", "", table(lambda values: values[:300]))
    tree.expected[-1] = ("RD117", "h_p0.csv and h_p1.csv", "has 300 frames at 25 a second, fewer than one clip of 750")
    later = table(lambda values: values.assign(timestamp=values["timestamp"].astype(float) + 100))
    tree.change("i_p0.csv", "RD112", "", later)
    tree.expected[-1] = ("RD112", "i_p0.csv and i_p1.csv", "have no time in common")
    report = tree.verify()
    assert not_reported(report, tree.expected) == []
    assert not_expected(report, tree.expected) == []
    assert len(tree.expected) >= 8


def test_every_damage_of_motion_energy_is_reported_in_one_run(tmp_path):
    lines = ['"pat" "th"', *("1 2" for _ in range(FRAMES))]
    for name in "abcde":
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
    tree = DamagedTree(tmp_path)
    assert tree.verify().problems == []
    tree.change(
        "b.txt", "RD112", "line 3 ('1 -2')", lambda path: path.write_text("\n".join([*lines[:2], "1 -2", *lines[3:]]))
    )
    tree.change("c.txt", "RD112", "the header is", content(b"patient therapist\n1 2\n"))
    tree.change("d.txt", "RD117", "has 99 frames", lambda path: path.write_text("\n".join(lines[:100])))
    tree.change("e.txt", "RD112", "", content(b""))
    report = tree.verify()
    assert not_reported(report, tree.expected) == not_expected(report, tree.expected) == []
