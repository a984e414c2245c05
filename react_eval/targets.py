"""What predictions for a split are compared with: listeners, speakers and neighbours, as each protocol sees them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_data.channels import schema_of
from react_data.errors import LabelsMissingError
from react_data.location import find_data_root
from react_data.neighbour_draws import redrawn
from react_data.neighbour_source import RETRIEVAL_SOURCE
from react_data.opening import open_split
from react_data.personal_clips import personalised_clips
from react_data.ragged import clip_series
from react_eval.clip_set import Clips, ClipSet
from react_eval.errors import ChannelError, LengthError
from react_eval.lazy_clips import LazyClips
from react_eval.metrics.arguments import neighbour_indices
from react_eval.protocol import Protocol

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Cut", "SplitTargets", "frames_scored", "rows_scored"]

_VARIABLES = {"emotion": "emotion", "coefficients": "3dmm"}
_USUAL = {"react2023": "react2023", "react2025": "react2025+linear", "react2026": "react2026+linear"}


class SplitTargets:
    """The targets of one split of a data set; equal ones are made once.

    Args:
        dataset: The split, from `react_data.open_split`.
        draw_seed: Seed to draw appropriate reactions anew by, where the data set draws them (MARS).

    Raises:
        LabelsMissingError: If it holds speakers only.
    """

    def __init__(self, dataset: xr.Dataset, draw_seed: int | None = None) -> None:
        root, split = dataset.attrs["root"], dataset.attrs["split"]
        if dataset.attrs["labels"] == "none":
            raise LabelsMissingError(
                f"split {split!r} of {root} holds speakers only: it can be validated, not scored. "
                "Check the submission with `react-eval validate`, and score on val."
            )
        self.dataset = dataset if draw_seed is None else redrawn(dataset, draw_seed)
        self._draw_seed = draw_seed
        self._made: dict[tuple[str, str, int | None], ClipSet] = {}

    @classmethod
    def of(cls, data: str | os.PathLike[str] | None, split: str, draw_seed: int | None = None) -> SplitTargets:
        """The targets of a split of a data set of any layout.

        Args:
            data: Where it lies; ``$REACT_DATA`` or config.toml name it if None.
            split: Name of the split.
            draw_seed: See the class.
        """
        return cls(open_split(find_data_root(data), split), draw_seed)

    def __reduce__(self) -> tuple[Any, tuple[str, str, int | None]]:
        attributes = self.dataset.attrs
        return type(self).of, (attributes["root"], attributes["split"], self._draw_seed)  # read again elsewhere

    @property
    def clip_ids(self) -> list[str]:
        """Ids of the directed clips, in order."""
        return [str(clip) for clip in self.dataset["clip"].values]

    @property
    def usual_protocol(self) -> str:
        """The protocol that follows from the data; that of MARS aligns by itself, as the official way is not public."""
        return _USUAL.get(self.dataset.attrs["layout"], "react2024")

    @property
    def facts(self) -> dict[str, Any]:
        """What a result says about the data."""
        attributes = self.dataset.attrs
        facts = {"split": attributes["split"], "neighbours": "matrix", "synthetic": bool(attributes["synthetic"])}
        if "neighbours" not in self.dataset:
            return facts | {"neighbours": "none"}
        if "draw_seed" in attributes:
            return facts | {"neighbours": f"drawn-seed-{attributes['draw_seed']}"}
        source = str(attributes["neighbour_source"])
        retrieved = source.startswith(RETRIEVAL_SOURCE)
        return facts | ({"neighbours": "retrieved", "neighbour_source": source} if retrieved else {})

    def largest_submission(self, protocols: Sequence[Protocol]) -> int:
        """Bytes that a submission for the split may decode to: both kinds of channels, and four times the frames."""
        frames = max(int(frames_scored(self.dataset, each).sum()) for each in protocols)
        return 4 * 4 * frames * max(each.reactions for each in protocols) * (25 + 58) + 2**26

    def frames(self, protocol: Protocol) -> NDArray[np.int64]:
        """How many frames of each of its clips a protocol scores."""
        return frames_scored(self.dataset, protocol)[self.rows(protocol)]

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
        key = (kind, protocol.clip_set, protocol.frames)
        if key not in self._made:
            self._made[key] = self._make(kind, self.rows(protocol), protocol.frames)
        return self._made[key]

    def rows(self, protocol: Protocol) -> NDArray[np.intp]:
        """Which clips of the split a protocol scores."""
        return rows_scored(self.clip_ids, protocol)

    def _make(self, kind: str, rows: NDArray[np.intp], frames: int | None) -> ClipSet:
        part = self.dataset.isel(clip=rows)
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
            listeners=_series(self.dataset, f"listener_{variable}", rows, frames),
            speakers=_series(self.dataset, f"speaker_{variable}", rows, frames),
            neighbours=lists,
            personal=personal,
            sessions=[str(session) for session in part["session"].values],
            recordings=[str(recording) for recording in part["recording"].values],
            listener_ids=ids,
        )


def rows_scored(clips: Sequence[str], protocol: Protocol) -> NDArray[np.intp]:
    """Which clips of a split a protocol scores.

    Args:
        clips: Ids of all clips.
        protocol: The protocol.
    """
    if protocol.clip_set == "all":
        return np.arange(len(clips))
    chosen = set(personalised_clips(clips))
    return np.flatnonzero([clip in chosen for clip in clips])


def frames_scored(dataset: xr.Dataset, protocol: Protocol) -> NDArray[np.int64]:
    """How many frames of each clip of a split a protocol scores.

    Args:
        dataset: The split, from `react_data.open_split`.
        protocol: The protocol.

    Returns:
        (N,) frames.

    Raises:
        LengthError: If clips differ in length, and the protocol is for clips of one length.
    """
    if "speaker_row_size" not in dataset:
        frames = int(dataset.sizes["frame"])
        return np.full(dataset.sizes["clip"], frames if protocol.frames is None else min(protocol.frames, frames))
    if protocol.frames is not None:
        raise LengthError(
            f"protocol {protocol.id!r} is for clips of one length, but those of {dataset.attrs['root']} differ. Use "
            "react2025+linear, react2026+linear or corrected+linear."
        )
    return np.asarray(dataset["speaker_row_size"].values, dtype=np.int64)


def _series(dataset: xr.Dataset, name: str, rows: NDArray[np.intp], frames: int | None) -> Clips:
    """The series of some clips: an array where lengths are equal, else a list."""
    if "frame" in dataset[name].dims:
        values: Clips = dataset[name].isel(clip=rows, frame=slice(frames)).values
        return values
    by_clip = clip_series(dataset, name)
    return [by_clip[int(row)] for row in rows]


class Cut:
    """Clips of predictions in another order, cut to numbers of frames; each is read when it is used."""

    def __init__(self, clips: Clips, order: Sequence[int], frames: Sequence[int] | None = None) -> None:
        self._clips, self._order, self._frames = clips, order, frames

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int, /) -> NDArray[np.float32]:
        return np.asarray(self._clips[self._order[index]][:, : self._kept(index)])

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[index] for index in range(len(self)))

    def block_of(self, index: int) -> int:
        """Which chunk of lazy predictions a clip is in; 0 where they are not lazy."""
        return self._clips.block_of(self._order[index]) if isinstance(self._clips, LazyClips) else 0

    def lazily(self, indices: Sequence[int]) -> Any:
        """Some clips of lazy predictions, not computed yet; None where they are not lazy."""
        if not isinstance(self._clips, LazyClips):
            return None
        return self._clips.lazily([self._order[index] for index in indices])[:, :, : self._kept(indices[0])]

    def _kept(self, index: int) -> int | None:
        return None if self._frames is None else int(self._frames[index])
