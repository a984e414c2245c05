"""Which kinds of series of a data set are opened.

Conventions: the series of kind K are the variables ``speaker_K`` and ``listener_K``, and where clips differ in length,
``…_row_size``. Kinds are ``emotion``, ``3dmm``, ``audio``, ``eeg`` and features such as ``mfcc78`` or ``wav2vec``.
Video is never part of an opened data set.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import xarray as xr

from react_data.clips import suggest
from react_data.errors import ReactError

__all__ = ["ROLES", "USUAL_KINDS", "ModalityError", "chosen_kinds", "only_kinds", "series_kinds"]

ROLES = ("speaker", "listener")
USUAL_KINDS = ("emotion", "3dmm")

_VIDEOS = ("video", "videos", "face video", "raw video")
_SIZE = "_row_size"


class ModalityError(ReactError, ValueError):
    """A data set does not hold a kind of series that is asked for, or cannot give it in the form that is asked for.

    The message lists what is there. Video is opened clip by clip with `react_data.clip_video`; features are computed
    by ``react-data features`` and opened with ``features=FOLDER``.
    """

    code = "RD022"


def chosen_kinds(modalities: str | Sequence[str] | None, there: Sequence[str], where: object) -> tuple[str, ...]:
    """The kinds to open.

    Args:
        modalities: Names; ``"all"`` for all that are there, None for emotion and 3DMM as far as they are.
        there: The kinds that are there.
        where: The data set, for the message.

    Returns:
        Their names, in the order of `there`.

    Raises:
        ModalityError: If a name is not there.

    Example:
        >>> chosen_kinds(None, ["emotion", "audio"], "data")
        ('emotion',)
    """
    if modalities is None:
        return tuple(kind for kind in there if kind in USUAL_KINDS)
    if modalities == "all":
        return tuple(there)
    wanted = [modalities] if isinstance(modalities, str) else list(modalities)
    if any(kind in _VIDEOS for kind in wanted):
        raise ModalityError(
            "video is not opened with a split: it would not fit in memory. Use react_data.clip_video(dataset, clip)."
        )
    missing = [str(kind) for kind in wanted if kind not in there]
    if missing:
        named = ", ".join(repr(kind) for kind in missing)
        raise ModalityError(f"{where} has no {named}. {suggest(missing[0], there)}")
    return tuple(kind for kind in there if kind in wanted)


def series_kinds(dataset: xr.Dataset) -> list[str]:
    """The kinds that a data set holds.

    Args:
        dataset: An opened data set.

    Returns:
        Their names.
    """
    names = [str(name) for name in dataset.data_vars if str(name).startswith(f"{ROLES[0]}_")]
    return [name.removeprefix(f"{ROLES[0]}_") for name in names if not name.endswith(_SIZE)]


def only_kinds(dataset: xr.Dataset, kinds: Collection[str]) -> xr.Dataset:
    """A data set without the series of other kinds, and without the channels and lengths that only they have.

    Args:
        dataset: An opened data set.
        kinds: The kinds to keep.

    Returns:
        The data set with the rest.
    """
    unwanted = [f"{role}_{kind}" for kind in series_kinds(dataset) if kind not in kinds for role in ROLES]
    dropped = [name for name in unwanted if name in dataset]
    if not dropped:
        return dataset
    kept = dataset.drop_vars(dropped)
    used = {dim for name in kept.data_vars for dim in kept[name].dims}
    orphans = [str(dim) for name in dropped for dim in dataset[name].dims if dim not in used]
    sizes = [f"{dim}_size" for dim in orphans if dim.endswith("_row")]
    return kept.drop_vars([name for name in {*orphans, *sizes} if name in kept.variables])
