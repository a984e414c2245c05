"""Build the documentation's pages: the written ones, and those made from the registries of metrics and protocols."""

from __future__ import annotations

import shutil
from pathlib import Path

import react_data.verification  # noqa: F401  defines kinds of problems
import react_eval.validation  # noqa: F401  likewise
from react_data.errors import known_errors
from react_data.problems import known_problems
from react_eval.explaining import explain
from react_eval.protocol import protocols
from react_eval.registry import all_metrics

HERE = Path(__file__).parent
PAGES = HERE.parent / "build" / "docs"


def main() -> None:
    """Write every page into ``build/docs``."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(HERE, PAGES, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    (PAGES / "index.md").write_text(readme.replace("[CONTRIBUTING.md](CONTRIBUTING.md)", "CONTRIBUTING.md"))
    _write("metrics", "Metrics", {name: explain(name) for name in all_metrics()})
    _write("protocols", "Protocols", {name: explain(name) for name in protocols()})
    _write("errors", "Error codes", {code: explain(code) for code in [*known_errors(), *known_problems()]})


def _write(page: str, title: str, sections: dict[str, str]) -> None:
    parts = [f"# {title}", "Made from the library's own records; `react-eval explain NAME` prints the same."]
    parts += [f"## {name}\n\n```text\n{text}\n```" for name, text in sections.items()]
    (PAGES / f"{page}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
