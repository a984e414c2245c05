"""What decides the bytes of a synthetic data set, and its record in ``synthesis.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from react_data.clips import suggest
from react_data.errors import SynthesisError
from react_data.exclusive_writing import LOCK
from react_data.mars_tree import FRAMES_PER_SECOND as MARS_FRAMES_PER_SECOND
from react_data.official_tree import FRAMES_PER_SECOND, SPLITS, SYNTHESIS_RECORD
from react_data.synthetic_conversations import CORPORA
from react_data.synthetic_files import whole_file
from react_data.synthetic_videos import VIDEO_KINDS, VideoSettings

__all__ = ["LAYOUT_CORPORA", "LAYOUT_MODALITIES", "LAYOUT_SPLITS", "SynthesisSettings", "claim_folder"]

_FEWEST_FRAMES = 10

_SERIES = ("emotion", "3dmm", "audio")
_MARS = {"react2025": _SERIES, "react2026": (*_SERIES, "eeg")}
LAYOUT_CORPORA = {"react2023": CORPORA, "react2024": CORPORA[:2]}
_RECORDINGS = ("openface", "motion-energy")
_PLAIN = {"arrays": _SERIES[:2]} | dict.fromkeys(_RECORDINGS, _SERIES[:1])
LAYOUT_MODALITIES = dict.fromkeys(LAYOUT_CORPORA, _SERIES) | _MARS | _PLAIN
LAYOUT_SPLITS = dict.fromkeys(LAYOUT_MODALITIES, SPLITS) | dict.fromkeys(_RECORDINGS, ("all",))


@dataclass(frozen=True)
class SynthesisSettings:
    """Everything that decides the bytes of a synthetic tree; each is checked.

    Attributes:
        layout: One of `LAYOUT_MODALITIES`.
        recordings: Recordings in all splits together.
        seed: Seed of everything random.
        splits: Splits to write.
        frames: Frames a clip; in MARS the mean.
        corpora: Corpora to imitate.
        modalities: Series to write.
        sample_rate: Sound samples a second.
        behaviours: Number of pairs of behaviour classes.
        habits: How far persons differ, as a factor.
        hidden: Splits with speakers only.
        video: ``"png"``, ``"mp4"`` or None.
        frame_size: Pixels a side of the video; None without one.
    """

    layout: str
    recordings: int
    seed: int
    splits: tuple[str, ...]
    frames: int
    corpora: tuple[str, ...]
    modalities: tuple[str, ...]
    sample_rate: int
    behaviours: int
    habits: float
    hidden: tuple[str, ...]
    video: str | None
    frame_size: int | None

    @property
    def mars(self) -> bool:
        """Whether clips are written as MARS has them."""
        return self.layout in _MARS

    @property
    def plain(self) -> bool:
        """Whether the layout is no challenge's."""
        return self.layout in _PLAIN

    def __post_init__(self) -> None:
        fewest = 2 * len(self.splits)
        if self.recordings < fewest:
            raise SynthesisError(
                f"recordings is {self.recordings}, but {len(self.splits)} splits need at least {fewest}: 2 a split."
            )
        for name, low, high in (
            ("seed", 0, 2**63),
            ("frames", _FEWEST_FRAMES, 10**6),
            ("sample_rate", 1000, 192_000),
            ("behaviours", 1, self.recordings),
        ):
            if not low <= getattr(self, name) <= high:
                raise SynthesisError(f"{name} is {getattr(self, name)}, expected a whole number in {low}..{high}.")
        if not 0 <= self.habits <= 10 or (self.mars and self.habits != 1):
            raise SynthesisError(f"habits is {self.habits:g}, expected 0 to 10, and 1 in MARS.")
        if self.plain and "emotion" not in self.modalities:
            raise SynthesisError(f"modalities lack 'emotion', which {self.layout} always has.")
        if self.hidden and self.layout in _RECORDINGS:
            raise SynthesisError(f"hidden is {', '.join(self.hidden)}, but {self.layout} always has both people.")
        self._check_video()

    def _check_video(self) -> None:
        if self.video is None:
            return
        if self.plain:
            raise SynthesisError(f"video is {self.video!r}, but {self.layout} has none. Leave it out.")
        if self.video not in VIDEO_KINDS:
            raise SynthesisError(f"video is {self.video!r}. {suggest(str(self.video), VIDEO_KINDS)}")
        if self.mars and self.video != "mp4":
            raise SynthesisError(f"video is {self.video!r}, but {self.layout} has films. Choose video='mp4'.")
        if self.frame_size is None or not 16 <= self.frame_size <= 1024 or self.frame_size % 2:
            raise SynthesisError(f"frame_size is {self.frame_size}, expected an even number in 16..1024.")

    @property
    def videos(self) -> VideoSettings | None:
        """How videos are written, if they are."""
        if self.video is None or self.frame_size is None:
            return None
        rate = MARS_FRAMES_PER_SECOND if self.mars else FRAMES_PER_SECOND
        return VideoSettings(self.video, self.frame_size, rate, self.seed)


def claim_folder(root: Path, settings: SynthesisSettings) -> None:
    """Write the record of the settings, or check that it is there already and the same.

    Args:
        root: Folder of the data set, which is there, and which nobody else writes to.
        settings: What it is to hold.

    Raises:
        SynthesisError: If the folder holds something else, or a data set of other settings.
    """
    wanted = json.loads(json.dumps({"version": version("react-eval"), **asdict(settings)}))
    record = root / SYNTHESIS_RECORD
    if not record.is_file():
        if any(path.name != LOCK for path in root.iterdir()):
            raise SynthesisError(f"{root} is not an empty folder, and no synthetic data set. Choose a new folder.")
        with whole_file(record) as handle:
            handle.write((json.dumps(wanted, indent=2) + "\n").encode())
        return
    try:
        found = {"habits": 1.0, **json.loads(record.read_text(encoding="utf-8"))}  # older records do not name it
    except (ValueError, TypeError):
        raise SynthesisError(f"{record} is damaged. Delete the folder, or choose a new one.") from None
    differences = [
        f"{name} is {found.get(name)!r}, not {wanted.get(name)!r}"
        for name in wanted | found
        if found.get(name) != wanted.get(name)
    ]
    if differences:
        raise SynthesisError(
            f"{root} holds a synthetic data set of other settings: {'; '.join(differences)}. "
            "Choose a new folder, or the same settings to complete it."
        )
