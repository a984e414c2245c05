"""Runs the warping kernel on a CPU: the lanes of a warp as generators that meet at every shuffle and barrier.

What lanes write into memory can be read from the next barrier on, and not from a shuffle on, as the memory model has
it; memory that nobody wrote holds NaN, on which `least` fails.
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
        *compared, scratch, distances = arguments
        memories = [Memory(scratch.shape, scratch.dtype)]
        arguments = (*compared, memories[0], distances)
        for block in range(self.blocks):
            del memories[1:]
            for warp in range(self.warps):
                run([self.lane(block, warp, lane, memories, arguments) for lane in range(32)], self.order, memories)

    def lane(self, block, warp, lane, memories, arguments):
        def shared_array(shape, number):
            if len(memories) == 1:
                memories.append(Memory(shape, number))
            return memories[1]

        device = SimpleNamespace(
            threadIdx=SimpleNamespace(x=lane, y=warp),
            blockIdx=SimpleNamespace(x=block),
            gridDim=SimpleNamespace(x=self.blocks),
            shared=SimpleNamespace(array=shared_array),
        )
        names = self.names | {"cuda": device}
        exec(self.code, names)  # noqa: S102
        return names["sweep"](*arguments)


class Memory:
    """An array that shows what was written once a barrier has passed."""

    def __init__(self, shape, number):
        self.values = np.full(shape, np.nan, number)
        self.written = {}

    def __getitem__(self, place):
        return self.values[place]

    def __setitem__(self, place, value):
        assert place not in self.written, "written twice without a barrier"
        self.written[place] = value

    def pass_barrier(self):
        for place, value in self.written.items():
            self.values[place] = value
        self.written.clear()


def least(one, other):
    assert not isnan(one)
    assert not isnan(other)
    return min(one, other)


def run(lanes, order, memories):
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
        kinds = {kind for kind, _, _ in met.values()}
        assert len(kinds) == 1, "lanes wait for different things"
        if kinds == {"syncwarp"}:
            for memory in memories:
                memory.pass_barrier()
        answers = [answer(met, lane) for lane in range(len(lanes))]


def answer(met, lane):
    kind, value, other = met[lane]
    source = {"syncwarp": lane, "shfl_up_sync": lane - other if other else lane, "shfl_sync": other}[kind]
    return met[source][1] if source >= 0 else value
