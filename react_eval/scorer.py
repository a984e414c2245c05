"""Score predictions as they are made: batch by batch, on several processes, with the result of one call to `score`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema, schema_for
from react_data.clips import match_clip_ids, suggest
from react_data.problems import abbreviate
from react_eval.clip_set import ClipSet
from react_eval.computing import Resources
from react_eval.errors import InputError, ShapeError
from react_eval.measuring import chosen_protocols, conclude, data_hash, gather, plan
from react_eval.metrics.arguments import clip_ids, series_of, target_set, to_numpy
from react_eval.observing import Observations
from react_eval.protocol import Protocol
from react_eval.result import ProtocolResults, ScoreResult
from react_eval.spool import Spool
from react_eval.stream import Stream
from react_eval.targets import SplitTargets

__all__ = ["Scorer", "ScorerState"]

Values = NDArray[np.float32]

_SIZES = {"emotion": 25, "coefficients": 58}


@dataclass(frozen=True)
class ScorerState:
    """What a `Scorer` has seen, to be sent to another process.

    Pickled, it holds the predictions that pools may need again (4·α·T·C bytes a clip, where FRDvs is scored) in memory;
    within a process they stay in the scorer's temporary file.

    Attributes:
        fingerprint: What was compared with and under which protocols; only equal ones merge.
        channels: How many channels there are of each kind that was scored.
        streams: For each clip set what its clips told, and the predictions that pools may need again.
    """

    fingerprint: str
    channels: Mapping[str, int]
    streams: Sequence[tuple[Observations, Mapping[str, Values]]]


class Scorer:
    """Scores that grow batch by batch; the result is that of one call to `react_eval.score`, to the last bit.

    Batches may come in any order and size, from several processes whose scorers are merged at the end. A clip that
    comes again with the same predictions (samplers of distributed training repeat some) is ignored, with others
    refused. Predictions are not kept in memory; where a metric over all clips (FRDvs) may need them again, they are in
    a temporary file. Copies and pickled scorers take along what was seen.

    Args:
        protocol: Names, ids or protocols; follows from the data set if not given, else ``react2024``.
        split: ``"train"``, ``"val"`` or ``"test"`` of a data set; without it, targets are given as arrays.
        data: Folder of the data set; ``$REACT_DATA`` or config.toml name it if not given.
        listener: Real listeners, (M, T, C) or M arrays (T, C); listener n belongs to clip n.
        speaker: Speakers, (N, T, C) or N arrays (T, C).
        neighbours: (N, M) of 0 and 1, or for each clip a list of indices.
        personal: The same for neighbours that are the same listener person.
        sessions: The conversation of each clip.
        clips: N ids; numbers if not given. Without clips, listeners and speakers any id is taken as it comes.
        channels: A schema or channel names; told from the number of channels if not given.
        metrics: Result keys, names or aliases; every metric whose inputs are there if not given.
        method: Name of the row in tables.
        context: Whether to score GT and B_Mime on the same data too.
        draw_seed: Seed by which appropriate reactions are drawn where the data set has no matrix (MARS).
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: How many; one for each processor if not given.

    Raises:
        DataRootError: If no data set is found.
        LabelsMissingError: If the split holds speakers only.
        UnknownNameError: If a protocol is not known.
        InputError: If arrays do not fit.

    Example:
        >>> scorer = Scorer("react2024", metrics=["FRVar"])
        >>> noise = np.random.default_rng(0).random((4, 10, 60, 25), dtype=np.float32)
        >>> scorer.update(["a", "b"], noise[:2])
        >>> scorer.update(["c", "d"], noise[2:])
        >>> round(scorer.compute()["FRVar"], 2)
        0.08
    """

    def __init__(
        self,
        protocol: str | Protocol | Sequence[str | Protocol] | None = None,
        split: str | None = None,
        *,
        data: str | os.PathLike[str] | None = None,
        listener: Any = None,
        speaker: Any = None,
        neighbours: Any = None,
        personal: Any = None,
        sessions: Sequence[str] | None = None,
        clips: Sequence[str] | None = None,
        channels: ChannelSchema | Sequence[str] | None = None,
        metrics: Sequence[str] | None = None,
        method: str | None = None,
        context: bool = True,
        draw_seed: int | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        arrays = {"listener": listener, "speaker": speaker, "neighbours": neighbours, "personal": personal}
        given = [name for name, value in {**arrays, "sessions": sessions, "clips": clips}.items() if value is not None]
        if split is not None and given:
            raise InputError(f"split={split!r} brings its own targets. Leave out {', '.join(given)}.")
        self._targets = SplitTargets.of(data, split, draw_seed) if split is not None else None
        self._arrays = {name: value for name, value in arrays.items() if value is not None}
        self._clips, self._sessions, self._channels = clips, sessions, channels
        self._made: dict[int, ClipSet] = {}
        usual = self._targets.usual_protocol if self._targets is not None else "react2024"
        self._protocols = chosen_protocols(protocol or usual)
        self._metrics, self._method, self._context = metrics, method, context
        self._resources = Resources(device, threads, client=False)
        self._streams: list[Stream] = []
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def clips(self) -> list[str]:
        """Ids of the clips seen so far, in the order of the split."""
        streams = self._streams
        seen = {clip for stream in streams for clip in stream.observations.clips}
        known = [clip for stream in streams for clip in stream.targets.clips]
        return [clip for clip in dict.fromkeys(known or sorted(seen)) if clip in seen]

    def update(self, clips: Sequence[str], predictions: Any) -> None:
        """Add the predictions of some clips: all of them, or none where anything is raised, Ctrl+C included.

        Args:
            clips: B ids.
            predictions: (B, α, T, C) of numpy or torch on any device, B arrays (α, T, C), or arrays by kind of channels
                (``"emotion"``, ``"coefficients"``).

        Raises:
            InputError: If a clip is not known, was seen with other predictions, or arrays do not fit.
            TemporaryFolderError: If there is no room for predictions that may be needed again.
        """
        given = [clips] if isinstance(clips, str) else [str(clip) for clip in clips]
        batch = _by_kind(predictions, given)
        with self._lock:
            channels = {kind: values[0].shape[-1] for kind, values in batch.items()}
            streams = self._streams or self._made_streams(channels)
            names = self._known(given, streams)
            parts = [stream.fresh_part(names, batch) for stream in streams]
            told = [stream.observed(part) for stream, part in zip(streams, parts, strict=True)]
            self._streams = [
                stream.grown(found, zip(part.clips, part.predictions, strict=True))
                for stream, part, found in zip(streams, parts, told, strict=True)
            ]

    def compute(self, *, partial: bool = False) -> ScoreResult | ProtocolResults:
        """The result of all clips seen so far.

        Args:
            partial: Whether it may be one of some clips only; it then says so.

        Returns:
            What `react_eval.score` returns.

        Raises:
            InputError: If clips are missing and `partial` is false, or there is none.
        """
        streams = self._streams
        if not streams:
            raise InputError("there are no predictions yet. Call update first.")
        results: dict[str, ScoreResult] = {}
        for stream in streams:
            results |= {each.protocol.id: each for each in self._conclude(stream, partial)}
        return gather([results[protocol.id] for protocol in self._protocols])

    def merge(self, other: Scorer | ScorerState) -> None:
        """Take over what another scorer has seen, of this process or of another one.

        Args:
            other: The scorer, or its `state`.

        Raises:
            InputError: If it has other targets or protocols, or saw a clip with other predictions.
        """
        state = other.state() if isinstance(other, Scorer) else other
        if not any(observations.clips for observations, _ in state.streams):
            return
        with self._lock:
            streams = self._streams or self._made_streams(state.channels)
            if state.fingerprint != _fingerprint(streams):
                raise InputError(
                    "the scorers have other protocols, metrics or targets. Make them with equal arguments."
                )
            for stream, (observations, _) in zip(streams, state.streams, strict=True):
                told = observations.clips
                digests = [(clip, each.digest) for clip, each in told.items()]
                stream.check_against({each.shape[0] for each in told.values()}, digests)
            self._streams = [stream.merged(*seen) for stream, seen in zip(streams, state.streams, strict=True)]

    def state(self) -> ScorerState:
        """What was seen so far, which can be pickled; `merge` takes it."""
        streams = self._streams
        channels = {stream.kind: len(stream.targets.schema) for stream in streams}
        return ScorerState(_fingerprint(streams), channels, [(each.observations, each.spool) for each in streams])

    def reset(self) -> None:
        """Forget all predictions; the targets stay."""
        with self._lock:
            self._streams = [_emptied(stream) for stream in self._streams]

    def fresh(self) -> Scorer:
        """A scorer of the same targets that has seen nothing."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self), _lock=Lock(), _streams=[_emptied(stream) for stream in self._streams])
        return other

    def __deepcopy__(self, _memo: dict[int, Any]) -> Scorer:
        other = self.fresh()  # targets never change, so both have the same
        other.merge(self)
        return other

    def __getstate__(self) -> tuple[dict[str, Any], ScorerState]:
        made_again = {"_lock", "_made", "_streams"}
        return {name: value for name, value in vars(self).items() if name not in made_again}, self.state()

    def __setstate__(self, state: tuple[dict[str, Any], ScorerState]) -> None:
        arguments, seen = state
        vars(self).update(arguments, _lock=Lock(), _made={}, _streams=[])
        self.merge(seen)

    def _known(self, clips: Sequence[str], streams: Sequence[Stream]) -> list[str]:
        """The ids of a batch as the split has them."""
        if self._targets is not None:
            available: Sequence[str] = self._targets.clip_ids
            matched = match_clip_ids(clips, available)
        else:
            available = streams[0].targets.clips
            matched = [clip if clip in available or not available else None for clip in clips]
        unknown = [clip for clip, match in zip(clips, matched, strict=True) if match is None]
        if unknown:
            raise InputError(
                f"{len(unknown)} clips are not known: {abbreviate(unknown)}. {suggest(unknown[0], available)}"
            )
        return [clip for clip in matched if clip is not None]

    def _made_streams(self, channels: Mapping[str, int]) -> list[Stream]:
        """One stream for each clip set that the protocols score, of predictions with so many channels by kind."""
        streams: dict[int, Stream] = {}
        for protocol in self._protocols:
            if self._targets is not None:
                kind = self._targets.kind(protocol, channels)
                targets = self._targets.clip_set(protocol, kind)
                lengths = zip(targets.clips, self._targets.frames(protocol).tolist(), strict=True)
                frames: dict[str, int] | None = dict(lengths)
            else:
                kind = next((each for each in protocol.channels if each in channels), next(iter(channels)))
                frames, targets = None, self._array_targets(channels[kind])
            if id(targets) not in streams:
                resources = self._resources.settled(replace(targets, reactions=protocol.reactions))
                streams[id(targets)] = Stream(targets, kind, frames, resources)
            stream = streams[id(targets)]
            streams[id(targets)] = replace(stream, plans=(*stream.plans, plan(targets, protocol, self._metrics)))
        return list(streams.values())

    def _array_targets(self, channels: int) -> ClipSet:
        if channels not in self._made:
            sizes = [len(self._arrays[name]) for name in ("speaker", "neighbours", "listener") if name in self._arrays]
            ids = clip_ids(self._clips, len(self._clips) if self._clips is not None else next(iter(sizes), 0))
            given = self._channels
            schema = given if isinstance(given, ChannelSchema) else schema_for(given if given is not None else channels)
            targets = target_set(ids, schema, **self._arrays, beside="predictions")
            self._made[channels] = replace(targets, sessions=self._sessions)
        return self._made[channels]

    def _conclude(self, stream: Stream, partial: bool) -> Iterator[ScoreResult]:
        clips, share = stream.seen(partial)
        facts: dict[str, Any] = {"neighbours": "given" if clips.neighbours is not None else "none"}
        if self._targets is not None:
            facts = dict(self._targets.facts)
        facts |= {"method": self._method or "", "run_seed": "", "track": ""} | ({"partial": share} if share else {})
        notes = (f"{share}: clips are missing, so these values do not compare with others.",) if share else ()
        options: dict[str, Any] = {"resources": stream.resources, "context": self._context}
        options |= {"facts": facts, "notes": notes, "run": {"device": stream.resources.device_for(clips)}}
        for each in stream.plans:
            yield conclude(clips, stream.observations, each, **options)


def _fingerprint(streams: Sequence[Stream]) -> str:
    parts = [
        f"{stream.kind} {data_hash(stream.targets)} {list(stream.targets.clips)} "
        f"{[(each.protocol.id, [use.key for use in each.uses]) for each in stream.plans]}"
        for stream in streams
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _emptied(stream: Stream) -> Stream:
    return replace(stream, observations=Observations(), spool=Spool())


def _by_kind(predictions: Any, clips: Sequence[str]) -> dict[str, list[Values]]:
    given = predictions if isinstance(predictions, Mapping) and set(predictions) <= set(_SIZES) else {"": predictions}
    batch = {}
    for kind, values in given.items():
        # One transfer from a GPU for the whole batch.
        whole = values if isinstance(values, (list, tuple)) else to_numpy(values, "predictions")
        series = list(series_of(whole, "predictions", 3))
        if len(series) != len(clips):
            raise ShapeError(f"there are predictions of {len(series)} clips for {len(clips)} clip ids.")
        batch[kind or _kind(series[0].shape[-1])] = series
    return batch


def _kind(channels: int) -> str:
    return "coefficients" if channels == _SIZES["coefficients"] else "emotion"
