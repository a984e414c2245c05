"""Plain arrays: for each split a folder with a ``.npy`` file a variable, for data of any origin.

Conventions: ``ROOT/{split}/speaker_emotion.npy`` (N, T, C) float32 is required; ``listener_emotion.npy``,
``speaker_3dmm.npy``, ``listener_3dmm.npy`` and features such as ``speaker_mfcc78.npy`` of the same clips,
``neighbours.npy`` (N, N) of 0 and 1, and text files with a line a clip (``clips.txt``, ``sessions.txt``) or a channel
(``channels.txt``) are optional.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from react_data.channels import COEFFICIENTS_58, schema_for
from react_data.errors import AnnotationError
from react_data.modalities import ROLES, USUAL_KINDS, chosen_kinds
from react_data.neighbours import read_neighbours
from react_data.official_tree import SYNTHESIS_RECORD
from react_data.stored_arrays import open_array

__all__ = ["array_kinds", "open_array_split"]

FRAMES_PER_SECOND = 25
_DIMS = {"emotion": "emotion", "3dmm": "coefficient"}


def array_kinds(root: Path, split: str) -> list[str]:
    """The kinds of series of which a split has the speakers', emotion first."""
    found = sorted(path.stem.removeprefix("speaker_") for path in (root / split).glob("speaker_*.npy"))
    return sorted(found, key=lambda kind: USUAL_KINDS.index(kind) if kind in USUAL_KINDS else len(USUAL_KINDS))


def open_array_split(root: str | Path, split: str, *, modalities: str | Sequence[str] | None = None) -> xr.Dataset:
    """Open a folder of plain arrays; values are read from disk when they are used.

    Args:
        root: The folder that holds a folder a split.
        split: Name of the folder.
        modalities: Which kinds of series; see `react_data.open_split`.

    Returns:
        A data set as `react_data.open_split` gives it. Clips without ids are numbered, clips without a session are
        sessions of their own.

    Raises:
        ModalityError: If a kind of series is not there.
        AnnotationError: If an array is missing, is no (N, T, C) array of floats, or does not fit the others.
        NeighbourMatrixError: If the matrix does not fit.
    """
    folder = Path(root) / split
    first = _series(folder / "speaker_emotion.npy")
    clips = _lines(folder / "clips.txt", len(first)) or [f"{split}/{number}" for number in range(len(first))]
    sessions = _lines(folder / "sessions.txt", len(first)) or clips
    channels = _lines(folder / "channels.txt", first.shape[2])
    names = {"emotion": schema_for(channels or first.shape[2]).channels, "coefficient": COEFFICIENTS_58.channels}
    variables: dict[str, xr.Variable] = {}
    for kind in chosen_kinds(modalities, array_kinds(Path(root), split), f"the split {split} of {root}"):
        dim = _DIMS.get(kind, kind)
        width = len(names[dim]) if dim in names else _series(folder / f"speaker_{kind}.npy").shape[2]
        for role in ROLES:
            path = folder / f"{role}_{kind}.npy"
            if path.is_file():
                values = _fitting(path, first.shape[:2], width)
                variables[f"{role}_{kind}"] = xr.Variable(("clip", "frame", dim), indexing.LazilyIndexedArray(values))
    columns = {"clip": clips, "corpus": ["arrays"] * len(clips), "session": sessions, "recording": sessions}
    coordinates = {name: xr.Variable("clip", values) for name, values in columns.items()}
    present = {dim for variable in variables.values() for dim in variable.dims}
    coordinates |= {dim: xr.Variable(dim, list(names[dim])) for dim in names if dim in present}
    if (folder / "neighbours.npy").is_file():
        variables["neighbours"] = xr.Variable(("clip", "listener"), read_neighbours(folder / "neighbours.npy", clips))
        coordinates["listener"] = xr.Variable("listener", clips)
    labelled = any(name.startswith("listener_") for name in variables)
    attributes = {
        "layout": "arrays",
        "split": split,
        "root": str(root),
        "frames_per_second": FRAMES_PER_SECOND,
        "labels": "listeners" if labelled else "none",
        "synthetic": int((Path(root) / SYNTHESIS_RECORD).is_file()),
        "neighbour_source": "appropriateness matrix of the data set",
    }
    return xr.Dataset(variables, coordinates, attributes)


def _series(path: Path) -> NDArray[np.floating]:
    try:
        values = open_array(path)
    except FileNotFoundError:
        raise AnnotationError(f"{path} does not exist. Save the speakers there, (clips, frames, channels).") from None
    except (ValueError, OSError, EOFError) as error:
        raise AnnotationError(f"{path} is not a .npy array: {error}.") from None
    if values.ndim != 3 or values.dtype.kind != "f" or 0 in values.shape:
        raise AnnotationError(f"{path} holds {values.dtype} of shape {values.shape}, expected floats (N, T, C).")
    return values


def _fitting(path: Path, shape: tuple[int, ...], channels: int) -> NDArray[np.floating]:
    values = _series(path)
    if values.shape != (*shape, channels):
        raise AnnotationError(f"{path} has shape {values.shape}, expected {(*shape, channels)} as the speakers have.")
    return values


def _lines(path: Path, count: int) -> list[str]:
    """The lines of a text file, one for each clip or channel; nothing if there is no file."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) != count or (len(set(lines)) != count and path.stem != "sessions"):
        raise AnnotationError(f"{path} has {len(lines)} lines ({len(set(lines))} different), expected {count}.")
    return lines
