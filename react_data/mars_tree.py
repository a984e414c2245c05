"""The MARS tree of REACT 2025 and 2026: clips of unequal length at 30 frames a second, in numbered sessions.

Conventions: ``ROOT/{split}/{facial-attributes,coefficients,audio,audio-features,video-face-crop,video-raw}/{speaker,
listener}/session{k}/Camera-….ext``; files of one name were recorded together. ``eeg_processed`` comes with 2026, which
goes by one direction only. There is no matrix: appropriate are reactions to the same session number.
A folder that cannot be looked into is like an empty one here (`seen`); reading a file of it is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from react_data.annotations import read_attributes, read_coefficients
from react_data.channels import COEFFICIENTS_58, EMOTION_25, ChannelSchema
from react_data.clip_lists import DirectedClip
from react_data.clips import ClipId
from react_data.eeg import eeg_variables
from react_data.errors import AnnotationError, ClipListError, RecordingFormatError
from react_data.feature_folder import feature_variables, stored_shape
from react_data.file_access import seen
from react_data.modalities import ROLES, chosen_kinds
from react_data.neighbour_draws import draw_targets, drawn_by
from react_data.official_tree import SPLITS
from react_data.problems import abbreviate
from react_data.ragged import RaggedFiles
from react_data.sound_series import sound_variables

__all__ = ["FRAMES_PER_SECOND", "MARS_MODALITIES", "ROLES", "MarsTree", "has_eeg", "mars_kinds", "open_mars_split"]

FRAMES_PER_SECOND = 30

MARS_MODALITIES = {
    "emotion": ("facial-attributes", ".npy"),
    "3dmm": ("coefficients", ".npy"),
    "audio": ("audio", ".wav"),
    "wav2vec": ("audio-features", ".npy"),
    "face video": ("video-face-crop", ".mp4"),
    "raw video": ("video-raw", ".mp4"),
    "eeg": ("eeg_processed", ".csv"),
}
_FACES: dict[str, tuple[str, ChannelSchema, Callable[[Path], NDArray[np.float32]]]] = {
    "emotion": ("emotion", EMOTION_25, read_attributes),
    "3dmm": ("coefficient", COEFFICIENTS_58, read_coefficients),
}
_SERIES = ("emotion", "3dmm", "audio", "wav2vec", "eeg")
_SESSION = re.compile(r"session(\d+)")


def mars_kinds(root: Path, split: str) -> list[str]:
    """The kinds of series of which a split has a folder, or an archive of EEG."""
    there = [kind for kind in _SERIES if seen((root / split / MARS_MODALITIES[kind][0]).is_dir)]
    return there if "eeg" in there or not has_eeg(root, split) else [*there, "eeg"]


def has_eeg(root: Path, split: str) -> bool:
    """Whether a split has EEG, as a folder or an archive."""
    return seen((root / split / MARS_MODALITIES["eeg"][0]).is_dir) or bool(_eeg_archives(root, split))


def _eeg_archives(root: Path, split: str) -> list[Path]:
    folder = root / split / MARS_MODALITIES["eeg"][0]
    beside = folder.with_name(f"{folder.name}.tar.gz")
    return [*([beside] if seen(beside.is_file) else []), *sorted(folder.glob("*.tar.gz"))]


@dataclass(frozen=True)
class MarsTree:
    """A split of a MARS tree.

    Attributes:
        root: The folder that holds the splits.
        split: ``"train"``, ``"val"`` or ``"test"``.
    """

    root: Path
    split: str

    def __post_init__(self) -> None:
        if not self.has("emotion") and not self.has("3dmm"):
            raise ClipListError(
                f"{self.root / self.split} holds neither facial-attributes nor coefficients, which a MARS tree has. "
                "Name the folder that holds train, val and test."
            )

    def folder(self, modality: str) -> Path:
        """The split's folder of a modality."""
        return self.root / self.split / MARS_MODALITIES[modality][0]

    def has(self, modality: str) -> bool:
        """Whether the split holds a folder of a modality."""
        return seen(self.folder(modality).is_dir)

    def file(self, modality: str, person: ClipId) -> Path:
        """Where a person's file of a modality lies, whether or not there is one."""
        suffix = MARS_MODALITIES[modality][1]
        return self.folder(modality) / person.person / person.site / f"{person.chat}{suffix}"

    @cached_property
    def recordings(self) -> list[tuple[str, str]]:
        """Session and file name of every recording of which the speaker's face is there, sessions in their order."""
        modality = "emotion" if self.has("emotion") else "3dmm"
        suffix = MARS_MODALITIES[modality][1]
        found = [(file.parent.name, file.stem) for file in self.folder(modality).glob(f"speaker/session*/*{suffix}")]
        return sorted(found, key=lambda each: (_number(each[0]), each))

    @cached_property
    def both_directions(self) -> bool:
        """Whether listeners are enumerated as speakers too: in 2025, not in 2026, of which a split has EEG."""
        return not any(has_eeg(self.root, split) for split in SPLITS)

    @cached_property
    def labelled(self) -> bool:
        """Whether at least half of the listeners' faces are there; a participant's test split has speakers only."""
        there = [
            any(self.has(face) and seen(self.file(face, ClipId(*each, "listener", "")).is_file) for face in _FACES)
            for each in self.recordings
        ]
        return sum(there) >= max(1, len(there) / 2)

    @cached_property
    def clips(self) -> list[DirectedClip]:
        """The directed clips: every speaker with its listener, then, where both directions count, the reverse."""
        pairs = [tuple(ClipId(*each, role, "") for role in ROLES) for each in self.recordings]
        if not self.labelled:
            return [DirectedClip(speaker, None) for speaker, _ in pairs]
        forth = [DirectedClip(speaker, listener) for speaker, listener in pairs]
        return forth + [DirectedClip(listener, speaker) for speaker, listener in pairs if self.both_directions]

    @property
    def clip_ids(self) -> list[str]:
        """Ids of the directed clips, in order."""
        return [str(clip.speaker) for clip in self.clips]

    def files(self, modality: str) -> dict[str, list[tuple[str, Path]]]:
        """By role, the person's clip id and the file of a modality for each clip; without labels only speakers."""
        people = {
            role: [getattr(clip, role) for clip in self.clips] for role in (ROLES if self.labelled else ROLES[:1])
        }
        return {role: [(str(who), self.file(modality, who)) for who in persons] for role, persons in people.items()}

    @property
    def eeg_archive(self) -> Path | None:
        """The archive of the split's EEG, or None where its files are unpacked.

        Raises:
            RecordingFormatError: If there are several.
        """
        found = _eeg_archives(self.root, self.split)
        if len(found) > 1:
            raise RecordingFormatError(f"there are several archives of EEG: {abbreviate(found)}. Keep one.")
        return found[0] if found and not any(self.folder("eeg").glob("speaker/session*")) else None


def _number(session: str) -> int:
    found = _SESSION.fullmatch(session)
    return int(found[1]) if found else -1


def open_mars_split(
    root: str | Path, split: str, *, draw_seed: int = 0, modalities: str | Sequence[str] | None = None
) -> xr.Dataset:
    """Open a split of a MARS tree; clips are read when they are used, and keep their lengths.

    Args:
        root: The folder that holds the splits.
        split: ``"train"``, ``"val"`` or ``"test"``.
        draw_seed: Seed of the draw of appropriate reactions.
        modalities: Which kinds of series; see `react_data.open_split`.

    Returns:
        Variables ``speaker_emotion`` (speaker_row, emotion), ``listener_emotion`` (listener_row, emotion) and their
        ``_3dmm``, ``speaker_row_size`` and ``listener_row_size`` (clip), ``neighbours`` (clip, listener); coordinates
        as for other layouts, and ``topic``: the session number that decides what is appropriate. ``wav2vec`` has the
        rows of the faces, ``audio`` and ``eeg`` have their own: see `sound_variables` and `eeg_variables`.

    Raises:
        ClipListError: If this is no MARS tree, or the split is empty.
        ModalityError: If a kind of series is not there.
        AnnotationError: If files are missing, or differ in length between modalities; lists them.
        RecordingFormatError: If files of sound or EEG are missing or unusable; lists them.
    """
    tree = MarsTree(Path(root), split)
    if not tree.clips:
        raise ClipListError(f"{tree.root / split} holds no clip under speaker/session*. Is it complete?")
    kinds = chosen_kinds(modalities, mars_kinds(tree.root, split), f"the split {split} of {root}")
    variables: dict[str, xr.Variable] = {}
    coordinates = _clip_coordinates(tree)
    _add_faces(tree, [kind for kind in kinds if kind in _FACES], variables, coordinates)
    if "wav2vec" in kinds:
        paths = {role: [path for _, path in files] for role, files in tree.files("wav2vec").items()}
        variables |= feature_variables(xr.Dataset(variables), "wav2vec", paths)
    if "audio" in kinds:
        variables |= sound_variables(tree.files("audio"))
    if "eeg" in kinds:
        eeg, coordinates["eeg"] = eeg_variables(tree.files("eeg"), tree.eeg_archive)
        variables |= eeg
    if tree.labelled:
        alike = [f"{clip.speaker.site}/{clip.speaker.person}" for clip in tree.clips]
        drawn = draw_targets(tree.clip_ids, alike, seed=draw_seed)
        variables["neighbours"] = xr.Variable(("clip", "listener"), drawn)
        coordinates["listener"] = xr.Variable("listener", tree.clip_ids)
    return xr.Dataset(variables, coordinates, _attributes(tree, draw_seed))


def _add_faces(
    tree: MarsTree, kinds: Sequence[str], variables: dict[str, xr.Variable], coordinates: dict[str, xr.Variable]
) -> None:
    by_kind = {kind: tree.files(kind) for kind in kinds}
    for role in by_kind[kinds[0]] if kinds else ():
        faces = {kind: [path for _, path in files[role]] for kind, files in by_kind.items()}
        sizes = _sizes(faces)
        variables[f"{role}_row_size"] = xr.Variable("clip", sizes, {"sample_dimension": f"{role}_row"})
        for kind, paths in faces.items():
            dim, schema, read = _FACES[kind]
            coordinates[dim] = xr.Variable(dim, list(schema.channels))
            files = RaggedFiles(paths, sizes, read, len(schema))
            variables[f"{role}_{kind}"] = xr.Variable((f"{role}_row", dim), indexing.LazilyIndexedArray(files))


def _sizes(faces: dict[str, list[Path]]) -> NDArray[np.int64]:
    """Frames of every clip, the same in all modalities."""
    missing = [str(path) for paths in faces.values() for path in paths if not path.is_file()]
    if missing:
        raise AnnotationError(f"{len(missing)} files do not exist: {abbreviate(missing)}. Copy them there.")
    lengths = {name: [stored_shape(path)[0] for path in paths] for name, paths in faces.items()}
    first = next(iter(lengths))
    for name, found in lengths.items():
        different = [
            f"{path} has {length} frames, {faces[first][n]} has {lengths[first][n]}"
            for n, (path, length) in enumerate(zip(faces[name], found, strict=True))
            if length != lengths[first][n]
        ]
        if different:
            raise AnnotationError(f"modalities of one clip differ in length: {abbreviate(different, 3)}. Repair them.")
    return np.array(lengths[first], dtype=np.int64)


def _clip_coordinates(tree: MarsTree) -> dict[str, xr.Variable]:
    speakers = [clip.speaker for clip in tree.clips]
    columns = {
        "clip": [str(clip) for clip in speakers],
        "corpus": ["MARS"] * len(speakers),
        "topic": [clip.site for clip in speakers],
        "session": [clip.session for clip in speakers],
        "recording": [clip.recording for clip in speakers],
        "speaker_person": [clip.person_path for clip in speakers],
    }
    if tree.labelled:
        columns["listener_person"] = [clip.listener.person_path for clip in tree.clips if clip.listener is not None]
        columns["listener_clip"] = [str(clip.listener) for clip in tree.clips]
    return {name: xr.Variable("clip", values) for name, values in columns.items()}


def _attributes(tree: MarsTree, draw_seed: int) -> dict[str, object]:
    return {
        "layout": "react2025" if tree.both_directions else "react2026",
        "split": tree.split,
        "root": str(tree.root),
        "frames_per_second": FRAMES_PER_SECOND,
        "labels": "listeners" if tree.labelled else "none",
        "synthetic": int((tree.root / "synthesis.json").is_file()),
        **drawn_by(draw_seed),
    }
