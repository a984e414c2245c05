"""Files of weights: safetensors with our description in the header, and JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from react_data.optional_libraries import optional_library
from react_eval.submissions.durable import replace_durably
from reference_models.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_description", "read_weights", "write_json", "write_weights"]

_HEADER = "react_models"


def read_weights(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, mapped into memory.

    Raises:
        CheckpointError: If it is damaged or no safetensors file.
    """
    library = optional_library("safetensors.torch", extra="models", purpose="Reading checkpoints")
    try:
        found: dict[str, Tensor] = library.load_file(file)
    except Exception as error:  # safetensors raises one of its own, which is no other's kind
        raise _unreadable(file, error) from None
    return found


def read_description(file: Path) -> dict[str, Any] | None:
    """Our description in the header of a safetensors file; None if there is none.

    Raises:
        CheckpointError: If it is damaged or no safetensors file.
    """
    library = optional_library("safetensors", extra="models", purpose="Reading checkpoints")
    try:
        with library.safe_open(file, framework="pt") as opened:
            text = (opened.metadata() or {}).get(_HEADER, "null")
    except Exception as error:  # safetensors raises one of its own, which is no other's kind
        raise _unreadable(file, error) from None
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else None


def write_weights(state: Mapping[str, Tensor], file: Path, description: Mapping[str, Any] | None) -> None:
    """Write a safetensors file that is either there as a whole or not at all.

    Args:
        state: Tensors by key.
        file: The file.
        description: What the header says; None for nothing of ours.
    """
    library = optional_library("safetensors.torch", extra="models", purpose="Writing checkpoints")
    header = {"format": "pt"}
    if description is not None:
        header[_HEADER] = json.dumps(description, sort_keys=True, allow_nan=False)
    plain = {key: value.detach().to("cpu").contiguous().clone() for key, value in state.items()}
    temporary = file.with_name(file.name + ".tmp")
    library.save_file(plain, temporary, metadata=header)
    replace_durably(temporary, file)


def write_json(path: Path, content: Any) -> None:
    """Write JSON that is either there as a whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
    replace_durably(temporary, path)


def _unreadable(file: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{file} cannot be read as safetensors: {error}. Copy or write it again.")
