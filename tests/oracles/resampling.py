"""Bootstrap intervals from clips that are drawn one by one."""

import numpy as np

__all__ = ["interval", "interval_of_means", "resamples"]

RESAMPLES = 1000


def resamples(names, seed=0):
    """Lists of clips: clusters are drawn with replacement, and each brings all of its clips."""
    clusters = sorted(set(names))
    draws = np.random.default_rng(seed).integers(0, len(clusters), size=(RESAMPLES, len(clusters)))
    for draw in draws:
        yield [clip for cluster in draw for clip, name in enumerate(names) if name == clusters[cluster]]


def interval(values):
    return np.percentile([value for value in values if value is not None], [2.5, 97.5])


def interval_of_means(per_clip, names):
    """Interval of a mean over the clips that are defined."""
    values = []
    for drawn in resamples(names):
        defined = [per_clip[clip] for clip in drawn if not np.isnan(per_clip[clip])]
        values.append(np.mean(defined) if defined else None)
    return interval(values)
