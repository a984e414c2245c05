"""Checks of videos: every image of a folder, every packet of a film, and the first and last frame of a film decoded."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

from react_data.checking import attempt
from react_data.optional_libraries import LibraryMissingError, optional_library
from react_data.problems import ProblemKind, ProblemReport, abbreviate
from react_data.verification_of_files import ODD_VIDEO, CheckedFile, ClipFile
from react_data.video import Video, open_video

__all__ = ["FILMS", "check_video", "missing_video_library"]

BAD_VIDEO = ProblemKind(
    "RD123",
    "A video cannot be read, or frames of it are missing: images are called 1.png, 2.png and so on without gaps, and "
    "a film holds as many frames as it says. Copy or extract it again.",
)

FILMS = (".mp4", ".mov", ".mkv", ".webm")

_RATE_TOLERANCE = 0.01


def missing_video_library() -> str:
    """Why videos cannot be looked at.

    Returns:
        What to install; empty if nothing is missing.
    """
    try:
        for library in ("PIL.Image", "av"):
            optional_library(library, extra="video", purpose="Verifying videos")
    except LibraryMissingError as error:
        return error.message
    return ""


def check_video(file: ClipFile, frames_per_second: int, report: ProblemReport) -> CheckedFile | None:
    """Check a folder of png images, or a film.

    A folder's images are checked against their checksums, not decoded; of a film all packets are counted, and only the
    first and the last frame are decoded.

    Args:
        file: The folder or film.
        frames_per_second: That the film should have.
        report: Receives the problems.

    Returns:
        What was learnt; None if it cannot be read.
    """
    return _check_images(file, report) if file.path.is_dir() else _check_film(file, frames_per_second, report)


def _check_images(file: ClipFile, report: ProblemReport) -> CheckedFile | None:
    images = [path for path in file.path.iterdir() if path.suffix.lower() == ".png" and not path.name.startswith(".")]
    odd = sorted(path.name for path in images if not (path.stem.isascii() and path.stem.isdigit()))
    numbered = {int(path.stem): path for path in sorted(images) if path.name not in odd}
    if odd:
        report.error(BAD_VIDEO, f"holds {abbreviate(odd, 5)}; call frames 1.png, 2.png and so on.", file.where)
    if not numbered:
        report.error(
            BAD_VIDEO,
            "holds no numbered png image, expected 1.png, 2.png and so on. Extract the frames again.",
            file.where,
        )
        return None
    frames = max(numbered)
    missing = [f"{number}.png" for number in range(1, frames + 1) if number not in numbered]
    if missing:
        message = f"lacks {abbreviate(missing, 5)} of {frames} frames. Extract the frames again."
        report.error(BAD_VIDEO, message, file.where)
    sizes = {number: _size(numbered[number], file, report) for number in sorted(numbered)}
    known = {number: size for number, size in sizes.items() if size}
    most = Counter(known.values()).most_common(1)
    different = [f"{number}.png ({size})" for number, size in known.items() if size != most[0][0]]
    if different:
        message = f"most images have {most[0][0]} pixels, but not {abbreviate(different, 5)}. Extract the frames again."
        report.error(ODD_VIDEO, message, file.where)
    return CheckedFile(file, frames, {"frames": frames} | ({"pixels": most[0][0]} if most else {}))


def _size(image: Path, file: ClipFile, report: ProblemReport) -> str:
    """Width and height of an image whose checksums are right; nothing if it is damaged."""
    pillow = optional_library("PIL.Image", extra="video", purpose="Verifying png images")
    try:
        with pillow.open(image, formats=["PNG"]) as opened:
            opened.verify()
            return f"{opened.width} × {opened.height}"
    except Exception as error:
        reason = str(error).replace(str(image), image.name)
        report.error(BAD_VIDEO, f"is no readable png: {reason}. Extract the frame again.", f"{file.where}/{image.name}")
        return ""


def _check_film(file: ClipFile, frames_per_second: int, report: ProblemReport) -> CheckedFile | None:
    film = attempt(lambda: open_video(file.path), BAD_VIDEO, file.path, file.where, report)
    if film is None:
        return None
    attempt(partial(_decode_ends, film), BAD_VIDEO, file.path, file.where, report)
    rate = film.frames_per_second
    if rate is not None and abs(rate / frames_per_second - 1) > _RATE_TOLERANCE:
        message = f"runs at {rate:g} frames a second, expected {frames_per_second}. Encode it again at that rate."
        report.warning(ODD_VIDEO, message, file.where)
    return CheckedFile(file, film.frames, {"frames": film.frames, "pixels": f"{film.width} × {film.height}"})


def _decode_ends(film: Video) -> None:
    for frame in {0, film.frames - 1}:
        for _ in film.images(frame, frame + 1):
            pass
