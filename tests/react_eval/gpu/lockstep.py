"""Runs the warping kernel on a CPU: the lanes of a warp as generators that meet at every shuffle and barrier.

A lane runs to its next meeting point before any other lane starts from the last one, in an order of choice, so what is
read without a barrier is wrong in one order or the other. Memory that nobody wrote holds NaN, on which `least` fails.
"""

import re
from math import inf, isnan, sqrt
from types import SimpleNamespace

import numpy as np

from react_eval.kernels.gpu.warping_kernel import kernel_source

__all__ = ["LockstepKernel"]

_SHUFFLE = r"cuda\.(shfl_up_sync|shfl_sync)\(0xFFFFFFFF, (.*), (.*)\)"


class LockstepKernel:
    """In place of what `sweeping_kernel` returns."""

    order = range(32)

    def __init__(self, layout):
        source = re.sub(_SHUFFLE, r"yield '\1', \2, \3", kernel_source(layout))
        self.code = compile(source.replace("cuda.syncwarp()", "yield 'syncwarp', None, None"), "sweep", "exec")
        number = np.dtype(layout.number).type
        self.names = {"sqrt": sqrt, "least": least, "NUMBER": number, "DOUBLE": np.float64}
        self.names |= {"ZERO": number(0), "INFINITE": number(inf)}

    def __getitem__(self, configuration):
        self.blocks, (_, self.warps) = configuration
        return self

    def __call__(self, *arguments):
        *_, scratch, _distances = arguments
        scratch[:] = np.nan
        for block in range(self.blocks):
            shared = {}
            for warp in range(self.warps):
                run([self.lane(block, warp, lane, shared, arguments) for lane in range(32)], self.order)

    def lane(self, block, warp, lane, shared, arguments):
        device = SimpleNamespace(
            threadIdx=SimpleNamespace(x=lane, y=warp),
            blockIdx=SimpleNamespace(x=block),
            gridDim=SimpleNamespace(x=self.blocks),
            shared=SimpleNamespace(
                array=lambda shape, number: shared.setdefault("tile", np.full(shape, np.nan, number))
            ),
        )
        names = self.names | {"cuda": device}
        exec(self.code, names)  # noqa: S102
        return names["sweep"](*arguments)


def least(one, other):
    assert not isnan(one)
    assert not isnan(other)
    return min(one, other)


def run(lanes, order):
    """Advance all lanes from meeting point to meeting point until they end together."""
    answers = [None] * len(lanes)
    while True:
        met, ended = {}, 0
        for lane in order:
            try:
                met[lane] = lanes[lane].send(answers[lane])
            except StopIteration:
                ended += 1
        if ended:
            assert ended == len(lanes), "some lanes ended while others wait"
            return
        assert len({kind for kind, _, _ in met.values()}) == 1, "lanes wait for different things"
        answers = [answer(met, lane) for lane in range(len(lanes))]


def answer(met, lane):
    kind, value, other = met[lane]
    source = {"syncwarp": lane, "shfl_up_sync": lane - other if other else lane, "shfl_sync": other}[kind]
    return met[source][1] if source >= 0 else value
