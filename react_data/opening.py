"""Layouts: how data sets lie on disk, and `open_split`, which opens any of them as one kind of `xarray.Dataset`.

A package of somebody else adds a layout by naming a `Layout` in the entry-point group ``react_data.layouts``.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from react_data.clips import suggest
from react_data.coefficient_scaling import scaled_coefficients
from react_data.dataset_neighbours import with_neighbours
from react_data.errors import LayoutError, ReactError
from react_data.feature_folder import FeatureFolder
from react_data.file_access import file_access
from react_data.modalities import chosen_kinds, only_kinds, series_kinds
from react_data.neighbour_files import load_neighbours

if TYPE_CHECKING:
    import xarray as xr

    from react_data.problems import ProblemReport

__all__ = ["Layout", "find_layout", "layouts", "open_split", "register_layout", "splits_of"]

_GROUP = "react_data.layouts"


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        name: Such as ``"react2024"``.
        title: What it is, in a few words.
        recognises: Whether a folder or file is of this layout.
        splits: The splits that are there.
        open: Opens a split, ``open(root, split, **options)``, as `open_split` describes.
        verify: Finds problems, ``verify(root, splits, report, show_progress)``; None to have every series read.
        kinds: Which kinds of series a split has, ``kinds(root, split)``; then ``open`` takes ``modalities=``, the names
            of those to open. None if ``open`` always opens all.
    """

    name: str
    title: str
    recognises: Callable[[Path], bool]
    splits: Callable[[Path], Sequence[str]]
    open: Callable[..., xr.Dataset]
    verify: Callable[[Path, Sequence[str] | None, ProblemReport, bool | None], None] | None = None
    kinds: Callable[[Path, str], Sequence[str]] | None = None


_LAYOUTS: dict[str, Layout] = {}
# Entry points whose loading began, with why they are left out; so nothing is loaded twice, or while it is loaded.
_LOADED: dict[str, str] = {}


def register_layout(layout: Layout) -> Layout:
    """Add a layout.

    Args:
        layout: Its record.

    Returns:
        The same record.

    Raises:
        LayoutError: If another layout has its name.
    """
    if _LAYOUTS.setdefault(layout.name, layout) != layout:
        raise LayoutError(f"there is a layout {layout.name!r} already. Choose another name.")
    return layout


def layouts() -> dict[str, Layout]:
    """Every layout: ours, and those of installed packages.

    A package that cannot be loaded or registered is left out with a warning that names it.

    Returns:
        Records by name; ours first, in the order in which they are tried.
    """
    import react_data.known_layouts  # noqa: F401  registers ours

    for point in _installed():
        if point.name not in _LOADED:
            _LOADED[point.name] = ""
            _LOADED[point.name] = reason = _load(point)
            if reason:
                warnings.warn(reason, RuntimeWarning, stacklevel=2)
    return dict(_LAYOUTS)


def _load(point: EntryPoint) -> str:
    """Register what a package adds; returns why not."""
    package = point.dist.name if point.dist is not None else point.value
    try:
        loaded = point.load()
        if not isinstance(loaded, Layout):
            raise LayoutError(f"it is a {type(loaded).__name__}, expected a Layout.")
        register_layout(loaded)
    except Exception as error:
        reason = error.message if isinstance(error, ReactError) else f"{type(error).__name__}: {error}"
        return f"the layout {point.name!r} of package {package!r} is left out: {reason}"
    return ""


@cache
def _installed() -> tuple[EntryPoint, ...]:
    """Entry points of other packages; looking for them reads the whole environment."""
    return tuple(entry_points(group=_GROUP))


@file_access()
def find_layout(root: str | os.PathLike[str], name: str | None = None) -> Layout:
    """The layout of a folder or file.

    Args:
        root: Where the data set lies.
        name: The layout, where it is known; else it is recognised.

    Returns:
        Its record.

    Raises:
        LayoutError: If there is no layout of that name, or none is recognised.
        FileAccessError: If files cannot be read, so that none is recognised.

    Example:
        >>> find_layout(".", "react2024").title
        'REACT 2024: NoXI and RECOLA'
    """
    known = layouts()
    if name is not None:
        if name not in known:
            left_out = f" {_LOADED[name]}" if _LOADED.get(name) else ""
            raise LayoutError(f"there is no layout {name!r}.{left_out} {suggest(name, known)}")
        return known[name]
    return _recognised(Path(root), known)


def _recognised(path: Path, known: dict[str, Layout]) -> Layout:
    failures: dict[str, Exception] = {}
    for each in known.values():
        try:
            if each.recognises(path):
                return each
        except Exception as error:  # one layout that cannot tell must not hide the others
            failures[each.name] = error
    for failure in failures.values():
        if isinstance(failure, OSError) and not isinstance(failure, FileNotFoundError | NotADirectoryError):
            raise failure
    titles = "; ".join(f"{each.name} ({each.title})" for each in known.values())
    broken = "".join(f" The layout {name} fails: {failure!r}." for name, failure in failures.items())
    raise LayoutError(
        f"{path} is of no layout that is known: {titles}.{broken} Is it the right folder? Or force layout=…."
    )


def splits_of(root: str | os.PathLike[str], layout: Layout) -> list[str]:
    """The splits of a data set.

    Args:
        root: Where it lies.
        layout: Its layout.

    Returns:
        Their names, at least one.

    Raises:
        LayoutError: If there is none, as where another layout is forced.
    """
    there = list(layout.splits(Path(root)))
    if not there:
        others = [each for each in layouts().values() if each.name != layout.name and _is_of(Path(root), each)]
        hint = f"It is of the layout {others[0].name}: leave out layout=…." if others else "Is it the right folder?"
        raise LayoutError(f"{root} has no split of the layout {layout.name} ({layout.title}). {hint}")
    return there


def _is_of(path: Path, layout: Layout) -> bool:
    try:
        return layout.recognises(path)
    except Exception:
        return False


@file_access()
def open_split(
    root: str | os.PathLike[str],
    split: str,
    *,
    layout: str | None = None,
    modalities: str | Sequence[str] | None = None,
    coefficients: str = "raw",
    mean_face: str | os.PathLike[str] | None = None,
    std_face: str | os.PathLike[str] | None = None,
    features: str | os.PathLike[str] | None = None,
    neighbours: str | os.PathLike[str] | None = None,
    **options: Any,
) -> xr.Dataset:
    """Open a split of a data set of any layout; clips are read when they are used.

    Args:
        root: Folder of the data set, or a packed file.
        split: ``"train"``, ``"val"`` or ``"test"``; ``"all"`` for recordings without splits.
        layout: Name of the layout; recognised if not given.
        modalities: Which kinds of series: names among ``"emotion"``, ``"3dmm"``, ``"audio"``, ``"eeg"`` and those of
            features, or ``"all"``; emotion and 3DMM as far as they are there, if not given. Video is opened clip by
            clip: see `react_data.clip_video`.
        coefficients: ``"raw"`` for 3DMM as it is stored, ``"zero-centred"`` for c - mean face, ``"standardised"`` for
            (c - mean face) / standard face.
        mean_face: ``mean_face.npy``, (58,), where `coefficients` needs it.
        std_face: ``std_face.npy``, (58,), where `coefficients` needs it.
        features: A folder of ``react-data features``. Its features are added, all of them or those that `modalities`
            names, in place of the data set's own of that name.
        neighbours: A file of `react_data.save_neighbours`, such as ``react-data neighbours --out`` writes, whose
            neighbours take the place of the data set's own.
        **options: What the layout's own opener takes, such as ``frames=`` (REACT 2023 and 2024) or ``draw_seed=``
            (MARS).

    Returns:
        Dims ``clip, listener, frame, emotion, coefficient``; variables ``speaker_emotion``, ``listener_emotion``,
        ``speaker_3dmm``, ``listener_3dmm``, ``speaker_mfcc78``, … (clip, frame, channel) float32 and ``neighbours``
        (clip, listener) bool, as far as the data set has them; coordinates ``corpus``, ``session``, ``recording``,
        ``speaker_person`` and ``listener_person`` by clip. Where clips differ in length, series are
        (speaker_row, channel) and ``speaker_row_size`` (clip) tells the lengths. ``speaker_audio``
        (speaker_audio_row,) has float32 samples in [-1, 1], the mean over sound channels, ``sample_rate`` of them a
        second, and ``speaker_eeg`` (speaker_eeg_row, eeg) a row a second with NaN where nothing was measured, each with
        its ``…_row_size``. `clip_series` reads every form clip by clip. ``attrs["labels"]`` is ``"none"`` for a split
        with speakers only, ``attrs["coefficients"]`` names the form of 3DMM.

    Raises:
        LayoutError: If the layout is not known, lacks the split, or takes no such option.
        ModalityError: If a kind of series or form of coefficients is not there, or `features` is no feature folder.
        NeighbourMatrixError: If `neighbours` is no such file, or lacks a clip of the split.
        FileAccessError: If a file or folder cannot be read.
        ReactError: What the layout's reader raises for files that are missing or damaged.
    """
    found = find_layout(root, layout)
    there = splits_of(root, found)
    if split not in there:
        raise LayoutError(f"{root} ({found.name}) has no split {split!r}. {suggest(split, there)}")
    _check_options(found, options)
    extra = None if features is None else FeatureFolder.of(features, split)
    dataset, added = _opened(found, Path(root), split, modalities, extra, options)
    complete = _completed(dataset, Path(root), split, found.name)
    scaled = scaled_coefficients(complete, coefficients, mean_face, std_face)
    whole = scaled if extra is None else extra.added(scaled, added, frames=options.get("frames"))
    return whole if neighbours is None else with_neighbours(whole, load_neighbours(neighbours))


def _check_options(layout: Layout, options: dict[str, Any]) -> None:
    parameters = inspect.signature(layout.open).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return
    taken = [each for each in parameters if each.kind is each.KEYWORD_ONLY or each.default is not each.empty]
    known = [each.name for each in taken if each.name != "modalities"]
    unknown = [name for name in options if name not in known]
    if unknown:
        others = f"it takes {', '.join(f'{name}=' for name in known)}" if known else "it takes no options"
        raise LayoutError(f"the layout {layout.name} takes no {unknown[0]}=; {others}.")


def _opened(
    layout: Layout,
    root: Path,
    split: str,
    modalities: str | Sequence[str] | None,
    extra: FeatureFolder | None,
    options: dict[str, Any],
) -> tuple[xr.Dataset, list[str]]:
    """The chosen kinds of the data set itself, and the names of those to add from a feature folder."""
    names = () if extra is None else extra.names

    def chosen(held: Sequence[str]) -> tuple[list[str], list[str]]:
        own = [kind for kind in held if kind not in names]
        kinds = chosen_kinds(modalities, [*own, *names], f"the split {split} of {root} ({layout.name})")
        added = [name for name in names if name in kinds or modalities is None]
        return [kind for kind in own if kind in kinds], added

    if layout.kinds is None:
        whole = layout.open(root, split, **options)
        kept, added = chosen(series_kinds(whole))
        return only_kinds(whole, kept), added
    kept, added = chosen(layout.kinds(root, split))
    return layout.open(root, split, modalities=kept, **options), added


def _completed(dataset: xr.Dataset, root: Path, split: str, layout: str) -> xr.Dataset:
    """What every data set says of itself, where a reader left it out: clips without a session are their own."""
    labelled = any(str(name).startswith("listener_") for name in dataset.data_vars)
    usual = {"labels": "listeners" if labelled else "none", "synthetic": 0, "neighbour_source": "given by the data set"}
    complete = dataset.assign_attrs({"layout": layout, "split": split, "root": str(root)} | usual | dataset.attrs)
    for name, other in (("session", "clip"), ("recording", "session")):
        if name not in complete.coords and other in complete.coords:
            complete = complete.assign_coords({name: ("clip", complete[other].values)})
    return complete
