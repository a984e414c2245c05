"""Paired tests and intervals as done by hand: every pattern of signs, every clip of every resample."""

from itertools import product

import numpy as np

from oracles.resampling import interval, resamples

__all__ = ["holm", "interval_of_difference", "interval_of_distances", "p_value"]


def p_value(differences, sessions):
    """Share of the patterns of signs by session whose mean is as far from 0 as the observed one."""
    names = sorted(set(sessions))
    observed = abs(np.mean(differences))
    as_far = []
    for signs in product((-1, 1), repeat=len(names)):
        sign_of = dict(zip(names, signs, strict=True))
        flipped = [sign_of[session] * value for session, value in zip(sessions, differences, strict=True)]
        as_far.append(abs(np.mean(flipped)) >= observed - 1e-12)
    return np.mean(as_far)


def interval_of_difference(one, other, sessions):
    return interval([np.mean(one[drawn]) - np.mean(other[drawn]) for drawn in resamples(sessions)])


def interval_of_distances(one, other, real, sessions):
    """Interval of how much farther the one mean is from the real mean."""
    values = []
    for drawn in resamples(sessions):
        truth = np.mean(real[drawn])
        values.append(abs(np.mean(one[drawn]) - truth) - abs(np.mean(other[drawn]) - truth))
    return interval(values)


def holm(p_values):
    """Each p-value times the number of hypotheses not yet rejected, never below that of a smaller one."""
    adjusted, before = {}, 0.0
    for rank, (p, number) in enumerate(sorted((p, number) for number, p in enumerate(p_values))):
        before = max(before, min(1.0, (len(p_values) - rank) * p))
        adjusted[number] = before
    return [adjusted[number] for number in range(len(p_values))]
