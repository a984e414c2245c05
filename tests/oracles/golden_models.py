"""Golden outputs of official models: their weights and inputs are drawn from names, so that outputs suffice."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from math import prod, sqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parents[1] / "data" / "golden_models"


def drawn(key: str, shape) -> np.ndarray:
    """Normal numbers that depend on the key only."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))
    return rng.standard_normal(tuple(shape)).astype(np.float32)


def weight(key: str, shape) -> Tensor:
    """A parameter of a published layout: by its key and number of axes, a matrix, a gain, a variance or an offset."""
    values = drawn(key, shape)
    if len(shape) > 1:
        values = values / np.float32(sqrt(prod(shape[1:])))
    elif key.endswith("running_var"):
        values = 1 + np.abs(values) / 10
    else:
        values = values / 10 + (1 if key.endswith("weight") else 0)
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def normal_input(name: str, shape) -> Tensor:
    """An input or noise."""
    return torch.from_numpy(drawn(f"input:{name}", shape))


@dataclass(frozen=True)
class Golden:
    """What the official code gave.

    Attributes:
        about: The description beside the outputs.
        outputs: By name.
    """

    about: dict
    outputs: dict[str, np.ndarray]

    @property
    def tolerances(self) -> dict[str, float]:
        return self.about["tolerance"]["suggested_absolute_tolerance"]

    def inputs(self, kind: str = "inputs") -> list[Tensor]:
        """The inputs, or the random draws in order, as far as they are normal."""
        return [normal_input(each["name"], each["shape"]) for each in self.about[kind]]

    def layout(self, part: str = "model") -> dict[str, tuple[int, ...]]:
        """Shapes of the published state."""
        return {each["key"]: tuple(each["shape"]) for each in self.about["parts"][part]["state_dict"]}

    def state(self, part: str = "model") -> dict[str, Tensor]:
        """The published state, of which every value is filled."""
        return {key: weight(key, shape) for key, shape in self.layout(part).items()}


def golden(name: str) -> Golden:
    """A golden output of this repository's copies."""
    about = json.loads((FOLDER / f"{name}.json").read_text())
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as stored:
        return Golden(about, dict(stored))
