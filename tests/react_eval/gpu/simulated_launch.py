"""Searches for nearest listeners in numba's CUDA simulator; `test_launching` runs this file in a process of its own.

Needs NUMBA_ENABLE_CUDASIM=1 from the start. The simulator knows no warps: a block has only one here, whose shuffles
and barriers are those of the block.
"""

import sys
import threading

import numpy as np
import torch
from numba.cuda.simulator.kernelapi import FakeCUDAModule

from react_eval.kernels.gpu import warping, warping_kernel


def exchange(value, source):
    lanes = FakeCUDAModule.lanes
    own = threading.current_thread()
    lanes[own.threadIdx.x] = value
    own.syncthreads()
    taken = lanes[source(own.threadIdx.x)]
    own.syncthreads()
    return taken


FakeCUDAModule.lanes = [None] * 32
FakeCUDAModule.syncwarp = FakeCUDAModule.syncthreads
FakeCUDAModule.shfl_sync = lambda _, _mask, value, lane: exchange(value, lambda own: lane)
FakeCUDAModule.shfl_up_sync = lambda _, _mask, value, by: exchange(value, lambda own: own - by if own >= by else own)
sys.setswitchinterval(1e-5)  # the simulator's main thread polls the others
warping_kernel._MOST_WARPS = 1
warping_kernel._FRAME_REGISTERS = 2
warping._FEWEST_BLOCKS = 1


def main(path):
    with np.load(path, allow_pickle=False) as stored:
        tensors = [torch.tensor(stored[name]) for name in ("reactions", "listeners", "lengths", "clip", "listener")]
        groups = [stored[name].tolist() for name in ("starts", "stops", "weights")]
    distances, nearest = warping.nearest_series(*tensors, *groups)
    np.savez(path, distances=distances.numpy(), nearest=nearest.numpy())


if __name__ == "__main__":
    main(sys.argv[1])
