"""Does a generator look into the future? The speaker is changed from a frame on; output before it must not change.

Conventions: every search bisects for the last frame of the speaker whose change still reaches a given frame of the
reactions. How far that frame lies in the future is the look-ahead there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from reference_models.errors import ModelInputError
from reference_models.generator_names import find_generator
from reference_models.speaker_inputs import SpeakerInputs

__all__ = ["CausalityReport", "LookAhead", "check_causality"]

Batch = dict[str, Any]

_TOLERANCE = 1e-6


@dataclass(frozen=True)
class LookAhead:
    """What one search found.

    Attributes:
        clip: The clip.
        changed_from: The speaker is changed from this frame on, the last such frame that was found, …
        output_from: … and the reactions change from this frame on; None if they do not change at all.
    """

    clip: str
    changed_from: int
    output_from: int | None

    @property
    def frames(self) -> int:
        """How many frames before the change of the speaker the reactions change; 0 if none."""
        return 0 if self.output_from is None else max(0, self.changed_from - self.output_from)


@dataclass(frozen=True)
class CausalityReport:
    """What `check_causality` found.

    Attributes:
        generator: What was checked.
        online: In which mode.
        searches: What each search found.
    """

    generator: str
    online: bool
    searches: tuple[LookAhead, ...]

    @property
    def looks_ahead(self) -> int:
        """The most frames of the future that a frame of the reactions was seen to depend on; 0 if it is causal."""
        return max(each.frames for each in self.searches)

    @property
    def causal(self) -> bool:
        """Whether no output before a change of the speaker was seen to change."""
        return self.looks_ahead == 0

    @property
    def listens(self) -> bool:
        """Whether any change of the speaker changed the reactions at all."""
        return any(each.output_from is not None for each in self.searches)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        searches = [vars(each) | {"frames": each.frames} for each in self.searches]
        facts = {"looks_ahead": self.looks_ahead, "causal": self.causal, "listens": self.listens}
        return {"generator": self.generator, "online": self.online, **facts, "searches": searches}

    def __str__(self) -> str:
        mode = "online" if self.online else "offline"
        if not self.listens:
            return f"{self.generator}, {mode}: causal, but no change of the speaker changed the reactions at all."
        if self.causal:
            return f"{self.generator}, {mode}: causal in {len(self.searches)} searches."
        worst = max(self.searches, key=lambda each: each.frames)
        return (
            f"{self.generator}, {mode}: looks {self.looks_ahead} frames ahead. Changing the speaker of {worst.clip} "
            f"from frame {worst.changed_from} on changes the reactions from frame {worst.output_from} on."
        )


def check_causality(
    model: Any,
    data: xr.Dataset | Mapping[str, Any],
    *,
    online: bool = True,
    clips: int = 3,
    searches: int = 3,
    reactions: int = 2,
    seed: int = 0,
    tolerance: float = _TOLERANCE,
) -> CausalityReport:
    """Find out how far into the speaker's future a generator looks.

    Args:
        model: An object with ``generate(batch, reactions, seed, online)``, or what `find_generator` takes.
        data: A split, from `react_data.open_split`; or a batch: ``clip`` and series (B, T, …) by name.
        online: In which mode it generates.
        clips: How many clips are tried, evenly over the split.
        searches: How many frames of each clip are tried; a search takes about log2(T) generations.
        reactions: Reactions a generation.
        seed: Seed of generations and changes.
        tolerance: Changes up to this share of the largest value are taken for rounding.

    Returns:
        What was found. No finite number of searches proves causality; a look-ahead that is found is proven.

    Raises:
        MissingInputError: If the data lacks what the model needs.
        ModelInputError: If clips have fewer than 2 frames.

    Example:
        >>> class Backwards:
        ...     def generate(self, batch, reactions=10, seed=0, online=False):
        ...         return {"emotion": np.repeat(np.asarray(batch["speaker_emotion"])[:, None, ::-1], reactions, 1)}
        >>> speaker = np.random.default_rng(0).random((1, 40, 25), dtype=np.float32)
        >>> report = check_causality(Backwards(), {"clip": ["a"], "speaker_emotion": speaker})
        >>> report.causal, report.looks_ahead > 10
        (False, True)
    """
    found = find_generator(model)
    generator = np.random.default_rng(seed)
    results = []
    for batch in _batches(data, found.generator, clips):
        search = _Search(found.generator, batch, online, reactions, seed, tolerance, generator)
        results += [search.look_ahead(int(frame)) for frame in _frames(search.frames, searches, generator)]
    return CausalityReport(found.title, online, tuple(results))


class _Search:
    """Generations of one clip whose speaker is changed from different frames on."""

    def __init__(
        self,
        model: Any,
        batch: Batch,
        online: bool,
        reactions: int,
        seed: int,
        tolerance: float,
        generator: np.random.Generator,
    ) -> None:
        self._model, self._batch = model, batch
        self._how = {"reactions": reactions, "seed": seed, "online": online}
        by_frame = [len(values[0]) for name, values in batch.items() if name != "clip" and np.ndim(values[0]) > 1]
        self._changed = {name: _unlike(values, generator) for name, values in batch.items() if _is_speakers(name)}
        self._usual = self._generated(batch)
        self.frames = min(by_frame, default=next(iter(self._usual.values())).shape[1])
        self._largest = {kind: tolerance * float(np.abs(each).max()) for kind, each in self._usual.items()}
        if self.frames < 2:
            raise ModelInputError(f"clip {batch['clip'][0]!r} has {self.frames} frame, expected at least 2.")

    def look_ahead(self, frame: int) -> LookAhead:
        """The last change that reaches the first frame which a change from `frame` on reaches."""
        reached = self._output_from(frame)
        if reached is None or reached >= frame:
            return LookAhead(self._batch["clip"][0], frame, reached)
        low, high = frame, self.frames
        while high - low > 1:
            middle = (low + high) // 2
            now = self._output_from(middle)
            if now is not None and now <= reached:
                low = middle
            else:
                high = middle
        return LookAhead(self._batch["clip"][0], low, self._output_from(low))

    def _output_from(self, frame: int) -> int | None:
        """The first frame of the reactions that changes if the speaker is changed from a frame on."""
        altered = dict(self._batch)
        for name, other in self._changed.items():
            whole = np.array(self._batch[name][0], copy=True)
            first = frame * len(whole) // self.frames  # sound has many samples a frame
            whole[first:] = other[first:]
            altered[name] = whole[None]
        found = self._generated(altered)
        firsts = []
        for kind, usual in self._usual.items():
            differs = (np.abs(found[kind] - usual) > self._largest[kind]).any(axis=(0, 2))
            firsts += [int(differs.argmax())] if differs.any() else []
        return min(firsts, default=None)

    def _generated(self, batch: Batch) -> dict[str, NDArray[np.float64]]:
        found = self._model.generate(batch, **self._how)
        return {kind: np.asarray(values[0], dtype=np.float64) for kind, values in found.items()}


def _batches(data: xr.Dataset | Mapping[str, Any], model: Any, clips: int) -> list[Batch]:
    """Batches of one clip each."""
    if isinstance(data, xr.Dataset):
        speakers = SpeakerInputs(data, model)
        chosen = np.unique(np.linspace(0, len(speakers.clips) - 1, clips).astype(int)).tolist()
        return [speakers.batch([position]) for position in chosen]
    count = min(clips, len(data["clip"]))
    return [{name: values[number : number + 1] for name, values in data.items()} for number in range(count)]


def _frames(frames: int, searches: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Frames to begin searches at: the middle, and others drawn between it and the ends."""
    drawn = generator.integers(max(1, frames // 8), max(2, frames - frames // 8), searches)
    drawn[0] = frames // 2
    return drawn


def _unlike(values: Any, generator: np.random.Generator) -> NDArray[np.float32]:
    """Noise of the range of a clip's series, but far from it."""
    clip = np.asarray(values[0], dtype=np.float32)
    spread = float(clip.std()) or 1.0
    return (clip + spread * generator.normal(1, 1, clip.shape)).astype(np.float32)


def _is_speakers(name: str) -> bool:
    return name.startswith("speaker_")
