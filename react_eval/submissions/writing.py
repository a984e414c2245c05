"""Write whole submissions."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import Clips
from react_eval.errors import ChannelError, InputError, ShapeError
from react_eval.inputs import Predictions, as_predictions
from react_eval.submissions.durable import replace_durably
from react_eval.submissions.hdf5_writing import write_hdf5
from react_eval.submissions.writing_checks import check_free, check_ids, checked_clip, file_attributes

__all__ = ["save_submission"]


def save_submission(
    path: str | os.PathLike[str],
    preds: Any = None,
    *,
    clips: Iterable[str] | None = None,
    coefficients: Any = None,
    method: str = "",
    split: str = "",
    track: str = "offline",
    run_seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write predictions to an HDF5 (netCDF-4) file, which xarray opens too.

    Args:
        path: The file; ends in ``.h5`` by custom.
        preds: An array (N, α, T, C), N arrays (α, T, C), arrays by clip id, or anything else that `react_eval.score`
            takes; 58 channels are stored as 3DMM coefficients. None if only `coefficients` are given.
        clips: N ids, such as ``RECOLA/group-2/P41/3``; needed unless `preds` or `coefficients` name them.
        coefficients: The 3DMM coefficients of the same clips, in any of these forms, if both are predicted.
        method: Name of the method, for tables.
        split: ``"val"``, ``"test"``, …
        track: ``"offline"`` or ``"online"``.
        run_seed: Seed of the run.
        overwrite: Whether a file that is there is replaced.

    Returns:
        The path.

    Raises:
        InputError: If there are no clip ids, or they do not fit; or `path` exists.
        ShapeError: If a clip's array is not (reactions, frames, channels).
        ChannelError: If `coefficients` are none.
        DtypeError: If values are integers or no numbers.
        NonFiniteError: If a value is NaN or infinite.
    """
    target = Path(path)
    check_free(target, overwrite=overwrite)
    attributes = file_attributes(method, split, track, run_seed)
    given = [as_predictions(each) for each in (preds, coefficients) if each is not None]
    if not given:
        raise InputError("there are no predictions to write. Pass preds=…, coefficients=… or both.")
    if coefficients is not None:
        _check_coefficients(given)
    arrays = {kind: values for each in given for kind, values in each.arrays.items()}
    ids = _agreed_ids(clips, given)
    check_ids(ids, _number_of_clips(arrays))
    _write(target, ids, arrays, attributes, overwrite=overwrite)
    return target


def _write(
    target: Path,
    ids: Sequence[str],
    arrays: Mapping[str, Clips],
    attributes: Mapping[str, str | int],
    *,
    overwrite: bool,
) -> None:
    def clip_values(position: int) -> dict[str, NDArray[np.float32]]:
        return {kind: checked_clip(values[position], ids[position], kind) for kind, values in arrays.items()}

    # beside the target, so that renaming stays within the file system
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write_hdf5(temporary, ids, clip_values, attributes)
        check_free(target, overwrite=overwrite)  # writing took a while
        replace_durably(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _check_coefficients(given: list[Predictions]) -> None:
    *others, coefficients = given
    if set(coefficients.arrays) != {"coefficients"}:
        raise ChannelError("coefficients=… holds facial attributes, expected the 58 3DMM coefficients. Pass preds=….")
    if any("coefficients" in other.arrays for other in others):
        raise InputError("preds and coefficients both hold 3DMM coefficients, by their 58 channels. Pass one.")


def _number_of_clips(arrays: Mapping[str, Clips]) -> int:
    numbers = {kind: len(values) for kind, values in arrays.items()}
    if len(set(numbers.values())) > 1:
        raise ShapeError(f"facial attributes and coefficients differ in their number of clips: {numbers}.")
    return next(iter(numbers.values()), 0)


def _agreed_ids(clips: Iterable[str] | None, given: list[Predictions]) -> tuple[str, ...]:
    if isinstance(clips, str):
        raise InputError(f"clips is the one text {clips!r}, expected a list of ids.")
    named = [each.clips for each in given if each.clips is not None]
    if clips is not None:
        named.append(tuple(clips))
    if any(names != named[0] for names in named):
        raise InputError("clips, preds and coefficients name different clips, or in another order. Name them once.")
    return named[0] if named else ()
