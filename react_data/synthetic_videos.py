"""Videos of synthetic people: faces drawn from the facial attributes and the head's pose of their clip.

Conventions: every frame of the clip has one of the video, and all clips of a person show the same face.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.drawn_faces import draw_faces
from react_data.drawn_people import Look, Movement
from react_data.drawn_shapes import Colour
from react_data.optional_libraries import LibraryMissingError, optional_library
from react_data.synthetic_conversations import random_generator
from react_data.synthetic_files import whole_file, whole_folder
from react_data.synthetic_signals import Performance, coefficients

__all__ = ["VIDEO_KINDS", "VideoSettings", "movement_of", "person_look", "write_video"]

VIDEO_KINDS = ("png", "mp4")

_SKINS: tuple[Colour, ...] = ((244, 208, 184), (226, 178, 144), (198, 146, 110), (160, 108, 76), (122, 80, 58))
_HAIRS: tuple[Colour, ...] = ((38, 28, 26), (84, 54, 34), (138, 92, 48), (196, 158, 96), (150, 66, 34), (140, 138, 138))
_IRISES: tuple[Colour, ...] = ((84, 52, 32), (70, 104, 136), (84, 110, 70), (112, 84, 44))

_BLINKS_A_FRAME = 0.01
_BLINK = np.array([0.5, 1.0, 1.0, 0.6, 0.2])
_UPRIGHT = math.pi  # angle_x of a face that looks straight ahead
_USUAL_DISTANCE = 1.84
_CROP_LAG = 0.5  # videos are crops around the face, which undo a part of its movement
_PNG_COMPRESSION = 2
_CODEC = "h264"
_FILM_OPTIONS = {"crf": "18", "preset": "veryfast", "threads": "1"}


@dataclass(frozen=True)
class VideoSettings:
    """How the videos of a data set are written.

    Attributes:
        kind: ``"png"`` for a folder of images a clip, ``"mp4"`` for a film a clip.
        size: Pixels a side, even.
        frames_per_second: Rate of a film.
        seed: Seed of the data set.
    """

    kind: str
    size: int
    frames_per_second: int
    seed: int

    def check_libraries(self) -> None:
        """Import the library that writes the videos.

        Raises:
            LibraryMissingError: If it is not installed, or writes no films.
        """
        if self.kind == "png":
            _image_library()
        else:
            _film_library()


def write_video(path: Path, performance: Performance, person: str, settings: VideoSettings) -> None:
    """Write the video of a person's clip; it appears under its name only when it is complete.

    Args:
        path: The folder of images or the film.
        performance: What the person does.
        person: Name of the person, which decides the looks.
        settings: What to write.

    Raises:
        LibraryMissingError: If pillow (png) or av (mp4) is not installed.
    """
    look, movement = person_look(person, settings.seed), movement_of(performance, settings.seed)
    images = draw_faces(look, movement, settings.size)
    if settings.kind == "png":
        _write_images(path, images)
    else:
        _write_film(path, images, settings)


def person_look(person: str, seed: int) -> Look:
    """What a person looks like.

    Args:
        person: Name of the person.
        seed: Seed of the data set.

    Returns:
        Colours and proportions.
    """
    rng = random_generator(seed, "style", "face", person)
    skin, hair, iris = (_varied(kinds[rng.integers(len(kinds))], 10.0, rng) for kinds in (_SKINS, _HAIRS, _IRISES))
    red, green, blue = skin
    return Look(
        skin=skin,
        hair=hair,
        lips=_varied((0.78 * red + 12, 0.50 * green + 6, 0.54 * blue + 8), 8.0, rng),
        iris=iris,
        clothes=_varied((110.0, 110.0, 120.0), 80.0, rng),
        backdrop=_varied((168.0, 174.0, 176.0), 40.0, rng),
        width=rng.uniform(0.70, 0.80),
        eyes_apart=rng.uniform(0.31, 0.36),
        brow_thickness=rng.uniform(0.03, 0.055),
        nose_width=rng.uniform(0.12, 0.17),
        mouth_width=rng.uniform(0.24, 0.30),
        forehead=rng.uniform(0.62, 0.76),
        hair_length=float(rng.choice([1.2, 1.3, 2.0, 2.5])),
    )


def _varied(colour: Colour, spread: float, rng: np.random.Generator) -> Colour:
    red, green, blue = np.clip(np.array(colour) + rng.uniform(-spread, spread, size=3), 0, 255).tolist()
    return red, green, blue


def movement_of(performance: Performance, seed: int) -> Movement:
    """What a face does: action units without jumps, talking as loud as the voice, the pose of the coefficients.

    Args:
        performance: What the person does in T frames.
        seed: Seed of the data set.

    Returns:
        The movement over the same T frames.
    """
    pitch, yaw, roll, aside, up, distance = coefficients(performance, seed)[:, 52:].astype(np.float64).T
    return Movement(
        units=_without_jumps(performance.emotion[:, :15]),
        talk=performance.activity,
        blink=_blinks(performance, seed),
        turn=np.column_stack([pitch - _UPRIGHT, yaw, roll]),
        shift=_CROP_LAG * np.column_stack([aside, -up]),
        scale=(_USUAL_DISTANCE / np.maximum(distance, _USUAL_DISTANCE / 2)) ** _CROP_LAG,
    )


def _without_jumps(units: NDArray[np.float64]) -> NDArray[np.float64]:
    """Units that take three frames to switch; they are more than half on just where they are on."""
    padded = np.pad(units, ((1, 1), (0, 0)), mode="edge")
    return 0.2 * padded[:-2] + 0.6 * units + 0.2 * padded[2:]


def _blinks(performance: Performance, seed: int) -> NDArray[np.float64]:
    frames = len(performance.emotion)
    begun = random_generator(seed, "clip", "blinks", performance.person).random(frames) < _BLINKS_A_FRAME
    return np.minimum(np.convolve(begun, _BLINK)[:frames], 1.0)


def _write_images(folder: Path, images: Iterator[NDArray[np.uint8]]) -> None:
    """Write ``1.png``, ``2.png``, … into a folder."""
    pillow = _image_library()
    with whole_folder(folder) as partial:
        for number, image in enumerate(images, start=1):
            picture = pillow.fromarray(image)
            picture.save(partial / f"{number}.png", format="PNG", compress_level=_PNG_COMPRESSION)


def _write_film(path: Path, images: Iterator[NDArray[np.uint8]], settings: VideoSettings) -> None:
    """Write an mp4 file, on one thread, since their number would change the bytes."""
    library = _film_library()
    with whole_file(path) as handle, library.open(handle, "w", format="mp4") as container:
        stream = container.add_stream(_CODEC, rate=settings.frames_per_second, options=_FILM_OPTIONS)
        stream.width = stream.height = settings.size
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(library.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _image_library() -> Any:
    return optional_library("PIL.Image", extra="video", purpose="Writing png images")


def _film_library() -> Any:
    library = optional_library("av", extra="video", purpose="Writing films")
    try:
        library.Codec(_CODEC, "w")
    except ValueError:
        raise LibraryMissingError(
            f"this av cannot write {_CODEC} films. Install the wheel of av: pip install --force-reinstall av."
        ) from None
    return library
