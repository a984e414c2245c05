"""How kernels that numba compiles run on torch's tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numba import cuda
from torch import Tensor

__all__ = ["launch"]

_cuda: Any = cuda


def launch(kernel: Any, blocks: int, threads: int | tuple[int, int], arguments: Sequence[Tensor]) -> None:
    """Run a kernel and wait for it: torch's streams and numba's do not know of each other.

    Args:
        kernel: What ``cuda.jit`` made.
        blocks: Blocks of the grid. Numba warns of fewer than 128.
        threads: Threads of a block.
        arguments: Contiguous tensors, all on one GPU; on the CPU for numba's simulator.
    """
    device = arguments[0].device
    if device.type == "cpu":
        kernel[blocks, threads](*(each.numpy() for each in arguments))
        return
    torch.cuda.current_stream(device).synchronize()
    with _cuda.gpus[device.index]:
        kernel[blocks, threads](*map(_cuda.as_cuda_array, arguments))
        _cuda.synchronize()
