"""What the command lines have in common: one place where errors become messages and exit codes."""

from __future__ import annotations

import json
from typing import Any

import click

from react_data.errors import ReactError
from react_data.file_access import file_access

__all__ = ["BAD_INPUT", "CHECK_FAILED", "Commands", "print_json"]

CHECK_FAILED = 1
BAD_INPUT = 2


class Commands(click.Group):
    """A group whose commands end with exit code 2 and one message where they meet bad input, or a file is refused."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            with file_access():
                return super().invoke(ctx)
        except ReactError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(BAD_INPUT)


def print_json(content: Any) -> None:
    """Print plain data on stdout as JSON."""
    click.echo(json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False))
