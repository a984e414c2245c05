"""Where the data set lies: an argument, else ``$REACT_DATA``, else ``data`` in the user's config.toml."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import platformdirs

from react_data.errors import DataRootError

__all__ = ["config_file", "find_data_root"]


def config_file() -> Path:
    """The user's settings file, which need not exist."""
    return Path(platformdirs.user_config_dir("react-eval")) / "config.toml"


def find_data_root(data: str | os.PathLike[str] | None = None) -> Path:
    """The folder of the data set, or its packed file.

    Args:
        data: The folder, or None to look in ``$REACT_DATA`` and then at ``data`` in config.toml.

    Returns:
        The folder or file.

    Raises:
        DataRootError: If none is named, or the named one does not exist.
    """
    named, source = _named_root(data)
    root = Path(named).expanduser()
    if not root.exists():
        raise DataRootError(f"the data set {str(root)!r} ({source}) does not exist. Name its folder, or a packed file.")
    return root


def _named_root(data: str | os.PathLike[str] | None) -> tuple[str, str]:
    if data is not None:
        return os.fspath(data), "argument data"
    if os.environ.get("REACT_DATA"):
        return os.environ["REACT_DATA"], "environment variable REACT_DATA"
    settings = config_file()
    if settings.is_file():
        try:
            named = tomllib.loads(settings.read_text(encoding="utf-8")).get("data")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataRootError(f"{settings} is not valid TOML: {error}.") from None
        if isinstance(named, str):
            return named, str(settings)
    raise DataRootError(
        f'no data set is named. Pass data=…, set REACT_DATA, or write data = "…" into {settings}; '
        "`react-data synthesise FOLDER` makes a synthetic one."
    )
