"""A model that begins with the weights of its base."""

from __future__ import annotations

import os
from dataclasses import fields

from reference_models.checkpoints import weights_hash
from reference_models.errors import CheckpointError, ConfigError
from reference_models.generator import ReactionModel
from reference_models.model_config import ModelConfig
from reference_models.records import ModelRecord, find_model

__all__ = ["model_on_base"]


def model_on_base(
    record: ModelRecord, base: str | os.PathLike[str], config: ModelConfig | None, seed: int
) -> tuple[ReactionModel, str]:
    """A model whose base has weights, and what it adds is fresh.

    Args:
        record: The model.
        base: A checkpoint of ours or of the official layout, of the base.
        config: What the model adds is as it says; all that the base has too is as the base's checkpoint says.
        seed: Of what is fresh.

    Returns:
        The model, and a hash of the base's weights.

    Raises:
        ConfigError: If the model adds to no base, or cannot be added to this one.
        CheckpointError: If the weights cannot be read, or are not of the base.
    """
    from reference_models.loading import fresh_model, load  # they begin models of any kind, on bases too

    if not record.base:
        raise ConfigError(f"{record.title} is no model that adds something to a base. Leave base out.")
    trained = load(find_model(record.base).name, base)
    kind = record.config_class()
    own = config if config is not None else kind()
    shared = {each.name: getattr(trained.config, each.name) for each in fields(trained.config)}
    made = fresh_model(record, kind(**{each.name: getattr(own, each.name) for each in fields(own)} | shared), seed)
    found = made.load_state_dict(trained.state_dict(), strict=False)
    held = {name.partition(".")[0] for name in trained.state_dict()}
    lacking = [key for key in found.missing_keys if key.partition(".")[0] in held]
    if lacking or found.unexpected_keys:
        raise CheckpointError(
            f"{base} does not fit the base of {record.title}: {', '.join([*lacking, *found.unexpected_keys][:5])}."
        )
    made.mean_face, made.std_face = trained.mean_face, trained.std_face
    return made, weights_hash(trained)
