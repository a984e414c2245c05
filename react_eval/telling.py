"""What results, comparisons and specificity tell alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["SYNTHETIC", "scope", "written_json"]

SYNTHETIC = "Synthetic data: the numbers compare with nothing that is published."


def scope(split: str, clips: int, groups: int, group_kind: str) -> str:
    """What was scored, in a few words.

    Args:
        split: Name of the split; empty for arrays.
        clips: How many clips.
        groups: How many groups of clips that are not independent.
        group_kind: What a group is.
    """
    grouped = f" in {groups} {group_kind}" if group_kind != "clips" else ""
    return f"{split}, {clips} clips{grouped}" if split else f"{clips} clips{grouped}"


def written_json(told: dict[str, Any], path: str | Path | None) -> str:
    """Plain data as JSON, also written into a file.

    Args:
        told: The data.
        path: The file; None to return the text only.
    """
    text = json.dumps(told, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
