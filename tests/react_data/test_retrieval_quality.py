"""Retrieved neighbours are explained in parts that add up, and measured against known ones."""

import json

import numpy as np
import pytest
from oracles import warping
from oracles.examples import smooth

from react_data import open_split
from react_data.channels import EMOTION_25
from react_data.errors import RetrievalError
from react_data.neighbour_explanation import explain_neighbours, warping_path
from react_data.neighbour_source import NeighbourSource
from react_data.neighbour_table import NeighbourTable
from react_data.retrieval import retrieve_neighbours
from react_data.retrieval_measures import MEASURES
from react_data.retrieval_quality import evaluate_retrieval
from react_data.synthesis import synthesise

CLIPS = ["a", "b", "c", "d"]
TRUTH = NeighbourTable.from_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1]], CLIPS)
DISTANCES = np.array([[0, 1, 3, 9], [1, 0, 4, 9], [3, 4, 0, 2], [9, 9, 2, 0.0]])
NEAR = NeighbourTable.from_matrix(
    DISTANCES < 9, CLIPS, values=DISTANCES, source=NeighbourSource(values="distance", measure="dtw", threshold=8.0)
)


def test_precision_and_recall_by_threshold_are_counted_by_hand():
    quality = evaluate_retrieval(NEAR, TRUTH)
    assert quality.cutoffs.tolist() == [1, 2, 3, 4]
    assert quality.pairs.tolist() == [2, 4, 6, 8]
    np.testing.assert_allclose(quality.precision, [1, 3 / 4, 3 / 6, 4 / 8])
    np.testing.assert_allclose(quality.recall, [2 / 4, 3 / 4, 3 / 4, 1])
    assert (quality.best, quality.chance) == (1, 4 / 12)
    assert quality.average_precision == pytest.approx(0.5 + 0.25 * 0.75 + 0.25 * 0.5)


def test_precision_and_recall_by_rank_are_counted_by_hand():
    quality = evaluate_retrieval(NEAR, TRUTH, by="rank")
    assert quality.cutoffs.tolist() == [1, 2, 3]
    assert quality.pairs.tolist() == [4, 7, 8]
    np.testing.assert_allclose(quality.precision, [3 / 4, 4 / 7, 4 / 8])


def test_each_cutoff_is_a_search_with_that_threshold():
    quality = evaluate_retrieval(NEAR, TRUTH)
    for cutoff, pairs in zip(quality.cutoffs, quality.pairs, strict=True):
        assert len(NEAR.at(cutoff)) - len(CLIPS) == pairs


def test_similarities_are_cut_from_above():
    source = NeighbourSource(values="similarity", measure="ccc", threshold=-1.0)
    table = NeighbourTable.from_matrix(DISTANCES < 9, CLIPS, values=1 - DISTANCES / 10, source=source)
    quality = evaluate_retrieval(table, TRUTH)
    np.testing.assert_allclose(quality.cutoffs, [0.9, 0.8, 0.7, 0.6])
    np.testing.assert_array_equal(quality.precision, evaluate_retrieval(NEAR, TRUTH).precision)


def test_a_quality_prints_and_goes_to_json():
    quality = evaluate_retrieval(NEAR, TRUTH)
    assert "2        4      0.750   0.750  0.750  best" in str(quality)
    assert "average precision 0.812, of guessing 0.333" in str(quality)
    assert json.loads(json.dumps(quality.to_dict()))["recall"] == [0.5, 0.75, 0.75, 1.0]


def test_what_cannot_be_evaluated_says_why():
    with pytest.raises(RetrievalError, match="no values"):
        evaluate_retrieval(TRUTH, TRUTH)
    with pytest.raises(RetrievalError, match="expected 'threshold' or 'rank'"):
        evaluate_retrieval(NEAR, TRUTH, by="clip")
    with pytest.raises(RetrievalError, match="only the clips' own listeners"):
        evaluate_retrieval(NEAR, NeighbourTable.from_matrix(np.eye(4), CLIPS))


@pytest.fixture(scope="module")
def dyads(tmp_path_factory):
    """Speakers and known neighbours of synthetic dyads."""
    root = synthesise(
        tmp_path_factory.mktemp("dyads") / "data",
        recordings=40,
        splits=("val",),
        frames=200,
        behaviours=4,
        modalities=("emotion",),
        show_progress=False,
    )
    split = open_split(root, "val")
    truth = NeighbourTable.from_matrix(split.neighbours.to_numpy(), split["clip"].to_numpy().tolist())
    return split.speaker_emotion.load(), truth


@pytest.mark.parametrize("measure", ["dtw", "ccc"])
def test_known_neighbours_are_found_far_better_than_by_guessing(dyads, measure):
    speakers, truth = dyads
    found = retrieve_neighbours(speakers, measure=measure, top_k=10, show_progress=False)
    quality = evaluate_retrieval(found, truth, by="rank")
    assert quality.precision[0] > 0.8
    assert quality.precision[0] > 5 * quality.chance


@pytest.mark.parametrize("measure", MEASURES)
def test_parts_of_an_explanation_add_up(dyads, measure):
    speakers, _ = dyads
    table = retrieve_neighbours(
        speakers[:8], measure=measure, normalise="z-score by channel", top_k=3, show_progress=False
    )
    explained = explain_neighbours(table, table.clips[2], speakers[:8], k=2)
    values = {table.clips[n]: value for n, value in zip(table.lists()[2], table.values[table.rows == 2], strict=True)}
    del values[table.clips[2]]
    ordered = sorted(values, key=values.get, reverse=explained.values == "similarity")
    assert [each.clip for each in explained.neighbours] == ordered[:2]
    for each in explained.neighbours:
        assert each.value == pytest.approx(values[each.clip], rel=1e-12)
        assert sum(each.groups.values()) == pytest.approx(each.value)
        assert sum(each.shares.values()) == pytest.approx(1)
        assert set(each.closest) <= set(EMOTION_25.channels)
        assert list(each.closest.values()) == sorted(each.closest.values(), reverse=True)


def test_an_explanation_prints_one_line_a_neighbour(dyads):
    speakers, truth = dyads
    explained = explain_neighbours(truth, truth.clips[0], speakers, k=2)
    lines = str(explained).splitlines()
    assert lines[0].startswith(f"{truth.clips[0]}: {truth.counts[0]} neighbours, itself included; distance by dtw")
    assert "valence and arousal (share)" in lines[1]
    assert len(lines) == 4
    assert json.loads(json.dumps(explained.to_dict()))["measure"] == "dtw"


def test_what_cannot_be_explained_says_why(dyads):
    speakers, truth = dyads
    table = retrieve_neighbours(speakers[:4], measure="ccc", top_k=1, show_progress=False)
    with pytest.raises(RetrievalError, match="no clip and listener 'x'"):
        explain_neighbours(table, "x", speakers[:4])
    with pytest.raises(RetrievalError, match="k is 0"):
        explain_neighbours(truth, truth.clips[0], speakers, k=0)
    with pytest.raises(RetrievalError, match="not the speakers and features"):
        explain_neighbours(table, table.clips[0], speakers[:4] + 1)


def test_a_clip_alone_has_nothing_to_explain(dyads):
    speakers, _ = dyads
    table = retrieve_neighbours(speakers[:2], measure="ccc", threshold=1.0, show_progress=False)
    assert str(explain_neighbours(table, table.clips[0], speakers[:2])).count("\n") == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_warping_path_costs_the_warping_distance(seed):
    generator = np.random.default_rng(seed)
    one, other = smooth(generator, 30, 2).astype(float), smooth(generator, 20 + 5 * seed, 2).astype(float)
    rows, columns = warping_path(one, other)
    assert np.sqrt(np.square(one[rows] - other[columns]).sum()) == pytest.approx(warping.dtw(one, other))
    steps = np.stack([np.diff(rows), np.diff(columns)])
    assert ((steps >= 0) & (steps <= 1)).all()
    assert (steps.sum(axis=0) > 0).all()
    assert (rows[0], columns[0], rows[-1], columns[-1]) == (0, 0, len(one) - 1, len(other) - 1)
