"""Build the documentation's pages: the written ones, filled with what the library's own records say.

Conventions: ``<!-- made: NAME -->`` in a page stands for something that is made here. Other comments, which tell the
tests how to run a page's code blocks, are left out.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import formulas
import model_pages
import pictures
import records

import react_data.known_layouts
import react_data.missing_conditions
import react_data.training_windows  # noqa: F401  defines an error
import react_eval.metrics
import react_eval.validation
from react_data.errors import known_errors
from react_data.problems import known_problems
from react_eval.explaining import explain
from react_eval.registry import Metric, all_metrics

HERE = Path(__file__).parent
PAGES = HERE.parent / "build" / "docs"

Makers = Mapping[str, Callable[[], str]]

_MADE = re.compile(r"<!-- made: (?P<name>[\w ]+) -->")
# README and CONTRIBUTING lie above the written pages, and beside them in the site.
_LINK_INTO_DOCS = re.compile(r"\]\((?:docs/|\.\./(?=CONTRIBUTING))")
_COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)


def main() -> None:
    """Write every page into ``build/docs``."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(HERE, PAGES, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    pictures.draw_all(PAGES / "pictures")
    makers: Makers = {
        "metrics": records.overview,
        "protocols": records.protocol_list,
        "differences": records.differences,
        "errors": _errors,
        "models": model_pages.overview,
        "cards": model_pages.cards,
        "learning": model_pages.learning,
        "contrasts": model_pages.contrasts,
        "comparison": model_pages.comparison,
        "compensation": model_pages.compensation,
        "personalised": model_pages.personalised,
    }
    for page in PAGES.glob("*.md"):
        _fill(page, page.read_text(encoding="utf-8"), makers)
    for metric in all_metrics().values():
        page = PAGES / "metrics" / f"{metric.name.lower()}.md"
        _fill(page, page.read_text(encoding="utf-8"), _makers_of(metric))
    for source, name in (("README.md", "index.md"), ("CONTRIBUTING.md", "contributing.md")):
        _fill(PAGES / name, (HERE.parent / source).read_text(encoding="utf-8"), {})


def _makers_of(metric: Metric) -> Makers:
    return {
        "facts": lambda: records.facts(metric),
        "formula": lambda: formulas.formula_of(getattr(react_eval.metrics, metric.function)),
        "picture": lambda: f"![{metric.title}](../pictures/{metric.name.lower()}.svg)",
        "baselines": lambda: records.baselines(metric),
        "settings": lambda: records.settings(metric),
    }


def _fill(page: Path, text: str, makers: Makers) -> None:
    """Write a page with everything that is made in place; a name that nothing makes is an error."""
    made = _COMMENT.sub("", _MADE.sub(lambda found: makers[found["name"]](), text))
    page.write_text(_LINK_INTO_DOCS.sub("](", made).replace("](CONTRIBUTING.md", "](contributing.md"), encoding="utf-8")


def _errors() -> str:
    sections = []
    for code in [*known_errors(), *known_problems()]:
        title, _, text = explain(code).partition("\n")
        sections.append(f"### {title}\n\n{text.strip()}")
    return "\n\n".join(sections)


if __name__ == "__main__":
    main()
