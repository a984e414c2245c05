"""A strip of rows swept along its anti-diagonals: the inner loop of every warping distance.

`LANES` rows are worked on at once. At step s, lane r is at column s - r, so no lane waits for another within a step,
and the cell above a lane is the one that the lane before reached one step earlier. Auto-vectorisers do not find this,
so the compiled form is written in LLVM's vector instructions, which LLVM fits to whatever registers the machine has;
`TILE` steps share each load of the rows. `sweep` is the same in plain numpy: it says what the compiled form does and
takes its place where compilation is switched off.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

__all__ = ["LANES", "MARGIN", "TILE", "sweep"]

LANES = 32
TILE = 6
# A boundary has a margin on both sides, for the columns that lanes are at before the first and after the last.
MARGIN = LANES + 2 * TILE

Array = NDArray[np.floating[Any]]
Bounds = NDArray[np.int64]


def sweep(
    rows: Array,
    columns: Array,
    boundary: Array,
    cells: Array,
    corners: Array,
    record: Array,
    starts: Bounds,
    stops: Bounds,
    first: int,
    last: int,
) -> None:
    """Carry the least path costs of a strip of rows over columns, for each group of channels on its own.

    Steps may be taken in several calls, a whole number of tiles in each.

    Columns run backwards and are framed by infinities, so that cells outside the matrix cost infinity.

    Args:
        rows: (C, LANES) values, or (C, 2, LANES) lower and upper ends of boxes, whose distance is 0 within.
        columns: (C, M + 2·MARGIN) values; column j at MARGIN + M - 1 - j.
        boundary: (G, M + 2·MARGIN) costs of the row above the strip, column j at MARGIN + j; becomes the strip's last.
        cells: (G, LANES) costs that each lane reached; infinite before the first step.
        corners: (G, LANES) costs that each lane's upper neighbour reached one step before; infinite before the first.
        record: (M + 2·MARGIN, G, LANES), to be filled with the cells after each step, at MARGIN + step; (0, G, LANES)
            for none.
        starts: First channel of each group.
        stops: One past the last channel of each group.
        first: The first step; lane r is at column first - r. The corner of lane 0 comes in one step before its column.
        last: The last step; M - 1 + r ends with lane r at the last column.
    """
    for step in range(first, last + 1):
        window = columns.shape[1] - MARGIN - 1 - step
        for group in range(len(starts)):
            channels = slice(starts[group], stops[group])
            others = columns[channels, window : window + LANES]
            own = rows[channels]
            gaps = others - (own if own.ndim == 2 else np.clip(others, own[:, 0], own[:, 1]))
            above = np.concatenate((boundary[group, MARGIN + step : MARGIN + step + 1], cells[group, :-1]))
            least = np.minimum(np.minimum(cells[group], corners[group]), above)
            corners[group] = above
            cells[group] = least + np.sum(gaps * gaps, axis=0)
            boundary[group, MARGIN + step + 1 - LANES] = cells[group, -1]
            if len(record):
                record[MARGIN + step, group] = cells[group]


@overload(sweep)
def _compiled_sweep(  # type: ignore[no-untyped-def]  # numba passes the arguments' types, by name
    rows, columns, boundary, cells, corners, record, starts, stops, first, last
):
    def implementation(rows, columns, boundary, cells, corners, record, starts, stops, first, last):  # type: ignore[no-untyped-def]
        _sweep_in_registers(  # type: ignore[call-arg]  # numba adds the first argument
            rows, columns, boundary, cells, corners, record, starts, stops, first, last
        )

    return implementation


_ARGUMENTS = tuple(inspect.signature(sweep).parameters)


@intrinsic
def _sweep_in_registers(  # type: ignore[no-untyped-def]
    _typing, rows, columns, boundary, cells, corners, record, starts, stops, first, last
):
    signature = types.void(rows, columns, boundary, cells, corners, record, starts, stops, types.intp, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        given = dict(zip(_ARGUMENTS, zip(signature.args, arguments, strict=True), strict=True))
        arrays = {
            name: context.make_array(kind)(context, builder, value)
            for name, (kind, value) in given.items()
            if isinstance(kind, types.Array)
        }
        _Strip(context, builder, arrays, rows).generate(given["first"][1], given["last"][1])
        return context.get_dummy_value()

    return signature, generate


class _Strip:
    """Writes the vector instructions of one `sweep`; the names are those of its arguments."""

    def __init__(self, context: Any, builder: Any, arrays: dict[str, Any], rows: Any) -> None:
        self.builder = builder
        self.data = {name: array.data for name, array in arrays.items()}
        self.width = builder.extract_value(arrays["columns"].shape, 1)
        self.groups = builder.extract_value(arrays["starts"].shape, 0)
        steps_recorded = builder.extract_value(arrays["record"].shape, 0)
        self.recording = builder.icmp_signed(">", steps_recorded, ir.Constant(steps_recorded.type, 0))
        self.boxes = rows.ndim == 3
        self.integer = context.get_value_type(types.intp)
        number = context.get_data_type(rows.dtype)
        self.alignment = rows.dtype.bitwidth // 8
        self.vector = ir.VectorType(number, LANES)
        self.zeros = ir.Constant(self.vector, [0.0] * LANES)
        self.sums = [cgutils.alloca_once(builder, self.vector) for _ in range(TILE)]  # type: ignore[no-untyped-call]

    def generate(self, first: Any, last: Any) -> None:
        steps = self.builder.add(self.builder.sub(last, first), self._number(1))
        with (
            cgutils.for_range_slice(self.builder, self._number(0), steps, self._number(TILE)) as (step, _),
            cgutils.for_range(self.builder, self.groups) as group,
        ):
            self._tile(self.builder.add(first, step), group.index)

    def _tile(self, step: Any, group: Any) -> None:
        """TILE steps of one group: local costs of all of them, then the recurrence."""
        builder = self.builder
        window = builder.sub(builder.sub(self.width, self._number(MARGIN + 1)), step)
        start, stop = (builder.load(builder.gep(self.data[name], [group])) for name in ("starts", "stops"))
        for each in self.sums:
            builder.store(self.zeros, each)
        with cgutils.for_range_slice(builder, start, stop, self._number(1)) as (channel, _):
            self._add_channel(channel, window)
        at = builder.mul(group, self._number(LANES))
        cells, corners = self._load("cells", at), self._load("corners", at)
        here = builder.add(builder.mul(group, self.width), builder.add(step, self._number(MARGIN)))
        for later, costs in enumerate(self.sums):
            place = builder.add(here, self._number(later))
            above = self._moved_up(cells, builder.load(builder.gep(self.data["boundary"], [place])))
            cells = builder.fadd(self._least(self._least(cells, corners), above), builder.load(costs))
            corners = above
            leaving = builder.extract_element(cells, ir.Constant(ir.IntType(32), LANES - 1))
            place = builder.sub(place, self._number(LANES - 1))
            builder.store(leaving, builder.gep(self.data["boundary"], [place]))
            with builder.if_then(self.recording, likely=False):
                row = builder.mul(builder.add(step, self._number(MARGIN + later)), self.groups)
                self._store(cells, "record", builder.mul(builder.add(row, group), self._number(LANES)))
        self._store(cells, "cells", at)
        self._store(corners, "corners", at)

    def _add_channel(self, channel: Any, window: Any) -> None:
        """Add the squared differences of one channel to the costs of every step of the tile."""
        builder, fused = self.builder, ("contract",)
        ends = [
            self._load("rows", builder.mul(channel, self._number(LANES * (1 + self.boxes))), end * LANES)
            for end in range(1 + self.boxes)
        ]
        place = builder.add(builder.mul(channel, self.width), window)
        for later, costs in enumerate(self.sums):
            other = self._load("columns", place, -later)
            nearest = self._least(self._most(other, ends[0]), ends[1]) if self.boxes else ends[0]
            gap = builder.fsub(other, nearest, flags=fused)
            squared = builder.fmul(gap, gap, flags=fused)
            builder.store(builder.fadd(builder.load(costs), squared, flags=fused), costs)

    def _number(self, value: int) -> Any:
        return ir.Constant(self.integer, value)

    def _load(self, name: str, place: Any, offset: int = 0) -> Any:
        pointer = self.builder.gep(self.data[name], [self.builder.add(place, self._number(offset))])
        return self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.alignment)

    def _store(self, vector: Any, name: str, place: Any) -> None:
        pointer = self.builder.bitcast(self.builder.gep(self.data[name], [place]), self.vector.as_pointer())
        self.builder.store(vector, pointer, align=self.alignment)

    def _moved_up(self, vector: Any, entering: Any) -> Any:
        """Lane r takes what lane r - 1 holds, and lane 0 what enters."""
        first = self.builder.insert_element(
            ir.Constant(self.vector, ir.Undefined), entering, ir.Constant(ir.IntType(32), 0)
        )
        order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [LANES, *range(LANES - 1)])
        return self.builder.shuffle_vector(vector, first, order)

    def _least(self, one: Any, other: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered("<", one, other), one, other)

    def _most(self, one: Any, other: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(">", one, other), one, other)
