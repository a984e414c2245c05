"""Small seeded data sets with what real ones have: constant channels, binary action units, several neighbours."""

import os

import numpy as np

__all__ = ["KINDS", "example", "fewer_if_interpreted", "series", "smooth"]

KINDS = ("uniform", "constant", "tiny", "binary", "offset", "signed zeros", "subnormal", "huge")


def fewer_if_interpreted(count):
    """How many examples to try: a tenth where kernels run as plain Python."""
    return max(count // 10, 3) if os.environ.get("NUMBA_DISABLE_JIT") == "1" else count


def series(kind, seed, *shape):
    """Float32 values of one kind."""
    noise = np.random.default_rng(seed).random(shape)
    values = {
        "uniform": noise,
        "constant": np.full(shape, 0.1),
        "tiny": 0.5 + 1e-6 * noise,
        "binary": noise > 0.8,
        "offset": 1000 + noise,
        "signed zeros": np.where(noise > 0.5, 0.0, -0.0),
        "subnormal": 1e-41 * noise,
        "huge": 1e30 * noise,
    }
    return values[kind].astype(np.float32)


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
