"""The video of a clip of an opened split: it lies beside the series, and is never part of the data set itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from react_data.clips import ClipId, match_clip_ids, suggest
from react_data.errors import RecordingFormatError
from react_data.mars_tree import MARS_MODALITIES
from react_data.modalities import ROLES, ModalityError
from react_data.official_tree import VIDEO_FOLDER
from react_data.video import Video, open_video

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["VIEWS", "clip_video", "video_folders"]

VIEWS = ("face", "raw")

_FILMS = (".mp4", ".mov", ".mkv", ".webm")


def clip_video(
    dataset: xr.Dataset,
    clip: str,
    role: str = "speaker",
    *,
    videos: str | os.PathLike[str] | None = None,
    view: str = "face",
) -> Video:
    """Open the frames of a clip; none is decoded yet.

    Args:
        dataset: What `react_data.open_split` returned for a tree of REACT 2023 to 2026, or for a pack of one.
        clip: Id of the clip.
        role: ``"speaker"`` or ``"listener"``: whose video.
        videos: The tree in which the videos lie; needed for a pack, which holds none.
        view: ``"face"`` for the face crop, ``"raw"`` for the whole picture, which only MARS has.

    Returns:
        The frames, from a folder of png images or a film.

    Raises:
        ModalityError: If the data set has no such clip, role or view, or does not know where its videos lie.
        RecordingFormatError: If the clip's video is missing or unusable; names the clip and the file.
        LibraryMissingError: If av (films) or pillow (folders) is not installed.
    """
    person = ClipId.parse(_person(dataset, clip, role))
    layout, split = str(dataset.attrs.get("layout")), str(dataset.attrs.get("split"))
    root = Path(str(dataset.attrs.get("root")) if videos is None else videos)
    if not root.is_dir():
        raise ModalityError(f"{root} is no folder with videos: a pack holds none. Name the tree with videos=ROOT.")
    folders = video_folders(layout, root, split)
    if view not in folders:
        there = suggest(view, folders) if folders else "It has no videos at all."
        raise ModalityError(f"the split {split} of {root} ({layout}) has no {view!r} videos. {there}")
    named = _PLACES[layout](folders[view], person)
    candidates = [path for place in named for path in (place, *(Path(f"{place}{film}") for film in _FILMS))]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        raise RecordingFormatError(
            f"the {role} of {clip} has no video: neither {named[0]} nor {named[0]}{_FILMS[0]} exists. Copy it there."
        )
    return open_video(found)


def video_folders(layout: str, root: Path, split: str) -> dict[str, Path]:
    """Where the videos of a split lie.

    Args:
        layout: Name of the layout.
        root: The tree.
        split: Name of the split.

    Returns:
        The folders that are there, by view.
    """
    names: dict[str, str] = {}
    if layout in ("react2023", "react2024"):
        names = {"face": VIDEO_FOLDER}
    elif layout in ("react2025", "react2026"):
        names = {view: MARS_MODALITIES[f"{view} video"][0] for view in VIEWS}
    folders = {view: root / split / name for view, name in names.items()}
    return {view: folder for view, folder in folders.items() if folder.is_dir()}


def _official_places(folder: Path, person: ClipId) -> Sequence[Path]:
    """Under the list's person name or the emotion folder's, as for every other modality."""
    return [folder / str(person), folder / str(person.alias)]


def _mars_places(folder: Path, person: ClipId) -> Sequence[Path]:
    return [folder / person.person / person.site / person.chat]


_PLACES: dict[str, Callable[[Path, ClipId], Sequence[Path]]] = {
    "react2023": _official_places,
    "react2024": _official_places,
    "react2025": _mars_places,
    "react2026": _mars_places,
}


def _person(dataset: xr.Dataset, clip: str, role: str) -> str:
    """Id of the clip of the person who is in a role of a directed clip."""
    if role not in ROLES:
        raise ModalityError(f"there is no role {role!r}. {suggest(role, ROLES)}")
    clips = [str(each) for each in dataset["clip"].values]
    known = clip if clip in clips else match_clip_ids([clip], clips)[0]
    if known is None:
        raise ModalityError(
            f"there is no clip {clip!r} among the {len(clips)} of this data set. {suggest(clip, clips)}"
        )
    if role == ROLES[0]:
        return known
    if "listener_clip" not in dataset.coords or dataset.attrs.get("labels") == "none":
        raise ModalityError(f"the listener of {clip} is not known: this data set has speakers only.")
    return str(dataset["listener_clip"].values[clips.index(known)])
