"""Readers of the official per-clip files: facial attributes (csv) and 3DMM coefficients (npy)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from react_data.channels import COEFFICIENTS_58, EMOTION_25
from react_data.errors import AnnotationError
from react_data.stored_arrays import open_array

__all__ = ["read_attributes", "read_coefficients", "read_emotion", "read_feature"]

Series = NDArray[np.float32]


def read_emotion(path: Path) -> Series:
    """Read a clip's facial attributes.

    Args:
        path: A csv with one header row, then one row a frame of 25 columns: 15 action units, valence, arousal,
            8 expression probabilities.

    Returns:
        (T, 25) float32.

    Raises:
        AnnotationError: If the file is missing or not such a csv, or holds a value that is not finite.
    """
    try:
        # The first row is a header whatever it says; names differ between editions, the order does not.
        table = pd.read_csv(path, header=None, skiprows=1, dtype=np.float32, encoding="utf-8")
    except FileNotFoundError:
        raise AnnotationError(f"{path} does not exist. Copy the clip's file there.") from None
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise AnnotationError(f"{path} is not a csv of numbers: {error}.") from None
    return _checked(table.to_numpy(dtype=np.float32), len(EMOTION_25), path)


def read_coefficients(path: Path) -> Series:
    """Read a clip's 3DMM coefficients.

    Args:
        path: A ``.npy`` of 58 FaceVerse coefficients a frame, with any singleton axes: (T, 58), (T, 1, 58),
            (T, 1, 1, 58).

    Returns:
        (T, 58) float32.

    Raises:
        AnnotationError: If the file is missing, no plain array of numbers, or holds a value that is not finite.
    """
    return _read_array(path, len(COEFFICIENTS_58), "coefficients")


def read_attributes(path: Path) -> Series:
    """Read a clip's facial attributes as MARS stores them.

    Args:
        path: A ``.npy`` of 25 attributes a frame, (T, 25).

    Returns:
        (T, 25) float32.

    Raises:
        AnnotationError: If the file is missing, no plain array of numbers, or holds a value that is not finite.
    """
    return _read_array(path, len(EMOTION_25), "facial attributes")


def read_feature(path: Path, *, width: int) -> Series:
    """Read a clip's feature, such as MFCC or what a speech model gives.

    Args:
        path: A ``.npy`` of a row a video frame, (T, width).
        width: Numbers a frame.

    Returns:
        (T, width) float32.

    Raises:
        AnnotationError: If the file is missing, no plain array of numbers, or holds a value that is not finite.
    """
    return _read_array(path, width, "features")


def _read_array(path: Path, width: int, what: str) -> Series:
    try:
        stored = open_array(path)
    except FileNotFoundError:
        raise AnnotationError(f"{path} does not exist. Copy the clip's file there.") from None
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise AnnotationError(f"{path} is not a .npy array: {error}.") from None
    if stored.dtype.kind != "f" or stored.ndim < 2:
        raise AnnotationError(f"{path} does not hold an array of floats with frames and {what}.")
    return _checked(stored.reshape(stored.shape[0], -1).astype(np.float32), width, path)


def _checked(values: Series, width: int, path: Path) -> Series:
    if values.ndim != 2 or values.shape[1] != width:
        raise AnnotationError(f"{path} has {values.shape[-1]} columns, expected {width}.")
    wrong = np.argwhere(~np.isfinite(values))
    if wrong.size:
        frame, channel = wrong[0]
        raise AnnotationError(
            f"{path} holds {len(wrong)} values that are not finite, the first at frame {frame}, column {channel}."
        )
    return values
