"""Predictions in every form that `react_eval.score` takes: a path, numpy, torch, xarray, pandas, or a dict by clip."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_data.problems import abbreviate
from react_eval.clip_set import Clips
from react_eval.errors import InputError, ShapeError
from react_eval.metrics.arguments import to_numpy

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from react_eval.submissions import Submission

__all__ = ["Predictions", "as_predictions"]

_COEFFICIENTS = 58
_SPACES = {"prediction": "emotion", "prediction_3dmm": "coefficients"}


@dataclass(frozen=True)
class Predictions:
    """Predictions as arrays, whatever they came as.

    Attributes:
        arrays: By kind of channels (``"emotion"``, ``"coefficients"``): (N, α, T, C) float32, or N arrays (α, T, C).
        clips: N ids, or None where only the order tells.
        attributes: What the file says of itself: method, split, track, run_seed, …
        notes: What a person should know: casts, order taken on trust.
        submission: The file that was read, if any; it owns the arrays' storage.
    """

    arrays: Mapping[str, Clips]
    clips: tuple[str, ...] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    submission: Submission | None = None

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))


def as_predictions(preds: Any, *, show_progress: bool | None = None) -> Predictions:
    """Take predictions in any form.

    Args:
        preds: Predictions, which are returned as they are; a path; an array (N, α, T, C) of numpy or torch; an
            `xarray.DataArray` or `Dataset` with dims clip, reaction, frame and emotion or coefficient; a
            `pandas.DataFrame` with the index levels clip, reaction, frame and a column a channel; or arrays (α, T, C)
            by clip id.
        show_progress: Whether reading a file shows a progress bar.

    Returns:
        The predictions. 58 channels are taken as 3DMM coefficients, anything else as facial attributes.

    Raises:
        InputError: If the form is not known or shapes do not fit.
        UnreadableFileError: If a file cannot be read.
    """
    if isinstance(preds, Predictions):
        return preds
    if isinstance(preds, (str, os.PathLike)):
        return _from_file(preds, show_progress)
    kind = f"{type(preds).__module__.partition('.')[0]}.{type(preds).__name__}"
    if kind == "xarray.DataArray":
        return _from_xarray({"prediction": preds})
    if kind == "xarray.Dataset":
        return _from_xarray({name: preds[name] for name in _SPACES if name in preds})
    if kind == "pandas.DataFrame":
        return _from_frame(preds)
    if isinstance(preds, Mapping):
        return _from_clips(preds)
    if isinstance(preds, (list, tuple)):
        return _from_arrays(preds, None)
    if hasattr(preds, "shape"):
        return _from_array(preds)
    raise InputError(
        f"predictions of type {type(preds).__name__} are not known. Pass a path, an array or a dict by clip."
    )


def _from_file(path: str | os.PathLike[str], show_progress: bool | None) -> Predictions:
    from react_eval.submissions import read_submission  # arrays need no file reader

    submission = read_submission(path, show_progress=show_progress)
    return Predictions(submission.arrays, submission.clips, submission.attributes, submission.notes, submission)


def _from_array(preds: Any) -> Predictions:
    if len(preds.shape) != 4:
        hint = " For one reaction a clip add an axis: preds[:, None]." if len(preds.shape) == 3 else ""
        raise ShapeError(
            f"predictions have shape {tuple(preds.shape)}, expected (clips, reactions, frames, channels).{hint}"
        )
    values = to_numpy(preds, "predictions")
    return Predictions({_space(values): values}, notes=_cast_note(preds))


def _from_arrays(arrays: Sequence[Any], clips: tuple[str, ...] | None) -> Predictions:
    if not arrays:
        raise InputError("there are no predictions: the collection is empty.")
    values = [to_numpy(each, f"predictions of clip {clips[n] if clips else n!r}") for n, each in enumerate(arrays)]
    wrong = [f"{clips[n] if clips else n}: {each.shape}" for n, each in enumerate(values) if each.ndim != 3]
    if wrong:
        raise ShapeError(f"these clips are not of shape (reactions, frames, channels): {abbreviate(wrong, 5)}.")
    if len({(each.shape[0], each.shape[2]) for each in values}) > 1:
        shapes = abbreviate(sorted({each.shape for each in values}), 5)
        raise ShapeError(f"clips differ in reactions or channels: {shapes}. Only the number of frames may differ.")
    whole: Clips = np.stack(values) if len({each.shape for each in values}) == 1 else values
    return Predictions({_space(values[0]): whole}, clips, notes=_cast_note(arrays[0]))


def _from_clips(preds: Mapping[Any, Any]) -> Predictions:
    return _from_arrays(list(preds.values()), tuple(str(clip) for clip in preds))


def _from_xarray(variables: Mapping[str, xr.DataArray]) -> Predictions:
    if not variables:
        raise InputError("the Dataset has no variable prediction or prediction_3dmm.")
    arrays: dict[str, Clips] = {}
    clips: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    for name, variable in variables.items():
        last = next((dim for dim in variable.dims if dim not in ("clip", "reaction", "frame")), None)
        if set(variable.dims) != {"clip", "reaction", "frame", last} or last is None:
            raise ShapeError(
                f"{name} has dims {variable.dims}, expected clip, reaction, frame and emotion or coefficient."
            )
        ordered = variable.transpose("clip", "reaction", "frame", last)
        values = to_numpy(ordered.values, name)
        space = _SPACES[name] if name == "prediction_3dmm" else _space(values)
        arrays[space] = values
        notes = notes or _cast_note(variable)
        if "clip" in ordered.coords:
            clips = tuple(str(clip) for clip in ordered["clip"].values)
    return Predictions(arrays, clips, notes=notes)


def _from_frame(table: pd.DataFrame) -> Predictions:
    if list(table.index.names) != ["clip", "reaction", "frame"]:
        raise ShapeError(
            f"the DataFrame's index is {list(table.index.names)}, expected the levels clip, reaction, frame."
        )
    repeated = table.index[table.index.duplicated()]
    if len(repeated):
        raise ShapeError(f"{len(repeated)} rows are given twice, the first for {tuple(repeated[0])}.")
    arrays: dict[str, NDArray[Any]] = {}
    for clip, rows in table.groupby(level="clip", sort=False):
        reactions, frames = (rows.index.get_level_values(level).nunique() for level in ("reaction", "frame"))
        if reactions * frames != len(rows):
            raise ShapeError(f"clip {clip!r} has {len(rows)} rows, expected {reactions} reactions × {frames} frames.")
        arrays[str(clip)] = rows.sort_index().to_numpy().reshape(reactions, frames, -1)
    return _from_clips(arrays)


def _space(values: NDArray[Any]) -> str:
    return "coefficients" if values.shape[-1] == _COEFFICIENTS else "emotion"


def _cast_note(given: Any) -> tuple[str, ...]:
    was_double = str(getattr(given, "dtype", "")).removeprefix("torch.") == "float64"
    return ("predictions were cast from float64 to float32",) if was_double else ()
