"""The layouts of the field, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from react_data.array_folder import array_kinds, open_array_split
from react_data.file_access import seen
from react_data.mars_tree import MARS_MODALITIES, has_eeg, mars_kinds, open_mars_split
from react_data.motion_energy import read_motion_energy
from react_data.official_tree import SPLITS, listed_splits, names_udiva, official_kinds, open_official_split
from react_data.openface import find_openface_pairs, read_openface_folder
from react_data.opening import Layout, register_layout
from react_data.packed_split import is_packed, open_packed_split, packed_kinds, packed_splits
from react_data.verification import verify_official_tree
from react_data.verification_of_arrays import verify_array_folder
from react_data.verification_of_mars import verify_mars_tree
from react_data.verification_of_packs import verify_pack
from react_data.verification_of_recordings import verify_motion_energy, verify_openface_folder

if TYPE_CHECKING:
    import xarray as xr

__all__: list[str] = []


def _with_folder(root: Path, folders: Sequence[str]) -> list[str]:
    return [split for split in SPLITS if any(seen((root / split / folder).is_dir) for folder in folders)]


def _mars_splits(root: Path) -> list[str]:
    return _with_folder(root, [MARS_MODALITIES[modality][0] for modality in ("emotion", "3dmm")])


@wraps(read_motion_energy)  # whose options are the layout's
def _open_motion_energy(root: Path, _split: str, **options: Any) -> xr.Dataset:
    return read_motion_energy(root, **options)


@wraps(read_openface_folder)
def _open_openface(root: Path, _split: str, **options: Any) -> xr.Dataset:
    return read_openface_folder(root, **options)


def _is_motion_energy(root: Path) -> bool:
    files = sorted(root.glob("*.txt"))[:1] if root.is_dir() else []
    return bool(files) and files[0].read_bytes()[:40].split()[:2] == [b'"pat"', b'"th"']


def _array_splits(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("*/speaker_emotion.npy"))


for _layout in (
    Layout(
        "pack",
        "a packed file of react-data pack",
        is_packed,
        packed_splits,
        open_packed_split,
        verify_pack,
        packed_kinds,
    ),
    Layout(
        "react2023",
        "REACT 2023: NoXI, RECOLA and UDIVA",
        lambda root: bool(listed_splits(root)) and names_udiva(root),
        listed_splits,
        open_official_split,
        verify_official_tree,
        official_kinds,
    ),
    Layout(
        "react2024",
        "REACT 2024: NoXI and RECOLA",
        lambda root: bool(listed_splits(root)),
        listed_splits,
        open_official_split,
        verify_official_tree,
        official_kinds,
    ),
    Layout(
        "react2026",
        "REACT 2026: MARS with EEG, speakers to listeners",
        lambda root: any(has_eeg(root, split) for split in SPLITS),
        _mars_splits,
        open_mars_split,
        verify_mars_tree,
        mars_kinds,
    ),
    Layout(
        "react2025",
        "REACT 2025: MARS, both directions",
        lambda root: bool(_mars_splits(root)),
        _mars_splits,
        open_mars_split,
        verify_mars_tree,
        mars_kinds,
    ),
    Layout(
        "arrays",
        "plain arrays, a folder a split",
        lambda root: bool(_array_splits(root)),
        _array_splits,
        open_array_split,
        verify_array_folder,
        array_kinds,
    ),
    Layout(
        "motion-energy",
        "rMEA text files",
        _is_motion_energy,
        lambda _root: ["all"],
        _open_motion_energy,
        verify_motion_energy,
    ),
    Layout(
        "openface",
        "pairs of OpenFace csv files",
        lambda root: bool(find_openface_pairs(root)),
        lambda _root: ["all"],
        _open_openface,
        verify_openface_folder,
    ),
):
    register_layout(_layout)
