"""Write a submission clip by clip: an interrupted run is continued where it stopped."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

from react_eval.errors import InputError
from react_eval.metrics.arguments import to_numpy
from react_eval.submissions.durable import replace_durably
from react_eval.submissions.finished_clips import FinishedClips
from react_eval.submissions.hdf5_writing import write_hdf5
from react_eval.submissions.layout import kind_of
from react_eval.submissions.writing_checks import check_free, check_id, checked_clip, file_attributes

__all__ = ["SubmissionWriter"]


class SubmissionWriter:
    """Write a submission clip by clip; an interrupted run is continued by opening the same path again.

    Finished clips are kept in the folder ``PATH.partial`` until the writer is closed, which assembles the file. If the
    ``with`` block is left by an exception, the folder stays and no file is written. One writer at a time has a path;
    it belongs to the process that opened it.

    Args:
        path: The file.
        method: Name of the method, for tables.
        split: ``"val"``, ``"test"``, …
        track: ``"offline"`` or ``"online"``.
        run_seed: Seed of the run.
        overwrite: Whether a file that is there is replaced.

    Attributes:
        path: The file.
        folder: Where finished clips are kept.
        notes: What a person should know of the run that is continued; it is warned of too.

    Raises:
        InputError: If `path` exists, another writer has it, or an interrupted run there had another method, split,
            track or seed.

    Example:
        >>> import tempfile
        >>> import numpy as np
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
        check_free(self.path, overwrite=overwrite)
        self._overwrite = overwrite
        self._attributes = file_attributes(method, split, track, run_seed)
        self._finished = FinishedClips(self.path, self._attributes)
        self._process = os.getpid()
        self._state = "open"
        self.folder = self._finished.folder
        self.notes = self._finished.notes
        try:
            for note in self.notes:
                warnings.warn(note, stacklevel=2)
        except Warning:  # which the user's settings turn into an error
            self.pause()
            raise

    @property
    def done(self) -> frozenset[str]:
        """Ids of the clips that are finished, by this run or an interrupted one."""
        return frozenset(self._finished.ids)

    def write(self, clip: str, prediction: Any = None, coefficients: Any = None) -> None:
        """Write the reactions to one clip; they are safe when this returns.

        Args:
            clip: Its id.
            prediction: Facial attributes (α, T, 25); 58 channels are stored as 3DMM coefficients.
            coefficients: 3DMM coefficients (α, T, 58).

        Raises:
            InputError: If the clip was written before with other values, or not with the same kinds as other clips;
                or the writer was closed, or belongs to another process.
            ShapeError: If an array is not (reactions, frames, channels), or unlike the first clip's.
            DtypeError: If values are integers or no numbers.
            NonFiniteError: If a value is NaN or infinite.
        """
        self._check_open()
        check_id(clip)
        if prediction is None and coefficients is None:
            raise InputError(f"clip {clip!r}: pass prediction=…, coefficients=… or both.")
        arrays = {}
        if prediction is not None:
            values = to_numpy(prediction, f"the prediction of clip {clip!r}")
            kind = kind_of(values.shape[-1] if values.ndim else 0)
            arrays[kind] = checked_clip(values, clip, kind)
        if coefficients is not None:
            if "coefficients" in arrays:
                raise InputError(
                    f"clip {clip!r}: prediction and coefficients are both 3DMM coefficients, by their 58 channels."
                )
            arrays["coefficients"] = checked_clip(coefficients, clip, "coefficients")
        self._finished.add(clip, arrays)

    def close(self) -> Path:
        """Assemble the file of all finished clips, in the order they were written; harmless when repeated.

        Returns:
            The path.

        Raises:
            InputError: If no clip was written, a finished clip is damaged, or `path` exists by now.
        """
        if self._state == "closed":
            return self.path
        self._check_open()
        ids = self._finished.ids
        if not ids:
            raise InputError(f"{self.path} was not written: no clip is finished. Call write(clip, …) first.")
        check_free(self.path, overwrite=self._overwrite)
        # inside the folder, so that what a kill leaves behind is found and removed by the next writer
        temporary = self.folder / "assembled.tmp"
        try:
            write_hdf5(temporary, ids, lambda position: self._finished.read(ids[position]), self._attributes)
            check_free(self.path, overwrite=self._overwrite)  # assembling took a while
            replace_durably(temporary, self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self._finished.remove()
        self._state = "closed"
        return self.path

    def pause(self) -> None:
        """Let go of the path without assembling the file: another writer may continue, in this process or a later."""
        if self._state == "open" and self._process == os.getpid():
            self._finished.release()
            self._state = "paused"

    def _check_open(self) -> None:
        if self._process != os.getpid():
            raise InputError(
                f"this SubmissionWriter belongs to process {self._process}, which opened it, not to the forked process "
                f"{os.getpid()}. Return predictions from worker processes, and write them where the writer was opened."
            )
        if self._state != "open":
            raise InputError(f"this writer of {self.path} was closed or paused. Open a new SubmissionWriter.")

    def __enter__(self) -> SubmissionWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.pause()
