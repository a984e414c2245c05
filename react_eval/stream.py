"""The clips that one or several protocols score, as they come in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.problems import abbreviate
from react_eval.clip_set import ClipSet
from react_eval.computing import Resources
from react_eval.diagnostics import look_at_values
from react_eval.errors import ChannelError, InputError, ShapeError
from react_eval.measuring import Plan
from react_eval.observing import Observations, Wanted, digest_of, observe, wanted_of
from react_eval.spool import Spool

__all__ = ["Batch", "Stream"]

Values = NDArray[np.float32]
# Predictions (α, T, C) of some clips, by kind of channels and in the order of their ids.
Batch = Mapping[str, Sequence[Values]]


@dataclass(frozen=True)
class Stream:
    """What the clips seen so far told. It never changes: with more clips, it is another one.

    Attributes:
        targets: What predictions are compared with; without clips, any id is taken as it comes.
        kind: Which kind of channels is scored.
        frames: How many frames of each clip are scored; all if None.
        resources: Where clips are looked at.
        plans: What is computed.
        observations: What was found so far.
        spool: Predictions of the same clips, where a pool may need them again.
    """

    targets: ClipSet
    kind: str
    frames: Mapping[str, int] | None
    resources: Resources
    plans: tuple[Plan, ...] = ()
    observations: Observations = field(default_factory=Observations)
    spool: Spool = field(default_factory=Spool)

    @property
    def wanted(self) -> Wanted:
        """Every metric that a plan needs, with its settings."""
        return wanted_of(use for each in self.plans for use in each.uses)

    def fresh_part(self, clips: Sequence[str], batch: Batch) -> ClipSet:
        """The clips of a batch that are scored and were not seen before, with their predictions.

        Raises:
            InputError: If a clip was seen with other predictions, or shapes do not fit.
        """
        if self.kind not in batch:
            raise ChannelError(f"the batch has {' and '.join(batch)} channels, those before had {self.kind}.")
        scored = set(self.targets.clips) or set(clips)
        pairs = [
            (clip, np.ascontiguousarray(values[:, : self._kept(clip)]))
            for clip, values in zip(clips, batch[self.kind], strict=True)
            if clip in scored
        ]
        for clip, values in pairs:
            self._check_shape(clip, values)
        self.check_against({values.shape[0] for _, values in pairs}, [(clip, digest_of(each)) for clip, each in pairs])
        fresh = {clip: values for clip, values in pairs if clip not in self.observations.clips}
        return self.part(list(fresh), list(fresh.values()))

    def check_against(self, reactions: set[int], digests: Sequence[tuple[str, str]]) -> None:
        """Check that clips fit those seen before.

        Args:
            reactions: Numbers of reactions a clip.
            digests: Ids, and digests of their predictions.

        Raises:
            InputError: If they do not.
        """
        seen = {clip: each.digest for clip, each in self.observations.clips.items()}
        changed = [clip for clip, digest in digests if seen.setdefault(clip, digest) != digest]
        if changed:
            raise InputError(
                f"{len(changed)} clips were seen before with other predictions: {abbreviate(changed)}. "
                "A clip counts once; call reset before a new run."
            )
        together = reactions | {each.shape[0] for each in self.observations.clips.values()}
        if len(together) > 1:
            raise ShapeError(f"clips have {abbreviate(sorted(together))} reactions, expected one number.")

    def part(self, clips: Sequence[str], predictions: Any) -> ClipSet:
        """Some of the clips with their predictions."""
        reactions = next((len(each) for each in predictions), 0)
        if not self.targets.clips:
            return replace(self.targets, clips=clips, predictions=predictions, reactions=reactions)
        numbers = {clip: number for number, clip in enumerate(self.targets.clips)}
        return self.targets.part([numbers[clip] for clip in clips], predictions, reactions)

    def observed(self, part: ClipSet) -> Observations:
        """What new clips tell."""
        return self.resources.observe(part, self.wanted, look=look_at_values) if len(part) else Observations()

    def grown(self, observations: Observations, predictions: Iterable[tuple[str, Values]]) -> Stream:
        """The stream with more clips.

        Args:
            observations: What they told.
            predictions: Their ids and predictions.

        Raises:
            TemporaryFolderError: If a pool may need the predictions again, and there is no room for them.
        """
        spool = self.spool.grown(predictions) if observations.pools else self.spool
        return replace(self, observations=self.observations.joined(observations), spool=spool)

    def merged(self, observations: Observations, predictions: Mapping[str, Values]) -> Stream:
        """The stream with what clips told elsewhere; a clip that was seen on both sides counts once.

        Args:
            observations: What they told.
            predictions: Their predictions, where a pool may need them again.

        Raises:
            TemporaryFolderError: See `grown`.
        """
        fresh = [clip for clip in observations.clips if clip not in self.observations.clips]
        pools = observations.pools
        if pools and len(fresh) < len(observations.clips):
            # A pool cannot give a clip back, so the pools of the fresh clips are made again.
            pooled = {key: metric for key, metric in self.wanted.items() if metric.pool}
            again = self.part(fresh, _Spooled(predictions, fresh))
            pools = observe(again, pooled, threads=self.resources.threads, digests=False).pools
        told = Observations({clip: observations.clips[clip] for clip in fresh}, pools)
        return self.grown(told, ((clip, predictions[clip]) for clip in fresh))

    def seen(self, partial: bool) -> tuple[ClipSet, str]:
        """All clips seen so far, in the order of the split, and which share of it they are; empty if all.

        Args:
            partial: Whether some may be missing.

        Raises:
            InputError: If clips are missing and `partial` is false, or there is none.
        """
        found = self.observations.clips
        expected = list(self.targets.clips) or sorted(found)
        clips = [clip for clip in expected if clip in found]
        if not clips or (len(clips) < len(expected) and not partial):
            missing = [clip for clip in expected if clip not in found]
            raise InputError(
                f"{len(missing)} of {len(expected)} clips are missing: {abbreviate(missing)}. "
                "Add them, or pass partial=True for a result that says so."
            )
        part = self.part(clips, ())
        reactions = found[clips[0]].shape[0]
        share = f"partial {len(clips)}/{len(expected)}" if len(clips) < len(expected) else ""
        predictions = _Spooled(self.spool, clips) if len(self.spool) else ()
        return replace(part, predictions=predictions, reactions=reactions), share

    def _kept(self, clip: str) -> int | None:
        return None if self.frames is None else self.frames.get(clip)

    def _check_shape(self, clip: str, values: Values) -> None:
        wanted = self._kept(clip)
        if wanted is not None and values.shape[1] < wanted:
            raise ShapeError(f"clip {clip!r} has {values.shape[1]} frames, expected {wanted}.")
        expected = len(self.targets.schema)
        if values.shape[-1] != expected:
            raise ChannelError(f"clip {clip!r} has {values.shape[-1]} channels, expected {expected}.")


class _Spooled:
    """Spooled predictions in the order of clips."""

    def __init__(self, spool: Mapping[str, Values], clips: Sequence[str]) -> None:
        self._spool, self._clips = spool, clips

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int, /) -> Values:
        return self._spool[self._clips[index]]

    def __iter__(self) -> Iterator[Values]:
        return (self._spool[clip] for clip in self._clips)
