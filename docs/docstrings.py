"""An extension of griffe, which reads the docstrings of the API page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))

from formulas import with_formulas

__all__ = ["Docstrings"]


class Docstrings(griffe.Extension):
    """Makes of our docstrings what the page shows well: formulas in MathML, and examples as code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object.

        Args:
            obj: What has been read.
        """
        if obj.docstring is not None:
            text = with_formulas(obj.docstring.value) if ".. math::" in obj.docstring.value else obj.docstring.value
            # The plural is the only heading under which griffe looks for code.
            obj.docstring.value = text.replace("\nExample:\n", "\nExamples:\n")
