"""The HTML report: why a method scores as it does, in one self-contained file."""

from react_eval.report.page import report_page

__all__ = ["report_page"]
