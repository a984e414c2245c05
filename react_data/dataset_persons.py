"""The persons' clips of an opened data set: mostly everybody is the speaker of one clip and the listener of another."""

from __future__ import annotations

import xarray as xr

__all__ = ["listener_clips", "person_clips"]


def listener_clips(dataset: xr.Dataset) -> list[str]:
    """Id of the clip that each listener is the speaker of; a listener of no such clip gets one.

    Args:
        dataset: What `react_data.open_split` returned.

    Returns:
        An id a directed clip; nothing where there are no listeners.
    """
    if not any(str(name).startswith("listener_") for name in dataset.data_vars):
        return []
    if "listener_clip" in dataset.coords:
        return [str(each) for each in dataset["listener_clip"].values]
    return [f"{clip}#listener" for clip in dataset["clip"].values]


def person_clips(dataset: xr.Dataset) -> dict[str, tuple[str, int]]:
    """Every person's clip once, speakers first.

    Args:
        dataset: What `react_data.open_split` returned.

    Returns:
        By id, the role and the directed clip in which it is found.
    """
    found = {str(clip): ("speaker", number) for number, clip in enumerate(dataset["clip"].values)}
    for number, clip in enumerate(listener_clips(dataset)):
        found.setdefault(clip, ("listener", number))
    return found
