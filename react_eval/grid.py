"""A small table of text: rendered as plain text, Markdown, LaTeX or HTML from one description."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import east_asian_width

__all__ = ["Cell", "Grid"]

_LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"${sign}$" for sign in "<>|"},
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "α": r"$\alpha$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "–": "--",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "§": r"\S{}",
    "¶": r"\P{}",
    "‖": r"$\parallel$",
    "◇": r"$\diamond$",
    "△": r"$\triangle$",
    "○": r"$\circ$",
    "•": r"$\bullet$",
    "−": "$-$",
    "²": r"\textsuperscript{2}",
    "⁻": r"\textsuperscript{--}",
    "·": r"$\cdot$",
    "σ": r"$\sigma$",
}


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: What it shows.
        bold: Whether it stands out.
    """

    text: str
    bold: bool = False


@dataclass(frozen=True)
class Grid:
    """A table with a caption above and notes below.

    Attributes:
        headings: Column headings; the first column holds the rows' names.
        rows: Cells by row; a row of no cells is a rule between groups.
        caption: What the numbers are.
        notes: What a reader has to know.
        label: LaTeX label.
        text_columns: Columns that are aligned to the left.
        titles: Titles of groups, by the position in `rows` of the rule above the group.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
    label: str = "tab:react-eval"
    text_columns: tuple[int, ...] = (0,)
    titles: Mapping[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_text(self) -> str:
        """Aligned columns for a terminal; bold is shown as a trailing star."""
        lines = [[_printable(cell.text) + ("*" if cell.bold else "") for cell in row] for row in self.rows]
        widths = [max(_width(text) for text in column) for column in self._columns(lines)]
        rule = "  ".join("─" * width for width in widths)
        body = [self._aligned(line, widths) if line else self._titled(place, rule) for place, line in enumerate(lines)]
        top = [] if 0 in self.titles else [rule]
        parts = [_printable(self.caption), "", self._aligned(list(self.headings), widths), *top, *body]
        return "\n".join([*parts, *([""] if self.notes else []), *map(_printable, self.notes)])

    def to_markdown(self) -> str:
        """A GitHub table."""
        lines = [self._markdown_row([_escape_markdown(text) for text in self.headings])]
        lines.append("|" + "|".join(self._by_column("---", "---:")) + "|")
        for place, row in enumerate(self.rows):
            cells = [_escape_markdown(cell.text) for cell in row]
            marked = [f"**{text}**" if cell.bold else text for text, cell in zip(cells, row, strict=True)]
            if place in self.titles:
                title = f"*{_escape_markdown(self.titles[place])}*"
                marked = [title, *("" for _ in self.headings[1:])]
            lines += [self._markdown_row(marked)] if marked else []
        notes = [f"- {_escape_markdown(note)}" for note in self.notes]
        return "\n".join([_escape_markdown(self.caption), "", *lines, *([""] if notes else []), *notes]) + "\n"

    @staticmethod
    def _markdown_row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    def to_latex(self) -> str:
        """A `table` environment for the packages booktabs and graphicx; one that is too wide shrinks to the line."""
        lines = [
            "% needs booktabs and graphicx",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escape_latex(self.caption)}}}",
            rf"\label{{{self.label}}}",
        ]
        lines.append(r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%")
        lines += [rf"\begin{{tabular}}{{{''.join(self._by_column('l', 'r'))}}}", r"\toprule"]
        lines += [" & ".join(_escape_latex(text) for text in self.headings) + r" \\"]
        lines += [] if 0 in self.titles else [r"\midrule"]
        for place, row in enumerate(self.rows):
            cells = [_escape_latex(cell.text) for cell in row]
            marked = [rf"\textbf{{{text}}}" if cell.bold else text for text, cell in zip(cells, row, strict=True)]
            lines.append(" & ".join(marked) + r" \\" if row else r"\midrule")
            if place in self.titles:
                title = rf"\textit{{{_escape_latex(self.titles[place])}}}"
                lines.append(rf"\multicolumn{{{len(self.headings)}}}{{l}}{{{title}}} \\")
        lines += [r"\bottomrule", r"\end{tabular}}"]
        notes = [_escape_latex(note).replace(_LATEX["|"], _LATEX["|"] + r"\allowbreak ") for note in self.notes]
        lines += [rf"\par\smallskip\footnotesize {note}" for note in notes]
        return "\n".join([*lines, r"\end{table}"]) + "\n"

    def to_html(self) -> str:
        """A `<table>`; all text is escaped."""
        head = "".join(f"<th>{html.escape(text)}</th>" for text in self.headings)
        body = ""
        for place, row in enumerate(self.rows):
            cells = [html.escape(cell.text) for cell in row]
            marked = [f"<b>{text}</b>" if cell.bold else text for text, cell in zip(cells, row, strict=True)]
            body += "<tr>" + "".join(f"<td>{text}</td>" for text in marked) + "</tr>\n" if row else ""
            if place in self.titles:
                title = html.escape(self.titles[place])
                body += f'<tr><th colspan="{len(self.headings)}" scope="rowgroup">{title}</th></tr>\n'
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        table = f"<table>\n{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
        return table + (f"<ul>{notes}</ul>\n" if notes else "")

    def _titled(self, place: int, rule: str) -> str:
        """The rule above a group, with the group's title in it."""
        title = f"── {_printable(self.titles[place])} " if place in self.titles else ""
        return title + rule[_width(title) :]

    def _columns(self, lines: list[list[str]]) -> list[list[str]]:
        full = [list(self.headings), *(line for line in lines if line)]
        return [list(column) for column in zip(*full, strict=True)]

    def _by_column(self, text: str, number: str) -> list[str]:
        return [text if column in self.text_columns else number for column in range(len(self.headings))]

    def _aligned(self, line: list[str], widths: list[int]) -> str:
        cells = []
        for cell, width, side in zip(line, widths, self._by_column("left", "right"), strict=True):
            space = " " * (width - _width(cell))
            cells.append(cell + space if side == "left" else space + cell)
        return "  ".join(cells).rstrip()


def _printable(text: str) -> str:
    """Text that cannot control a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def _width(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _escape_markdown(text: str) -> str:
    """Escape what Markdown would read as markup; an underscore within a word is none."""
    escaped = re.sub(r"([\\*`\[\]])|(?<!\w)_|_(?!\w)", lambda found: "\\" + found[0], text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")


def _escape_latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text.replace("\n", " "))
