"""Nothing is published of Trans-AE, so keys of checkpoints are ours."""

from __future__ import annotations

from reference_models.key_map import KeyMap

__all__ = ["KEYS"]

KEYS = KeyMap()
