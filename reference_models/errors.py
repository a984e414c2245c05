"""Errors of reference models. Every message says what is wrong where, what was expected, and what to do."""

from __future__ import annotations

from react_data.errors import ReactError

__all__ = [
    "CheckpointError",
    "ConfigError",
    "GeneratorError",
    "MissingInputError",
    "ModelInputError",
    "TrainingError",
    "UnknownModelError",
]


class ConfigError(ReactError, ValueError):
    """A configuration cannot be.

    Look at the fields of the model's configuration: `react-models list NAME` shows them with their meaning.
    """

    code = "RM001"


class UnknownModelError(ReactError, ValueError):
    """There is no model of that name.

    `react-models list` shows all of them.
    """

    code = "RM002"


class ModelInputError(ReactError, ValueError):
    """A batch does not fit the model: another frame rate, length or number of channels.

    The model's card says what it takes.
    """

    code = "RM003"


class MissingInputError(ModelInputError):
    """A batch lacks a modality that the model needs.

    Open the data set with it: react_data.open_split(root, split, modalities=…, features=…).
    """

    code = "RM004"


class CheckpointError(ReactError, ValueError):
    """A checkpoint cannot be read, or is not one of this model.

    `react-models convert` lists which keys are missing, unexpected or of another shape.
    """

    code = "RM005"


class GeneratorError(ReactError, ValueError):
    """A name leads to no generator, or what it generates cannot be written.

    A generator is a model's name, a checkpoint, or ``module:callable`` whose result has
    ``generate(batch, reactions, seed, online)``.
    """

    code = "RM006"


class TrainingError(ReactError, ValueError):
    """Training cannot begin or go on: the data set lacks what the recipe needs, or the folder is of another run.

    `react-models train --help` shows the settings.
    """

    code = "RM007"
