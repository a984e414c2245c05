"""Whether the kernels for a GPU can be used here."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba

__all__ = ["cuda_problem"]


@cache
def cuda_problem() -> str | None:
    """What keeps ``device="cuda"`` from working, found out once by running a small kernel.

    Returns:
        None where torch and numba can both use a CUDA GPU, else a sentence that says what is missing and how to get it.
    """
    try:
        import torch
    except ImportError as error:
        return (
            f"PyTorch cannot be imported ({_first_line(error)}); "
            "install a build with CUDA, as https://pytorch.org/get-started says."
        )
    if torch.version.cuda is None:
        return (
            f"PyTorch {torch.__version__} was built without CUDA; "
            "install a build with CUDA, as https://pytorch.org/get-started says."
        )
    if not torch.cuda.is_available():
        return "PyTorch finds no CUDA GPU; run `nvidia-smi` to see whether this machine has one and its driver works."
    try:
        doubled = _double_one()
    except Exception as error:  # whatever a driver, a compiler or a missing library raises
        return (
            f"numba {numba.__version__} cannot run a kernel on the GPU ({type(error).__name__}: {_first_line(error)}); "
            "install numba-cuda for the driver's version of CUDA (`pip install numba-cuda[cu12]` or `[cu13]`)."
        )
    return None if doubled == 2 else f"a kernel on the GPU said that twice 1 is {doubled}; test the GPU and its driver."


def _double_one() -> float:
    import torch
    from numba import cuda

    from react_eval.kernels.gpu.launching import launch

    compiler: Any = cuda

    def double(values: Any) -> None:
        values[compiler.grid(1)] *= 2

    values = torch.ones(128, device="cuda")
    launch(compiler.jit(double), 128, 1, [values])
    return float(values[0])


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
