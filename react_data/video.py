"""The frames of a clip, from a folder of png images or a film such as mp4, as the challenge's models take them.

Conventions: frames are counted from 0, so frame t of a folder is ``{t + 1}.png``; the frames of a film are counted in
the order in which they are shown. Only the frames that are asked for are decoded, in a film from the key frame before
them on. Values of the challenge are (x - 0.5) / 0.5 of red, green and blue in [0, 1].
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.errors import RecordingFormatError
from react_data.optional_libraries import optional_library
from react_data.problems import abbreviate

__all__ = ["FRAME_SIDE", "Film", "ImageFolder", "Video", "crop_and_normalise", "open_video"]

FRAME_SIDE = 224

_SHORTER_SIDE = 256
_READERS = 4
_IMAGES_AT_ONCE = 32

Image = NDArray[np.uint8]


def open_video(path: str | os.PathLike[str]) -> Video:
    """Open the frames of a clip; none is decoded yet.

    Args:
        path: A folder of ``1.png``, ``2.png``, … or a film in mp4, mov, mkv or webm.

    Returns:
        The frames.

    Raises:
        RecordingFormatError: If there is no such folder or film, frames of the folder are missing, or the film is no
            film or truncated.
        LibraryMissingError: If av (films) or pillow (folders) is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise RecordingFormatError(f"{path} does not exist. Copy the clip's folder of png images or film there.")
    return ImageFolder(path) if path.is_dir() else Film(path)


def crop_and_normalise(image: Image) -> NDArray[np.float32]:
    """A frame as the challenge's models take it.

    The shorter side is made 256 pixels (bilinear, as pillow and torchvision do it), the middle 224 × 224 pixels are cut
    out, and each value x of 0..255 becomes (x / 255 - 0.5) / 0.5.

    Args:
        image: (height, width, 3) uint8, red, green, blue.

    Returns:
        (3, 224, 224) float32 in [-1, 1].

    Raises:
        LibraryMissingError: If pillow is not installed and the shorter side is not 256.
    """
    height, width = image.shape[:2]
    if min(height, width) != _SHORTER_SIDE:
        pillow = optional_library("PIL.Image", extra="video", purpose="Resizing frames")
        size = [int(_SHORTER_SIDE * side / min(height, width)) for side in (width, height)]
        image = np.asarray(pillow.fromarray(image).resize(size, pillow.Resampling.BILINEAR))
    top, left = (round((side - FRAME_SIDE) / 2) for side in image.shape[:2])
    middle = image[top : top + FRAME_SIDE, left : left + FRAME_SIDE].transpose(2, 0, 1)
    return (middle.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)


class Video(ABC):
    """The frames of a clip, decoded when they are asked for.

    Attributes:
        path: The folder or film.
        frames: Number of frames, at least 1.
        frames_per_second: Rate of a film; None for a folder, which does not say.
        height: Of the first frame, in pixels.
        width: Of the first frame, in pixels.
    """

    path: Path
    frames: int
    frames_per_second: float | None
    height: int
    width: int

    def images(self, start: int = 0, stop: int | None = None) -> Iterator[Image]:
        """Frames as they are stored, one after the other.

        Args:
            start: The first frame, at least 0.
            stop: One past the last frame, at most `frames`; the end if not given.

        Yields:
            (height, width, 3) uint8, red, green, blue.

        Raises:
            RecordingFormatError: If the range is not inside the clip, or a frame cannot be decoded.
        """
        stop = self.frames if stop is None else stop
        if not 0 <= start <= stop <= self.frames:
            raise RecordingFormatError(
                f"frames {start} to {stop} of {self.path} are asked for, but it holds {self.frames}."
            )
        return self._images(start, stop) if start < stop else iter(())

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Frames as the challenge's models take them: see `crop_and_normalise`.

        Args:
            start: The first frame, at least 0.
            stop: One past the last frame, at most `frames`; the end if not given.

        Returns:
            (stop - start, 3, 224, 224) float32 in [-1, 1]; 750 frames take 0.45 GB.

        Raises:
            RecordingFormatError: If the range is not inside the clip, or a frame cannot be decoded.
        """
        images = self.images(start, stop)
        values = np.empty(((self.frames if stop is None else stop) - start, 3, FRAME_SIDE, FRAME_SIDE), np.float32)
        for frame, image in enumerate(images):
            values[frame] = crop_and_normalise(image)
        return values

    @abstractmethod
    def _images(self, start: int, stop: int) -> Iterator[Image]:
        """The frames of a range that is inside the clip and not empty."""


class ImageFolder(Video):
    """Frames in a folder of ``1.png``, ``2.png``, …, as the official tree has them.

    Args:
        path: The folder; files that are no png are passed over.

    Raises:
        RecordingFormatError: If the folder holds no images, one is missing or not called by its number, or the first
            cannot be read.
        LibraryMissingError: If pillow is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = _numbered_images(path)
        self.frames = len(self._files)
        self.frames_per_second = None
        self.height, self.width = self._image(0).shape[:2]

    def _images(self, start: int, stop: int) -> Iterator[Image]:
        with ThreadPoolExecutor(_READERS) as readers:
            for first in range(start, stop, _IMAGES_AT_ONCE):
                yield from readers.map(self._image, range(first, min(first + _IMAGES_AT_ONCE, stop)))

    def _image(self, frame: int) -> Image:
        pillow = optional_library("PIL.Image", extra="video", purpose="Reading png images")
        try:
            with pillow.open(self._files[frame], formats=["PNG"]) as image:
                return np.array(image.convert("RGB"))
        except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError) as error:
            raise RecordingFormatError(
                f"frame {frame} of {self.path}, {self._files[frame].name}, is no readable png: {error}. "
                "Extract it again."
            ) from None


def _numbered_images(folder: Path) -> list[Path]:
    """The png files of a folder in the order of their numbers, which are 1, 2, 3, …"""
    images = [file for file in folder.iterdir() if file.suffix.lower() == ".png" and not file.name.startswith(".")]
    odd = sorted(file.name for file in images if not (file.stem.isascii() and file.stem.isdigit()))
    if odd:
        raise RecordingFormatError(f"{folder} holds {abbreviate(odd, 5)}; frames are called 1.png, 2.png and so on.")
    if not images:
        raise RecordingFormatError(f"{folder} holds no png images, expected 1.png, 2.png and so on.")
    images.sort(key=lambda file: int(file.stem))
    for number, file in enumerate(images, start=1):
        if int(file.stem) != number:
            raise RecordingFormatError(
                f"{folder} holds {len(images)} images up to {images[-1].name}, but where {number}.png belongs comes "
                f"{file.name}. Frames are numbered from 1 without gaps; extract them again."
            )
    return images


class Film(Video):
    """Frames in a file such as mp4.

    Args:
        path: The file.

    Raises:
        RecordingFormatError: If the file is no film, has no frames, or holds fewer than it says.
        LibraryMissingError: If av is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as (container, stream):
            self._index(container, stream)
            self.frames_per_second = float(stream.average_rate) if stream.average_rate else None
            self.height, self.width = stream.height, stream.width

    def _index(self, container: Any, stream: Any) -> None:
        """Find the times of all frames and key frames, without decoding any."""
        packets = [
            (packet.pts, packet.is_keyframe, packet.is_discard) for packet in container.demux(stream) if packet.size
        ]
        if len(packets) < stream.frames:
            raise RecordingFormatError(
                f"{self.path} ends after {len(packets)} of the {stream.frames} frames that its header promises. Copy "
                "or encode it again."
            )
        if any(pts is None for pts, _, _ in packets):
            raise RecordingFormatError(f"{self.path} does not say when its frames are shown. Encode it as mp4.")
        self._times = sorted(pts for pts, _, discarded in packets if not discarded)
        if not self._times:
            raise RecordingFormatError(f"{self.path} holds no frames. Copy or encode it again.")
        self._key_frames = sorted(pts for pts, key, _ in packets if key)
        self.frames = len(self._times)

    def _images(self, start: int, stop: int) -> Iterator[Image]:
        wanted = self._times[start:stop]
        before = [pts for pts in self._key_frames if pts <= wanted[0]]
        found = 0
        with self._opened() as (container, stream):
            if before:
                container.seek(before[-1], stream=stream)
            for image in container.decode(stream):
                if image.pts == wanted[found]:
                    yield image.to_ndarray(format="rgb24")
                    found += 1
                if found == len(wanted):
                    return
        raise RecordingFormatError(f"{self.path}: frame {start + found} cannot be decoded. Copy or encode it again.")

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        library = optional_library("av", extra="video", purpose="Reading films")
        try:
            with library.open(str(self.path)) as container:
                if not container.streams.video:
                    raise RecordingFormatError(f"{self.path} holds no pictures. Name the clip's video.")
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                yield container, stream
        except library.error.FFmpegError as error:
            raise RecordingFormatError(
                f"{self.path} cannot be read as a film: {error.strerror}. Copy or encode it again."
            ) from None
