"""Formulas as MathML, which browsers draw by themselves: nothing is fetched, no script runs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from latex2mathml.converter import convert

__all__ = ["formula_of", "in_mathml", "with_formulas"]

_DIRECTIVE = re.compile(r"^\.\. math::[ \t]*(?P<first>.*)\n(?P<rest>(?:[ \t]+\S.*\n)*)", re.MULTILINE)
# What an extreme is taken over stands below it, as below a sum.
_EXTREME = re.compile(r"\\(?:min|max)(?=_)")
# Words of several letters would be set letter by letter.
_WORD = re.compile(r"\\(?:mathrm|operatorname)\{(?P<word>\w+)\}")


def in_mathml(latex: str) -> str:
    """A displayed formula.

    Args:
        latex: The formula, without dollar signs.

    Raises:
        ValueError: If it holds a command that MathML is not known for.
    """
    plain = _WORD.sub(r"\\text{\g<word>}", " ".join(latex.split())).replace(r"\arg", r"\text{arg}\,")
    formula = convert(_EXTREME.sub(r"\g<0>\\limits", plain), display="block")
    if "\\" in formula:
        raise ValueError(f"the formula {latex!r} holds a command that is not known: {formula}")
    return f'<div class="formula">{formula}</div>'


def with_formulas(docstring: str) -> str:
    """A docstring whose ``.. math::`` directives are MathML.

    Args:
        docstring: Cleaned of its indentation.
    """
    return _DIRECTIVE.sub(lambda found: f"\n{in_mathml(found['first'] + ' ' + found['rest'])}\n\n", docstring + "\n")


def formula_of(function: Callable[..., Any]) -> str:
    """The first formula of a function's docstring; empty if it has none.

    Args:
        function: Any function.
    """
    found = _DIRECTIVE.search((inspect.getdoc(function) or "") + "\n")
    return in_mathml(found["first"] + " " + found["rest"]) if found else ""
