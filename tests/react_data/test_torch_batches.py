"""Batches for training: what they are made of, whichever process reads them."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from react_data.opening import open_split
from react_data.packing import pack
from react_data.synthesis import synthesise
from react_data.torch import AppropriateBatches, PersonBatches, ReactionData, collate, loader
from react_data.training_windows import TrainingDataError


@pytest.fixture(scope="module")
def train(tree):
    """The train split of the synthetic tree, in memory."""
    return open_split(tree, "train").load()


@pytest.fixture(scope="module")
def packed(tree, tmp_path_factory):
    return pack(tree, tmp_path_factory.mktemp("packed") / "data.h5", splits=["val"], show_progress=False)


@pytest.fixture(scope="module")
def mars(tmp_path_factory):
    """A split of MARS: clips of unequal length."""
    root = tmp_path_factory.mktemp("mars") / "data"
    synthesise(root, layout="react2025", recordings=8, frames=90, modalities=["emotion"], show_progress=False)
    return open_split(root, "train").load()


def equal(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name], name
    return True


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_change_nothing_and_see_the_next_epoch(packed, method):
    alone, shared = (
        ReactionData(open_split(packed, "val"), window=20, targets="neighbours", neighbours=2) for _ in range(2)
    )
    alone[0]  # a file that is open already is opened anew in a worker
    batches = loader(shared, 4, workers=2, multiprocessing_context=method)
    orders = []
    for epoch in range(2):
        alone.set_epoch(epoch)
        shared.set_epoch(epoch)
        pairs = list(zip(loader(alone, 4), batches, strict=True))
        assert all(equal(one, other) for one, other in pairs)
        orders.append([clip for one, _ in pairs for clip in one["clip"]])
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_a_packed_file_gives_the_items_of_its_tree(tree, packed):
    settings = {"window": 30, "targets": "neighbours", "role_swap": True}
    from_tree, from_pack = (ReactionData(open_split(root, "val"), **settings) for root in (tree, packed))
    assert all(equal(from_tree[number], from_pack[number]) for number in range(len(from_tree)))


def test_whole_clips_of_unequal_length_become_one_batch(mars):
    data = ReactionData(mars, targets="neighbours", neighbours=2)
    batch = collate([data[number] for number in range(3)])
    lengths = mars.speaker_row_size.to_numpy()[:3]
    assert batch["speaker_emotion"].shape == (3, lengths.max(), 25)
    assert batch["frame_mask"].sum(dim=1).tolist() == lengths.tolist()
    assert not batch["speaker_emotion"][~batch["frame_mask"]].any()
    assert batch["target_emotion"].shape[:2] == (3, 2)
    assert batch["clip"] == mars["clip"].to_numpy()[:3].tolist()


def test_batches_hold_clips_of_different_listeners(train):
    data = ReactionData(train, window=10, outputs=["emotion"])
    batches = PersonBatches(data, persons=2, clips=3)
    assert len(batches) == len(data) // 6
    for batch in loader(data, batches=batches):
        persons = batch["listener_person"]
        assert [len(set(persons[n : n + 3])) for n in (0, 3)] == [1, 1]
        assert persons[0] != persons[3]
        assert len(set(batch["clip"])) == 6
    first = list(batches)
    assert first == list(batches)
    data.set_epoch(1)
    assert first != list(batches)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"persons": 99}, "listeners have at least 4 items, but a batch takes 99"),
        ({"clips": 0}, "expected at least 1 each"),
    ],
)
def test_batches_that_cannot_be_made_say_why(train, settings, reason):
    with pytest.raises(TrainingDataError, match=reason):
        PersonBatches(ReactionData(train), **settings)
    with pytest.raises(TrainingDataError, match="role_swap"):
        PersonBatches(ReactionData(train, role_swap=True))


def test_batches_hold_listeners_who_react_appropriately_to_one_speaker(train):
    everyone = train.assign(neighbours=(("clip", "listener"), np.ones((train.sizes["clip"],) * 2, dtype=bool)))
    data = ReactionData(everyone, window=10, outputs=["emotion"])
    batches = AppropriateBatches(data, persons=3, clips=2)
    first = list(batches)
    assert len(first) == len(data) // 6
    assert all(len(batch) == 6 for batch in first)
    for batch in first:
        persons = [data.listener_persons[item] for item in batch]
        assert [len(set(persons[n : n + 2])) for n in (0, 2, 4)] == [1, 1, 1]
        assert len(set(persons)) == 3
    assert first == list(batches)
    data.set_epoch(1)
    assert first != list(batches)


def test_items_that_react_appropriately(train):
    data = ReactionData(train, window=10, crop="windows", outputs=["emotion"])
    clips = train["clip"].values.tolist()
    matrix = train["neighbours"].values
    items = [clips.index(data[number]["clip"]) for number in range(len(data))]
    for item, found in enumerate(data.appropriate_items()):
        assert found == [other for other, clip in enumerate(items) if matrix[items[item], clip]]


def test_appropriate_batches_that_cannot_be_made_say_why(train):
    alone = train.assign(neighbours=(("clip", "listener"), np.eye(train.sizes["clip"], dtype=bool)))
    with pytest.raises(TrainingDataError, match="no speaker has two listeners"):
        AppropriateBatches(ReactionData(alone))
    with pytest.raises(TrainingDataError, match="expected at least 2, 2 and 1"):
        AppropriateBatches(ReactionData(train), clips=1)
    with pytest.raises(TrainingDataError, match="role_swap"):
        AppropriateBatches(ReactionData(train, role_swap=True))
    with pytest.raises(TrainingDataError, match="appropriateness matrix"):
        AppropriateBatches(ReactionData(train.drop_vars(["neighbours"])))


def test_what_needs_no_torch_does_not_load_it():
    modules = "react_data.personal_clips, react_data.histories, react_data.missing_modalities"
    code = f"import sys, {modules}\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False"
