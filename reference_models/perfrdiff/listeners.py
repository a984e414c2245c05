"""What personalises reactions, and a cache of it.

Conventions: computing the published changes of weights reads 6.5 GB, and a listener's are used for every clip with
them, so they are kept. What is kept is found again by the content of the past clip, by where the weights lie that made
it of that, and by how often they were written. Training, loading and writing in place are noticed; a write through
``.data`` in eval mode is not.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torch import Tensor

from reference_models.perfrdiff.denoiser import Shifts

__all__ = ["GENERIC", "Listener", "ListenerCache"]


@dataclass(frozen=True)
class Listener:
    """What is known of N listeners.

    Attributes:
        shifts: Changes of the denoiser's weights by component.
        token: (N, width) style as an input of the denoiser; None where it is none.
    """

    shifts: Shifts = field(default_factory=dict)
    token: Tensor | None = None


GENERIC = Listener()
"""A listener of whom nothing is known."""


class ListenerCache:
    """Keeps what was made of the last past clips.

    Args:
        most: How many are kept; a published one takes 6.3 MB.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[object, ...], Listener] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def get(self, history: Tensor, weights: Iterable[Tensor], make: Callable[[], Listener]) -> Listener:
        """What is known of the listener of a past clip, made anew only if it is not kept.

        Args:
            history: (H, C).
            weights: Those that it is made with.
            make: Makes it.
        """
        content = history.detach().to("cpu").contiguous()
        digest = hashlib.sha256(content.numpy().tobytes()).hexdigest()
        # Writing into a weight raises its version, and replacing it moves it.
        state = tuple((each.data_ptr(), each._version, each.dtype) for each in weights)
        key = (digest, tuple(content.shape), state)
        found = self._kept.pop(key, None)
        self._kept[key] = make() if found is None else found
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return self._kept[key]
