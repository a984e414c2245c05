"""Smooth-edged drawing of many frames at once: a shape is a signed distance, painted where it is negative.

Conventions: an image spans -1 to 1 on both axes, x to the right and y down. What differs from frame to frame has shape
(B, 1, 1), so that it broadcasts against the (B, rows, columns) pixels; anything else is a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Both", "Canvas", "Colour", "Ellipse", "Lens", "Outside", "Placement", "Shape", "Stroke", "Values"]

Values = NDArray[np.floating[Any]]
Colour = tuple[float, float, float]
Box = tuple[float, float, float, float]

_VISIBLE = 1 / 512


class Shape(Protocol):
    """What a canvas can paint."""

    @property
    def box(self) -> Box:
        """Left, top, right and bottom of what the shape covers in any frame."""

    def distance(self, x: Values, y: Values) -> Values:
        """How far points lie outside of the shape, about; negative inside."""


@dataclass(frozen=True)
class Ellipse:
    """An ellipse with its axes along x and y.

    Attributes:
        across: Half of its width.
        down: Half of its height.
        x: Its centre.
        y: Its centre.
    """

    across: Values | float
    down: Values | float
    x: Values | float = 0.0
    y: Values | float = 0.0

    @property
    def box(self) -> Box:
        """Left, top, right and bottom of what the shape covers in any frame."""
        return _least(self.x - self.across, self.y - self.down) + _most(self.x + self.across, self.y + self.down)

    def distance(self, x: Values, y: Values) -> Values:
        """How far points lie outside of the shape, about; negative inside."""
        across, down = (x - self.x) / self.across, (y - self.y) / self.down
        return np.asarray((np.sqrt(across * across + down * down) - 1) * np.minimum(self.across, self.down))


@dataclass(frozen=True)
class Lens:
    """What lies between two parabolas that meet at both ends, such as an eye or a pair of lips.

    Attributes:
        across: Half of its width.
        above: How far the upper edge lies above the middle line, at x = 0.
        below: How far the lower edge lies below it; negative where the lower edge lies above it too.
        bend: How far down the ends lie from the middle.
    """

    across: Values | float
    above: Values | float
    below: Values | float
    bend: Values | float = 0.0

    @property
    def box(self) -> Box:
        """Left, top, right and bottom of what the shape covers in any frame."""
        low, high = np.minimum(self.bend, 0.0), np.maximum(self.bend, 0.0)
        return _least(-self.across, low - self.above) + _most(self.across, high + np.maximum(self.below, 0.0))

    def distance(self, x: Values, y: Values) -> Values:
        """How far points lie outside of the shape, about; negative inside."""
        aside = x / self.across
        aside *= aside
        beneath = y - self.bend * aside
        aside -= 1
        between = np.maximum(self.above * aside - beneath, beneath + self.below * aside)
        return np.maximum(between, np.abs(x) - self.across, out=between)


@dataclass(frozen=True)
class Stroke:
    """A line y = tilt · x + bend · x² that tapers towards its ends.

    Attributes:
        across: Half of its width.
        thickness: Half of its height at x = 0.
        tilt: Slope at x = 0.
        bend: Curvature; positive where the ends lie lower than the middle.
    """

    across: float
    thickness: Values | float
    tilt: Values | float = 0.0
    bend: Values | float = 0.0

    @property
    def box(self) -> Box:
        """Left, top, right and bottom of what the shape covers in any frame."""
        reach = self.thickness + np.abs(self.tilt) * self.across + np.abs(self.bend) * self.across**2
        return _least(-self.across, -reach) + _most(self.across, reach)

    def distance(self, x: Values, y: Values) -> Values:
        """How far points lie outside of the shape, about; negative inside."""
        off = np.abs(y - x * (self.tilt + self.bend * x))
        return np.asarray(off - self.thickness * (1 - (x / self.across) ** 2))


@dataclass(frozen=True)
class Both:
    """What two shapes have in common; the first says how far it reaches."""

    first: Shape
    second: Shape

    @property
    def box(self) -> Box:
        """Left, top, right and bottom of what the shape covers in any frame."""
        return self.first.box

    def distance(self, x: Values, y: Values) -> Values:
        """How far points lie outside of the shape, about; negative inside."""
        return np.maximum(self.first.distance(x, y), self.second.distance(x, y))


@dataclass(frozen=True)
class Outside:
    """What is not in a shape; only good for a part of another one."""

    shape: Shape

    @property
    def box(self) -> Box:
        """Without bounds."""
        return -np.inf, -np.inf, np.inf, np.inf

    def distance(self, x: Values, y: Values) -> Values:
        """How far points lie outside of this, about; negative where they are not in the shape."""
        return -self.shape.distance(x, y)


def _least(x: Values | float, y: Values | float) -> tuple[float, float]:
    return float(np.min(x)), float(np.min(y))


def _most(x: Values | float, y: Values | float) -> tuple[float, float]:
    return float(np.max(x)), float(np.max(y))


@dataclass(frozen=True)
class Placement:
    """Where the coordinates of a part of the picture lie in each of B frames: image point = origin + axes · part point.

    Attributes:
        origin: (B, 2), where the part's origin lies in the image.
        axes: (B, 2, 2), columns are the part's x and y axes in the image.
    """

    origin: Values
    axes: Values

    def at(
        self, x: Values | float, y: Values | float, scale_x: Values | float = 1.0, scale_y: Values | float = 1.0
    ) -> Placement:
        """A part within this one.

        Args:
            x: Where its origin lies.
            y: Where its origin lies.
            scale_x: Length of its x axis; negative mirrors it.
            scale_y: Length of its y axis.

        Returns:
            The placement of that part.
        """
        origin = self.origin + np.einsum("bij,bj->bi", self.axes, self._pairs(x, y))
        return Placement(origin, self.axes * self._pairs(scale_x, scale_y)[:, None])

    def turned(self, angle: Values | float) -> Placement:
        """This part turned about its origin; a positive angle (radians) turns x towards y."""
        cosine, sine = self._pairs(np.cos(angle), np.sin(angle)).T
        turn = np.stack([cosine, -sine, sine, cosine], axis=1).reshape(-1, 2, 2)
        return Placement(self.origin, self.axes @ turn)

    def window(self, box: Box, size: int) -> tuple[slice, slice]:
        """Rows and columns of an image of `size` pixels that hold a box of the part in every frame."""
        left, top, right, bottom = box
        corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]], np.float32)
        image = self.origin[:, None] + np.einsum("bij,cj->bci", self.axes, corners)
        low, high = ((each + 1) * (size / 2) for each in (image.min(axis=(0, 1)), image.max(axis=(0, 1))))
        first, last = np.clip(np.floor(low) - 1, 0, size).astype(int), np.clip(np.ceil(high) + 1, 0, size).astype(int)
        return slice(first[1], last[1]), slice(first[0], last[0])

    def coordinates(self, rows: slice, columns: slice, size: int) -> tuple[Values, Values, Values]:
        """The part's x and y of pixels, (B, rows, columns), and how long a pixel is there, (B, 1, 1)."""
        back = np.linalg.inv(self.axes).astype(np.float32)[:, :, :, None, None]
        image_x, image_y = (
            (np.arange(each.start, each.stop, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size)
            - np.float32(1)
            for each in (columns, rows)
        )
        aside = image_x - self.origin[:, :1, None]
        down = (image_y - self.origin[:, 1:])[:, :, None]
        x, y = (back[:, row, 0] * aside + back[:, row, 1] * down for row in (0, 1))
        area = np.abs(np.linalg.det(self.axes)).astype(np.float32)
        return x, y, (2 / size / np.sqrt(area)).astype(np.float32).reshape(-1, 1, 1)

    def _pairs(self, x: Values | float, y: Values | float) -> Values:
        return np.stack([np.broadcast_to(np.ravel(each), len(self.origin)) for each in (x, y)], 1).astype(np.float32)


class Canvas:
    """B square frames that are being drawn.

    Args:
        frames: B.
        size: Pixels a side.
        colour: Red, green and blue of 0..255 that cover the frames at first.
    """

    def __init__(self, frames: int, size: int, colour: Colour) -> None:
        self.size = size
        self._planes = np.empty((3, frames, size, size), np.float32)
        self._planes[:] = np.array(colour, np.float32).reshape(3, 1, 1, 1)

    def paint(
        self, place: Placement, shape: Shape, colour: Colour, opacity: Values | float = 1.0, softness: float = 0.0
    ) -> None:
        """Paint a shape over what is there.

        Args:
            place: Where the coordinates of the shape lie.
            shape: What to paint.
            colour: Red, green and blue of 0..255.
            opacity: 0..1; where it is 0, nothing is painted.
            softness: How wide the edge is beyond a pixel, in coordinates of the shape.
        """
        if np.max(opacity) < _VISIBLE:
            return
        left, top, right, bottom = shape.box
        box = (left - softness / 2, top - softness / 2, right + softness / 2, bottom + softness / 2)
        rows, columns = place.window(box, self.size)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        x, y, pixel = place.coordinates(rows, columns, self.size)
        cover = shape.distance(x, y)
        cover *= -1 / (pixel + np.float32(softness))
        cover += np.float32(0.5)
        np.clip(cover, 0, 1, out=cover)
        cover *= np.asarray(opacity, np.float32)
        for plane, value in zip(self._planes, colour, strict=True):
            part = plane[:, rows, columns]
            part += cover * (np.float32(value) - part)

    def images(self) -> NDArray[np.uint8]:
        """The frames, (B, size, size, 3), red, green, blue."""
        return np.ascontiguousarray((self._planes + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 3, 0))
