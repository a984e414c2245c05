"""Small seeded data sets with what real ones have: constant channels, binary action units, several neighbours."""

import numpy as np

__all__ = ["example", "smooth"]


def smooth(generator, *shape):
    """Series that wander in [0, 1]; frames are the last axis but one."""
    steps = generator.normal(size=shape).cumsum(axis=-2)
    low, high = steps.min(axis=-2, keepdims=True), steps.max(axis=-2, keepdims=True)
    return ((steps - low) / (high - low)).astype(np.float32)


def example(seed=0, *, clips=4, reactions=3, frames=60, channels=25, constant=()):
    """Predictions that wander around real listeners, as keyword arguments of `score_arrays`.

    Channels named in `constant` do not vary in the listeners and speakers.
    """
    generator = np.random.default_rng(seed)
    listener, speaker = (smooth(generator, clips, frames, channels) for _ in range(2))
    noise = smooth(generator, clips, reactions, frames, channels)
    listener[..., list(constant)] = speaker[..., list(constant)] = 0
    predictions = (0.6 * listener[:, None] + 0.4 * noise).astype(np.float32)
    neighbours = np.eye(clips, dtype=bool) | (generator.random((clips, clips)) < 0.3)
    return {"predictions": predictions, "listener": listener, "speaker": speaker, "neighbours": neighbours}
