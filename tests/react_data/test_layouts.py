"""Every layout behind one call: what is synthesised is recognised, opened, packed, and opened again the same."""

import multiprocessing
import pickle
import shutil

import h5py
import numpy as np
import pytest
import xarray as xr

import react_data
from react_data.errors import AnnotationError, ClipListError, LayoutError, NeighbourMatrixError, PackError
from react_data.neighbour_draws import draw_targets
from react_data.opening import Layout, find_layout, layouts, open_split, register_layout
from react_data.packing import _Source
from react_data.ragged import clip_series

SPLITS = ("train", "val", "test")
SYNTHETIC = ("react2023", "react2024", "react2025", "react2026")
CHANNELS = 25


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """A small tree of every synthetic layout."""
    root = tmp_path_factory.mktemp("trees")
    options = {"recordings": 12, "frames": 60, "sample_rate": 1000, "behaviours": 2, "show_progress": False}
    for layout in SYNTHETIC:
        react_data.synthesise(root / layout, layout=layout, **options)
    return root


@pytest.fixture(scope="module")
def packs(trees):
    for layout in SYNTHETIC:
        react_data.pack(trees / layout, trees / f"{layout}.h5", show_progress=False)
    return trees


@pytest.fixture
def arrays(tmp_path):
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    series = np.random.default_rng(0).random((2, 6, 40, CHANNELS), dtype=np.float32)
    for role, values in zip(("speaker", "listener"), series, strict=True):
        np.save(folder / f"{role}_emotion.npy", values)
    np.save(folder / "neighbours.npy", np.eye(6))
    return folder


def without_root(dataset):
    return dataset.drop_attrs().load()


@pytest.mark.parametrize("layout", SYNTHETIC)
def test_a_synthetic_tree_is_recognised(trees, layout):
    assert find_layout(trees / layout).name == layout
    assert open_split(trees / layout, "val").attrs["layout"] == layout


@pytest.mark.parametrize("layout", SYNTHETIC)
@pytest.mark.parametrize("split", SPLITS)
def test_a_packed_split_equals_that_of_the_tree(packs, layout, split):
    tree, packed = open_split(packs / layout, split), open_split(packs / f"{layout}.h5", split)
    xr.testing.assert_equal(without_root(tree), without_root(packed))
    assert {**tree.attrs, "root": ""} == {**packed.attrs, "root": ""}


@pytest.mark.parametrize("layout", ["react2024", "react2025"])
@pytest.mark.parametrize("rows", [3, slice(1, 4), slice(None, None, -2), [5, 0, 0, 3], []])
def test_a_packed_series_is_indexed_like_an_array(packs, layout, rows):
    series = open_split(packs / f"{layout}.h5", "train")["speaker_emotion"]
    whole = open_split(packs / layout, "train")["speaker_emotion"].values
    assert np.array_equal(series[rows].values, whole[rows])
    assert np.array_equal(series[rows, ..., 2:5].values, whole[rows][..., 2:5])


def test_a_pack_opens_in_plain_xarray(packs):
    plain = xr.open_dataset(packs / "react2024.h5", group="val", engine="h5netcdf")
    ours = open_split(packs / "react2024.h5", "val")
    clip, person = 3, int(plain["speaker_of"][3])
    assert np.array_equal(plain["person_emotion"][person].values.T, ours["speaker_emotion"][clip].values)
    assert str(plain["person_clip"][person].values) == str(ours["clip"][clip].values)


def test_a_person_is_stored_once(packs):
    with h5py.File(packs / "react2024.h5") as file:
        assert len(file["val/person_clip"]) == len(file["val/clip"])
        assert np.array_equal(np.sort(file["val/speaker_of"][:]), np.sort(file["val/listener_of"][:]))


def test_listeners_that_are_no_speakers_are_stored_too(packs):
    with h5py.File(packs / "react2026.h5") as file:
        assert len(file["val/person_clip"]) == 2 * len(file["val/clip"])


def _mean(arguments):
    path, clip = arguments
    return float(open_split(path, "train")["speaker_emotion"][clip].mean())


def test_many_processes_read_one_pack(packs):
    path = packs / "react2024.h5"
    opened = open_split(path, "train")
    expected = [float(opened["speaker_emotion"][clip].mean()) for clip in range(6)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_mean, [(path, clip) for clip in range(6)]) == expected


def test_an_opened_pack_can_be_pickled(packs):
    opened = open_split(packs / "react2024.h5", "val")
    again = pickle.loads(pickle.dumps(opened))
    assert np.array_equal(again["listener_emotion"].values, opened["listener_emotion"].values)


def test_an_interrupted_pack_leaves_no_file_and_resumes(trees, tmp_path, monkeypatch):
    target = tmp_path / "data.h5"
    read = _Source.series
    calls = []

    def interrupted(self, kind, places):
        calls.append(kind)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return read(self, kind, places)

    with monkeypatch.context() as patch:
        patch.setattr("react_data.packing._Source.series", interrupted)
        with pytest.raises(KeyboardInterrupt):
            react_data.pack(trees / "react2024", target, show_progress=False)
        assert not target.exists()
        react_data.pack(trees / "react2024", target, show_progress=False)
    assert len(calls) == 3 + 2 * len(SPLITS) - 2
    xr.testing.assert_equal(
        without_root(open_split(trees / "react2024", "val")), without_root(open_split(target, "val"))
    )
    assert list(tmp_path.iterdir()) == [target]


def test_a_pack_is_never_overwritten_or_mixed(packs, tmp_path):
    with pytest.raises(PackError, match=r"exists\. Choose another name"):
        react_data.pack(packs / "react2024", packs / "react2024.h5")
    (tmp_path / "data.h5.parts").mkdir()
    with pytest.raises(PackError, match="of another data set or of other settings"):
        react_data.pack(packs / "react2024", tmp_path / "data.h5")
    with pytest.raises(PackError, match="has no split vall; it has train, val, test"):
        react_data.pack(packs / "react2024", tmp_path / "other.h5", splits=["vall"])


def test_a_damaged_pack_is_said_to_be_so(packs, tmp_path):
    cut, other = tmp_path / "cut.h5", tmp_path / "other.h5"
    cut.write_bytes((packs / "react2024.h5").read_bytes()[:5000])
    with pytest.raises(PackError, match="not a complete HDF5 file"):
        open_split(cut, "val")
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with pytest.raises(PackError, match="is no packed data set: its format is 'nothing'"):
        open_split(other, "val")


def test_a_flipped_bit_is_found_when_it_is_read(packs, tmp_path):
    path = tmp_path / "flipped.h5"
    shutil.copy(packs / "react2024.h5", path)
    with h5py.File(path) as file:
        chunk = file["val/person_emotion"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(PackError, match="person_emotion cannot be read"):
        open_split(path, "val")["speaker_emotion"].load()


@pytest.mark.parametrize("layout", ["react2025", "react2026"])
def test_mars_clips_keep_their_lengths(trees, layout):
    opened = open_split(trees / layout, "train")
    sizes = opened["speaker_row_size"].values
    assert len(set(sizes.tolist())) > 3
    assert [len(series) for series in clip_series(opened, "speaker_emotion")] == sizes.tolist()
    path = trees / layout / "train" / "facial-attributes" / f"speaker/{opened['topic'].values[0]}"
    stored = np.load(path / f"{str(opened['clip'].values[0]).split('/')[1]}.npy")
    assert np.array_equal(clip_series(opened, "speaker_emotion")[0], stored)


def test_mars_directions(trees):
    both, one = (open_split(trees / layout, "val") for layout in ("react2025", "react2026"))
    half = both.sizes["clip"] // 2
    assert one.sizes["clip"] == half
    assert [clip.rsplit("/")[-1] for clip in both["clip"].values] == ["speaker"] * half + ["listener"] * half
    assert both["listener_clip"].values[:half].tolist() == both["clip"].values[half:].tolist()
    first = clip_series(both, "listener_emotion")[0]
    assert np.array_equal(first, clip_series(both, "speaker_emotion")[half])


def test_a_mars_split_of_speakers_only(tmp_path):
    options = {"recordings": 6, "frames": 30, "sample_rate": 1000, "hidden": ["test"], "show_progress": False}
    react_data.synthesise(tmp_path / "data", layout="react2025", **options)
    opened = open_split(tmp_path / "data", "test")
    assert opened.attrs["labels"] == "none"
    assert not {"listener_emotion", "neighbours", "listener_person"} & set(opened.variables)


def test_problems_of_a_mars_tree_are_named(trees, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(trees / "react2025", root)
    file = next((root / "val" / "coefficients" / "speaker").rglob("*.npy"))
    np.save(file, np.load(file)[:-1])
    with pytest.raises(AnnotationError, match=r"differ in length: .* frames, .*facial-attributes"):
        open_split(root, "val")
    file.unlink()
    with pytest.raises(AnnotationError, match=f"1 files do not exist: {file}|{file.name}"):
        open_split(root, "val")
    shutil.rmtree(root / "val" / "facial-attributes" / "speaker")
    with pytest.raises(ClipListError, match="holds no clip under speaker"):
        open_split(root, "val")


def test_a_draw_holds_the_pair_and_others_of_the_topic():
    clips, topics = [f"clip{number}" for number in range(40)], ["a", "b"] * 20
    drawn = draw_targets(clips, topics, seed=3)
    same = np.equal.outer(topics, topics)
    assert drawn.diagonal().all()
    assert (drawn.sum(axis=1) == 10).all()
    assert not (drawn & ~same).any()
    assert (drawn != draw_targets(clips, topics, seed=4)).any()


def test_a_draw_depends_on_ids_alone_not_on_their_order():
    clips, topics = [f"clip{number}" for number in range(30)], ["a"] * 30
    order = np.random.default_rng(0).permutation(30)
    drawn = draw_targets(clips, topics)
    assert np.array_equal(draw_targets([clips[n] for n in order], topics), drawn[np.ix_(order, order)])


def test_a_draw_takes_all_where_there_are_few():
    assert draw_targets(["a", "b"], ["x", "x"]).all()
    with pytest.raises(NeighbourMatrixError, match="a clip id comes twice"):
        draw_targets(["a", "a"], ["x", "x"])
    with pytest.raises(NeighbourMatrixError, match="targets=0"):
        draw_targets(["a"], ["x"], targets=0)


def test_plain_arrays_open(arrays):
    opened = open_split(arrays.parent, "val")
    assert opened.attrs["layout"] == "arrays"
    assert opened["clip"].values.tolist() == [f"val/{number}" for number in range(6)]
    assert np.array_equal(opened["listener_emotion"].values, np.load(arrays / "listener_emotion.npy"))


def test_plain_arrays_take_names(arrays):
    (arrays / "clips.txt").write_text("\n".join("abcdef"))
    (arrays / "sessions.txt").write_text("\n".join("xxxyyy"))
    opened = open_split(arrays.parent, "val")
    assert opened["clip"].values.tolist() == list("abcdef")
    assert opened["session"].values.tolist() == list("xxxyyy")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("listener_emotion.npy", np.zeros((6, 40, 24), np.float32), "expected .*25.* as the speakers have"),
        ("speaker_emotion.npy", np.zeros((6, 40), np.float32), r"expected floats \(N, T, C\)"),
        ("neighbours.npy", np.eye(5), "neighbours.npy"),
        ("clips.txt", "a\nb", "has 2 lines"),
    ],
)
def test_plain_arrays_that_do_not_fit_are_refused(arrays, name, content, message):
    if isinstance(content, str):
        (arrays / name).write_text(content)
    else:
        np.save(arrays / name, content)
    with pytest.raises((AnnotationError, NeighbourMatrixError), match=message):
        open_split(arrays.parent, "val")


def test_what_is_of_no_layout_is_refused(tmp_path, arrays):
    with pytest.raises(LayoutError, match=r"is of no layout that is known: pack .* react2024"):
        open_split(tmp_path, "val")
    with pytest.raises(LayoutError, match="Did you mean 'react2024'"):
        open_split(tmp_path, "val", layout="reakt2024")
    with pytest.raises(LayoutError, match=r"has no split 'test'\. .*Available: val"):
        open_split(arrays.parent, "test")


def test_others_can_add_a_layout(tmp_path, monkeypatch):
    mine = Layout("mine", "a test", lambda root: False, lambda root: ["val"], lambda root, split: xr.Dataset())
    monkeypatch.setattr("react_data.opening._LAYOUTS", dict(layouts()))
    register_layout(mine)
    assert len(open_split(tmp_path, "val", layout="mine")) == 0
    with pytest.raises(LayoutError, match="there is a layout 'mine' already"):
        register_layout(Layout("mine", "another", *[lambda *_: None] * 3))
