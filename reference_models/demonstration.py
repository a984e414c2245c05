"""A small generator, trained from scratch in less than a minute, for the demonstration of `react_eval`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from react_data.optional_libraries import optional_library

__all__ = ["demonstrate"]

PathLike = str | os.PathLike[str]

_MODEL, _METHOD = "belfusion", "BeLFusion (tiny)"
# A demonstration has few dyads: more passes over them than the tiny recipe makes.
_CHANGES: Mapping[str, Any] = {"stages": {"autoencoder": {"epochs": 60}, "diffusion": {"epochs": 100}}}


def demonstrate(
    data: PathLike, split: str, folder: PathLike, *, seed: int = 0, show_progress: bool | None = None
) -> Path:
    """Train a tiny BeLFusion on a data set's training split, and let it react to another split.

    Args:
        data: Folder of the data set, or a packed file.
        split: The split whose speakers it reacts to.
        folder: Gets ``generator``, the run with the checkpoint, and ``submissions/BeLFusion.h5``. A run that is there
            is continued, or used if it has ended.
        seed: Seed of weights, training and reactions.
        show_progress: Whether progress bars are shown; None shows them on a terminal.

    Returns:
        The submission.

    Raises:
        LibraryMissingError: If torch or lightning is not installed.
    """
    optional_library("torch", extra="models", purpose="A trained generator")
    from reference_models.generation import generate_submission
    from reference_models.training.loop import train

    run = train(
        _MODEL, data, out=Path(folder) / "generator", config="tiny", recipe=_CHANGES, seed=seed, validation="",
        accelerator="cpu", show_progress=show_progress,
    )  # fmt: skip
    return generate_submission(
        run.model, data, Path(folder) / "submissions" / "BeLFusion.h5", split=split, seed=seed, method=_METHOD,
        overwrite=True, show_progress=show_progress,
    )  # fmt: skip
