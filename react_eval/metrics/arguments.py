"""Checks of the arrays that metric functions take: every check of a shape, a type or a value lives here, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema, schema_for
from react_data.problems import abbreviate
from react_eval.clip_set import Clips, ClipSet
from react_eval.errors import ChannelError, DtypeError, InputError, NeighbourError, NonFiniteError, ShapeError
from react_eval.lazy_clips import LazyClips

__all__ = ["clip_ids", "clip_set", "neighbour_indices", "series_of", "shapes_of", "target_set", "to_numpy"]

Indices = NDArray[np.intp]


def to_numpy(values: Any, name: str) -> NDArray[np.float32]:
    """A float32 array of anything that is an array: numpy, torch on any device, xarray, lists of numbers.

    Args:
        values: The array; float64 is rounded, and beyond float32 becomes infinite.
        name: What it is, for messages.

    Returns:
        A numpy array in C order, so that no layout in memory changes a bit of a score; the same one where it is that
        already.

    Raises:
        DtypeError: If the values are integers, booleans or no numbers at all.
    """
    if type(values).__module__.partition(".")[0] == "torch":
        import torch  # optional, and loaded already by whoever made the tensor

        values = values.detach().to("cpu")
        values = values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
        values = values.numpy()
    array = np.asarray(values)
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise DtypeError(
            f"{name} has values of type {array.dtype}, expected float32. "
            "Integers are nearly always a mistake here; convert with .astype('float32') if they are meant."
        )
    with np.errstate(over="ignore"):
        return array.astype(np.float32, order="C", copy=False)


def series_of(values: Any, name: str, axes: int) -> Clips:
    """Clips as float32: one array where all have one length, else a list.

    Args:
        values: An array with `axes` + 1 axes, or a sequence of arrays with `axes` axes and one number of channels.
        name: What it is, for messages.
        axes: Axes of one clip: 3 for predictions (α, T, C), 2 for listeners and speakers (T, C).

    Returns:
        The clips; indexing gives one.

    Raises:
        ShapeError: If axes or sizes do not fit.
        DtypeError: If the type does not fit.
        NonFiniteError: If a value is NaN or infinite; names the first.
    """
    if isinstance(values, LazyClips):
        return _checked_lazily(values, name, axes)
    ragged = isinstance(values, (list, tuple)) and len(values) > 0 and np.ndim(values[0]) == axes
    if ragged:
        clips = [np.ascontiguousarray(to_numpy(each, f"{name}[{n}]")) for n, each in enumerate(values)]
        lengths = {each.shape for each in clips}
        whole: Any = np.stack(clips) if len(lengths) == 1 else clips
    else:
        whole = to_numpy(values, name)
        _check_axes(whole.shape, axes + 1, name)
    for clip in range(len(whole)):
        _check_axes(whole[clip].shape, axes, f"{name}[{clip}]")
        _check_finite(whole[clip], f"{name}[{clip}]")
    if len({each.shape[-1] for each in whole}) > 1:
        raise ShapeError(f"the clips of {name} have {abbreviate(sorted({e.shape[-1] for e in whole}))} channels.")
    checked: Clips = whole
    return checked


def _checked_lazily(values: LazyClips, name: str, axes: int) -> Clips:
    """The same clips, whose values are checked when they are computed, so that they are not computed for that alone."""
    _check_axes(values.shape, axes + 1, name)
    meta = np.empty((0,) * len(values.shape), np.float32)
    return LazyClips(values.array.map_blocks(_checked_block, name, meta=meta))


def _checked_block(block: Any, name: str, block_info: Any = None) -> NDArray[np.float32]:
    begin, *within = (span[0] for span in block_info[0]["array-location"])
    values = to_numpy(block, name)
    for number, clip in enumerate(values):
        _check_finite(clip, f"{name}[{begin + number}]", within)
    return values


def shapes_of(clips: Clips) -> list[tuple[int, ...]]:
    """Shapes of all clips; those of an array are known without computing or reading it.

    Args:
        clips: One array with a clip axis, or a list of arrays.
    """
    whole = getattr(clips, "shape", None)
    return [each.shape for each in clips] if whole is None else [whole[1:]] * len(clips)


def _check_axes(shape: tuple[int, ...], axes: int, name: str) -> None:
    meaning = {4: "(clips, reactions, frames, channels)", 3: "3 axes a clip", 2: "(frames, channels)"}[axes]
    if axes == 3:
        meaning = "(reactions, frames, channels) a clip" if "[" in name else "(clips, frames, channels)"
    if len(shape) != axes:
        hint = " For one reaction a clip add an axis: predictions[:, None]." if axes == 4 and len(shape) == 3 else ""
        raise ShapeError(f"{name} has shape {shape}, expected {meaning}.{hint}")
    if 0 in shape:
        raise ShapeError(f"{name} has shape {shape}, which holds no values; expected {meaning}.")
    if shape[-2] < 2:
        raise ShapeError(f"{name} has {shape[-2]} frame(s), expected at least 2: {meaning}.")


def _check_finite(values: NDArray[np.float32], name: str, begin: Sequence[int] | None = None) -> None:
    """Refuse NaN and infinity; `begin` is where the values lie within their clip, if they are a part of it."""
    if np.isfinite(values).all():
        return
    wrong = np.argwhere(~np.isfinite(values))
    place = ", ".join(str(int(index)) for index in wrong[0] + (0 if begin is None else np.asarray(begin)))
    axes = "reaction, frame, channel" if values.ndim == 3 else "frame, channel"
    raise NonFiniteError(
        f"{name} holds {len(wrong)} values that are NaN or infinite, the first at ({axes}) = ({place}): "
        f"{values[tuple(wrong[0])]}. No metric is defined on them; find out where they come from."
    )


def neighbour_indices(neighbours: Any, clips: Sequence[str], listeners: int, name: str = "neighbours") -> list[Indices]:
    """For each clip the indices of its appropriate listeners.

    Args:
        neighbours: (N, M) of booleans or 0 and 1, or for each clip a list of indices.
        clips: N ids, for messages.
        listeners: How many listeners (M) there are.
        name: What it is, for messages.

    Returns:
        N arrays of indices, ascending where a matrix was given.

    Raises:
        NeighbourError: If the shape does not fit, an index is out of range, or a clip has no neighbour.
    """
    matrix = hasattr(neighbours, "shape") or (len(neighbours) > 0 and np.ndim(neighbours[0]) == 0)
    chosen = (
        _matrix_rows(neighbours, len(clips), listeners, name) if matrix else _index_lists(neighbours, listeners, name)
    )
    if len(chosen) != len(clips):
        raise NeighbourError(f"{name} is for {len(chosen)} clips, but there are {len(clips)} predictions.")
    _check_not_lonely(chosen, clips, name)
    return chosen


def _check_not_lonely(neighbours: Sequence[Indices], clips: Sequence[str], name: str) -> None:
    lonely = [clip for clip, indices in zip(clips, neighbours, strict=True) if indices.size == 0]
    if lonely:
        raise NeighbourError(
            f"{len(lonely)} clips have no neighbour in {name}: {abbreviate(lonely)}. "
            "Every clip needs an appropriate reaction; normally the diagonal of the matrix is set."
        )


def _matrix_rows(neighbours: Any, clips: int, listeners: int, name: str) -> list[Indices]:
    matrix = np.asarray(neighbours.cpu() if type(neighbours).__module__.startswith("torch") else neighbours)
    if matrix.shape != (clips, listeners):
        raise NeighbourError(f"{name} has shape {matrix.shape}, expected ({clips}, {listeners}): clips by listeners.")
    if not np.isin(matrix, (0, 1)).all():
        raise NeighbourError(f"{name} holds values other than 0 and 1. Threshold similarities first.")
    return [np.flatnonzero(row) for row in matrix]


def _index_lists(neighbours: Any, listeners: int, name: str) -> list[Indices]:
    chosen = []
    for clip, each in enumerate(neighbours):
        indices = np.asarray(each)
        if indices.size and (indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= listeners):
            raise NeighbourError(f"{name}[{clip}] = {abbreviate(each, 5)} are not indices below {listeners}.")
        if len(set(indices.tolist())) < indices.size:
            raise NeighbourError(
                f"{name}[{clip}] names a listener twice: {abbreviate(each, 5)}. Nested lists are indices; pass 0 and 1 "
                "as an array."
            )
        chosen.append(np.asarray(indices, dtype=np.intp))
    return chosen


def clip_set(
    predictions: Any,
    *,
    listener: Any = None,
    speaker: Any = None,
    neighbours: Any = None,
    personal: Any = None,
    clips: Sequence[str] | None = None,
    schema: ChannelSchema | None = None,
) -> ClipSet:
    """Check arrays and put them together for the metrics.

    Args:
        predictions: (N, α, T, C), or N arrays (α, T, C).
        listener: (M, T, C), or M arrays (T, C), or None.
        speaker: (N, T, C), or N arrays (T, C), or None.
        neighbours: (N, M) of 0 and 1, or N lists of indices, or None.
        personal: The same for neighbours that are the same listener person, or None.
        clips: N ids; their numbers if not given.
        schema: The channels; told from their number if not given.

    Returns:
        The inputs of the metrics.

    Raises:
        InputError: If anything does not fit; see its subclasses.
    """
    checked = series_of(predictions, "predictions", 3)
    shapes = shapes_of(checked)
    reactions, channels = shapes[0][0], shapes[0][-1]
    if len({shape[0] for shape in shapes}) > 1:
        raise ShapeError(f"clips have {abbreviate(sorted({s[0] for s in shapes}))} reactions, expected one number.")
    schema = schema or schema_for(channels)
    if len(schema) != channels:
        raise ChannelError(f"predictions have {channels} channels, but the schema {schema.name!r} has {len(schema)}.")
    ids = clip_ids(clips, len(checked))
    bare = target_set(
        ids, schema, listener=listener, speaker=speaker, neighbours=neighbours, personal=personal, beside="predictions"
    )
    return replace(bare, predictions=checked, reactions=reactions)


def target_set(
    clips: Sequence[str],
    schema: ChannelSchema,
    *,
    listener: Any = None,
    speaker: Any = None,
    neighbours: Any = None,
    personal: Any = None,
    beside: str = "clips",
) -> ClipSet:
    """The same without predictions, which come later.

    Args:
        clips: N ids.
        schema: The channels.
        listener: (M, T, C), or M arrays (T, C), or None.
        speaker: (N, T, C), or N arrays (T, C), or None.
        neighbours: (N, M) of 0 and 1, or N lists of indices, or None.
        personal: The same for neighbours that are the same listener person, or None.
        beside: What is said to have the schema's channels, in messages.

    Returns:
        What predictions are compared with.

    Raises:
        InputError: If anything does not fit; see its subclasses.
    """
    listeners = None if listener is None else series_of(listener, "listener", 2)
    speakers = None if speaker is None else series_of(speaker, "speaker", 2)
    for name, others in (("listener", listeners), ("speaker", speakers)):
        if others is not None and others[0].shape[-1] != len(schema):
            raise ChannelError(f"{beside} have {len(schema)} channels, {name} has {others[0].shape[-1]}.")
    if speakers is not None and len(speakers) != len(clips):
        raise ShapeError(f"there are {len(speakers)} speakers for {len(clips)} clips of predictions.")
    if neighbours is not None and listeners is None:
        raise InputError("neighbours were given without listeners. Pass listener=… too.")
    count = len(listeners) if listeners is not None else 0
    lists = None if neighbours is None else neighbour_indices(neighbours, clips, count)
    same = None if personal is None else neighbour_indices(personal, clips, count, "personal")
    if lists is not None and same is not None:  # a mask, so a personal neighbour is a neighbour
        same = [np.intersect1d(mine, every) for mine, every in zip(same, lists, strict=True)]
        _check_not_lonely(same, clips, "personal within neighbours")
    return ClipSet(
        predictions=(),
        schema=schema,
        clips=clips,
        listeners=listeners,
        speakers=speakers,
        neighbours=lists,
        personal=same,
        listener_ids=clips if count == len(clips) else (),
    )


def clip_ids(clips: Sequence[str] | None, count: int) -> list[str]:
    """Ids as texts, their numbers if there are none.

    Args:
        clips: Ids, or None.
        count: How many clips there are.

    Raises:
        ShapeError: If there are more or fewer.
        InputError: If one is given twice.
    """
    ids = [str(clip) for clip in (clips if clips is not None else range(count))]
    if len(ids) != count:
        raise ShapeError(f"there are {len(ids)} clip ids for {count} clips of predictions.")
    repeated = [clip for clip, times in Counter(ids).items() if times > 1]
    if repeated:
        raise InputError(f"{len(repeated)} clip ids are given more than once: {abbreviate(repeated)}.")
    return ids
