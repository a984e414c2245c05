"""Errors of react_data, and the root of every error that this project raises.

Every class carries a stable code, which its message ends with and which ``react-eval explain CODE`` describes by the
class's docstring.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AnnotationError",
    "ClipIdError",
    "ClipListError",
    "DataRootError",
    "FileAccessError",
    "LabelsMissingError",
    "NeighbourMatrixError",
    "ReactError",
    "RecordingFormatError",
    "SynthesisError",
    "known_errors",
]


class ReactError(Exception):
    """Anything that this project refuses: the message says what is wrong where, what was expected, what to do."""

    code: ClassVar[str] = "RD000"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"

    def __reduce__(self) -> tuple[type[ReactError], tuple[str]]:
        return type(self), (self.message,)


def known_errors() -> dict[str, type[ReactError]]:
    """Every error class that is loaded, by its code.

    Returns:
        Code to class, sorted by code.

    Example:
        >>> known_errors()["RD001"].__name__
        'DataRootError'
    """
    found: dict[str, type[ReactError]] = {}
    waiting: list[type[ReactError]] = [ReactError]
    while waiting:
        error = waiting.pop()
        found[error.code] = error
        waiting.extend(error.__subclasses__())
    return dict(sorted(found.items()))


class DataRootError(ReactError, FileNotFoundError):
    """No data set was found: pass ``data=``, set ``REACT_DATA``, or write ``data = "..."`` into config.toml.

    A data set is the folder that holds ``train.csv``, ``val.csv`` or ``test.csv`` beside the split folders.
    """

    code = "RD001"


class ClipListError(ReactError, ValueError):
    """A split list (``train.csv``, ``val.csv``, ``test.csv``) or ``data_indices.csv`` cannot be used as it is.

    A list has the header ``,speaker_path,listener_path`` and one recording a row; both paths name the same clip of the
    same conversation.
    """

    code = "RD002"


class ClipIdError(ReactError, ValueError):
    """A clip id is not of the form SITE/CHAT/PERSON/CLIP.

    Ids are the speaker's path in the challenge's list, such as ``NoXI/065_2016-04-14_Nottingham/Expert_video/1``; the
    emotion folder's person names P1 and P2 are understood too.
    """

    code = "RD003"


class AnnotationError(ReactError, ValueError):
    """A file of facial attributes or 3DMM coefficients is missing, short, of the wrong shape, or holds wrong values."""

    code = "RD004"


class NeighbourMatrixError(ReactError, ValueError):
    """An appropriateness matrix does not fit its split.

    It is square, its side is twice the number of recordings of the split, its entries are 0 or 1, and every clip is its
    own neighbour.
    """

    code = "RD005"


class LabelsMissingError(ReactError, ValueError):
    """The split holds speakers only, so submissions for it can be validated, not scored.

    Participants have no labels of the test split: score on ``val``, and validate the test submission.
    """

    code = "RD006"


class SynthesisError(ReactError, ValueError):
    """A synthetic data set cannot be written with these settings, or into this folder."""

    code = "RD007"


class RecordingFormatError(ReactError, ValueError):
    """A recording (motion energy, OpenFace, sound, video) is not in the format that its reader expects."""

    code = "RD008"


class LayoutError(ReactError, ValueError):
    """A folder is of no layout that is known, there is no layout of that name, or the layout lacks a split or option.

    Name the folder that holds the split lists (REACT 2023 and 2024), the splits (MARS), or a packed file; or force the
    layout with ``layout=…``.
    """

    code = "RD009"


class PackError(ReactError, ValueError):
    """A packed file cannot be written, is no packed file, or is damaged.

    A packed file is made by ``react-data pack ROOT OUT.h5`` and checked by ``react-data verify OUT.h5``. One that was
    copied incompletely has to be copied again.
    """

    code = "RD010"


class FileAccessError(ReactError, OSError):
    """The operating system refuses to read or write a file or folder: permissions, a full disk, a file in its place."""

    code = "RD011"


class RetrievalError(ReactError, ValueError):
    """Neighbours cannot be retrieved, explained or evaluated with these arguments.

    A retrieval needs one series a clip with finite values, one of threshold and top_k, and for every measure but
    ``"dtw"`` clips of one length. A search that was begun is only continued with the same settings.
    """

    code = "RD030"
