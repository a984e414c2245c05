"""Predictions saved by torch: a tensor, or a dict of tensors; only with the loader that runs no code."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from react_data.problems import abbreviate
from react_eval.errors import UnreadableFileError
from react_eval.submissions.checks import (
    check_same_clips,
    check_shape,
    check_size,
    check_texts,
    check_type,
    trusted_order,
)
from react_eval.submissions.decoding import OpenedArray, OpenedFile, Slices
from react_eval.submissions.layout import KINDS, ArrayLayout, Layout, kind_of
from react_eval.submissions.limits import ReadingLimits
from react_eval.submissions.resources import allow_library, limit_after_library

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["open_torch"]


def open_torch(file: Path, limits: ReadingLimits, say: Callable[[dict[str, Any]], None]) -> OpenedFile:
    """Load a torch file whose archive was checked.

    Args:
        file: The private copy.
        limits: Bounds to keep.
        say: Takes messages for the parent.

    Returns:
        The file, ready to be decoded.

    Raises:
        UnreadableFileError: If torch is not installed, the file needs code to be run, or holds no predictions.
    """
    content = _load(file, limits, say)
    tensors, clips = _tensors(content, limits)
    arrays = [_opened(name, tensor, limits) for name, tensor in tensors.items()]
    layouts = tuple(array.layout for array in arrays)
    check_same_clips(layouts)
    ids = None if clips is None else check_texts(clips, layouts[0].shape[0], "clip", limits)
    return OpenedFile(Layout("torch", layouts, ids, notes=trusted_order(ids)), arrays, keep=(content,))


def _load(file: Path, limits: ReadingLimits, say: Callable[[dict[str, Any]], None]) -> Any:
    say({"loading": "torch"})
    allow_library()
    try:
        import torch
    except ImportError:
        raise UnreadableFileError(
            "it is a torch file, and torch is not installed here. Save it with react_eval.save_submission, or "
            "install torch."
        ) from None
    torch.set_num_threads(1)
    limit_after_library(limits, file.stat().st_size)
    say({"loaded": "torch"})
    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise UnreadableFileError(
            "the torch file holds more than tensors, and loading it would run code of its own. "
            "Save a tensor, or a dict with 'prediction' and 'clip'."
        ) from None


def _tensors(content: Any, limits: ReadingLimits) -> tuple[dict[str, Any], list[Any] | None]:
    import torch

    if isinstance(content, torch.Tensor):
        return {"the tensor": content}, None
    if not isinstance(content, Mapping):
        raise UnreadableFileError(
            f"the torch file holds a {type(content).__name__}, expected a tensor or a dict with 'prediction'."
        )
    found = {name: content[name] for name in KINDS if name in content}
    if not found:
        keys = abbreviate([str(key)[:40] for key in content], 10)
        raise UnreadableFileError(f"the torch file has no 'prediction' or 'prediction_3dmm'; it has {keys}.")
    wrong = [name for name, value in found.items() if not isinstance(value, torch.Tensor)]
    if wrong:
        raise UnreadableFileError(f"{wrong[0]!r} is a {type(found[wrong[0]]).__name__}, expected a tensor.")
    clips = content.get("clip")
    if clips is not None and (not isinstance(clips, (list, tuple)) or len(clips) > limits.clips):
        raise UnreadableFileError(f"'clip' is a {type(clips).__name__}, expected a list of clip ids.")
    return found, None if clips is None else list(clips)


def _opened(name: str, tensor: torch.Tensor, limits: ReadingLimits) -> OpenedArray:
    import numpy as np
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        raise UnreadableFileError(f"{name} is a sparse, quantised or empty tensor, expected a dense one.")
    stored = str(tensor.dtype).removeprefix("torch.")
    if tensor.dtype != torch.bfloat16:  # which numpy does not know
        check_type(np.dtype(stored) if stored in np.sctypeDict else np.dtype("V1"), name)
    shape = tuple(tensor.shape)
    check_shape(shape, name)
    check_size(shape, shape[0], name, limits)

    def read(slices: Slices) -> NDArray[np.float32]:
        values: NDArray[np.float32] = tensor.detach()[slices].to(torch.float32).numpy()
        return values

    layout = ArrayLayout(KINDS.get(name) or kind_of(shape[-1]), shape, stored)
    return OpenedArray(layout, read, (1, 1, 1, shape[-1]))
