"""Every layout behind one call: what is synthesised is recognised and opened."""

import shutil
from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import xarray as xr

import react_data
from react_data.contents import describe
from react_data.errors import AnnotationError, ClipListError, LayoutError, NeighbourMatrixError
from react_data.neighbour_draws import draw_targets
from react_data.opening import Layout, find_layout, layouts, open_split, register_layout
from react_data.ragged import clip_series

SYNTHETIC = ("react2023", "react2024", "react2025", "react2026")
CHANNELS = 25
SECOND_PACK = Layout("pack", "another", *[lambda *_: None] * 3)


def _fail(root):
    raise IndexError("no file")


FAULTY = Layout("faulty", "a test", _fail, lambda root: [], lambda root, split: xr.Dataset())


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """A small tree of every synthetic layout."""
    root = tmp_path_factory.mktemp("trees")
    options = {"recordings": 12, "frames": 60, "sample_rate": 1000, "behaviours": 2, "show_progress": False}
    for layout in SYNTHETIC:
        react_data.synthesise(root / layout, layout=layout, **options)
    return root


@pytest.fixture
def arrays(tmp_path):
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    series = np.random.default_rng(0).random((2, 6, 40, CHANNELS), dtype=np.float32)
    for role, values in zip(("speaker", "listener"), series, strict=True):
        np.save(folder / f"{role}_emotion.npy", values)
    np.save(folder / "neighbours.npy", np.eye(6))
    return folder


@pytest.mark.parametrize("layout", SYNTHETIC)
def test_a_synthetic_tree_is_recognised(trees, layout):
    assert find_layout(trees / layout).name == layout
    assert open_split(trees / layout, "val").attrs["layout"] == layout


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


def installed(monkeypatch, *points):
    """As if a package had these entry points."""
    monkeypatch.setattr("react_data.opening._LAYOUTS", dict(layouts()))
    monkeypatch.setattr("react_data.opening._LOADED", {})
    monkeypatch.setattr("react_data.opening._installed", lambda: points)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module:LAYOUT", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("math:pi", "it is a float, expected a Layout"),
        ("tests.react_data.test_layouts:SECOND_PACK", "there is a layout 'pack' already"),
    ],
)
def test_a_layout_of_others_that_is_broken_is_left_out_aloud(trees, monkeypatch, value, reason):
    installed(monkeypatch, EntryPoint("broken", value, "react_data.layouts"))
    with pytest.warns(RuntimeWarning, match=f"the layout 'broken' of package .* is left out: {reason}"):
        assert find_layout(trees / "react2024").name == "react2024"
    assert find_layout(trees / "react2025").name == "react2025"  # and warns once
    with pytest.raises(LayoutError, match=f"there is no layout 'broken'.*{reason}.*Available: pack"):
        open_split(trees / "react2024", "val", layout="broken")


def test_a_layout_of_others_that_cannot_tell_hides_no_other(trees, tmp_path, monkeypatch):
    monkeypatch.setattr("react_data.opening._LAYOUTS", {"faulty": FAULTY, **layouts()})
    assert find_layout(trees / "react2024").name == "react2024"
    with pytest.raises(LayoutError, match=r"The layout faulty fails: IndexError\('no file'\)"):
        find_layout(tmp_path)
    careless = replace(FAULTY, recognises=lambda root: bool((root / "about.json").read_text()))
    monkeypatch.setattr("react_data.opening._LAYOUTS", {"careless": careless, **layouts()})
    with pytest.raises(LayoutError, match="is of no layout that is known"):
        find_layout(tmp_path)


@pytest.mark.parametrize(
    ("layout", "option", "taken"),
    [
        ("react2024", "draw_seed", "the layout react2024 takes no draw_seed=; it takes frames="),
        ("react2025", "frames", "takes no frames=; it takes draw_seed="),
        ("arrays", "frames", "the layout arrays takes no frames=; it takes no options"),
        ("motion-energy", "frames", "takes no frames=; it takes clip_frames=, log="),
    ],
)
def test_an_option_of_another_layout_is_refused(trees, arrays, tmp_path, layout, option, taken):
    energy = tmp_path / "energy"
    energy.mkdir()
    (energy / "one.txt").write_text('"pat" "th"\n1 2\n')
    root = {"arrays": arrays.parent, "motion-energy": energy}.get(layout, trees / layout)
    split = "all" if layout == "motion-energy" else "val"
    with pytest.raises(LayoutError, match=taken):
        open_split(root, split, **{option: 3})


def test_a_layout_that_is_forced_on_another_says_which_it_is(trees):
    for call in (
        lambda root: open_split(root, "val", layout="react2025"),
        lambda root: describe(root, layout="react2025"),
    ):
        with pytest.raises(LayoutError, match=r"has no split of the layout react2025 .* It is of the layout react2024"):
            call(trees / "react2024")
