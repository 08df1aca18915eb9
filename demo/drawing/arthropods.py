"""Crabs and shrimps."""

from __future__ import annotations

import numpy as np

from demo.drawing.pen import Colour, Mark, Pen, darker, lighter
from demo.drawing.shapes import closed, curve, ellipse, scattered


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
    rng = pen.rng
    legs = []
    for side in (-1, 1):
        for k in range(4):
            knee = (
                0.5 + side * (0.27 + 0.045 * k) * (0.8 + 0.2 * reach),
                0.2 + 0.1 * k + rng.normal(0, 0.015),
            )
            foot = (
                0.5 + side * min(0.49, (0.36 + 0.04 * k) * (0.75 + 0.3 * reach)),
                0.7 + 0.075 * k,
            )
            hip = (0.5 + side * 0.12 * stout, 0.46 + 0.05 * k)
            legs.append(np.concatenate([curve([hip, knee], 8), curve([knee, foot], 10)[1:]]))
    joints = Mark([ellipse(*leg[7], 0.02, 0.02, corners=8) for leg in legs], accent)
    for leg in legs:
        pen.strokes(
            [leg], (0.075 * stout, 0.022), darker(colour, rng.uniform(0.8, 0.95)), marks=[joints]
        )
    w, h = 0.19 * stout, 0.2 * stout
    shell = closed(
        [
            (0.5, 0.5 - h),
            (0.5 + 0.8 * w, 0.5 - 0.6 * h),
            (0.5 + w, 0.52),
            (0.5 + 0.75 * w, 0.5 + 0.8 * h),
            (0.5, 0.5 + h),
            (0.5 - 0.75 * w, 0.5 + 0.8 * h),
            (0.5 - w, 0.52),
            (0.5 - 0.8 * w, 0.5 - 0.6 * h),
        ]
    )
    warts = Mark(scattered(rng, 0.5, 0.5, w * 0.8, h * 0.75, 16 + spines, 0.01), accent)
    if spines:
        thorns = [
            curve([tuple(shell[i]), tuple(0.5 + (shell[i] - 0.5) * 1.28)], 3)
            for i in range(0, 60, 4)
        ]
        thorns += [
            curve([tuple(leg[i]), (leg[i][0] + rng.uniform(-0.03, 0.03), leg[i][1] - 0.05)], 3)
            for leg in legs
            for i in range(3, 15, 3)
        ]
        pen.strokes(thorns, (0.026, 0.008), accent)
    pen.fill([shell], colour, round_by=0.3, marks=[warts])
    for side in (-1, 1):
        elbow, wrist = (0.5 + side * 0.2, 0.72), (0.5 + side * 0.12, 0.86)
        pen.strokes(
            [curve([(0.5 + side * 0.1, 0.62), elbow, wrist], 12)], (0.085 * stout, 0.08), colour
        )
        pen.strokes(
            [
                curve([wrist, (0.5 + side * 0.09, 0.93), (0.5 + side * 0.03, 0.97)], 8),
                curve([wrist, (0.5 + side * 0.05, 0.88), (0.5 + side * 0.02, 0.93)], 8),
            ],
            (0.07, 0.015),
            lighter(colour, 0.15),
        )
        pen.fill([ellipse(0.5 + side * 0.06, 0.5 + h * 0.86, 0.014, 0.016)], (20, 16, 18))


def squat_lobster(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A small pale body with a folded tail and two very long thin claws held out in front."""
    rng = pen.rng
    for side in (-1, 1):
        legs = [
            curve(
                [
                    (0.5 + side * 0.08, 0.5 + 0.06 * k),
                    (0.5 + side * (0.26 + 0.03 * k), 0.44 + 0.08 * k),
                    (0.5 + side * (0.36 + 0.03 * k), 0.62 + 0.09 * k),
                ],
                10,
            )
            for k in range(3)
        ]
        pen.strokes(legs, (0.045, 0.015), darker(colour, 0.85))
        arm = curve(
            [
                (0.5 + side * 0.08, 0.42),
                (0.5 + side * 0.26, 0.3),
                (0.5 + side * (0.2 + rng.uniform(0, 0.1)), 0.12),
            ],
            14,
        )
        pen.strokes([arm], (0.06, 0.05), colour)
        x, y = arm[-1]
        pen.strokes(
            [
                curve([(x, y), (x + 0.03, y - 0.06), (x + 0.005, y - 0.12)], 6),
                curve([(x, y), (x - 0.03, y - 0.06), (x - 0.005, y - 0.12)], 6),
            ],
            (0.04, 0.012),
            accent,
        )
    for k in range(5):
        pen.fill(
            [ellipse(0.5, 0.68 + 0.05 * k, 0.13 - 0.01 * k, 0.045)], darker(colour, 0.95 - 0.05 * k)
        )
    pen.fill(
        [
            closed(
                [
                    (0.5, 0.22),
                    (0.54, 0.34),
                    (0.62, 0.4),
                    (0.63, 0.62),
                    (0.5, 0.68),
                    (0.37, 0.62),
                    (0.38, 0.4),
                    (0.46, 0.34),
                ]
            )
        ],
        colour,
        round_by=0.35,
    )
    for side in (-1, 1):
        pen.fill([ellipse(0.5 + side * 0.05, 0.38, 0.015, 0.015)], (240, 210, 150))


def shrimp(
    pen: Pen, colour: Colour, accent: Colour, *, bands: bool = False, spots: bool = False
) -> None:
    """A shrimp from the side: long feelers, a beak, a bent ringed tail with a fan."""
    rng = pen.rng
    feelers = [
        curve([(0.2, 0.42), (0.1, 0.2 + 0.1 * k), (0.0 + 0.04 * k, 0.02 + 0.3 * k)], 16)
        for k in (0, 1)
    ]
    feelers.append(curve([(0.2, 0.45), (0.35, 0.05), (0.9, 0.08 + rng.uniform(0, 0.1))], 24))
    pen.strokes(feelers, (0.02, 0.008), lighter(colour, 0.3))
    legs = [
        curve([(x, 0.58), (x - 0.05, 0.76), (x - 0.09 + rng.uniform(-0.02, 0.02), 0.97)], 8)
        for x in np.linspace(0.28, 0.5, 5)
    ]
    pen.strokes(legs, (0.032, 0.012), accent)
    paddles = [
        curve([(x, y), (x - 0.04, y + 0.13)], 4)
        for x, y in zip(np.linspace(0.56, 0.78, 5), np.linspace(0.58, 0.66, 5), strict=True)
    ]
    pen.strokes(paddles, (0.05, 0.03), darker(colour, 0.85))
    fan = [
        closed(
            [(0.86, 0.64), (0.9 + 0.05 * k, 0.86 - 0.05 * k), (0.97, 0.95 - 0.1 * k), (0.94, 0.78)],
            16,
        )
        for k in range(3)
    ]
    pen.fill(fan, darker(colour, 0.9), round_by=0.2)
    for k in range(5, -1, -1):
        x, y = 0.5 + 0.075 * k, 0.46 + 0.006 * k**2
        ring = Mark([ellipse(x + 0.03, y, 0.018, 0.2)], accent) if bands else Mark([], accent)
        pen.fill(
            [ellipse(x, y, 0.075, 0.15 - 0.014 * k, 0.12 * k)], colour, round_by=0.3, marks=[ring]
        )
    shell = closed(
        [
            (0.02, 0.3),
            (0.2, 0.36),
            (0.38, 0.28),
            (0.54, 0.32),
            (0.56, 0.5),
            (0.46, 0.6),
            (0.26, 0.58),
            (0.16, 0.48),
            (0.18, 0.4),
        ]
    )
    dots = [ellipse(0.3, 0.43, 0.018, 0.028), ellipse(0.47, 0.42, 0.018, 0.028)] if spots else []
    stripes = [curve([(0.2, 0.52), (0.5, 0.5), (0.54, 0.53), (0.2, 0.55)], 10)] if bands else []
    pen.fill([shell], lighter(colour, 0.06), round_by=0.3, marks=[Mark(dots + stripes, accent)])
    pen.fill([ellipse(0.205, 0.435, 0.022, 0.034)], (16, 12, 16))
