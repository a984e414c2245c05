"""FRSyn from Pearson's correlation at every lag."""

import numpy as np

__all__ = ["corrected_lag", "correlation", "correlations", "frsyn", "official_lag"]

LAGS = range(-49, 50)


def correlation(x, y):
    """Pearson's correlation; NaN where either series is constant."""
    if x.min() == x.max() or y.min() == y.max():
        return np.nan
    return np.corrcoef(x.astype(np.float64), y.astype(np.float64))[0, 1]


def correlations(prediction, speaker, lags=LAGS):
    """(lags, C): correlation of prediction[lag:] with speaker[:-lag]."""
    frames, channels = prediction.shape
    rows = []
    for lag in lags:
        x = prediction[max(lag, 0) : frames + min(lag, 0)]
        y = speaker[max(-lag, 0) : frames - max(lag, 0)]
        rows.append([correlation(x[:, c], y[:, c]) for c in range(channels)])
    return np.array(rows)


def official_lag(prediction, speaker):
    """The first undefined lag if there is one, else the first that is best; rounded to float32 as officially."""
    means = correlations(prediction, speaker).astype(np.float32).mean(axis=1, dtype=np.float32)
    for lag, mean in zip(LAGS, means, strict=True):
        if np.isnan(mean):
            return lag
    return LAGS[int(np.argmax(means))]


def corrected_lag(prediction, speaker):
    """Lag and correlation over the channels in which the speaker varies, undefined correlations counting 0."""
    varying = [c for c in range(speaker.shape[1]) if speaker[:, c].min() < speaker[:, c].max()]
    if not varying:
        return np.nan, np.nan
    means = np.nan_to_num(correlations(prediction[:, varying], speaker[:, varying])).mean(axis=1)
    return LAGS[int(np.argmax(means))], means.max()


def frsyn(predictions, speaker, reactions=1):
    return np.mean(
        [abs(official_lag(x, speaker[clip])) for clip, each in enumerate(predictions) for x in each[:reactions]]
    )
