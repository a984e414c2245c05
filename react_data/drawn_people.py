"""What a drawn person looks like and does, and the frames of it that are being drawn.

Conventions: coordinates as in `react_data.drawn_shapes`; a head is 2 high and about 1.5 wide in its own. A positive
pitch turns the face down in the picture, a positive yaw to its right, a positive roll clockwise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from react_data.channels import EMOTION_25
from react_data.drawn_shapes import Canvas, Colour, Placement, Shape, Values

__all__ = ["Drawing", "Look", "Movement"]

_UNITS = [name for name in EMOTION_25.channels if name.startswith("AU")]
_HEAD_SCALE = 0.68


@dataclass(frozen=True)
class Look:
    """What a person looks like at rest; lengths are in coordinates of the head.

    Attributes:
        skin: Red, green and blue of 0..255.
        hair: Colour, also of the brows.
        lips: Colour.
        iris: Colour.
        clothes: Colour.
        backdrop: Colour.
        width: Half of the head's width.
        eyes_apart: From the middle to an eye.
        brow_thickness: Half of the height of a brow.
        nose_width: From the middle to the outside of a nostril.
        mouth_width: From the middle to a corner.
        forehead: Height of the skin above the middle of the head.
        hair_length: How far down hair hangs beside the face, from the top of the head.
    """

    skin: Colour
    hair: Colour
    lips: Colour
    iris: Colour
    clothes: Colour
    backdrop: Colour
    width: float
    eyes_apart: float
    brow_thickness: float
    nose_width: float
    mouth_width: float
    forehead: float
    hair_length: float

    def shade(self, light: float) -> Colour:
        """The skin in more (above 1) or less light; shadows are reddish."""
        red, green, blue = self.skin
        return min(255.0, red * light), min(255.0, green * light**1.2), min(255.0, blue * light**1.3)


@dataclass(frozen=True)
class Movement:
    """What a face does over T frames.

    Attributes:
        units: (T, 15) action units of `EMOTION_25`, 0 (off) to 1.
        talk: (T,) how far talking opens the mouth, 0..1.
        blink: (T,) how far the lids are closed, 0..1.
        turn: (T, 3) pitch, yaw and roll of the head in radians.
        shift: (T, 2) where the middle of the head lies in the image.
        scale: (T,) size of the head in the image, about 1.
    """

    units: NDArray[np.float64]
    talk: NDArray[np.float64]
    blink: NDArray[np.float64]
    turn: NDArray[np.float64]
    shift: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.units)

    def part(self, start: int, stop: int) -> Movement:
        """The frames from `start` to before `stop`."""
        return Movement(*(getattr(self, field.name)[start:stop] for field in fields(self)))


class Drawing:
    """Frames of a person that are being drawn.

    Args:
        look: What the person looks like.
        movement: What the face does in these B frames.
        size: Pixels a side.

    Attributes:
        look: What the person looks like.
        units: Action units by name, (B, 1, 1).
        talk: How far talking opens the mouth, (B, 1, 1).
        blink: How far the lids are closed, (B, 1, 1).
        yaw: Of the head, (B, 1, 1).
        body: The middle of the head, upright.
        head: The middle of the head.
        canvas: The frames.
    """

    def __init__(self, look: Look, movement: Movement, size: int) -> None:
        def by_frame(values: NDArray[np.float64]) -> Values:
            return values.astype(np.float32).reshape(-1, 1, 1)

        self.look = look
        self.units = {name: by_frame(unit) for name, unit in zip(_UNITS, movement.units.T, strict=True)}
        self.talk, self.blink = by_frame(movement.talk), by_frame(movement.blink)
        self._pitch, self.yaw, roll = (by_frame(angle) for angle in movement.turn.T)
        axes = (_HEAD_SCALE * movement.scale)[:, None, None] * np.eye(2)
        self.body = Placement(movement.shift.astype(np.float32), axes.astype(np.float32))
        self.head = self.body.turned(roll)
        self.canvas = Canvas(len(movement), size, look.backdrop)

    def surface(self, depth: float) -> Placement:
        """The plane `depth` before the middle of the head: it moves as the head turns, and narrows."""
        return self.head.at(
            depth * np.sin(self.yaw), depth * np.sin(self._pitch), np.cos(self.yaw), np.cos(self._pitch)
        )

    def paint(
        self, place: Placement, shape: Shape, colour: Colour, opacity: Values | float = 1.0, softness: float = 0.0
    ) -> None:
        """Paint a shape: see `Canvas.paint`."""
        self.canvas.paint(place, shape, colour, opacity, softness)
