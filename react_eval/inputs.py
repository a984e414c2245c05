"""Predictions in every form that `react_eval.score` takes: a path, numpy, torch, xarray, pandas, or a dict by clip."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_data.problems import abbreviate
from react_eval.clip_set import Clips
from react_eval.errors import InputError, ShapeError
from react_eval.lazy_clips import LazyClips, is_dask
from react_eval.metrics.arguments import to_numpy
from react_eval.submissions.layout import KINDS, VARIABLES, kind_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from react_eval.submissions import Submission

__all__ = ["Predictions", "as_predictions"]

_ATTRIBUTES = ("method", "split", "track", "run_seed", "created_by")


@dataclass(frozen=True)
class Predictions:
    """Predictions as arrays, whatever they came as.

    Attributes:
        arrays: By kind of channels (``"emotion"``, ``"coefficients"``): (N, α, T, C) float32, or N arrays (α, T, C).
        clips: N ids, or None where only the order tells.
        attributes: What the file says of itself: method, split, track, run_seed, …
        notes: What a person should know: casts, order taken on trust.
        submission: The file that was read, if any; it owns the arrays' storage.
        channels: Channel names by kind, where what was given has them.
    """

    arrays: Mapping[str, Clips]
    clips: tuple[str, ...] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    submission: Submission | None = None
    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.arrays if kind not in VARIABLES]
        if unknown or not self.arrays:
            raise InputError(
                f"predictions have the kinds {list(self.arrays)}, expected 'emotion', 'coefficients' or both."
            )

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))


def as_predictions(preds: Any, *, largest: int | None = None, show_progress: bool | None = None) -> Predictions:
    """Take predictions in any form.

    Args:
        preds: Predictions, which are returned as they are; a path; an array (N, α, T, C) of numpy or torch; an
            `xarray.DataArray` or `Dataset` with dims clip, reaction, frame and emotion or coefficient; a
            `pandas.DataFrame` with the index levels clip, reaction, frame and a column a channel; arrays (α, T, C) by
            clip id; or what a generator returns, arrays (N, α, T, C) by kind of channels.
        largest: Bytes that a file may decode to; the reader's own limits if not given.
        show_progress: Whether reading a file shows a progress bar.

    Returns:
        The predictions. 58 channels are taken as 3DMM coefficients, anything else as facial attributes. Names of the
        channels and attributes such as ``method`` and ``run_seed`` are kept where the form has them.

    Raises:
        InputError: If the form is not known or shapes do not fit.
        UnreadableFileError: If a file cannot be read.
    """
    if isinstance(preds, Predictions):
        return preds
    if isinstance(preds, (str, os.PathLike)):
        return _from_file(preds, largest, show_progress)
    kind = f"{type(preds).__module__.partition('.')[0]}.{type(preds).__name__}"
    if kind == "xarray.DataArray":
        return _from_xarray({"prediction": preds}, preds.attrs)
    if kind == "xarray.Dataset":
        return _from_xarray({name: preds[name] for name in KINDS if name in preds}, preds.attrs)
    if kind == "pandas.DataFrame":
        return _from_frame(preds)
    if isinstance(preds, Mapping):
        return _from_kinds(preds) if preds and set(preds) <= set(VARIABLES) else _from_clips(preds)
    if isinstance(preds, (list, tuple)):
        return _from_arrays(preds, None)
    if hasattr(preds, "shape"):
        return _from_array(preds)
    raise InputError(
        f"predictions of type {type(preds).__name__} are not known. Pass a path, an array or a dict by clip."
    )


def _from_file(path: str | os.PathLike[str], largest: int | None, show_progress: bool | None) -> Predictions:
    from react_eval.submissions import read_submission  # arrays need no file reader

    submission = read_submission(path, largest=largest, show_progress=show_progress)
    return Predictions(
        submission.arrays,
        submission.clips,
        submission.attributes,
        submission.notes,
        submission,
        submission.channels,
    )


def _from_array(preds: Any) -> Predictions:
    if len(preds.shape) != 4:
        hint = " For one reaction a clip add an axis: preds[:, None]." if len(preds.shape) == 3 else ""
        raise ShapeError(
            f"predictions have shape {tuple(preds.shape)}, expected (clips, reactions, frames, channels).{hint}"
        )
    values = _whole(preds, "predictions")
    return Predictions({kind_of(values.shape[-1]): values}, notes=_cast_note(preds))


def _whole(values: Any, name: str) -> Any:
    """All clips of one kind: as float32, or as they are where they are computed when they are read."""
    if not is_dask(values):
        return to_numpy(values, name)
    to_numpy(np.empty(0, values.dtype), name)  # refuses what is no float
    return LazyClips(values)


def _from_kinds(preds: Mapping[str, Any]) -> Predictions:
    arrays = {kind: _whole(values, kind) for kind, values in preds.items()}
    wrong = [f"{kind}: {values.shape}" for kind, values in arrays.items() if len(values.shape) != 4]
    if wrong:
        raise ShapeError(f"expected (clips, reactions, frames, channels), but not so in {abbreviate(wrong)}.")
    sizes = [values.shape[:3] for values in arrays.values()]
    if len(set(sizes)) > 1:
        raise ShapeError(f"{' and '.join(arrays)} differ in clips, reactions or frames: {abbreviate(sizes)}.")
    return Predictions(arrays, notes=_cast_note(*preds.values()))


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
    return Predictions({kind_of(values[0].shape[-1]): whole}, clips, notes=_cast_note(*arrays))


def _from_clips(preds: Mapping[Any, Any]) -> Predictions:
    return _from_arrays([_ordered(clip) for clip in preds.values()], tuple(str(clip) for clip in preds))


def _ordered(clip: Any) -> Any:
    """The axes of a clip that names them as reaction, frame, channel."""
    named = {"reaction", "frame"} <= set(getattr(clip, "dims", ()))
    return clip.transpose("reaction", "frame", ...) if named else clip


def _from_xarray(variables: Mapping[str, xr.DataArray], attributes: Mapping[Any, Any]) -> Predictions:
    if not variables:
        raise InputError("the Dataset has no variable prediction or prediction_3dmm.")
    arrays: dict[str, Clips] = {}
    channels: dict[str, tuple[str, ...]] = {}
    clips: tuple[str, ...] | None = None
    claims: dict[Any, Any] = {}
    for name, variable in variables.items():
        last = _channel_axis(name, variable)
        ordered = variable.transpose("clip", "reaction", "frame", last)
        values = _whole(ordered.data, name)
        kind = KINDS[name] if name == VARIABLES["coefficients"] else kind_of(values.shape[-1])
        if kind in arrays:
            raise ShapeError(
                "prediction has 58 channels, as prediction_3dmm has: facial attributes have 25. Keep one of the two."
            )
        arrays[kind] = values
        channels |= _names(kind, ordered[last].values if last in ordered.coords else ())
        claims = dict(variable.attrs) | claims
        if "clip" in ordered.coords:
            clips = tuple(str(clip) for clip in ordered["clip"].values)
    notes = _cast_note(*variables.values())
    return Predictions(arrays, clips, _known(claims | dict(attributes)), notes, channels=channels)


def _channel_axis(name: str, variable: xr.DataArray) -> Any:
    last = next((dim for dim in variable.dims if dim not in ("clip", "reaction", "frame")), None)
    if set(variable.dims) != {"clip", "reaction", "frame", last} or last is None:
        raise ShapeError(f"{name} has dims {variable.dims}, expected clip, reaction, frame and emotion or coefficient.")
    return last


def _from_frame(table: pd.DataFrame) -> Predictions:
    if list(table.index.names) != ["clip", "reaction", "frame"]:
        raise ShapeError(
            f"the DataFrame's index is {list(table.index.names)}, expected the levels clip, reaction, frame. "
            'Where they are columns: table.set_index(["clip", "reaction", "frame"]).'
        )
    for level in ("reaction", "frame"):
        if table.index.get_level_values(level).dtype.kind not in "iu":
            raise ShapeError(
                f"the level {level} holds text, expected numbers: as text, frame 10 would come before frame 2."
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
    named = _names(kind_of(table.shape[1]), table.columns)
    return replace(_from_clips(arrays), attributes=_known(table.attrs), channels=named)


def _names(kind: str, names: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    """Channel names by kind; nothing where channels are only numbered."""
    listed = tuple(names)
    return {kind: tuple(map(str, listed))} if listed and all(isinstance(name, str) for name in listed) else {}


def _known(attributes: Mapping[Any, Any]) -> dict[str, str]:
    """The attributes that a submission file has too, as text, as far as they are a text or a number."""
    plain = (str, int, float, np.number)
    return {name: str(attributes[name]) for name in _ATTRIBUTES if isinstance(attributes.get(name), plain)}


def _cast_note(*given: Any) -> tuple[str, ...]:
    types = {str(getattr(each, "dtype", "")).removeprefix("torch.") for each in given}
    return ("predictions were cast from float64 to float32",) if "float64" in types else ()
