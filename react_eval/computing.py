"""Where clips are looked at: on the threads of this process, on a GPU, or on the workers of a cluster."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from react_eval.clip_set import ClipSet, ClipView
from react_eval.cluster import active_client, observe_on_cluster
from react_eval.errors import InputError
from react_eval.observing import Observations, Wanted, observe

__all__ = ["Resources"]

_DEVICES = ("auto", "cpu", "cuda")
_CLIPS_ON_GPU = 64
# Reactions to compare with neighbours from which on a GPU saves more time than starting it takes.
_WORTH_A_GPU = 5000


@dataclass(frozen=True)
class Resources:
    """What a pass over clips may use; no choice changes a bit of a score on a CPU, and a GPU no more than 1e-6 of it.

    Attributes:
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: How many; one for each processor if None.
        client: A `dask.distributed.Client`; None for the active one if there is one, False for none. With device
            ``"cuda"``, which is the GPU of this process, only False and None, which is none then.

    Raises:
        InputError: If a device is not known or cannot be used.
    """

    device: str = "auto"
    threads: int | None = None
    client: Any = None

    def __post_init__(self) -> None:
        if self.device not in _DEVICES:
            raise InputError(f"device {self.device!r} is not known, expected one of {', '.join(_DEVICES)}.")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads is {self.threads}, expected at least 1.")
        if self.device == "cuda" and self.client is not None and self.client is not False:
            raise InputError("device 'cuda' is the GPU of this process, client=… takes a cluster. Pass one of the two.")
        problem = _cuda_problem() if self.device == "cuda" else None
        if problem is not None:
            raise InputError(f"device 'cuda' cannot be used: {problem} Use device='cpu' until then.")

    def device_for(self, clips: ClipSet) -> str:
        """The device that is used for a clip set: ``"cpu"``, ``"cuda"``, or ``"cluster"``."""
        if self.device == "cuda":
            return "cuda"
        if active_client(self.client) is not None:
            return "cluster"
        if self.device == "cpu":
            return "cpu"
        comparisons = sum(map(len, clips.neighbours or ())) * max(clips.reactions, 1)
        return "cuda" if comparisons >= _WORTH_A_GPU and _gpu_in_sight() and _cuda_problem() is None else "cpu"

    def settled(self, clips: ClipSet) -> Resources:
        """The same with a device that stays, whatever parts of a clip set come.

        Args:
            clips: All of its clips, and how many reactions each will have.
        """
        device = self.device_for(clips)
        return self if device == "cluster" else replace(self, device=device, client=False)

    def observe(
        self,
        clips: ClipSet,
        wanted: Wanted,
        *,
        look: Callable[[ClipView], Any] | None = None,
        show_progress: bool | None = False,
    ) -> Observations:
        """Look at every clip once.

        Args:
            clips: The clips.
            wanted: Metrics with their settings.
            look: Also called with every clip.
            show_progress: Whether a progress bar is shown; None shows it on a terminal.

        Returns:
            What they told.
        """
        device = self.device_for(clips)
        if device == "cluster":
            client = active_client(self.client)
            return observe_on_cluster(clips, wanted, client, look=look, show_progress=show_progress)
        options: dict[str, Any] = {"look": look, "threads": self.threads, "show_progress": show_progress}
        if device == "cuda":
            options |= {"prepare": _preparation(wanted), "batch": _CLIPS_ON_GPU}
        return observe(clips, wanted, **options)


def _preparation(wanted: Wanted) -> Callable[[Sequence[ClipView]], None]:
    """What is done on the GPU for a batch of clips, one batch at a time; meanwhile threads do the rest of others."""
    from react_eval.gpu_batch import provide_from_gpu

    one_at_a_time = Lock()

    def prepare(views: Sequence[ClipView]) -> None:
        with one_at_a_time:
            provide_from_gpu(views, wanted)

    return prepare


def _gpu_in_sight() -> bool:
    """Whether it is worth the seconds that asking torch takes."""
    return "torch" in sys.modules or shutil.which("nvidia-smi") is not None


def _cuda_problem() -> str | None:
    from react_eval.kernels.gpu.availability import cuda_problem

    return cuda_problem()
