"""A model of a few parameters: each frame of a reaction is a linear map of the speaker's, and noise."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import nn

from reference_models.generator import ReactionModel
from reference_models.key_map import KeyMap, KeyRule
from reference_models.model_config import ModelConfig, trap
from reference_models.records import ModelCard, ModelRecord, register_model
from reference_models.training.recipes import Recipe, Stage


@dataclass(frozen=True)
class ToyConfig(ModelConfig):
    width: int = 8
    noise: float = 0.1
    sizes: tuple[int, ...] = (1, 2)
    window: int = 8
    context: Literal["window", "past"] = trap("window", "past", "Whether online generation sees its whole window.")

    @classmethod
    def tiny(cls):
        return cls(width=4)


class ToyModel(ReactionModel):
    inputs = ("speaker_emotion",)
    heads = ("emotion",)
    most_frames = 800

    def __init__(self, config):
        super().__init__(config)
        self.inner = nn.Linear(25, config.width)
        self.outer = nn.Linear(config.width, 25)
        self.register_buffer("scale", torch.ones(()))

    def begin_stage(self, stage, batches):
        if stage == "second":
            self.scale.fill_(1 + max(float(batch["listener_emotion"].abs().max()) for batch in batches))

    def react(self, speaker, reactions, generator, *, online):
        seen = speaker["speaker_emotion"]
        if not online or self.config.context == "window":
            window = len(seen) if not online else self.config.window
            seen = torch.cat([part.mean(0, keepdim=True).expand_as(part) for part in seen.split(window)])
        noise = torch.randn(reactions, 1, 25, generator=generator).to(seen.device)
        return {"emotion": self.outer(self.inner(seen))[None] + self.config.noise * noise}

    def loss(self, batch):
        made = self.outer(self.inner(batch["speaker_emotion"]) + 0.01 * torch.randn(self.config.width))
        fit = (made - batch["listener_emotion"]).square().mean() * self.loss_weights.get("fit", 1.0)
        return {"loss": fit, "fit": fit.detach()}


CARD = ModelCard(
    paper="A toy, 2026", code="none", summary="A linear map.", inputs="speaker_emotion at 25 frames a second",
    outputs="emotion", code_licence="Apache-2.0", weights="none", verified="nothing", defects=("It is a toy.",),
    causality="The window in compat, nothing in clean.", cost="none",
)  # fmt: skip

KEYS = KeyMap(
    rules=(
        KeyRule("net.first.", "inner."),
        KeyRule("net.first.weight", "inner.weight", lambda value: value.T, lambda value: value.T),
        KeyRule("net.last.", "outer."),
    ),
    ignored=("net.unused",),
    exported=lambda state: {"net.unused": torch.zeros(1)},
)

RECIPE = Recipe(
    stages=(
        Stage("first", epochs=2, learning_rate=0.01, batch_size=4, window=20, parameters=("inner",), average=0.5),
        Stage("second", epochs=4, learning_rate=0.01, batch_size=4, window=20, schedule="cosine", average=0.5),
    ),
    outputs=("emotion",),
    validate_every=2,
)

RECORD = register_model(
    ModelRecord(
        name="toy",
        title="Toy",
        config="toy_model:ToyConfig",
        model="toy_model:ToyModel",
        card=CARD,
        keys="toy_model:KEYS",
        recipe="toy_model:RECIPE",
        aliases=("plaything",),
    )
)


class Shout:
    """A generator of somebody who knows nothing of us."""

    def generate(self, batch, reactions=10, seed=0, online=False):
        return {"emotion": np.repeat(np.asarray(batch["speaker_emotion"])[:, None] * 2, reactions, axis=1)}


def react(batch, reactions, seed, online):
    return Shout().generate(batch, reactions)


def make():
    torch.manual_seed(0)
    return ToyModel(ToyConfig())


class PersonalModel(ToyModel):
    """Adds what is usual for the listener."""

    history = ("history_3dmm",)

    def react(self, speaker, reactions, generator, *, online):
        made = super().react(speaker, reactions, generator, online=online)["emotion"]
        usual = speaker["history_3dmm"].mean(0)[:25] if "history_3dmm" in speaker else 0
        return {"emotion": made + usual}


register_model(replace(RECORD, name="personal_toy", title="Personal toy", model="toy_model:PersonalModel", aliases=()))
