"""The official REACT 2023/2024 tree: NoXI, RECOLA and (2023) UDIVA recordings with one file a clip and modality.

Conventions: ``ROOT/{split}.csv`` lists the recordings, ``ROOT/{split}/{Emotion,3D_FV_files,Audio_files,Video_files}``
hold SITE/CHAT/PERSON/CLIP files, ``ROOT/neighbour_emotion_{split}.npy`` is the appropriateness matrix. The emotion
folder of 2024 calls the persons P1 and P2; both namings are found.
A folder that cannot be looked into is like an empty one here (`seen`); reading a file of it is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from react_data.annotations import read_coefficients, read_emotion
from react_data.channels import COEFFICIENTS_58, EMOTION_25, ChannelSchema
from react_data.clip_lists import DirectedClip, RecordingRow, mirrored, read_data_indices, read_split_list
from react_data.clips import ClipId, suggest
from react_data.errors import AnnotationError, ClipListError, NeighbourMatrixError
from react_data.file_access import seen
from react_data.lazy import ClipFiles
from react_data.modalities import ROLES, chosen_kinds
from react_data.neighbours import cut_neighbours, load_matrix, read_neighbours
from react_data.sound_series import sound_variables

__all__ = [
    "DATA_INDICES",
    "FRAMES_PER_SECOND",
    "FRAMES_SCORED",
    "FULL_MATRIX",
    "MODALITIES",
    "SPLITS",
    "SYNTHESIS_RECORD",
    "VIDEO_FOLDER",
    "OfficialTree",
    "listed_splits",
    "modality_path",
    "names_udiva",
    "official_kinds",
    "open_official_split",
]

SPLITS = ("train", "val", "test")
FRAMES_PER_SECOND = 25
FRAMES_SCORED = 750
SYNTHESIS_RECORD = "synthesis.json"
FULL_MATRIX = "Approprirate_facial_reaction.npy"
DATA_INDICES = "data_indices.csv"

VIDEO_FOLDER = "Video_files"

_FOLDERS = {"emotion": ("Emotion", ".csv"), "3dmm": ("3D_FV_files", ".npy"), "audio": ("Audio_files", ".wav")}
MODALITIES = tuple(_FOLDERS)


def listed_splits(root: Path) -> list[str]:
    """The splits of which a folder holds the list."""
    return [split for split in SPLITS if (root / f"{split}.csv").is_file()]


def names_udiva(root: Path) -> bool:
    """Whether a list of the folder names UDIVA, which only the 2023 edition does."""
    return any(b"UDIVA/" in _content(root / f"{split}.csv") for split in listed_splits(root))


def _content(path: Path) -> bytes:
    """What a list holds; nothing where it cannot be read, which is said when it is opened."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def official_kinds(root: Path, split: str) -> list[str]:
    """The kinds of series of which a split has a folder."""
    return [kind for kind, (folder, _) in _FOLDERS.items() if seen((root / split / folder).is_dir)]


def modality_path(root: Path, split: str, modality: str, clip: ClipId) -> Path:
    """Where a person's file of a modality lies, under the person's name as `clip` gives it.

    Args:
        root: The folder with the lists.
        split: Name of the split.
        modality: One of `MODALITIES`.
        clip: The person's clip.

    Returns:
        The path, whether or not there is such a file.

    Example:
        >>> modality_path(Path("data"), "val", "3dmm", ClipId.parse("RECOLA/group-2/P41/3")).as_posix()
        'data/val/3D_FV_files/RECOLA/group-2/P41/3.npy'
    """
    folder, suffix = _FOLDERS[modality]
    return root / split / folder / f"{clip}{suffix}"


@dataclass(frozen=True)
class OfficialTree:
    """A split of an official tree: its rows and where its files are.

    Attributes:
        root: The folder with the lists.
        split: ``"train"``, ``"val"`` or ``"test"``.
        usable_rows: The rows to go by in place of the list's, which is then not read.
    """

    root: Path
    split: str
    usable_rows: tuple[RecordingRow, ...] | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ClipListError(f"there is no split {self.split!r}. {suggest(self.split, SPLITS)}")
        if not self.list_path.is_file():
            present = listed_splits(self.root)
            raise ClipListError(
                f"{self.list_path} does not exist. This data set has "
                f"{'the splits ' + ', '.join(present) if present else 'no split list at all; is the folder right?'}"
            )

    @property
    def list_path(self) -> Path:
        """The split's list."""
        return self.root / f"{self.split}.csv"

    @cached_property
    def rows(self) -> list[RecordingRow]:
        """The recordings of the list."""
        return read_split_list(self.list_path) if self.usable_rows is None else list(self.usable_rows)

    @cached_property
    def labelled(self) -> bool:
        """Whether at least half of the listeners' faces are there; a participant's test split has speakers only.

        So neither does a file that is left over make a split labelled, nor one that is missing hide the others.
        """
        least = max(1, len(self.rows) / 2)
        return any(self._listeners_with(modality) >= least for modality in _FACES if self.has(modality))

    def _listeners_with(self, modality: str) -> int:
        listeners = [row.listener for row in self.rows if row.listener is not None]
        return sum(seen(self.file(modality, listener).exists) for listener in listeners)

    @cached_property
    def clips(self) -> list[DirectedClip]:
        """The directed clips; without labels only those whose speaker is in the list's speaker column."""
        directed = mirrored(self.rows)
        return directed if self.labelled else directed[: len(self.rows)]

    @property
    def clip_ids(self) -> list[str]:
        """Ids of the directed clips, in order."""
        return [str(clip.speaker) for clip in self.clips]

    @property
    def people(self) -> dict[str, list[ClipId]]:
        """Who is in the directed clips, by role; without labels only the speakers."""
        return {role: [getattr(clip, role) for clip in self.clips] for role in (ROLES if self.labelled else ROLES[:1])}

    @property
    def synthetic(self) -> bool:
        """Whether the tree was written by `react_data.synthesise`."""
        return (self.root / SYNTHESIS_RECORD).is_file()

    def has(self, modality: str) -> bool:
        """Whether the split holds a folder of `modality` (``"emotion"``, ``"3dmm"``, ``"audio"``)."""
        return seen(self.folder(modality).is_dir)

    def folder(self, modality: str) -> Path:
        """The split's folder of `modality`."""
        return self.root / self.split / _FOLDERS[modality][0]

    def files_on_disk(self, modality: str) -> list[Path]:
        """Every file of `modality` in the split's folder, listed or not."""
        return sorted(path for path in self.folder(modality).rglob(f"*{_FOLDERS[modality][1]}") if path.is_file())

    def file(self, modality: str, clip: ClipId) -> Path:
        """The file of a person's clip: under the list's person name or, where that is absent, under P1 or P2.

        A file that is missing is named where the other clips of the person are.
        """
        listed, alias = (modality_path(self.root, self.split, modality, name) for name in (clip, clip.alias))
        return alias if seen(alias.parent.exists) and not seen(listed.exists) else listed

    def neighbours(self) -> NDArray[np.bool_] | None:
        """The split's appropriateness matrix, (N, N), or None if the tree has none.

        Raises:
            NeighbourMatrixError: If a matrix is there and does not fit the split.
        """
        path = self.root / f"neighbour_emotion_{self.split}.npy"
        if path.is_file():
            return read_neighbours(path, self.clip_ids)
        full = self.root / FULL_MATRIX
        if not full.is_file():
            return None
        if not (self.root / DATA_INDICES).is_file():
            raise NeighbourMatrixError(f"{full} needs {DATA_INDICES} beside it, which names its rows.")
        return cut_neighbours(load_matrix(full), read_data_indices(self.root / DATA_INDICES), self.rows)


_FACES: dict[str, tuple[str, ChannelSchema, Callable[[Path], NDArray[np.float32]]]] = {
    "emotion": ("emotion", EMOTION_25, read_emotion),
    "3dmm": ("coefficient", COEFFICIENTS_58, read_coefficients),
}


def open_official_split(
    root: str | Path, split: str, *, frames: int | None = None, modalities: str | Sequence[str] | None = None
) -> xr.Dataset:
    """Open a split of an official REACT 2023/2024 tree; clips are read when they are used.

    Args:
        root: The folder with the split lists.
        split: ``"train"``, ``"val"`` or ``"test"``.
        frames: Frames to read of every clip, at least 1; as many as the files of the first clip have, if not given.
            Files hold 751, scores use the first 750. Sound is not cut.
        modalities: Which kinds of series; see `react_data.open_split`.

    Returns:
        Dims ``clip, listener, frame, emotion, coefficient``; variables ``speaker_emotion``, ``listener_emotion``,
        ``speaker_3dmm``, ``listener_3dmm`` (clip, frame, channel) float32 and ``neighbours`` (clip, listener) bool, as
        far as the tree has them; coordinates ``corpus``, ``session``, ``recording``, ``speaker_person``,
        ``listener_person`` and ``listener_clip`` by clip. ``attrs["labels"]`` is ``"none"`` for a split with speakers
        only. With ``"audio"`` also ``speaker_audio``, ``listener_audio`` as `sound_variables` has them.

    Raises:
        ClipListError: If the split's list is missing or malformed.
        ModalityError: If a kind of series is not there.
        AnnotationError: If the first clip, or a clip when it is read, is unusable.
        RecordingFormatError: If sound files are missing or unusable.
        NeighbourMatrixError: If the appropriateness matrix does not fit the split.
    """
    tree = OfficialTree(Path(root), split)
    kinds = chosen_kinds(modalities, official_kinds(tree.root, split), f"the split {split} of {root}")
    variables: dict[str, xr.Variable] = {}
    coordinates = _clip_coordinates(tree)
    faces = {name: face for name, face in _FACES.items() if name in kinds}
    if frames is None:
        frames = min((len(read(_first_file(tree, name))) for name, (_, _, read) in faces.items()), default=0)
    elif frames < 1:
        raise AnnotationError(f"frames is {frames}, expected at least 1.")
    for name, (dim, schema, read) in faces.items():
        coordinates[dim] = xr.Variable(dim, list(schema.channels))
        for role, persons in tree.people.items():
            files = ClipFiles([tree.file(name, person) for person in persons], read, frames, len(schema))
            variables[f"{role}_{name}"] = xr.Variable(("clip", "frame", dim), indexing.LazilyIndexedArray(files))
    if "audio" in kinds:
        variables |= sound_variables(
            {role: [(str(who), tree.file("audio", who)) for who in persons] for role, persons in tree.people.items()}
        )
    neighbours = tree.neighbours() if tree.labelled else None
    if neighbours is not None:
        variables["neighbours"] = xr.Variable(("clip", "listener"), neighbours)
        coordinates["listener"] = xr.Variable("listener", tree.clip_ids)
    return xr.Dataset(variables, coordinates, _attributes(tree))


def _first_file(tree: OfficialTree, modality: str) -> Path:
    path = tree.file(modality, tree.clips[0].speaker)
    if not path.exists():
        raise AnnotationError(f"{path} does not exist, though {tree.list_path} lists it. Run `react-data verify`.")
    return path


def _clip_coordinates(tree: OfficialTree) -> dict[str, xr.Variable]:
    speakers: Sequence[ClipId] = [clip.speaker for clip in tree.clips]
    columns = {
        "clip": [str(clip) for clip in speakers],
        "corpus": [clip.site for clip in speakers],
        "session": [clip.session for clip in speakers],
        "recording": [clip.recording for clip in speakers],
        "speaker_person": [clip.person_path for clip in speakers],
    }
    if all(clip.listener is not None for clip in tree.clips):
        columns["listener_person"] = [clip.listener.person_path for clip in tree.clips if clip.listener is not None]
        columns["listener_clip"] = [str(clip.listener) for clip in tree.clips]
    return {name: xr.Variable("clip", values) for name, values in columns.items()}


def _attributes(tree: OfficialTree) -> dict[str, object]:
    return {
        "layout": "react2023" if names_udiva(tree.root) else "react2024",
        "split": tree.split,
        "root": str(tree.root),
        "frames_per_second": FRAMES_PER_SECOND,
        "frames_scored": FRAMES_SCORED,
        "labels": "listeners" if tree.labelled else "none",
        "synthetic": int(tree.synthetic),
        "neighbour_source": "appropriateness matrix of the data set",
    }
