"""The features of a drawn face, each as the action units move it.

Conventions: coordinates as in `react_data.drawn_people`; features of one side are drawn in coordinates whose x axis
points away from the middle of the face. Strengths of action units are lengths in coordinates of the head.
"""

from __future__ import annotations

import numpy as np

from react_data.drawn_people import Drawing
from react_data.drawn_shapes import Both, Colour, Ellipse, Lens, Placement, Stroke, Values

__all__ = ["draw_brows", "draw_cheeks", "draw_eyes", "draw_forehead", "draw_mouth", "draw_nose"]

_WHITE: Colour = (242.0, 240.0, 236.0)
_BLACK: Colour = (24.0, 16.0, 16.0)
_THROAT: Colour = (74.0, 16.0, 24.0)
_TONGUE: Colour = (176.0, 84.0, 88.0)

_EYES_AT, _BROWS_AT, _NOSE_AT, _MOUTH_AT = -0.10, -0.38, 0.22, 0.55
_EYES_DEPTH, _NOSE_DEPTH, _MOUTH_DEPTH, _CHEEKS_DEPTH = 0.42, 0.62, 0.48, 0.38
_EYE = 0.175
_BROW = 0.20


def _sides(surface: Placement, x: float, y: Values | float) -> tuple[tuple[int, Placement], tuple[int, Placement]]:
    """Left and right coordinates around (±x, y), the left mirrored."""
    return (-1, surface.at(-x, y, -1.0)), (1, surface.at(x, y))


def draw_eyes(drawing: Drawing) -> None:
    """Eyes that look at the viewer; AU6 raises the lower lid, AU7 tightens both, AU1 and AU2 widen, AU9 narrows."""
    units, look = drawing.units, drawing.look
    open_ = 1 - drawing.blink
    upper = (0.105 + 0.02 * (units["AU1"] + units["AU2"]) - 0.045 * units["AU7"] - 0.015 * units["AU4"]) * open_ + 0.004
    lower = (0.075 - 0.035 * units["AU6"] - 0.025 * units["AU7"] - 0.01 * units["AU9"]) * open_ + 0.004
    for side, eye in _sides(drawing.surface(_EYES_DEPTH), look.eyes_apart, _EYES_AT):
        gaze = -0.09 * side * np.sin(drawing.yaw)
        ball = Lens(_EYE, upper, lower)
        drawing.paint(eye, Lens(_EYE + 0.03, 0.16, 0.11), look.shade(0.86), 0.8, softness=0.06)
        drawing.paint(eye, ball, _WHITE)
        drawing.paint(eye, Both(ball, Ellipse(0.082, 0.082, x=gaze)), look.iris)
        drawing.paint(eye, Both(ball, Ellipse(0.04, 0.04, x=gaze)), _BLACK)
        drawing.paint(eye, Both(ball, Ellipse(0.02, 0.02, x=gaze + 0.03 * side, y=-0.03)), _WHITE, 0.9)
        drawing.paint(eye.at(0, -upper), Stroke(_EYE, 0.022, bend=upper / _EYE**2), _BLACK)
        drawing.paint(eye.at(0, lower), Stroke(_EYE, 0.008, bend=-lower / _EYE**2), look.shade(0.55))
        pouch = eye.at(0.01, 0.15 - 0.03 * units["AU6"])
        drawing.paint(pouch, Stroke(0.16, 0.014, bend=-1.6), look.shade(0.6), 0.1 + 0.7 * units["AU6"])
        drawing.paint(eye.at(0, 0.105), Stroke(0.15, 0.012, bend=-1.0), look.shade(0.6), 0.75 * units["AU7"])
        for tilt in (-0.45, 0.0, 0.45):
            foot = eye.at(_EYE + 0.09, 0.02 + 0.09 * tilt)
            drawing.paint(foot, Stroke(0.07, 0.012, tilt=tilt), look.shade(0.6), 0.8 * units["AU6"])


def draw_brows(drawing: Drawing) -> None:
    """Brows: AU1 raises the inner ends, AU2 the outer ones, AU4 lowers them and draws them together."""
    units, look = drawing.units, drawing.look
    inner = -0.13 * units["AU1"] + 0.11 * units["AU4"] + 0.02 * units["AU9"]
    outer = -0.12 * units["AU2"] + 0.035 * units["AU4"]
    red, green, blue = look.hair
    colour = (0.7 * red, 0.7 * green, 0.7 * blue)
    for _, brow in _sides(drawing.surface(_EYES_DEPTH), look.eyes_apart + 0.01, _BROWS_AT):
        tilt = (outer - inner) / (2 * _BROW)
        shape = Stroke(_BROW, look.brow_thickness, tilt=tilt, bend=1.3)
        drawing.paint(brow.at(-0.05 * units["AU4"], (inner + outer) / 2), shape, colour)


def draw_forehead(drawing: Drawing) -> None:
    """Lines across the forehead (AU1 in the middle, AU2 at the sides), and between the brows (AU4)."""
    units, look = drawing.units, drawing.look
    surface = drawing.surface(_EYES_DEPTH)
    for line in (0, 1):
        height = -0.58 - 0.09 * line
        drawing.paint(surface.at(0, height), Stroke(0.2, 0.014, bend=0.3), look.shade(0.62), 0.75 * units["AU1"])
        for _, side in _sides(surface, 0.36, height):
            drawing.paint(side, Stroke(0.15, 0.014, tilt=0.1, bend=0.8), look.shade(0.62), 0.75 * units["AU2"])
    for _, side in _sides(surface, 0.055, -0.34):
        crease = Placement(side.origin, side.axes[:, :, ::-1])
        drawing.paint(crease, Stroke(0.11, 0.016, tilt=-0.15), look.shade(0.5), 0.9 * units["AU4"])


def draw_nose(drawing: Drawing) -> None:
    """The nose; AU9 pulls its wings up and wrinkles the bridge."""
    units, look = drawing.units, drawing.look
    surface, tip = drawing.surface(0.5 * (_EYES_DEPTH + _NOSE_DEPTH)), drawing.surface(_NOSE_DEPTH)
    wide = look.nose_width * (1 + 0.12 * units["AU9"] + 0.06 * units["AU12"])
    raised = _NOSE_AT - 0.045 * units["AU9"] - 0.015 * units["AU10"]
    drawing.paint(surface.at(0.05, 0.02), Ellipse(0.05, 0.26), look.shade(0.8), 0.55, softness=0.08)
    drawing.paint(surface.at(-0.02, 0.0), Ellipse(0.035, 0.26), look.shade(1.14), 0.6, softness=0.06)
    drawing.paint(tip.at(0, raised), Ellipse(wide, 0.085), look.shade(0.9), 0.9, softness=0.04)
    drawing.paint(tip.at(-0.01, raised - 0.02), Ellipse(0.07, 0.06), look.shade(1.14), 0.7, softness=0.06)
    for side in (-1, 1):
        drawing.paint(tip.at(0, raised + 0.05), Ellipse(0.036, 0.022, x=side * 0.55 * wide), look.shade(0.38))
        for line in (0, 1, 2):
            wrinkle = surface.at(side * 0.075, -0.14 + 0.065 * line, side)
            drawing.paint(wrinkle, Stroke(0.06, 0.015, tilt=-0.5), look.shade(0.5), 0.9 * units["AU9"])


def draw_cheeks(drawing: Drawing) -> None:
    """Cheeks that AU6 and AU12 lift and redden, and the folds beside the mouth (AU10, AU12, AU14)."""
    units, look = drawing.units, drawing.look
    red, green, blue = look.skin
    blush = (min(255.0, red * 1.04 + 8), green * 0.82, blue * 0.82)
    lift = 0.05 * units["AU6"] + 0.04 * units["AU12"]
    surface = drawing.surface(_CHEEKS_DEPTH)
    fold = 0.12 + 0.3 * units["AU12"] + 0.4 * units["AU10"] + 0.15 * units["AU9"]
    for side in (-1, 1):
        cheek = surface.at(side * 0.43, 0.27 - lift, side)
        strength = 0.25 + 0.25 * units["AU6"] + 0.2 * units["AU12"]
        drawing.paint(cheek, Ellipse(0.14, 0.11), blush, strength, softness=0.16)
        drawing.paint(cheek.at(0, -0.04), Ellipse(0.09, 0.06), look.shade(1.15), 0.6 * units["AU6"], softness=0.12)
        slope = surface.at(side * (look.nose_width + 0.11), 0.36, side)
        crease = Placement(slope.origin, slope.axes[:, :, ::-1])
        drawing.paint(crease, Stroke(0.15, 0.016, tilt=0.55, bend=-0.8), look.shade(0.55), fold)


def draw_mouth(drawing: Drawing) -> None:
    """Lips that AU25 parts (showing teeth), AU26 and talking open, AU12 and AU15 bend, AU23 and AU24 press."""
    units, look, talk = drawing.units, drawing.look, drawing.talk
    smile, frown, press = units["AU12"], units["AU15"], units["AU24"]
    wide = look.mouth_width * (1 + 0.30 * smile + 0.08 * units["AU14"] - 0.24 * units["AU23"] - 0.04 * talk)
    bend = -0.15 * smile + 0.12 * frown - 0.02 * units["AU14"]
    gap = 0.006 + 0.11 * units["AU25"] + 0.10 * units["AU26"] + 0.16 * talk
    above = 0.3 * gap + 0.02 * units["AU10"]
    below = 0.7 * gap - 0.02 * units["AU17"]
    thin = (1 - 0.6 * press) * (1 - 0.35 * units["AU23"])
    raised = 0.03 * units["AU10"] + 0.02 * units["AU9"]
    mouth = drawing.surface(_MOUTH_DEPTH).at(0, _MOUTH_AT - 0.4 * bend - 0.035 * units["AU17"])
    lips = Lens(wide + 0.02, above + 0.065 * thin + raised, below + (0.09 + 0.02 * units["AU17"]) * thin, bend)
    inside = Lens(wide, above, below, bend)
    drawing.paint(mouth, lips, look.lips)
    drawing.paint(mouth, inside, _THROAT)
    drawing.paint(mouth, Both(inside, Ellipse(0.14, 0.07, y=below + 0.01)), _TONGUE, np.clip(8 * gap - 1, 0, 1))
    teeth = Lens(0.97 * wide, above, 0.085 - above, bend)
    drawing.paint(mouth, Both(inside, teeth), _WHITE, units["AU25"])
    drawing.paint(mouth, Stroke(0.26, 0.016, bend=bend / 0.1), look.shade(0.3), press * (1 - units["AU25"]))
    _draw_around_mouth(drawing, mouth, wide, bend)


def _draw_around_mouth(drawing: Drawing, mouth: Placement, wide: Values, bend: Values) -> None:
    """Corners (AU12, AU14, AU15), the shadow below the lips, and a chin that AU17 bulges."""
    units, look = drawing.units, drawing.look
    for side in (-1, 1):
        corner = mouth.at(side * (wide + 0.03), bend, side)
        upright = Placement(corner.origin, corner.axes[:, :, ::-1])
        drawing.paint(upright, Stroke(0.06, 0.014, bend=-3.0), look.shade(0.5), 0.5 * units["AU12"])
        drawing.paint(corner.at(0.03, 0), Ellipse(0.035, 0.055), look.shade(0.45), 0.9 * units["AU14"], softness=0.04)
        drawing.paint(corner, Stroke(0.07, 0.016, tilt=0.9), look.shade(0.5), 0.8 * units["AU15"])
    jaw = 0.10 * units["AU26"] + 0.06 * drawing.talk
    chin = drawing.surface(_MOUTH_DEPTH).at(0, 0.80 + jaw)
    drawing.paint(chin, Ellipse(0.16, 0.03), look.shade(0.8), 0.5, softness=0.06)
    drawing.paint(chin.at(0, 0.06), Ellipse(0.13, 0.07), look.shade(1.12), 0.7 * units["AU17"], softness=0.08)
    drawing.paint(chin, Stroke(0.17, 0.018, bend=2.2), look.shade(0.5), 0.85 * units["AU17"])
