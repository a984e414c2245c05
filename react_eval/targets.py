"""What predictions for a split are compared with: listeners, speakers and neighbours, as each protocol sees them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_data.channels import schema_of
from react_data.clips import ClipId
from react_data.errors import LabelsMissingError
from react_data.location import find_data_root
from react_data.opening import open_split
from react_eval.clip_set import Clips, ClipSet
from react_eval.errors import ChannelError
from react_eval.lazy_clips import LazyClips
from react_eval.metrics.arguments import neighbour_indices
from react_eval.protocol import Protocol

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Cut", "SplitTargets"]

_VARIABLES = {"emotion": "emotion", "coefficients": "3dmm"}


class SplitTargets:
    """The targets of one split of a data set; equal ones are made once.

    Args:
        dataset: The split, from `react_data.open_split`.

    Raises:
        LabelsMissingError: If it holds speakers only.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        root, split = dataset.attrs["root"], dataset.attrs["split"]
        if dataset.attrs["labels"] == "none":
            raise LabelsMissingError(
                f"split {split!r} of {root} holds speakers only: it can be validated, not scored. "
                "Check the submission with `react-eval validate`, and score on val."
            )
        self.dataset = dataset
        self._made: dict[tuple[str, str, int], ClipSet] = {}

    @classmethod
    def of(cls, data: str | os.PathLike[str] | None, split: str) -> SplitTargets:
        """The targets of a split of a data set of any layout.

        Args:
            data: Where it lies; ``$REACT_DATA`` or config.toml name it if None.
            split: Name of the split.
        """
        return cls(open_split(find_data_root(data), split))

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return type(self).of, (self.dataset.attrs["root"], self.dataset.attrs["split"])  # read again elsewhere

    @property
    def clip_ids(self) -> list[str]:
        """Ids of the directed clips, in order."""
        return [str(clip) for clip in self.dataset["clip"].values]

    @property
    def usual_protocol(self) -> str:
        """The protocol that follows from the data."""
        return "react2023" if self.dataset.attrs["layout"] == "react2023" else "react2024"

    @property
    def facts(self) -> dict[str, Any]:
        """What a result says about the data."""
        attributes = self.dataset.attrs
        source = "none" if "neighbours" not in self.dataset else "matrix"
        return {"split": attributes["split"], "neighbours": source, "synthetic": bool(attributes["synthetic"])}

    def largest_submission(self, protocols: Sequence[Protocol]) -> int:
        """Bytes that a submission for the split may decode to: both kinds of channels, and four times the frames."""
        values = max(each.reactions * each.frames for each in protocols) * (25 + 58)
        return 4 * 4 * len(self.clip_ids) * values + 2**26

    def frames(self, protocol: Protocol) -> int:
        """How many frames of a clip a protocol scores."""
        return min(protocol.frames, int(self.dataset.sizes["frame"]))

    def kind(self, protocol: Protocol, given: Collection[str] | None = None) -> str:
        """Which kind of channels a protocol scores.

        Args:
            protocol: The protocol.
            given: Kinds that the predictions have; any if not given.

        Raises:
            ChannelError: If the predictions and the data share none that it scores.
        """
        there = [kind for kind, variable in _VARIABLES.items() if f"listener_{variable}" in self.dataset]
        wanted = [kind for kind in protocol.channels if kind in there and (given is None or kind in given)]
        if not wanted:
            raise ChannelError(
                f"protocol {protocol.id!r} needs {' or '.join(protocol.channels)} channels; the predictions have "
                f"{' and '.join(given or ['any'])}, the data set has {' and '.join(there) or 'none'}."
            )
        return wanted[0]

    def clip_set(self, protocol: Protocol, kind: str) -> ClipSet:
        """The clips that a protocol scores, without predictions."""
        key = (kind, protocol.clip_set, self.frames(protocol))
        if key not in self._made:
            self._made[key] = self._make(kind, self.rows(protocol), self.frames(protocol))
        return self._made[key]

    def rows(self, protocol: Protocol) -> NDArray[np.intp]:
        """Which clips of the split a protocol scores."""
        if protocol.clip_set == "all":
            return np.arange(self.dataset.sizes["clip"])
        return np.flatnonzero([ClipId.parse(clip).clip != "1" for clip in self.clip_ids])

    def _make(self, kind: str, rows: NDArray[np.intp], frames: int) -> ClipSet:
        part = self.dataset.isel(clip=rows, frame=slice(frames))
        ids = [str(clip) for clip in part["clip"].values]
        lists = personal = None
        if "neighbours" in part:
            matrix = part["neighbours"].values[:, rows]
            lists = neighbour_indices(matrix, ids, len(ids))
            if "listener_person" in part.coords:
                persons = part["listener_person"].values
                personal = [indices[persons[indices] == persons[clip]] for clip, indices in enumerate(lists)]
        variable = _VARIABLES[kind]
        return ClipSet(
            predictions=(),
            schema=schema_of(part, kind),
            clips=ids,
            listeners=part[f"listener_{variable}"].values,
            speakers=part[f"speaker_{variable}"].values,
            neighbours=lists,
            personal=personal,
            sessions=[str(session) for session in part["session"].values],
            recordings=[str(recording) for recording in part["recording"].values],
            listener_ids=ids,
        )


class Cut:
    """Clips of predictions in another order, cut to a number of frames; each is read when it is used."""

    def __init__(self, clips: Clips, order: Sequence[int], frames: int | None = None) -> None:
        self._clips, self._order, self._frames = clips, order, frames

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int, /) -> NDArray[np.float32]:
        return np.asarray(self._clips[self._order[index]][:, : self._frames])

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[index] for index in range(len(self)))

    def block_of(self, index: int) -> int:
        """Which chunk of lazy predictions a clip is in; 0 where they are not lazy."""
        return self._clips.block_of(self._order[index]) if isinstance(self._clips, LazyClips) else 0

    def lazily(self, indices: Sequence[int]) -> Any:
        """Some clips of lazy predictions, not computed yet; None where they are not lazy."""
        if not isinstance(self._clips, LazyClips):
            return None
        return self._clips.lazily([self._order[index] for index in indices])[:, :, : self._frames]
