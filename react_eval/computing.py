"""Where clips are looked at: on the threads of this process, on a GPU, or on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from react_eval.clip_set import ClipSet, ClipView
from react_eval.cluster import active_client, observe_on_cluster
from react_eval.errors import InputError
from react_eval.observing import Observations, Wanted, observe

__all__ = ["Resources"]

_DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Resources:
    """What a pass over clips may use; no choice changes a bit of a score on a CPU, and a GPU no more than 1e-6 of it.

    Attributes:
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: How many; one for each processor if None.
        client: A `dask.distributed.Client`; None for the active one if there is one, False for none.

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
        cluster = active_client(self.client)
        if cluster is not None:
            return observe_on_cluster(clips, wanted, cluster, look=look, show_progress=show_progress)
        return observe(clips, wanted, look=look, threads=self.threads, show_progress=show_progress)
