"""Motion energy of two people in one video, as rMEA reads it: text files with a column for each person."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from react_data.channels import MOTION_ENERGY
from react_data.errors import RecordingFormatError
from react_data.official_tree import SYNTHESIS_RECORD
from react_data.paired_recordings import PairedRecording, clips_of_pairs
from react_data.problems import abbreviate

__all__ = ["read_motion_energy"]

_COLUMNS = {"pat": "patient", "th": "therapist"}
_FRAMES_PER_SECOND = 25


def read_motion_energy(path: str | os.PathLike[str], *, clip_frames: int | None = 750, log: bool = False) -> xr.Dataset:
    """Read motion energy of psychotherapy dyads and cut it in clips.

    Args:
        path: A text file, or a folder of ``*.txt``. Header ``"pat" "th"``, then a row a frame at 25 frames a second:
            how many pixels changed around the patient and around the therapist, >= 0, separated by white space.
        clip_frames: Frames a clip; an incomplete tail is dropped. None for one clip of full length.
        log: Whether to return log(1 + energy), which is nearer to a normal distribution.

    Returns:
        A data set as `react_data.open_split` gives it, with one channel and ids such as
        ``motion-energy/normal_200_01/patient/1``: first all patients as speakers, then all therapists. The only
        neighbour of a clip is its own listener.

    Raises:
        RecordingFormatError: If there is no file, or one is not in this format or shorter than a clip.
    """
    source = Path(path)
    files = sorted(source.glob("*.txt")) if source.is_dir() else [source]
    if not files:
        raise RecordingFormatError(f"{source} holds no *.txt file. Name the folder with the motion-energy files.")
    recordings = []
    for file in files:
        energy = _read(file)
        signals = np.log1p(energy) if log else energy
        persons = (_COLUMNS["pat"], _COLUMNS["th"])
        recordings.append(PairedRecording(file, file.stem, persons, (signals[:, :1], signals[:, 1:])))
    dataset = clips_of_pairs(
        "motion-energy", recordings, MOTION_ENERGY, clip_frames=clip_frames, frames_per_second=_FRAMES_PER_SECOND
    )
    return dataset.assign_attrs(synthetic=int(files[0].with_name(SYNTHESIS_RECORD).is_file()))


def _read(path: Path) -> NDArray[np.float32]:
    try:
        # Blank lines are kept, so that a row's position gives its line.
        table = pd.read_csv(path, sep=r"\s+", dtype=str, skip_blank_lines=False, encoding="utf-8-sig").fillna("")
    except FileNotFoundError:
        raise RecordingFormatError(f"{path} does not exist. Name a motion-energy file, or their folder.") from None
    except (ValueError, OSError) as error:
        raise RecordingFormatError(f"{path} is not a table separated by white space: {error}.") from None
    if list(table.columns) != list(_COLUMNS):
        raise RecordingFormatError(f'{path}, line 1: the header is {list(table.columns)}, expected "pat" "th".')
    with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite, which is refused below
        values = np.asarray(table.apply(pd.to_numeric, errors="coerce"), dtype=np.float32)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)).all(axis=1))
    if wrong.size:
        named = abbreviate((f"line {row + 2} ({' '.join(table.iloc[row])!r})" for row in wrong), 5)
        raise RecordingFormatError(f"{path}: expected two numbers >= 0 a line, but not so in {named}.")
    return values
