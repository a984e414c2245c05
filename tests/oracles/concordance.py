"""FRCorr, clip by clip, reaction by reaction, neighbour by neighbour, channel by channel."""

import numpy as np

__all__ = ["concordance", "corrected_frcorr", "frcorr", "zero_by_zero"]


def is_constant(series):
    return series.min() == series.max()


def concordance(x, y, epsilon):
    """CCC of two series of one channel; 0 where Pearson's correlation is undefined."""
    if is_constant(x) or is_constant(y):
        return 0.0
    x, y = x.astype(np.float64), y.astype(np.float64)
    rho = np.corrcoef(x, y)[0, 1]
    return 2 * rho * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2 + epsilon)


def frcorr(predictions, listener, neighbours, epsilon=1e-8):
    clips = []
    for clip, reactions in enumerate(predictions):
        total = 0.0
        for reaction in reactions:
            total += max(
                np.mean([concordance(reaction[:, c], listener[n][:, c], epsilon) for c in range(reaction.shape[1])])
                for n in np.flatnonzero(neighbours[clip])
            )
        clips.append(total)
    return np.mean(clips)


def corrected_frcorr(predictions, listener, neighbours):
    """FRCorr of `corrected` by clip and reaction; NaN where no neighbour varies in any channel."""
    values = np.full((len(predictions), len(predictions[0])), np.nan)
    for clip, reactions in enumerate(predictions):
        for number, reaction in enumerate(reactions):
            candidates = []
            for other in (listener[n] for n in np.flatnonzero(neighbours[clip])):
                varying = [c for c in range(other.shape[1]) if not is_constant(other[:, c])]
                if varying:
                    candidates.append(np.mean([concordance(reaction[:, c], other[:, c], 0.0) for c in varying]))
            if candidates:
                values[clip, number] = max(candidates)
    return values


def zero_by_zero(predictions, listener, neighbours):
    """How many compared channels are constant at one value on both sides."""
    return sum(
        is_constant(np.concatenate([reaction[:, channel], listener[neighbour][:, channel]]))
        for clip, reactions in enumerate(predictions)
        for reaction in reactions
        for neighbour in np.flatnonzero(neighbours[clip])
        for channel in range(reaction.shape[1])
    )
