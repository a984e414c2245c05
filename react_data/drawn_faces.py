"""Simple drawn faces that show the action units, the head's pose and the talking of a clip.

Conventions: coordinates as in `react_data.drawn_people`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from react_data.drawn_features import draw_brows, draw_cheeks, draw_eyes, draw_forehead, draw_mouth, draw_nose
from react_data.drawn_people import Drawing, Look, Movement
from react_data.drawn_shapes import Both, Ellipse, Outside

__all__ = ["draw_faces"]

_PIXELS_AT_ONCE = 2**18


def draw_faces(look: Look, movement: Movement, size: int) -> Iterator[NDArray[np.uint8]]:
    """Draw a person, frame by frame.

    Args:
        look: What the person looks like.
        movement: What the face does over T frames.
        size: Pixels a side, at least 16.

    Yields:
        T images of (size, size, 3) uint8, red, green, blue.
    """
    at_once = max(1, _PIXELS_AT_ONCE // size**2)
    for start in range(0, len(movement), at_once):
        yield from _draw(Drawing(look, movement.part(start, start + at_once), size))


def _draw(drawing: Drawing) -> NDArray[np.uint8]:
    _draw_body(drawing)
    _draw_skull(drawing)
    draw_cheeks(drawing)
    draw_mouth(drawing)
    draw_nose(drawing)
    draw_eyes(drawing)
    draw_forehead(drawing)
    draw_brows(drawing)
    _draw_hair(drawing)
    return drawing.canvas.images()


def _draw_body(drawing: Drawing) -> None:
    """The hair behind the face, neck and clothes."""
    look = drawing.look
    half = look.hair_length / 2
    drawing.paint(drawing.head, Ellipse(look.width + 0.13, half, y=half - 1.13), look.hair)
    drawing.paint(drawing.body, Ellipse(0.38, 0.62, y=1.0), look.shade(0.7))
    drawing.paint(drawing.body, Ellipse(1.3, 0.8, y=1.95), look.clothes)


def _draw_skull(drawing: Drawing) -> None:
    """Ears, and a skull whose lower half is the jaw, which drops with AU26 and talking."""
    look, head = drawing.look, drawing.head
    for side in (-1, 1):
        ear = Ellipse(0.11, 0.18, x=side * look.width - 0.05 * np.sin(drawing.yaw), y=0.02)
        drawing.paint(head, ear, look.shade(0.84))
    drop = 0.13 * drawing.units["AU26"] + 0.05 * drawing.talk
    drawing.paint(head, Ellipse(look.width, 0.98, y=-0.02), look.skin)
    drawing.paint(head, Ellipse(0.9 * look.width, 0.78 + drop, y=0.22), look.skin)
    shine = Ellipse(0.36, 0.5, x=-0.16, y=-0.15)
    drawing.paint(drawing.surface(0.3), shine, look.shade(1.1), 0.6, softness=0.5)


def _draw_hair(drawing: Drawing) -> None:
    """The hair above the forehead, whose edge moves as the head turns."""
    look = drawing.look
    face = Ellipse(0.98 * look.width, look.forehead + 0.5, x=0.2 * np.sin(drawing.yaw), y=0.5)
    drawing.paint(drawing.head, Both(Ellipse(look.width + 0.07, 0.76, y=-0.36), Outside(face)), look.hair)
