"""Appropriate reactions where there is no matrix: the real reaction and others to the same session, drawn by a seed."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from react_data.errors import NeighbourMatrixError

__all__ = ["TARGETS", "draw_targets", "drawn_by", "redrawn"]

if TYPE_CHECKING:
    import xarray as xr

TARGETS = 10


def draw_targets(
    clips: Sequence[str], topics: Sequence[str], *, seed: int = 0, targets: int = TARGETS
) -> NDArray[np.bool_]:
    """Draw the appropriate reactions of each clip, in a way that depends on nothing but ids and the seed.

    The paired reaction comes first. The others are the first ``targets - 1`` of a permutation of the other clips of the
    same topic, sorted by id; the permutation is drawn by PCG64 from the seed and the CRC-32 of the clip's id. Where
    there are fewer, all of them count: the official draw then repeats some, which changes no maximum or minimum.

    Args:
        clips: N ids of directed clips; the reaction to clip n is that of its own listener.
        topics: What clips have to share for their reactions to count for each other: in MARS the number of the session
            and the speaker's role.
        seed: Seed of the draw, >= 0.
        targets: Reactions a clip, the paired one included; at least 1.

    Returns:
        (N, N) bool: [k, n] says that the listener of clip n reacts appropriately to clip k.

    Raises:
        NeighbourMatrixError: If `targets` or `seed` is out of range, or an id comes twice.

    Example:
        >>> draw_targets(["a", "b", "c"], ["1", "1", "2"], targets=2).astype(int).tolist()
        [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    """
    if targets < 1 or seed < 0:
        raise NeighbourMatrixError(f"targets={targets} and seed={seed}: expected at least 1 and at least 0.")
    if len(set(clips)) != len(clips):
        raise NeighbourMatrixError("a clip id comes twice, so the draw is not defined. Use each id once.")
    alike: dict[str, list[int]] = defaultdict(list)
    for number in sorted(range(len(clips)), key=lambda each: clips[each]):
        alike[topics[number]].append(number)
    drawn = np.eye(len(clips), dtype=np.bool_)
    for number, clip in enumerate(clips):
        others = [each for each in alike[topics[number]] if each != number]
        order = np.random.Generator(np.random.PCG64([seed, zlib.crc32(clip.encode())])).permutation(len(others))
        drawn[number, [others[place] for place in order[: targets - 1]]] = True
    return drawn


def redrawn(dataset: xr.Dataset, seed: int) -> xr.Dataset:
    """The same data set with appropriate reactions drawn by another seed.

    Args:
        dataset: A split whose appropriate reactions are drawn, from `react_data.open_split`.
        seed: Seed of the draw, >= 0.

    Returns:
        The data set with other ``neighbours`` and attributes that say so.

    Raises:
        NeighbourMatrixError: If its appropriate reactions are not drawn but given.
    """
    if "draw_seed" not in dataset.attrs:
        raise NeighbourMatrixError(
            f"draw_seed={seed}: the appropriate reactions of {dataset.attrs['root']} are not drawn, but "
            f"{dataset.attrs['neighbour_source']}. Leave the seed out."
        )
    clips = [str(clip) for clip in dataset["clip"].values]
    alike = [f"{topic}/{clip.rpartition('/')[2]}" for topic, clip in zip(dataset["topic"].values, clips, strict=True)]
    drawn = draw_targets(clips, alike, seed=seed)
    return dataset.assign(neighbours=(("clip", "listener"), drawn)).assign_attrs(drawn_by(seed))


def drawn_by(seed: int) -> dict[str, object]:
    """The attributes of a data set whose appropriate reactions are drawn."""
    return {"neighbour_source": f"drawn from the session, seed {seed}", "draw_seed": seed}
