"""The CUDA kernel of weighted warping distances: a warp sweeps the matrix of one reaction and one listener.

The 32 lanes hold a strip of `rows` frames each of the reaction in registers. At step s, lane l is at column s - l, and
takes the cell above its first row from the lane before, which reached it one step earlier. Columns come through shared
memory in tiles of 32, coalesced; a frame has an odd number of values there, so that lanes at neighbouring columns read
different banks. The last row of a strip waits in global memory (in the L2 cache, in fact) for the next strip.

Registers can only be indexed by constants, and numba cannot be told to unroll, so the source is written out for a
layout of channels: every value of a frame is a variable of its own.

Estimate for an H200 (132 multiprocessors of 4 × 32 lanes, 1.98 GHz), float32, 25 channels in groups of 15, 2 and 8, 3
rows a lane: a step of a warp is 265 instructions of PTX, of which 150 are subtractions and fused additions, 27 the
recurrence, 25 loads from shared memory and 6 shuffles; its part of a tile is 14 more. 644,800 matrices of 750 × 750 are
4.0e9 steps with the ends of strips: 1.1 s if every scheduler issues always, 1.5 s at 70 %. Shared memory and shuffles
are busy for 31 of the 70 cycles of a step. 168 registers, in which ptxas 13.0 spills nothing, leave 12 warps a
multiprocessor, 3 a scheduler; 9 independent sums a warp hide the rest. In float64, one row a lane: 4 s if all need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from math import inf, sqrt
from typing import Any, NamedTuple

import numpy as np
from numba import config, cuda
from numba.cuda import libdevice

__all__ = ["Layout", "sweeping_kernel"]

_LANES = 32
_FRAME_REGISTERS = 80  # of 32 bits, for a lane's rows; the rest is for costs, cells and addresses
_REGISTERS = 168  # 3 blocks of 4 warps share the 65,536 of a multiprocessor
_SHARED_BYTES = 48 * 1024  # what a block gets without asking
_MOST_WARPS = 4
_LEAST = {"float32": libdevice.fminf, "float64": libdevice.fmin}
_LOADS = 16  # in flight before the first is stored


class Layout(NamedTuple):
    """What a kernel is compiled for.

    Attributes:
        starts: First channel of each group.
        stops: One past the last channel of each group.
        width: Values a listener's frame has in memory, an odd number.
        number: ``"float32"`` or ``"float64"``, in which distances are taken and summed.
    """

    starts: tuple[int, ...]
    stops: tuple[int, ...]
    width: int
    number: str

    @property
    def rows(self) -> int:
        """Frames of the reaction that a lane holds."""
        return max(1, min(4, _FRAME_REGISTERS // self.registers))

    @property
    def registers(self) -> int:
        """Registers that a frame of the reaction takes."""
        return (sum(self.stops) - sum(self.starts)) * np.dtype(self.number).itemsize // 4

    @property
    def warps(self) -> int:
        """Warps a block, so many as its shared memory holds."""
        tile = 2 * _LANES * self.width * np.dtype(self.number).itemsize
        return max(1, min(_MOST_WARPS, _SHARED_BYTES // tile))


@cache
def sweeping_kernel(layout: Layout) -> Any:
    """The kernel for a layout; it is compiled at its first launch.

    Its arguments are reactions (B, α, T, C) float32, listeners (M, T_max · width) float32, their lengths (M,), the clip
    and the listener of each pair (P,), items (I,) = pair · α + reaction, weights (G,) float64, scratch (workers, G,
    T_max) of the layout's type, and distances (P · α,) float64, of which those of the items are written. A block is
    (32, `layout.warps`) threads; any number of blocks shares the items.

    Args:
        layout: Channels and type.

    Returns:
        What ``cuda.jit`` makes of it.
    """
    compiler: Any = cuda
    if getattr(config, "ENABLE_CUDASIM", False):
        return compiler.jit(kernel_function(layout, min))
    most = _REGISTERS if layout.registers <= _FRAME_REGISTERS else None
    return compiler.jit(kernel_function(layout, _LEAST[layout.number]), max_registers=most)


def kernel_function(layout: Layout, least: Any) -> Any:
    """The kernel as a Python function.

    Args:
        layout: Channels and type.
        least: The lesser of two numbers. (Python's ``min`` does not compile for GPUs in numba 0.68.)
    """
    number = np.dtype(layout.number).type
    names = {"cuda": cuda, "sqrt": sqrt, "least": least, "NUMBER": number, "DOUBLE": np.float64}
    names |= {"ZERO": number(0), "INFINITE": number(inf)}  # numbers in the source would be float64
    exec(kernel_source(layout), names)  # noqa: S102  # text of this module and whole numbers, nothing else
    return names["sweep"]


def kernel_source(layout: Layout) -> str:
    """The kernel's source.

    Args:
        layout: Channels and type.
    """
    rows, groups = range(layout.rows), range(len(layout.starts))
    cells = [(row, group) for row in rows for group in groups]
    return _SOURCE.format(
        warps=layout.warps,
        width=layout.width,
        ring=2 * _LANES * layout.width,
        rows=layout.rows,
        strip=_LANES * layout.rows,
        frames_of_strip=_lines(12, _frames_of_strip(layout)),
        no_cells=_lines(12, (f"cell_{row}_{group} = INFINITE" for row, group in cells)),
        no_entering=_lines(12, (f"entering_{group} = INFINITE" for group in groups)),
        corners=_lines(12, (f"corner_{group} = ZERO if top == 0 else INFINITE" for group in groups)),
        copy_tile=_lines(20, _copy_tile(layout.width)),
        load_entering=_lines(24, (f"entering_{group} = scratch[worker, {group}, later]" for group in groups)),
        cells_above=_lines(16, (line for group in groups for line in _cell_above(group, layout.rows - 1))),
        local_costs=_lines(20, _local_costs(layout)),
        recurrence=_lines(20, (line for group in groups for line in _recurrence(group, rows))),
        leave=_lines(24, (f"scratch[worker, {group}, column] = cell_{layout.rows - 1}_{group}" for group in groups)),
        choose_row=_lines(12, _choose_row(rows, groups)),
        add_groups=_lines(12, (f"total += weights[{group}] * sqrt(DOUBLE(reached_{group}))" for group in groups)),
    )


_SOURCE = """
def sweep(reactions, listeners, lengths, pair_clip, pair_listener, items, weights, scratch, distances):
    lane, warp = cuda.threadIdx.x, cuda.threadIdx.y
    worker = cuda.blockIdx.x * {warps} + warp
    tile = cuda.shared.array(({warps}, {ring}), NUMBER)
    frames = reactions.shape[2]
    for number in range(worker, items.size, cuda.gridDim.x * {warps}):
        pair = items[number] // reactions.shape[1]
        reaction = items[number] % reactions.shape[1]
        clip, listener = pair_clip[pair], pair_listener[pair]
        columns = lengths[listener]
        last = 0
        for begin in range(0, frames, {strip}):
            top = begin + lane * {rows}
            last = 31 if frames - 1 - begin >= {strip} else (frames - 1 - begin) // {rows}
{frames_of_strip}
{no_cells}
{no_entering}
{corners}
            for step in range(columns + last):
                if (step & 31) == 0:
                    # Stores of the strip before and loads of the tile before have ended, and this tile is there.
                    cuda.syncwarp()
                    place_there = step * {width} + lane
                    place_here = (step & 32) * {width} + lane
                    end = columns * {width} - 1
{copy_tile}
                    if begin > 0:
                        later = step + lane if step + lane < columns else columns - 1
{load_entering}
                    cuda.syncwarp()
{cells_above}
                column = step - lane
                if column >= 0 and column < columns:
                    at = (column & 63) * {width}
{local_costs}
{recurrence}
                    if lane == 31:
{leave}
        if lane == last:
            row = (frames - 1) % {strip} - last * {rows}
            total = 0.0
{choose_row}
{add_groups}
            distances[items[number]] = total
"""


def _lines(indent: int, statements: Iterable[str]) -> str:
    return "\n".join(" " * indent + statement for statement in statements)


def _frames_of_strip(layout: Layout) -> Iterator[str]:
    """A lane's rows; beyond the reaction's end its last frame is repeated, which no path to that frame crosses."""
    for row in range(layout.rows):
        yield f"frame = top + {row} if top + {row} < frames else frames - 1"
        for start, stop in zip(layout.starts, layout.stops, strict=True):
            for channel in range(start, stop):
                yield f"own_{row}_{channel} = NUMBER(reactions[clip, reaction, frame, {channel}])"


def _copy_tile(width: int) -> Iterator[str]:
    """Copy 32 frames, consecutive lanes consecutive values; beyond the listener's end the last value is repeated."""
    for begin in range(0, width, _LOADS):
        parts = range(begin, min(begin + _LOADS, width))
        for part in parts:
            yield f"place = place_there + {_LANES * part}"
            yield f"value_{part} = NUMBER(listeners[listener, place if place < end else end])"
        for part in parts:
            yield f"tile[warp, place_here + {_LANES * part}] = value_{part}"


def _cell_above(group: int, last_row: int) -> Iterator[str]:
    """The cell above a lane's first row: that of the lane before, for the first lane that of the strip before."""
    yield f"above_{group} = cuda.shfl_up_sync(0xFFFFFFFF, cell_{last_row}_{group}, 1)"
    yield f"first_{group} = cuda.shfl_sync(0xFFFFFFFF, entering_{group}, step & 31)"
    yield f"above_{group} = first_{group} if lane == 0 else above_{group}"


def _local_costs(layout: Layout) -> Iterator[str]:
    """Squared distances of the lane's rows to the column; a value from shared memory serves all rows."""
    for group, (start, stop) in enumerate(zip(layout.starts, layout.stops, strict=True)):
        for channel in range(start, stop):
            yield f"other = tile[warp, at + {channel}]"
            for row in range(layout.rows):
                yield f"gap = own_{row}_{channel} - other"
                before = f"cost_{row}_{group} + " if channel > start else ""
                yield f"cost_{row}_{group} = {before}gap * gap"


def _recurrence(group: int, rows: Iterable[int]) -> Iterator[str]:
    """From the lane's first row to its last; the corner is the cell above and one column before."""
    yield f"diagonal = corner_{group}"
    yield f"corner_{group} = above_{group}"
    for row in rows:
        yield f"left = cell_{row}_{group}"
        yield f"cell_{row}_{group} = cost_{row}_{group} + least(least(left, diagonal), above_{group})"
        yield f"above_{group} = cell_{row}_{group}"
        yield "diagonal = left"


def _choose_row(rows: Iterable[int], groups: Iterable[int]) -> Iterator[str]:
    """The cell of the last frame, which may be any of the lane's rows."""
    for group in groups:
        yield f"reached_{group} = cell_0_{group}"
        for row in rows:
            yield f"reached_{group} = cell_{row}_{group} if row == {row} else reached_{group}"
