"""Training with PyTorch: items of a data set of any layout, and batches of them, at random or person by person."""

from react_data.torch.loading import EpochOrder, collate, loader
from react_data.torch.person_batches import AppropriateBatches, PersonBatches, person_pairs
from react_data.torch.reaction_data import ReactionData
from react_data.training_windows import windows

__all__ = [
    "AppropriateBatches",
    "EpochOrder",
    "PersonBatches",
    "ReactionData",
    "collate",
    "loader",
    "person_pairs",
    "windows",
]
