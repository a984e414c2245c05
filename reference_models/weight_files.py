"""Files of weights: safetensors with our description in the header, and JSON beside them.

Conventions: a safetensors file is the length of its header (8 bytes, little endian), the header (JSON), and the tensors
without gaps. We write it ourselves, since the library wants all tensors in memory at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_data.optional_libraries import optional_library
from react_eval.submissions.durable import replace_durably
from reference_models.errors import CheckpointError
from reference_models.mapped_memory import give_back

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["pieces", "read_description", "read_weights", "write_json", "write_weights"]

_HEADER = "react_models"
_PIECE = 4 * 2**20
_ALIGNMENT = 64
_TYPES = {
    "torch.float64": "F64", "torch.float32": "F32", "torch.float16": "F16", "torch.bfloat16": "BF16",
    "torch.int64": "I64", "torch.int32": "I32", "torch.int16": "I16", "torch.int8": "I8", "torch.uint8": "U8",
    "torch.bool": "BOOL",
}  # fmt: skip


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


def write_weights(
    state: Mapping[str, Tensor], file: Path, description: Mapping[str, Any] | None, *, mapped: bool = False
) -> None:
    """Write a safetensors file that is either there as a whole or not at all, a piece at a time.

    Args:
        state: Tensors by key.
        file: The file.
        description: What the header says; None for nothing of ours.
        mapped: Whether the tensors are mapped from a file, whose pages are given back as soon as they are written.

    Raises:
        CheckpointError: If there is no way to write a tensor's type.
    """
    # Sizes that are multiples of the alignment first: so all of these lie as aligned as the data begins.
    ordered = dict(sorted(state.items(), key=lambda item: (_bytes(item[1]) % _ALIGNMENT != 0, item[0])))
    metadata = {"format": "pt"}
    if description is not None:
        metadata[_HEADER] = json.dumps(description, sort_keys=True, allow_nan=False)
    header = json.dumps({"__metadata__": metadata, **_places(ordered, file)}, separators=(",", ":")).encode()
    header += b" " * (-(len(header) + 8) % _ALIGNMENT)
    temporary = file.with_name(file.name + ".tmp")
    with temporary.open("wb") as opened:
        opened.write(len(header).to_bytes(8, "little") + header)
        for value in ordered.values():
            for piece in pieces(value, mapped=mapped):
                opened.write(piece.data)
    replace_durably(temporary, file)


def pieces(value: Tensor, *, mapped: bool = False) -> Iterator[NDArray[np.uint8]]:
    """The bytes of a tensor in row-major order, some megabytes at a time.

    Args:
        value: The tensor.
        mapped: Whether it is mapped from a file, so that pages that have been read may leave memory.
    """
    import torch

    held = value.detach()
    rows = held.reshape(-1) if held.is_contiguous() else held
    width = max(1, _bytes(rows) // max(1, len(rows)))
    for part in torch.split(rows, max(1, _PIECE // width)):
        yield part.cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        if mapped:
            read = part if part.is_contiguous() else part.untyped_storage()
            give_back(read.data_ptr(), read.nbytes if isinstance(read, torch.Tensor) else read.nbytes())


def _bytes(value: Tensor) -> int:
    return value.numel() * value.element_size()


def _places(state: Mapping[str, Tensor], file: Path) -> dict[str, Any]:
    """Type, shape and place of every tensor, as the header says them."""
    unknown = [f"{key} ({value.dtype})" for key, value in state.items() if str(value.dtype) not in _TYPES]
    if unknown:
        raise CheckpointError(f"{file} cannot hold {', '.join(unknown)}, only {', '.join(_TYPES)}. Change the type.")
    found, end = {}, 0
    for key, value in state.items():
        begin, end = end, end + _bytes(value)
        found[key] = {"dtype": _TYPES[str(value.dtype)], "shape": list(value.shape), "data_offsets": [begin, end]}
    return found


def write_json(path: Path, content: Any) -> None:
    """Write JSON that is either there as a whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
    replace_durably(temporary, path)


def _unreadable(file: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{file} cannot be read as safetensors: {error}. Copy or write it again.")
