"""Write submissions: whole ones with `save_submission`, clip by clip and resumable with `SubmissionWriter`."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.problems import abbreviate
from react_eval import __version__
from react_eval.clip_set import Clips
from react_eval.errors import InputError, ShapeError
from react_eval.inputs import Predictions, as_predictions
from react_eval.metrics.arguments import to_numpy
from react_eval.submissions.finished_clips import FinishedClips, checked_clip
from react_eval.submissions.hdf5_writing import write_hdf5
from react_eval.submissions.layout import kind_of

__all__ = ["SubmissionWriter", "save_submission"]

_TRACKS = ("offline", "online")


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
        clips: N ids, such as ``RECOLA/group-2/P41/3``; needed unless `preds` names them.
        coefficients: The 3DMM coefficients of the same clips, if both are predicted.
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
        DtypeError: If values are integers or no numbers.
        NonFiniteError: If a value is NaN or infinite.
    """
    target = Path(path)
    _check_free(target, overwrite)
    attributes = _attributes(method, split, track, run_seed)
    arrays, ids = _collect(preds, coefficients)
    given_ids = tuple(str(clip) for clip in clips) if clips is not None else ids
    if ids and given_ids != ids:
        raise InputError("clips=… differs from the clips that preds names, or from their order. Pass one.")
    ids = given_ids
    number = len(next(iter(arrays.values())))
    _check_ids(ids, number)
    lengths = {kind: len(values) for kind, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"facial attributes and coefficients differ in their number of clips: {lengths}.")

    def clip_values(position: int) -> dict[str, NDArray[np.float32]]:
        return {kind: checked_clip(values[position], ids[position], kind) for kind, values in arrays.items()}

    _write_whole(target, ids, clip_values, attributes)
    return target


def _collect(preds: Any, coefficients: Any) -> tuple[dict[str, Clips], tuple[str, ...]]:
    if isinstance(preds, Predictions):
        return dict(preds.arrays), preds.clips or ()
    arrays: dict[str, Clips] = {}
    ids: tuple[str, ...] = ()
    for given, kind in ((preds, None), (coefficients, "coefficients")):
        if given is None:
            continue
        found, names = _arrays_of(given)
        kind = kind or kind_of(np.shape(found[0])[-1] if len(found) and np.ndim(found[0]) else 0)
        if kind in arrays:
            raise InputError("preds and coefficients are both 3DMM coefficients, by their 58 channels. Pass one.")
        if ids and names and names != ids:
            raise InputError("preds and coefficients name different clips, or in another order.")
        arrays[kind], ids = found, ids or names
    if not arrays or not len(next(iter(arrays.values()))):
        raise InputError("there are no predictions to write. Pass preds=…, coefficients=… or both.")
    return arrays, ids


def _arrays_of(given: Any) -> tuple[Clips, tuple[str, ...]]:
    """Arrays by clip without stacking them, since baselines' clips share their memory."""
    if isinstance(given, Mapping):
        return list(given.values()), tuple(str(clip) for clip in given)
    if isinstance(given, (list, tuple)) or (isinstance(given, np.ndarray) and given.ndim == 4):
        return given, ()
    whole = as_predictions(given)
    return next(iter(whole.arrays.values())), whole.clips or ()


def _check_ids(ids: Sequence[str], number: int) -> None:
    if not ids:
        raise InputError(
            "a submission names its clips. Pass clips=[…], one id for each; "
            "react_data.open_split(root, split)['clip'].values lists them in the official order."
        )
    if len(ids) != number:
        raise InputError(f"clips names {len(ids)} clips, but there are predictions for {number}.")
    repeated = sorted({clip for clip in ids if not clip or ids.count(clip) > 1}) if len(set(ids)) < number else []
    if repeated or "" in ids:
        raise InputError(f"these clips are named more than once, or have no name: {abbreviate(repeated or [''])}.")


def _check_free(target: Path, overwrite: bool) -> None:
    if target.is_dir():
        raise InputError(f"{target} is a folder, expected the name of a file to write.")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists. Pass overwrite=True to replace it, or choose another name.")
    if not target.absolute().parent.is_dir():
        raise InputError(f"{target} cannot be written: the folder {target.absolute().parent} does not exist.")


def _attributes(method: str, split: str, track: str, run_seed: int) -> dict[str, str | int]:
    if track not in _TRACKS:
        raise InputError(f"track {track!r} is not known, expected 'offline' or 'online'.")
    return {
        "method": str(method),
        "split": str(split),
        "track": track,
        "run_seed": int(run_seed),
        "created_by": f"react-eval {__version__}",
    }


def _write_whole(target: Path, ids: Sequence[str], clip_values: Any, attributes: Mapping[str, str | int]) -> None:
    """Write under a temporary name beside the target, then rename: a file at `target` is always complete."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write_hdf5(temporary, ids, clip_values, attributes)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


class SubmissionWriter:
    """Write a submission clip by clip; an interrupted run is continued by opening the same path again.

    Finished clips are kept in the folder ``PATH.partial`` until the writer is closed, which assembles the file. If the
    ``with`` block is left by an exception, the folder stays and no file is written.

    Args:
        path: The file.
        method: Name of the method, for tables.
        split: ``"val"``, ``"test"``, …
        track: ``"offline"`` or ``"online"``.
        run_seed: Seed of the run.
        overwrite: Whether a file that is there is replaced.

    Raises:
        InputError: If `path` exists, or an interrupted run there had another method, split, track or seed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "preds.h5"
        >>> with SubmissionWriter(path, method="noise") as writer:
        ...     if "RECOLA/group-2/P41/3" not in writer.done:
        ...         writer.write("RECOLA/group-2/P41/3", np.zeros((10, 750, 25), "float32"))
        >>> path.exists()
        True
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        method: str = "",
        split: str = "",
        track: str = "offline",
        run_seed: int = 0,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        folder = self.path.with_name(self.path.name + ".partial")
        _check_free(self.path, overwrite or folder.is_dir())
        self._attributes = _attributes(method, split, track, run_seed)
        self._finished = FinishedClips(folder, self._attributes)

    @property
    def done(self) -> frozenset[str]:
        """Ids of the clips that are finished, by this run or an interrupted one."""
        return frozenset(self._finished.ids)

    def write(self, clip: str, prediction: Any = None, coefficients: Any = None) -> None:
        """Write the reactions to one clip; they are safe when this returns.

        Args:
            clip: Its id.
            prediction: Facial attributes (α, T, 25).
            coefficients: 3DMM coefficients (α, T, 58).

        Raises:
            InputError: If the clip was written before with other values, or not with the same kinds as other clips.
            ShapeError: If an array is not (reactions, frames, channels), or unlike the first clip's.
            DtypeError: If values are integers or no numbers.
            NonFiniteError: If a value is NaN or infinite.
        """
        given = {"emotion": prediction, "coefficients": coefficients}
        arrays = {
            kind: checked_clip(to_numpy(values, f"{kind} of clip {clip!r}"), clip, kind)
            for kind, values in given.items()
            if values is not None
        }
        if not clip or not arrays:
            raise InputError(f"clip {clip!r}: pass its id, and prediction=…, coefficients=… or both.")
        self._finished.add(clip, arrays)

    def close(self) -> Path:
        """Assemble the file of all finished clips, in the order they were written.

        Returns:
            The path.

        Raises:
            InputError: If no clip was written.
        """
        ids = list(self._finished.ids)
        if not ids:
            raise InputError(f"{self.path} was not written: no clip is finished. Call write(clip, …) first.")
        _write_whole(self.path, ids, lambda position: self._finished.read(ids[position]), self._attributes)
        shutil.rmtree(self._finished.folder)
        return self.path

    def __enter__(self) -> SubmissionWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
