"""3DMM coefficients as models take them: raw, less the mean face, or also divided by the standard face."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from react_data.clips import suggest
from react_data.errors import AnnotationError
from react_data.modalities import ROLES, ModalityError
from react_data.stored_arrays import open_array

__all__ = ["COEFFICIENT_FORMS", "read_face", "scaled_coefficients"]

COEFFICIENT_FORMS = ("raw", "zero-centred", "standardised")

PathLike = str | os.PathLike[str]


class _Rescaled(BackendArray):
    """(x - subtracted) / divisor by channel of a lazily read variable, computed of what is read."""

    def __init__(self, variable: xr.Variable, subtracted: NDArray[np.float32], divisor: NDArray[np.float32]) -> None:
        self._variable, self._subtracted, self._divisor = variable, subtracted, divisor
        self.shape = variable.shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        values = np.asarray(self._variable[key].values, dtype=np.float32)
        scaled: NDArray[np.float32] = (values - self._subtracted[key[-1]]) / self._divisor[key[-1]]
        return scaled


def read_face(path: PathLike, channels: int = 58) -> NDArray[np.float32]:
    """Read a mean face or standard face: a number for each 3DMM coefficient.

    Args:
        path: A ``.npy`` of floats, (58,) or with axes of length 1 before, such as (1, 1, 58).
        channels: How many coefficients.

    Returns:
        (channels,) float32.

    Raises:
        AnnotationError: If the file is missing, no such array, or holds a value that is not finite.
    """
    try:
        stored = open_array(Path(path))
    except FileNotFoundError:
        raise AnnotationError(f"{path} does not exist. It comes with the challenge's FaceVerse files.") from None
    except (ValueError, OSError, EOFError) as error:
        raise AnnotationError(f"{path} is not a .npy array: {error}.") from None
    if stored.dtype.kind != "f" or stored.size != channels or stored.shape[-1] != channels:
        raise AnnotationError(
            f"{path} holds {stored.dtype} of shape {stored.shape}, expected floats of shape ({channels},) or "
            f"(1, 1, {channels}). Is it the face of this model?"
        )
    values = np.array(stored, dtype=np.float32).reshape(channels)
    if not np.isfinite(values).all():
        raise AnnotationError(
            f"{path} holds values that are not finite, the first at {np.argmin(np.isfinite(values))}."
        )
    return values


def scaled_coefficients(
    dataset: xr.Dataset, form: str, mean_face: PathLike | None, std_face: PathLike | None
) -> xr.Dataset:
    """The 3DMM coefficients c of a data set as c, c - mean, or (c - mean) / std, lazily.

    Args:
        dataset: An opened data set; ``attrs["coefficients"]`` names its form, raw where it does not.
        form: One of `COEFFICIENT_FORMS`.
        mean_face: File of the mean, for ``"zero-centred"`` and ``"standardised"``.
        std_face: File of the standard deviation, for ``"standardised"``.

    Returns:
        The data set; ``attrs["coefficients"]`` names the form, ``mean_face`` and ``std_face`` the SHA-256 of the
        numbers that were used.

    Raises:
        ModalityError: If there is no such form, a face is missing or not used, or the data set has another form.
        AnnotationError: If a face is unusable.
    """
    needed = _needed(form, mean_face, std_face)
    names = [f"{role}_3dmm" for role in ROLES if f"{role}_3dmm" in dataset]
    stored = str(dataset.attrs.get("coefficients", "raw"))
    if not names and form != "raw":
        raise ModalityError(f"{form} coefficients are asked for, but 3DMM coefficients are not opened or not there.")
    if not names or form in (stored, "raw"):
        return dataset.assign_attrs(coefficients=stored) if names else dataset
    if stored != "raw":
        raise ModalityError(f"coefficients are {stored} in this data set already, so they cannot be made {form}.")
    channels = dataset[names[0]].shape[-1]
    faces = {name: read_face(path, channels) for name, path in needed.items()}
    divisor = faces.get("std_face", np.ones(channels, dtype=np.float32))
    if (divisor <= 0).any():
        raise AnnotationError(f"{std_face} holds {divisor.min():g} at {divisor.argmin()}, expected numbers above 0.")
    scaled = {}
    for name in names:
        rescaled = _Rescaled(dataset[name].variable, faces["mean_face"], divisor)
        scaled[name] = xr.Variable(dataset[name].dims, indexing.LazilyIndexedArray(rescaled), dataset[name].attrs)
    digests = {name: hashlib.sha256(face.astype("<f4").tobytes()).hexdigest() for name, face in faces.items()}
    return dataset.assign(scaled).assign_attrs(coefficients=form, **digests)


def _needed(form: str, mean_face: PathLike | None, std_face: PathLike | None) -> dict[str, PathLike]:
    if form not in COEFFICIENT_FORMS:
        raise ModalityError(f"there are no coefficients {form!r}. {suggest(form, COEFFICIENT_FORMS)}")
    names = ("mean_face", "std_face")[: COEFFICIENT_FORMS.index(form)]
    given = {name: face for name, face in (("mean_face", mean_face), ("std_face", std_face)) if face is not None}
    if set(given) != set(names):
        raise ModalityError(
            f"coefficients={form!r} takes {' and '.join(f'{name}=FILE' for name in names) or 'no face'}, but "
            f"{' and '.join(given) or 'none'} is given."
        )
    return given
