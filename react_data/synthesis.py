"""Synthetic dyads on disk, in the layouts of the challenges with all their quirks, and in every other.

Conventions: ``synthesis.json`` holds the settings and marks the tree as synthetic. It is written first and the split
lists last, so an interrupted tree cannot be opened by mistake and is completed by the same call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from operator import index
from pathlib import Path

from react_data.clip_lists import recording_key
from react_data.clips import ClipId, suggest
from react_data.errors import SynthesisError
from react_data.exclusive_writing import sole_writer
from react_data.file_access import file_access
from react_data.mars_synthesis import MarsSettings, plan_mars, write_mars_recording
from react_data.neighbours import cut_neighbours
from react_data.official_tree import DATA_INDICES, FULL_MATRIX, VIDEO_FOLDER, modality_path
from react_data.plain_synthesis import write_plain
from react_data.progress import track
from react_data.synthesis_settings import (
    LAYOUT_CORPORA,
    LAYOUT_MODALITIES,
    LAYOUT_SPLITS,
    SynthesisSettings,
    claim_folder,
)
from react_data.synthetic_conversations import (
    CORPORA,
    SyntheticRecording,
    appropriateness,
    in_matrix_order,
    plan_recordings,
    random_generator,
    split_sizes,
)
from react_data.synthetic_files import write_array, write_emotion, write_table, write_voice
from react_data.synthetic_signals import Performance, coefficients, perform, voice
from react_data.synthetic_videos import write_video

__all__ = ["synthesise"]

_Writers = dict[str, Callable[[Path, Performance], None]]


@file_access()
def synthesise(
    path: str | os.PathLike[str],
    *,
    recordings: int = 24,
    seed: int = 0,
    splits: Sequence[str] | None = None,
    frames: int = 751,
    layout: str = "react2024",
    corpora: Sequence[str] | None = None,
    modalities: Sequence[str] | None = None,
    sample_rate: int = 44100,
    behaviours: int | None = None,
    habits: float = 1.0,
    hidden: Sequence[str] = (),
    video: str | None = None,
    frame_size: int = 64,
    show_progress: bool | None = None,
) -> Path:
    """Write a synthetic data set in the layout of a challenge or another; equal settings give equal bytes.

    In every recording one person leads and the other responds after 8 to 30 frames, each in a personal style. A
    reaction is appropriate if it answers a speaker of the same behaviour class, split and similar intensity; the
    matrices say so. A rerun with the same settings completes what an interrupted run left out.

    Args:
        path: Folder to write; new, empty, or begun with the same settings.
        recordings: Recordings in all splits together, shared out 60/20/20, at least 2 a split. Each is two clips.
        seed: Seed of everything random, at least 0.
        splits: Which of ``"train"``, ``"val"``, ``"test"`` to write; all if not given. OpenFace tracks and motion
            energy have one, ``"all"``.
        frames: Frames a clip at 25 a second, at least 10; the real clips have 751. In MARS the mean, at 30 a second. Of
            OpenFace tracks and motion energy a recording, which is cut in clips of 750 when it is opened.
        layout: ``"react2023"``, ``"react2024"``, MARS as ``"react2025"`` or ``"react2026"`` has it, ``"arrays"``,
            ``"openface"``, or ``"motion-energy"``.
        corpora: Which of ``"NoXI"``, ``"RECOLA"``, ``"UDIVA"`` to imitate, in the layouts of 2023 and 2024; those of
            the layout if not given.
        modalities: Which of ``"emotion"``, ``"3dmm"``, ``"audio"`` (and ``"eeg"``) to write; all of the layout if not
            given. Arrays have no sound, recordings only ``"emotion"``.
        sample_rate: Sound samples a second, 1000 to 192000.
        behaviours: Number of pairs of behaviour classes; one for about 12 recordings, if not given, so that most clips
            have several neighbours. In MARS they are the sessions.
        habits: How far the usual faces of persons differ, as a factor, in 0..10; not in MARS.
        hidden: Splits to write as a participant gets them: speakers only, without their neighbours. The full matrix,
            which would reveal them, is then left out.
        video: ``"png"`` for a folder of images a clip, ``"mp4"`` for films, or None for no video; MARS has films only.
            The faces are drawn: they show the action units, the pose of the 3DMM coefficients and, with the mouth, the
            voice. A clip of 751 frames of 64 pixels takes about a second, and 3 MB as png, 0.1 MB as mp4.
        frame_size: Pixels a side of the video, even, 16 to 1024.
        show_progress: Whether to show a progress bar on stderr; only on a terminal, if not given.

    Returns:
        The folder.

    Raises:
        SynthesisError: If a setting is out of range or not of the layout, the folder holds something else, or another
            run is writing it.
        LibraryMissingError: If video is wanted, and pillow (png) or av (mp4) is not installed.
    """
    if layout not in LAYOUT_MODALITIES:
        raise SynthesisError(f"there is no layout {layout!r} to write. {suggest(layout, LAYOUT_MODALITIES)}")
    if corpora is not None and layout not in LAYOUT_CORPORA:
        raise SynthesisError(f"corpora are given, but {layout} imitates none. Leave them out.")
    chosen = _chosen("splits", LAYOUT_SPLITS[layout] if splits is None else splits, LAYOUT_SPLITS[layout])
    known = LAYOUT_MODALITIES[layout]
    imitated = LAYOUT_CORPORA.get(layout, ("NoXI",))
    settings = SynthesisSettings(
        layout=layout,
        recordings=index(recordings),
        seed=index(seed),
        splits=chosen,
        frames=index(frames),
        corpora=_chosen("corpora", imitated if corpora is None else corpora, CORPORA),
        modalities=_chosen("modalities", known if modalities is None else modalities, known),
        sample_rate=index(sample_rate),
        behaviours=max(1, round(recordings / 12)) if behaviours is None else index(behaviours),
        habits=float(habits),
        hidden=_chosen("hidden", hidden, chosen) if hidden else (),
        video=video,
        frame_size=None if video is None else index(frame_size),
    )
    if settings.videos is not None:
        settings.videos.check_libraries()
    root = Path(path)
    if root.exists() and not root.is_dir():
        raise SynthesisError(f"{root} is no folder. Choose a new folder.")
    with sole_writer(root, SynthesisError):
        claim_folder(root, settings)
        _write(root, settings, show_progress)
    return root


def _write(root: Path, settings: SynthesisSettings, show_progress: bool | None) -> None:
    sizes = split_sizes(settings.recordings, settings.splits)
    if settings.mars:
        _write_mars(root, sizes, settings, show_progress)
        return
    if settings.plain:
        write_plain(root, sizes, settings, show_progress)
        return
    plan = plan_recordings(sizes, settings.corpora, settings.behaviours, settings.seed)
    for recording in track(plan, "synthesising", unit="recording", show=show_progress):
        _write_clips(root, recording, settings)
    _write_matrices(root, plan, settings)
    _write_lists(root, plan, settings)


def _chosen(name: str, given: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else list(given)
    unknown = [choice for choice in names if choice not in known]
    if unknown:
        raise SynthesisError(f"{name} has {unknown[0]!r}. {suggest(str(unknown[0]), known)}")
    if not names:
        raise SynthesisError(f"{name} is empty. {suggest('', known)}")
    return tuple(choice for choice in known if choice in names)


def _write_mars(root: Path, sizes: dict[str, int], settings: SynthesisSettings, show_progress: bool | None) -> None:
    wanted = MarsSettings(settings.seed, settings.modalities, settings.sample_rate, settings.hidden, settings.videos)
    plan = plan_mars(sizes, settings.behaviours, settings.frames, settings.seed)
    for recording, frames in track(plan, "synthesising", unit="recording", show=show_progress):
        write_mars_recording(root, recording, frames, wanted)


def _write_clips(root: Path, recording: SyntheticRecording, settings: SynthesisSettings) -> None:
    persons = recording.persons[:1] if recording.split in settings.hidden else recording.persons
    missing = [
        (path, modality, person)
        for person in persons
        for modality, path in _files(root, recording.split, person, settings)
        if not path.exists()
    ]
    if not missing:
        return
    performances = perform(recording, settings.seed, settings.frames, settings.habits)
    writers = _writers(settings)
    for path, modality, person in missing:
        writers[modality](path, performances[person])


def _files(root: Path, split: str, person: ClipId, settings: SynthesisSettings) -> Iterator[tuple[str, Path]]:
    for modality in settings.modalities:
        named = person.alias if modality == "emotion" else person
        yield modality, modality_path(root, split, modality, named)
    if settings.video is not None:
        suffix = ".mp4" if settings.video == "mp4" else ""
        yield "video", root / split / VIDEO_FOLDER / f"{person}{suffix}"


def _writers(settings: SynthesisSettings) -> _Writers:
    def emotion(path: Path, performance: Performance) -> None:
        write_emotion(path, performance.emotion)

    def face(path: Path, performance: Performance) -> None:
        write_array(path, coefficients(performance, settings.seed)[:, None])

    def sound(path: Path, performance: Performance) -> None:
        write_voice(path, voice(performance, settings.seed, settings.sample_rate), settings.sample_rate)

    writers: _Writers = {"emotion": emotion, "3dmm": face, "audio": sound}
    if (videos := settings.videos) is not None:
        writers["video"] = lambda path, shown: write_video(path, shown, shown.person.person_path, videos)
    return writers


def _write_matrices(root: Path, plan: Sequence[SyntheticRecording], settings: SynthesisSettings) -> None:
    ordered = in_matrix_order(plan)
    full = appropriateness(ordered)
    positions = {recording_key(recording.row.speaker): position for position, recording in enumerate(ordered)}
    if not settings.hidden:
        write_array(root / FULL_MATRIX, full)
    for split in settings.splits:
        if split not in settings.hidden:
            rows = [recording.row for recording in plan if recording.split == split]
            cut = cut_neighbours(full, positions, rows)
            write_array(root / f"neighbour_emotion_{split}.npy", cut.astype(full.dtype))


def _write_lists(root: Path, plan: Sequence[SyntheticRecording], settings: SynthesisSettings) -> None:
    keys = [recording_key(recording.row.speaker).split("/") for recording in in_matrix_order(plan)]
    names = {"NOXI": "NoXI", "RECOLA": "Recola", "UDIVA": "UDIVA"}
    write_table(
        root / DATA_INDICES,
        ("site", "chat_index", "clip_index"),
        [(names[site], chat, clip) for site, chat, clip in keys],
    )
    for split in settings.splits:
        rows = [recording.row for recording in plan if recording.split == split]
        gaps = random_generator(settings.seed, "running index", split).integers(1, 4, size=len(rows))
        running = gaps.cumsum() - gaps[0]
        if split in settings.hidden:
            table = [(number, row.speaker) for number, row in zip(running, rows, strict=True)]
            write_table(root / f"{split}.csv", ("", "speaker_path"), table)
        else:
            pairs = [(number, row.speaker, row.listener) for number, row in zip(running, rows, strict=True)]
            write_table(root / f"{split}.csv", ("", "speaker_path", "listener_path"), pairs)
