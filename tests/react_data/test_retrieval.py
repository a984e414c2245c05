"""Retrieval finds what comparing all pairs finds, for every measure, and goes on where it was killed."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import warping
from oracles.concordance import concordance
from oracles.examples import KINDS, fewer_if_interpreted, series, smooth

from react_data.channels import EMOTION_25, ChannelGroup, ChannelSchema
from react_data.errors import RetrievalError
from react_data.neighbour_files import load_neighbours
from react_data.retrieval import retrieve_neighbours
from react_data.retrieval_measures import MEASURES, Concordance

SMALL = ChannelSchema("small", ("x", "y", "z"), (ChannelGroup("one", 0, 2, 0.5), ChannelGroup("two", 2, 3, 2.0)))
GROUPS = tuple((group.start, group.stop, group.weight) for group in SMALL.groups)
WEIGHTS = np.repeat([0.5, 2.0], [2, 1])


def plain_dtw(x, y):
    return warping.weighted_distance(x, y, GROUPS)


def plain_euclidean(x, y):
    return sum(weight * np.linalg.norm(x[:, a:b].astype(float) - y[:, a:b].astype(float)) for a, b, weight in GROUPS)


def plain_cosine(x, y):
    x, y = ((each.astype(float) * np.sqrt(WEIGHTS)).ravel() for each in (x, y))
    norm = np.linalg.norm(x) * np.linalg.norm(y)
    return x @ y / norm if norm else 0.0


def plain_ccc(x, y):
    return np.mean([concordance(x[:, c], y[:, c], 1e-8) for c in range(3)])


PLAIN = {"dtw": plain_dtw, "euclidean": plain_euclidean, "cosine": plain_cosine, "ccc": plain_ccc}


def ids(count):
    return [f"clip{n}" for n in range(count)]


def retrieve(speakers, **options):
    return retrieve_neighbours(
        speakers, **({"ids": ids(len(speakers)), "features": SMALL, "show_progress": False} | options)
    )


def all_values(speakers, measure, **options):
    """(N, N): every value, by a search that rules nothing out."""
    widest = -1.0 if MEASURES[measure].similarity else 1e30
    return retrieve(speakers, measure=measure, threshold=widest, **options).values.reshape(len(speakers), -1)


def some_speakers(count=9, frames=40, seed=0):
    generator = np.random.default_rng(seed)
    classes = smooth(generator, 3, frames, 3)
    return [(0.8 * classes[n % 3] + 0.2 * smooth(generator, frames, 3)).astype(np.float32) for n in range(count)]


SPEAKERS = some_speakers()


@pytest.mark.parametrize("measure", MEASURES)
def test_values_are_those_of_plain_loops(measure):
    expected = [[PLAIN[measure](x, y) for y in SPEAKERS] for x in SPEAKERS]
    values = all_values(SPEAKERS, measure)
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(values, values.T)


def neighbours_by_threshold(values, threshold, measure):
    near = values >= threshold if MEASURES[measure].similarity else values <= threshold
    return near | np.eye(len(values), dtype=bool)


def neighbours_by_rank(values, top_k, measure):
    costs = -values if MEASURES[measure].similarity else values.copy()
    np.fill_diagonal(costs, -np.inf)
    chosen = np.argsort(costs, axis=1, kind="stable")[:, : top_k + 1]
    matrix = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(matrix, chosen, True, axis=1)
    return matrix


@st.composite
def speaker_sets(draw):
    seed, count = draw(st.integers(0, 10**6)), draw(st.integers(1, 9))
    kind = draw(st.sampled_from(("similar", "equal", "far apart in size", *KINDS)))
    if kind == "huge":
        return [1e-16 * each for each in series(kind, seed, count, 35, 3)]
    if kind in KINDS:
        return list(series(kind, seed, count, 35, 3))
    generator = np.random.default_rng(seed)
    if kind == "equal":
        few = some_speakers(2, 35, seed)
        return [few[n] for n in generator.integers(0, 2, count)]
    factors = 10.0 ** generator.integers(-20, 14, count) if kind == "far apart in size" else np.ones(count)
    return [each * np.float32(factor) for each, factor in zip(some_speakers(count, 35, seed), factors, strict=True)]


@settings(max_examples=fewer_if_interpreted(60), deadline=None)
@given(speaker_sets(), st.sampled_from(list(MEASURES)), st.integers(0, 80), st.integers(1, 5), st.integers(0, 4))
def test_nothing_is_ruled_out_that_belongs_in(speakers, measure, pick, block_rows, top_k):
    values = all_values(speakers, measure)
    low, high = (-1.0, 1.0) if MEASURES[measure].similarity else (0.0, 1e30)
    threshold = float(np.clip(values.ravel()[pick % values.size], low, high))  # an exact value: on the edge
    found = retrieve(speakers, measure=measure, threshold=threshold, block_rows=block_rows, threads=2)
    expected = neighbours_by_threshold(values, threshold, measure)
    np.testing.assert_array_equal(found.to_matrix(), expected)
    np.testing.assert_array_equal(found.values, values[expected])
    if top_k:
        nearest = retrieve(speakers, measure=measure, top_k=top_k, block_rows=block_rows)
        np.testing.assert_array_equal(nearest.to_matrix(), neighbours_by_rank(values, top_k, measure))


@pytest.mark.parametrize("measure", MEASURES)
def test_real_channels_are_searched_exactly_too(measure):
    generator = np.random.default_rng(3)
    speakers = smooth(generator, 14, 70, 25)
    speakers[..., :15] = speakers[..., :15] > 0.6
    speakers[:4, :, 3] = 1
    values = all_values(speakers, measure, features=EMOTION_25)
    threshold = float(np.median(values))
    found = retrieve(speakers, measure=measure, features=None, threshold=threshold)
    np.testing.assert_array_equal(found.to_matrix(), neighbours_by_threshold(values, threshold, measure))
    assert found.source.features == "emotion-25"


def test_clips_of_different_lengths_warp_and_are_refused_elsewhere():
    ragged = [each[: 40 - 3 * n] for n, each in enumerate(SPEAKERS)]
    expected = [[plain_dtw(x, y) / np.sqrt((len(x) + len(y)) / 2) for y in ragged] for x in ragged]
    values = all_values(ragged, "dtw", per_frame=True)
    np.testing.assert_allclose(values, expected, rtol=1e-9)
    threshold = values[1, 4]
    found = retrieve(ragged, threshold=threshold, per_frame=True)
    np.testing.assert_array_equal(found.to_matrix(), values <= threshold)
    with pytest.raises(RetrievalError, match="different lengths; most have 40 frames, but clip1 has 39"):
        retrieve([SPEAKERS[0], SPEAKERS[1][:39], SPEAKERS[2]], measure="ccc", threshold=0.5)


def test_the_first_of_equally_near_clips_counts():
    same = [SPEAKERS[0]] * 4
    found = retrieve(same, top_k=2)
    assert [each.tolist() for each in found.lists()] == [[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1, 3]]


@pytest.mark.parametrize("options", [{"threshold": 1.0}, {"top_k": 3}])
def test_one_clip_is_its_own_neighbour(options):
    found = retrieve(SPEAKERS[:1], **options)
    assert (found.to_matrix().tolist(), found.values.tolist()) == ([[True]], [0.0])


def test_the_nearest_can_be_made_symmetric():
    found = retrieve(SPEAKERS, top_k=3).to_matrix()
    assert (found != found.T).any()
    np.testing.assert_array_equal(retrieve(SPEAKERS, top_k=3, symmetric="either").to_matrix(), found | found.T)
    np.testing.assert_array_equal(retrieve(SPEAKERS, top_k=3, symmetric="both").to_matrix(), found & found.T)


@pytest.mark.parametrize("options", [{"threshold": 1e9}, {"top_k": 5}])
def test_neighbours_share_every_label(options):
    labels = {"split": list("aabbabab" + "c"), "corpus": list("xyxyxyxyx")}
    found = retrieve(SPEAKERS, within=labels, **options)
    joined = np.array(["".join(pair) for pair in zip(*labels.values(), strict=True)])
    np.testing.assert_array_equal(found.to_matrix(), joined[:, None] == joined)
    assert found.source.within == ("split", "corpus")


def test_normalisation_is_as_said():
    stacked = np.stack(SPEAKERS).astype(float)
    stacked[..., 1] = 7
    overall = (stacked - stacked.mean(axis=(0, 1))) / np.where(
        stacked.std(axis=(0, 1)) > 0, stacked.std(axis=(0, 1)), 1
    )
    by_clip = stacked - stacked.mean(axis=1, keepdims=True)
    by_clip /= np.where(stacked.std(axis=1, keepdims=True) > 0, stacked.std(axis=1, keepdims=True), 1)
    for how, expected in (("z-score by channel", overall), ("z-score by clip", by_clip)):
        found = all_values(stacked, "euclidean", normalise=how)
        np.testing.assert_allclose(found, all_values(expected, "euclidean"), rtol=1e-5, atol=1e-5)


def test_an_xarray_variable_brings_its_ids_and_unknown_features_are_one_group():
    speakers = xr.DataArray(np.stack(SPEAKERS), dims=("clip", "frame", "channel"), coords={"clip": ids(9)})
    found = retrieve_neighbours(speakers, measure="cosine", top_k=1, show_progress=False)
    assert found.clips == tuple(ids(9))
    assert found.source.groups == (("channels", 0, 3, 1 / 3),)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"measure": "dwt"}, "there is no measure 'dwt'. Did you mean 'dtw'"),
        ({"normalise": "zscore"}, "there is no normalise 'zscore'"),
        ({"symmetric": True}, "there is no symmetric True"),
        ({"threshold": None}, "exactly one of threshold and top_k .* neither is given"),
        ({"top_k": 3}, "both are given"),
        ({"threshold": None, "top_k": 0}, "top_k is 0, expected at least 1"),
        ({"threshold": -1.0}, r"threshold is -1.0, expected a distance in 0..1e\+30"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"measure": "ccc", "threshold": 2.0}, r"expected a similarity in -1..1"),
        ({"measure": "ccc", "threshold": 0.5, "per_frame": True}, "per_frame goes with measure='dtw' only"),
        ({"ids": None}, "ids are missing"),
        ({"ids": ["a"]}, "1 ids were given for 9 clips"),
        ({"within": {"split": ["a"]}}, "within has 1 labels 'split' for 9 clips"),
        ({"threads": 0}, "threads is 0"),
        ({"block_rows": 0}, "block_rows is 0"),
        ({"features": EMOTION_25}, "25 channels were expected, but clip0 has 3"),
        ({"features": replace(SMALL, groups=SMALL.groups[:1])}, "groups of small do not cover its 3 channels"),
        ({"features": replace(SMALL, groups=(ChannelGroup("all", 0, 3, 0.0),))}, "not all 0"),
    ],
)
def test_wrong_arguments_say_why(options, reason):
    with pytest.raises(RetrievalError, match=reason):
        retrieve(SPEAKERS, **({"threshold": 1.0} | options))


def test_wrong_series_are_reported_together():
    bad = [SPEAKERS[0], SPEAKERS[1][:, :2], np.where(np.arange(3) == 1, np.nan, SPEAKERS[2]), SPEAKERS[3] * 1e20]
    with pytest.raises(RetrievalError, match=r"clip1 has 2; values are not finite, or beyond 1e\+15, in clip2, clip3"):
        retrieve(bad, threshold=1.0)
    with pytest.raises(RetrievalError, match=r"clip0 has the shape \(40,\)"):
        retrieve([each[:, 0] for each in SPEAKERS], threshold=1.0)
    with pytest.raises(RetrievalError, match="no clips to compare"):
        retrieve([], threshold=1.0)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("options", [{"threshold": 0.9}, {"top_k": 2}])
def test_threads_and_blocks_do_not_change_a_byte(tmp_path, measure, options):
    written = []
    for number, (threads, block_rows) in enumerate([(1, 64), (3, 2), (2, 5)]):
        out = tmp_path / f"{number}.h5"
        retrieve(SPEAKERS, measure=measure, threads=threads, block_rows=block_rows, out=out, **options)
        written.append(out.read_bytes())
    assert written[0] == written[1] == written[2]


class Killed(BaseException):
    """A kill that nothing catches."""


@pytest.mark.parametrize("options", [{"threshold": 0.2}, {"top_k": 2}])
def test_a_killed_search_leaves_no_result_and_goes_on_where_it_stopped(tmp_path, monkeypatch, options):
    def search(**more):
        return retrieve(SPEAKERS, measure="ccc", out=tmp_path / "n.h5", block_rows=2, threads=1, **options, **more)

    expected = retrieve(SPEAKERS, measure="ccc", **options)
    measured, compare = [], Concordance.from_clip

    def counted(self, clip, last):
        if len(measured) == last:
            raise Killed
        measured.append(clip)
        return compare(self, clip)

    monkeypatch.setattr(Concordance, "from_clip", lambda self, clip: counted(self, clip, 7))
    with pytest.raises(Killed):
        search()
    assert not (tmp_path / "n.h5").exists()
    kept = sorted((tmp_path / "n.h5.blocks").glob("*.npz"))
    assert len(kept) == 3
    kept[0].write_bytes(kept[0].read_bytes()[:50])  # what a power cut may leave
    measured.clear()
    monkeypatch.setattr(Concordance, "from_clip", lambda self, clip: counted(self, clip, -1))
    resumed = search()
    assert not set(measured[: -len(SPEAKERS)][:4]) & {2, 3, 4, 5}
    np.testing.assert_array_equal(resumed.to_matrix(), expected.to_matrix())
    np.testing.assert_array_equal(resumed.values, expected.values)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["n.h5"]
    measured.clear()
    assert search().source == expected.source
    assert not measured


def test_other_searches_do_not_mix(tmp_path, monkeypatch):
    out = tmp_path / "n.h5"
    monkeypatch.setattr(Concordance, "from_clip", lambda self, clip: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        retrieve(SPEAKERS, measure="ccc", threshold=0.2, out=out)
    monkeypatch.undo()
    with pytest.raises(RetrievalError, match=r"n\.h5\.blocks holds .* another search: threshold was 0.2, is 0.3"):
        retrieve(SPEAKERS, measure="ccc", threshold=0.3, out=out)
    found = retrieve(SPEAKERS, measure="ccc", threshold=0.3, out=out, resume=False)
    with pytest.raises(RetrievalError, match=r"n\.h5 holds other neighbours .* at least 0\.3"):
        retrieve(SPEAKERS, measure="ccc", threshold=0.2, out=out)
    with pytest.raises(RetrievalError, match="or of other clips"):
        retrieve(SPEAKERS[::-1], measure="ccc", threshold=0.3, out=out)
    np.testing.assert_array_equal(load_neighbours(out).to_matrix(), found.to_matrix())


def test_damaged_settings_of_a_search_say_what_to_do(tmp_path):
    (tmp_path / "n.h5.blocks").mkdir()
    (tmp_path / "n.h5.blocks" / "search.json").write_text("[")
    with pytest.raises(RetrievalError, match=r"search\.json is damaged. Pass resume=False"):
        retrieve(SPEAKERS, threshold=1.0, out=tmp_path / "n.h5")


def test_a_whole_data_set_is_refused_with_what_to_pass():
    face = (("clip", "frame", "emotion"), np.zeros((2, 9, 25), dtype=np.float32))
    dataset = xr.Dataset({"speaker_emotion": face, "listener_emotion": face}, {"clip": ["a", "b"]})
    with pytest.raises(RetrievalError, match=r"clip_series\(data, 'speaker_emotion'\)\), and ids=data\['clip'\]"):
        retrieve_neighbours(dataset, top_k=1)
    with pytest.raises(RetrievalError, match="without any series of speakers"):
        retrieve_neighbours(dataset.drop_vars("speaker_emotion"), top_k=1)


def test_progress_goes_to_stderr(capsys):
    retrieve(SPEAKERS, measure="ccc", top_k=1, show_progress=True)
    output = capsys.readouterr()
    assert not output.out
    assert "looking for near clips" in output.err
    assert "comparing clips" in output.err


def test_importing_the_retrieval_loads_neither_numba_nor_react_eval():
    code = (
        "import sys, react_data.retrieval, react_data.neighbour_explanation, react_data.retrieval_quality\n"
        "print([name for name in ('numba', 'react_eval', 'h5py', 'xarray') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"
