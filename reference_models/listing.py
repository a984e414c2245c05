"""What `react-models list` and the docs say of models, made from their records and cards."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reference_models.generator_names import stored_weights
from reference_models.model_config import Trap
from reference_models.records import ModelCard, find_model, models

__all__ = ["ModelDetails", "describe", "overview", "text_of"]

_WIDTH = 100


@dataclass(frozen=True)
class ModelDetails:
    """All about a model.

    Attributes:
        name: Its name.
        title: As tables print it.
        aliases: Other names.
        card: What to know of it.
        traps: Where published code and good sense differ, with both answers.
        stages: Names of the stages of its training.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    card: ModelCard
    traps: tuple[Trap, ...]
    stages: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        facts = [(name.replace("_", " "), text) for name, text in vars(self.card).items() if isinstance(text, str)]
        facts.append(("training", ", then ".join(self.stages) or "none"))
        lines = [f"{self.title} ({', '.join((self.name, *self.aliases))})", ""]
        lines += [_entry(name, text) for name, text in facts]
        lines += ["", "Defects of the official code:", *(_entry("-", text) for text in self.card.defects)]
        lines += ["", "Traps (compat: as the official code does; clean: ours):"]
        for each in self.traps:
            lines.append(_entry("-", f"{each.name}: compat {each.compat!r}, clean {each.clean!r}. {each.about}"))
        return "\n".join(lines)

    def to_markdown(self) -> str:
        """The model's card as a section of a page."""
        rows = [(name.replace("_", " "), text) for name, text in vars(self.card).items() if isinstance(text, str)]
        table = ["| | |", "|---|---|", *(f"| {name} | {_cell(text)} |" for name, text in rows)]
        defects = [f"- {text}" for text in self.card.defects]
        heading = ["| trap | compat | clean | what it means |", "|---|---|---|---|"]
        traps = [f"| `{e.name}` | `{e.compat!r}` | `{e.clean!r}` | {_cell(e.about)} |" for e in self.traps]
        parts = [
            f"## {self.title}",
            "",
            *table,
            "",
            "Defects of the official code:",
            "",
            *defects,
            "",
            *heading,
            *traps,
        ]
        return "\n".join(parts) + "\n"


def describe(name: str) -> ModelDetails:
    """All about a model.

    Args:
        name: Its name or an alias.

    Raises:
        UnknownModelError: If there is none.
    """
    record = find_model(name)
    stages = tuple(stage.name for stage in record.training_recipe().stages) if record.recipe else ()
    traps = record.config_class().traps()
    return ModelDetails(record.name, record.title, record.aliases, record.card, traps, stages)


def overview() -> list[dict[str, str]]:
    """A row for every model: name, title, inputs, outputs, weights on this machine."""
    return [
        {
            "name": record.name,
            "title": record.title,
            "inputs": record.card.inputs,
            "outputs": record.card.outputs,
            "weights here": str(stored_weights(record.name) or "none"),
        }
        for record in models().values()
    ]


def text_of(rows: Sequence[dict[str, str]]) -> str:
    """The rows of `overview` for a person."""
    if not rows:
        return "No models are registered."
    blocks = []
    for row in rows:
        rest = [_entry(name, row[name]) for name in ("inputs", "outputs", "weights here")]
        blocks.append("\n".join([f"{row['name']}: {row['title']}", *rest]))
    return "\n\n".join(blocks) + "\n\nAll about one: react-models list NAME"


def _entry(name: str, text: str) -> str:
    first = f"  {name}: " if name != "-" else "  - "
    return textwrap.fill(" ".join(text.split()), _WIDTH, initial_indent=first, subsequent_indent="    ")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
