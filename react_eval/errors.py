"""Errors of react_eval; every class carries a stable code that ``react-eval explain CODE`` describes."""

from __future__ import annotations

from react_data.errors import ReactError
from react_data.problems import ProblemReport

__all__ = [
    "AlignmentError",
    "ChannelError",
    "DtypeError",
    "GenerationFailedError",
    "InputError",
    "LengthError",
    "NeighbourError",
    "NonFiniteError",
    "ReactError",
    "ShapeError",
    "SubmissionError",
    "TemporaryFolderError",
    "UnknownNameError",
    "UnreadableFileError",
]


class InputError(ReactError, ValueError):
    """What was passed cannot be scored: an input that a metric needs is missing, or inputs contradict each other."""

    code = "RE001"


class ShapeError(InputError):
    """An array has the wrong number of axes or the wrong sizes.

    Predictions are (clips, reactions, frames, channels); listeners and speakers are (clips, frames, channels);
    neighbours are (clips, listeners).
    """

    code = "RE002"


class DtypeError(InputError):
    """Values are of a type that is not scored: integers, booleans, complex numbers, text, objects.

    Save predictions as float32. float64 is cast; integers are refused, since they are nearly always a mistake.
    """

    code = "RE003"


class NonFiniteError(InputError):
    """Predictions or recordings hold NaN or infinite values; no metric is defined on them."""

    code = "RE004"


class NeighbourError(InputError):
    """A clip has no appropriate reaction to be compared with, or the appropriateness matrix does not fit.

    Every clip needs at least one neighbour; normally it is its own (the diagonal of the matrix is set).
    """

    code = "RE005"


class LengthError(InputError):
    """A prediction and a listener that must have the same number of frames have different ones.

    FRCorr and FRSyn compare frame by frame. Align or cut the clips first, or use a protocol that aligns.
    """

    code = "RE006"


class ChannelError(InputError):
    """Predictions do not have the channels that the protocol or the data set needs."""

    code = "RE007"


class UnknownNameError(ReactError, KeyError):
    """There is no metric, protocol, baseline, split or code of that name."""

    code = "RE008"


class AlignmentError(LengthError):
    """A real reaction has another length than the prediction, and could not be brought to it.

    The protocols ``react2025+linear`` and ``react2025+crop`` align by themselves; ``react2025`` needs an aligner.
    """

    code = "RE010"


class GenerationFailedError(ReactError, RuntimeError):
    """A generator cannot react under a condition of missing data; its own reason is the message.

    The table of `react_eval.robustness` says so in the condition's row. ``fill="zeros"`` or ``"hold"`` gives generators
    that take no missing data something in place of what is lost.
    """

    code = "RE011"


class TemporaryFolderError(ReactError, OSError):
    """The temporary folder is full or cannot be written, and predictions have to wait there until all clips are seen.

    Make room, or let the environment variable ``TMPDIR`` name another folder.
    """

    code = "RE009"


class UnreadableFileError(ReactError, ValueError):
    """A file of predictions could not be read safely: damaged, of an unknown format, too large, or built to do harm.

    Write it again with ``react_eval.save_submission``.
    """

    code = "RE101"


class SubmissionError(ReactError, ValueError):
    """A submission has problems that forbid scoring it; the message lists all of them.

    Attributes:
        report: Everything that was found.
    """

    code = "RE100"

    def __init__(self, report: ProblemReport) -> None:
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple[type[SubmissionError], tuple[ProblemReport]]:  # type: ignore[override]
        return type(self), (self.report,)
