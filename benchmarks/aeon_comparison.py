"""One weighted comparison with aeon; run by the Python of aeon's own environment, which has none of our packages."""

import json
import sys
import time

import numpy as np
from aeon.distances import dtw_distance

CALLS = 20


def main(path):
    with np.load(path, allow_pickle=False) as pair:
        groups = [
            (
                weight,
                *(np.ascontiguousarray(pair[name][:, int(start) : int(stop)].T, float) for name in ("first", "second")),
            )
            for start, stop, weight in pair["groups"]
        ]

    def weighted_sum():
        return sum(weight * np.sqrt(dtw_distance(first, second)) for weight, first, second in groups)

    distance = weighted_sum()
    seconds = []
    for _ in range(CALLS):
        started = time.process_time()
        weighted_sum()
        seconds.append(time.process_time() - started)
    print(json.dumps({"distance": float(distance), "seconds": min(seconds)}))


if __name__ == "__main__":
    main(sys.argv[1])
