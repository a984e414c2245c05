"""Every layout: what is synthesised is valid, opens, packs, and scores the same from a file, packed or not."""

import json

import numpy as np
import pytest
import xarray as xr

import react_data
import react_eval
from react_data.clips import match_clip_ids
from react_data.errors import SynthesisError
from react_data.opening import find_layout, open_split
from react_data.ragged import clip_series

FRAMES = 751
RECORDINGS = ("openface", "motion-energy")
PLAIN = ("arrays", *RECORDINGS)
UNEQUAL = ("react2025", "react2026")
EVERY = ("react2023", "react2024", *UNEQUAL, *PLAIN)
QUICK = {"frames": 60, "recordings": 6, "show_progress": False}


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """A small tree of every layout; recordings are as long as a clip."""
    root = tmp_path_factory.mktemp("trees")
    for layout in EVERY:
        frames = FRAMES if layout in RECORDINGS else 60
        recordings = 12 if layout == "react2023" else 6  # fewer hold no UDIVA, by which it is recognised
        options = {"recordings": recordings, "frames": frames, "sample_rate": 1000, "show_progress": False}
        react_data.synthesise(root / layout, layout=layout, **options)
    return root


def split_of(layout):
    return "all" if layout in RECORDINGS else "val"


def scores_of(file, layout, data):
    protocol = "corrected+linear" if layout in UNEQUAL else "corrected"
    result = react_eval.score(
        file, split=split_of(layout), data=data, protocol=protocol, context=False, show_progress=False
    )
    return json.dumps(result.to_dict()["scores"])


@pytest.mark.parametrize("layout", EVERY)
def test_synthesised_verified_packed_opened_and_scored(trees, tmp_path, layout):
    root, split = trees / layout, split_of(layout)
    assert find_layout(root).name == layout
    assert react_data.verify(root, show_progress=False).problems == []
    packed = react_data.pack(root, tmp_path / "data.h5", show_progress=False)
    assert react_data.verify(packed, show_progress=False).problems == []
    tree, again = (open_split(place, split, modalities="all") for place in (root, packed))
    assert set(tree.variables) == set(again.variables)
    for name in tree.variables:
        xr.testing.assert_identical(tree[name].variable.load(), again[name].variable.load())
    assert {**tree.attrs, "root": ""} == {**again.attrs, "root": ""}
    assert tree.attrs["synthetic"] == 1

    series = clip_series(tree, "listener_emotion")
    noise = np.random.default_rng(0)
    reactions = {
        str(clip): series[number] + noise.normal(0, 0.05, (10, *series[number].shape)).astype(np.float32)
        for number, clip in enumerate(tree["clip"].values)
    }
    react_eval.save_submission(tmp_path / "mine.h5", reactions)
    assert scores_of(tmp_path / "mine.h5", layout, root) == scores_of(tmp_path / "mine.h5", layout, packed)


def test_ids_of_any_form_are_matched():
    known = ["val/0", "c1", "RECOLA/group-2/P41/3"]
    assert match_clip_ids(["c1", "RECOLA/group-2/P1/3", "c2", "val/0"], known) == ["c1", known[2], None, "val/0"]


@pytest.mark.parametrize("names", ["val/0 val/1 val/2 val/3", "c1 c2 c3 c4", "a/1 a/2 b/1 b/2"])
def test_a_submission_for_plain_arrays_is_scored_in_any_order(trees, tmp_path, names):
    val = open_split(trees / "arrays", "val")
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    for name in ("speaker_emotion", "listener_emotion", "neighbours"):
        np.save(folder / f"{name}.npy", val[name].values.astype(np.float32))
    (folder / "clips.txt").write_text("\n".join(names.split()))
    listeners = val["listener_emotion"].values
    pairs = list(zip(names.split(), listeners, strict=True))[::-1]
    react_eval.save_submission(tmp_path / "mine.h5", {name: np.repeat(each[None], 10, axis=0) for name, each in pairs})
    result = react_eval.score(
        tmp_path / "mine.h5", split="val", data=tmp_path / "data", protocol="corrected", context=False,
        show_progress=False,
    )  # fmt: skip
    assert result["FRCorr"] == pytest.approx(1)


@pytest.mark.parametrize("layout", PLAIN)
def test_equal_settings_give_equal_bytes_and_an_interrupted_folder_is_completed(tmp_path, layout):
    def content(root):
        return {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    one = react_data.synthesise(tmp_path / "one", layout=layout, **QUICK)
    other = react_data.synthesise(tmp_path / "other", layout=layout, **QUICK)
    for path in sorted(path for path in other.rglob("*_*.*") if path.is_file())[::2]:
        path.unlink()
    react_data.synthesise(other, layout=layout, **QUICK)
    assert content(one) == content(other)
    seeded = react_data.synthesise(tmp_path / "seeded", layout=layout, seed=1, **QUICK)
    assert content(one) != content(seeded)


def test_a_hidden_split_of_arrays_shows_speakers_only(tmp_path):
    root = react_data.synthesise(tmp_path / "data", layout="arrays", hidden=["test"], **QUICK)
    shown = react_data.synthesise(tmp_path / "shown", layout="arrays", **QUICK)
    assert {path.stem for path in (root / "test").iterdir()} == {"speaker_emotion", "speaker_3dmm", "sessions"}
    whole = open_split(shown, "test")["speaker_emotion"].values
    hidden = open_split(root, "test")
    assert hidden.attrs["labels"] == "none"
    assert np.array_equal(hidden["speaker_emotion"].values, whole[: len(whole) // 2])


def test_the_same_people_behave_in_arrays_as_in_the_challenge(tmp_path):
    official = react_data.synthesise(tmp_path / "tree", corpora=["NoXI"], modalities=["emotion"], **QUICK)
    arrays = react_data.synthesise(tmp_path / "arrays", layout="arrays", modalities=["emotion"], **QUICK)
    one, other = (open_split(root, "train") for root in (official, arrays))
    np.testing.assert_allclose(one["speaker_emotion"].values, other["speaker_emotion"].values, atol=1e-5)
    assert np.array_equal(one["neighbours"].values, other["neighbours"].values)
    assert one["session"].values.tolist() == other["session"].values.tolist()


def test_openface_loses_a_face_now_and_then_and_the_partner_follows(trees):
    lines = (trees / "openface" / "dyad_0001_p0.csv").read_text().splitlines()
    found = [line.split(", ")[4] for line in lines]
    assert lines[0].startswith("frame, face_id, timestamp, confidence, success, gaze_angle_x, ")
    assert 1 < found.count("0") < 10
    assert len(lines) == FRAMES + 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"layout": "react2025", "corpora": ["UDIVA"]}, "corpora are given, but react2025 imitates none"),
        ({"layout": "openface", "corpora": ["NoXI"]}, "corpora are given, but openface imitates none"),
        ({"layout": "openface", "splits": ["val"]}, r"splits has 'val'\..* Available: all"),
        ({"layout": "motion-energy", "hidden": ["all"]}, "motion-energy always has both people"),
        ({"layout": "motion-energy", "modalities": ["3dmm"]}, "modalities has '3dmm'"),
        ({"layout": "arrays", "modalities": ["3dmm"]}, "modalities lack 'emotion', which arrays always has"),
        ({"layout": "arrays", "video": "png", "modalities": ["emotion"]}, "video is 'png', but arrays has none"),
    ],
)
def test_what_a_layout_has_not_is_refused(tmp_path, settings, reason):
    with pytest.raises(SynthesisError, match=reason):
        react_data.synthesise(tmp_path / "data", **settings)
    assert not (tmp_path / "data").exists()
