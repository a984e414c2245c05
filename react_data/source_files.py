"""The files that a folder's content is made of, so that nothing is made half of old and half of new data.

Conventions: ``FOLDER/sources.json`` holds size and time of the last change of every file that was there to be read when
the folder was begun. Files that are new since then had no part in what is there, so they change nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from react_data.errors import ReactError
from react_data.mars_tree import MARS_MODALITIES
from react_data.official_tree import VIDEO_FOLDER
from react_data.problems import abbreviate
from react_data.synthetic_files import whole_file

__all__ = ["SOURCE_RECORD", "check_sources"]

SOURCE_RECORD = "sources.json"
# Videos are not read, and as images are too many to be looked at.
_VIDEOS = frozenset({VIDEO_FOLDER, *(folder for name, (folder, _) in MARS_MODALITIES.items() if "video" in name)})

_Stamps = dict[str, list[int]]


def check_sources(folder: Path, sources: Mapping[str, Path], error: type[ReactError]) -> None:
    """Remember the files that a folder's content is made of, or see that none has changed since it was begun.

    Args:
        folder: The folder that is being filled.
        sources: Files or folders by what they are; names in the record begin with that, so they may be moved.
        error: What is raised.

    Raises:
        ReactError: `error`, if files have been changed or deleted since then; names them.
    """
    record = folder / SOURCE_RECORD
    known, found = _known(record, error), _stamps(folder, sources)
    changed = [name for name, stamp in known.items() if name.partition("/")[0] in sources and found.get(name) != stamp]
    if changed:
        raise error(
            f"{len(changed)} files have changed since {folder} was begun: {abbreviate(changed, 5)}. Delete the folder "
            f"to begin anew; if only their times have changed, delete {record.name} in it."
        )
    with whole_file(record) as handle:
        handle.write(json.dumps(known | found, sort_keys=True).encode())


def _known(record: Path, error: type[ReactError]) -> _Stamps:
    if not record.is_file():
        return {}
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise error(f"{record} is damaged. Delete the folder to begin anew.") from None


def _stamps(folder: Path, sources: Mapping[str, Path]) -> _Stamps:
    """Size and time of the last change of every file of the sources, but for those in the folder itself."""
    stamps = {}
    for what, place in sources.items():
        for path in _files(place, folder):
            status = path.stat()
            name = what if path == place else f"{what}/{path.relative_to(place).as_posix()}"
            stamps[name] = [status.st_size, status.st_mtime_ns]
    return stamps


def _files(place: Path, left_out: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    seen = {_identity(left_out)}
    for folder, folders, files in os.walk(place, followlinks=True):
        identity = _identity(Path(folder))
        if identity in seen:  # links may lead back
            folders.clear()
            continue
        seen.add(identity)
        folders[:] = [name for name in folders if name not in _VIDEOS]
        yield from (path for path in (Path(folder, name) for name in files) if path.is_file())


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
