"""Compiles the warping kernel for an H200 without one; `test_launching` runs this file in a process of its own.

Writes PTX for the layout and the type that the arguments name. Only numba's own CUDA target can be asked like this.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from numba import cuda, types
from numba.cuda import dispatcher

from react_eval.kernels.gpu.warping_kernel import _LEAST, Layout, kernel_function

HOPPER = (9, 0)


def main(path, starts, stops, width, number):
    layout = Layout(tuple(json.loads(starts)), tuple(json.loads(stops)), int(width), number)
    # Shuffles are compiled for the current device, which is not there.
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=HOPPER)
    kinds = [(types.float32, 4), (types.float32, 2), *[(types.int64, 1)] * 4, (types.float64, 1)]
    kinds += [(getattr(types, number), 3), (types.float64, 1)]
    signature = types.void(*(types.Array(kind, axes, "C") for kind, axes in kinds))
    ptx, _ = cuda.compile_ptx(kernel_function(layout, _LEAST[number]), signature, cc=HOPPER)
    Path(path).write_text(ptx)


if __name__ == "__main__":
    main(*sys.argv[1:])
