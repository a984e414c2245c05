"""The challenge's lists: which recordings a split holds, and the order of the full appropriateness matrix.

Conventions: a split list names one recording a row (speaker and listener as they were recorded). Validation and test
are enumerated twice, first every (speaker → listener), then every (listener → speaker), so N directed clips are twice
the rows. The list's first column is a running index that has gaps; it is ignored.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from react_data.clips import ClipId
from react_data.errors import ClipIdError, ClipListError
from react_data.problems import abbreviate

__all__ = [
    "DirectedClip",
    "RecordingRow",
    "mirrored",
    "read_data_indices",
    "read_split_list",
    "recording_key",
    "scan_split_list",
]


@dataclass(frozen=True)
class RecordingRow:
    """A row of a split list.

    Attributes:
        speaker: The person in the speaker column.
        listener: The person in the listener column; None in a list that hides the listeners.
    """

    speaker: ClipId
    listener: ClipId | None


@dataclass(frozen=True)
class DirectedClip:
    """A speaker's clip and the real listener's clip of the same recording."""

    speaker: ClipId
    listener: ClipId | None


def read_split_list(path: Path) -> list[RecordingRow]:
    """Read ``train.csv``, ``val.csv`` or ``test.csv``.

    Args:
        path: The list. Header ``,speaker_path,listener_path``; a list of a hidden split has no ``listener_path``.

    Returns:
        Its rows in order.

    Raises:
        ClipListError: If columns are missing, there are no rows, or any row is malformed; all rows are reported.
    """
    rows, problems = scan_split_list(path)
    if problems:
        raise ClipListError(f"{path}: {abbreviate(problems)}. Use the list as the challenge ships it.")
    return rows


def scan_split_list(path: Path) -> tuple[list[RecordingRow], list[str]]:
    """Read what can be read of a split list.

    Args:
        path: The list.

    Returns:
        The usable rows in order, and what is wrong with the others; the first of repeated rows is usable.

    Raises:
        ClipListError: If columns are missing or there are no rows.
    """
    table = _read_table(path, ("speaker_path",))
    listeners = table["listener_path"] if "listener_path" in table else pd.Series("", index=table.index)
    named = any(listener.strip() for listener in listeners)
    rows: dict[str, RecordingRow] = {}
    problems: list[str] = []
    counts: Counter[str] = Counter()
    for line, (speaker, listener) in enumerate(zip(table["speaker_path"], listeners, strict=True), start=2):
        try:
            row = _parse_row(speaker.strip(), listener.strip(), listeners_named=named)
        except ClipIdError as error:
            problems.append(f"line {line}: {error.message}")
            continue
        # A recording that comes back with the roles swapped is repeated too: the splits are mirrored when read.
        rows.setdefault(recording_key(row.speaker), row)
        counts[recording_key(row.speaker)] += 1
    problems += [f"{rows[key].speaker.recording} is listed {count} times" for key, count in counts.items() if count > 1]
    return list(rows.values()), problems


def _parse_row(speaker_path: str, listener_path: str, *, listeners_named: bool) -> RecordingRow:
    speaker = ClipId.parse(speaker_path)
    if not listener_path and listeners_named:
        raise ClipIdError(f"speaker {speaker} has no listener, though other rows name theirs.")
    if not listener_path:
        return RecordingRow(speaker, None)
    listener = ClipId.parse(listener_path)
    if listener.recording != speaker.recording:
        raise ClipIdError(f"speaker {speaker} and listener {listener} are of different recordings.")
    if listener.person == speaker.person:
        raise ClipIdError(f"speaker and listener are both {speaker}.")
    return RecordingRow(speaker, listener)


def mirrored(rows: list[RecordingRow]) -> list[DirectedClip]:
    """The directed clips of a split: every row, then every row with the roles swapped.

    Args:
        rows: The split's rows.

    Returns:
        Twice as many clips as rows; rows without a listener are not mirrored.
    """
    forward = [DirectedClip(row.speaker, row.listener) for row in rows]
    backward = [DirectedClip(row.listener, row.speaker) for row in rows if row.listener is not None]
    return forward + backward


def read_data_indices(path: Path) -> dict[str, int]:
    """Read ``data_indices.csv``, the row order of the full appropriateness matrix.

    Args:
        path: The list, with the header ``site,chat_index,clip_index``.

    Returns:
        Position of each recording, by the key of `recording_key`.

    Raises:
        ClipListError: If columns are missing or a recording occurs twice.
    """
    table = _read_table(path, ("site", "chat_index", "clip_index"))
    keys = [
        f"{site.upper()}/{chat}/{clip}"
        for site, chat, clip in zip(table["site"], table["chat_index"], table["clip_index"], strict=True)
    ]
    repeated = [key for key, count in Counter(keys).items() if count > 1]
    if repeated:
        raise ClipListError(f"{path}: {len(repeated)} recordings occur more than once: {abbreviate(repeated)}.")
    return {key: position for position, key in enumerate(keys)}


def recording_key(clip: ClipId) -> str:
    """The name of a clip's recording in ``data_indices.csv``.

    Args:
        clip: Either person of the recording.

    Returns:
        ``SITE/CHAT/CLIP`` with the site in capitals; UDIVA's ``talk/023102`` is ``023102_talk`` there.

    Example:
        >>> recording_key(ClipId.parse("UDIVA/talk/023102/FC1/8"))
        'UDIVA/023102_talk/8'
    """
    chat = "_".join(reversed(clip.chat.split("/")))
    return f"{clip.site.upper()}/{chat}/{clip.clip}"


def _read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        raise ClipListError(f"{path} does not exist. It is one of the challenge's lists; copy it there.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ClipListError(f"{path} is not a csv list: {error}.") from None
    missing = [column for column in columns if column not in table]
    if missing:
        raise ClipListError(f"{path} has the columns {list(table.columns)}, but not {', '.join(missing)}.")
    if table.empty:
        raise ClipListError(f"{path} has a header and no rows.")
    return table
