"""Crabs and shrimps."""

import numpy as np

from demo.drawing.pen import Colour, Mark, Pen, darker, lighter
from demo.drawing.shapes import Points, closed, curve, ellipse, outline, scattered, spot


def crab(
    pen: Pen,
    colour: Colour,
    accent: Colour,
    *,
    reach: float = 1.0,
    stout: float = 1.0,
    spines: int = 0,
) -> None:
    """A crab seen from the front and above; ``reach`` stretches its legs, ``stout`` its body."""
    legs = _crab_legs(pen, reach, stout)
    joints = Mark([spot(leg[7], 0.02) for leg in legs], accent)
    for leg in legs:
        shade = darker(colour, pen.rng.uniform(0.8, 0.95))
        pen.strokes([leg], (0.075 * stout, 0.022), shade, marks=[joints])
    shell = 0.5 + (outline("50,30 65,38 69,52 64,66 50,70 36,66 31,52 35,38") - 0.5) * stout
    if spines:
        pen.strokes(_thorns(pen, shell, legs), (0.026, 0.008), accent)
    warts = scattered(pen.rng, 0.5, 0.5, 0.15 * stout, 0.15 * stout, 16 + spines, 0.01)
    pen.fill([shell], colour, round_by=0.3, marks=[Mark(warts, accent)])
    for side in (-1, 1):
        _crab_claw(pen, side, stout, colour)
        pen.fill([ellipse(0.5 + side * 0.06, 0.5 + 0.172 * stout, 0.014, 0.016)], (20, 16, 18))


def _crab_legs(pen: Pen, reach: float, stout: float) -> list[Points]:
    """Four legs a side, each a line of 17 points from hip over knee (the eighth) to foot."""
    legs = []
    for side in (-1, 1):
        for k in range(4):
            hip = (0.5 + side * 0.12 * stout, 0.46 + 0.05 * k)
            spread = (0.27 + 0.045 * k) * (0.8 + 0.2 * reach)
            knee = (0.5 + side * spread, 0.2 + 0.1 * k + pen.rng.normal(0, 0.015))
            stance = min(0.49, (0.36 + 0.04 * k) * (0.75 + 0.3 * reach))
            foot = (0.5 + side * stance, 0.7 + 0.075 * k)
            legs.append(np.concatenate([curve([hip, knee], 8), curve([knee, foot], 10)[1:]]))
    return legs


def _thorns(pen: Pen, shell: Points, legs: list[Points]) -> list[Points]:
    """Spines round the shell and along the legs."""
    around = [
        curve([tuple(corner), tuple(0.5 + (corner - 0.5) * 1.28)], 3) for corner in shell[::5]
    ]
    along = [
        curve([tuple(knot), (knot[0] + pen.rng.uniform(-0.03, 0.03), knot[1] - 0.05)], 3)
        for leg in legs
        for knot in leg[3:15:3]
    ]
    return around + along


def _crab_claw(pen: Pen, side: int, stout: float, colour: Colour) -> None:
    """An arm that bends in front of the body, with two fingers."""

    def at(x: float, y: float) -> tuple[float, float]:
        return 0.5 + side * x, y

    wrist = at(0.12, 0.86)
    arm = curve([at(0.1, 0.62), at(0.2, 0.72), wrist], 12)
    pen.strokes([arm], (0.085 * stout, 0.08), colour)
    fingers = [
        curve([wrist, at(0.09, 0.93), at(0.03, 0.97)], 8),
        curve([wrist, at(0.05, 0.88), at(0.02, 0.93)], 8),
    ]
    pen.strokes(fingers, (0.07, 0.015), lighter(colour, 0.15))


def squat_lobster(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A small pale body with a folded tail and two very long thin claws held out in front."""
    for side in (-1, 1):
        _long_limbs(pen, side, colour, accent)
    for k in range(5):
        ring = ellipse(0.5, 0.68 + 0.05 * k, 0.13 - 0.01 * k, 0.045)
        pen.fill([ring], darker(colour, 0.95 - 0.05 * k))
    shell = outline("50,22 54,34 62,40 63,62 50,68 37,62 38,40 46,34")
    pen.fill([shell], colour, round_by=0.35)
    for side in (-1, 1):
        pen.fill([ellipse(0.5 + side * 0.05, 0.38, 0.015, 0.015)], (240, 210, 150))


def _long_limbs(pen: Pen, side: int, colour: Colour, accent: Colour) -> None:
    """The walking legs and the claw of one side of a squat lobster."""

    def at(x: float, y: float) -> tuple[float, float]:
        return 0.5 + side * x, y

    legs = [
        curve(
            [
                at(0.08, 0.5 + 0.06 * k),
                at(0.26 + 0.03 * k, 0.44 + 0.08 * k),
                at(0.36 + 0.03 * k, 0.62 + 0.09 * k),
            ],
            10,
        )
        for k in range(3)
    ]
    pen.strokes(legs, (0.045, 0.015), darker(colour, 0.85))
    arm = curve([at(0.08, 0.42), at(0.26, 0.3), at(0.2 + pen.rng.uniform(0, 0.1), 0.12)], 14)
    pen.strokes([arm], (0.06, 0.05), colour)
    x, y = arm[-1]
    fingers = [
        curve([(x, y), (x + 0.03 * k, y - 0.06), (x + 0.005 * k, y - 0.12)], 6) for k in (-1, 1)
    ]
    pen.strokes(fingers, (0.04, 0.012), accent)


def shrimp(
    pen: Pen, colour: Colour, accent: Colour, *, bands: bool = False, spots: bool = False
) -> None:
    """A shrimp from the side: long feelers, a beak, a bent ringed tail with a fan."""
    _shrimp_limbs(pen, colour, accent)
    fan = [
        closed(
            [(0.86, 0.64), (0.9 + 0.05 * k, 0.86 - 0.05 * k), (0.97, 0.95 - 0.1 * k), (0.94, 0.78)]
        )
        for k in range(3)
    ]
    pen.fill(fan, darker(colour, 0.9), round_by=0.2)
    for k in range(5, -1, -1):
        x, y = 0.5 + 0.075 * k, 0.46 + 0.006 * k**2
        band = [ellipse(x + 0.03, y, 0.018, 0.2)] if bands else []
        ring = ellipse(x, y, 0.075, 0.15 - 0.014 * k, 0.12 * k)
        pen.fill([ring], colour, round_by=0.3, marks=[Mark(band, accent)])
    dots = [ellipse(x, 0.43, 0.018, 0.028) for x in (0.3, 0.47)] if spots else []
    stripes = [outline("20,52 50,50 54,53 20,55")] if bands else []
    shell = outline("2,30 20,36 38,28 54,32 56,50 46,60 26,58 16,48 18,40")
    pen.fill([shell], lighter(colour, 0.06), round_by=0.3, marks=[Mark(dots + stripes, accent)])
    pen.fill([ellipse(0.205, 0.435, 0.022, 0.034)], (16, 12, 16))


def _shrimp_limbs(pen: Pen, colour: Colour, accent: Colour) -> None:
    """Feelers, walking legs and swimming paddles."""
    rng = pen.rng
    feelers = [
        curve([(0.2, 0.42), (0.1, 0.2), (0.0, 0.02)], 16),
        curve([(0.2, 0.42), (0.1, 0.3), (0.04, 0.32)], 16),
        curve([(0.2, 0.45), (0.35, 0.05), (0.9, 0.08 + rng.uniform(0, 0.1))], 24),
    ]
    pen.strokes(feelers, (0.02, 0.008), lighter(colour, 0.3))
    legs = [
        curve([(x, 0.58), (x - 0.05, 0.76), (x - 0.09 + rng.uniform(-0.02, 0.02), 0.97)], 8)
        for x in np.linspace(0.28, 0.5, 5)
    ]
    pen.strokes(legs, (0.032, 0.012), accent)
    paddles = [
        curve([(0.56 + 0.055 * k, 0.58 + 0.02 * k), (0.52 + 0.055 * k, 0.71 + 0.02 * k)], 4)
        for k in range(5)
    ]
    pen.strokes(paddles, (0.05, 0.03), darker(colour, 0.85))
