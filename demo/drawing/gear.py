"""Debris and parts of the vehicle: what needle searches look for."""

import numpy as np

from demo.drawing.pen import Mark, Pen
from demo.drawing.shapes import closed, curve, ellipse, wavy

STEEL = (150, 156, 160)


def plastic_bag(pen: Pen) -> None:
    """A crumpled translucent bag with two handles."""
    rng = pen.rng
    bag = closed(
        [
            (0.16, 0.3),
            (0.34, 0.36),
            (0.66, 0.34),
            (0.86, 0.28),
            (0.8, 0.6),
            (0.9, 0.88),
            (0.55, 0.96),
            (0.2, 0.9),
            (0.1, 0.6),
        ],
        80,
    )
    folds = [
        Mark([closed([(a, 0.4), (b, 0.65), (a + 0.03, 0.9), (a - 0.03, 0.6)], 16)], tint)
        for a, b, tint in zip(
            rng.uniform(0.25, 0.75, 5),
            rng.uniform(0.25, 0.75, 5),
            [(200, 210, 216), (248, 250, 252)] * 3,
            strict=False,
        )
    ]
    pen.fill([bag], (230, 236, 240), round_by=0.15, opacity=0.72, marks=folds)
    handles = [
        curve([(0.2, 0.34), (0.16, 0.08), (0.32, 0.06), (0.38, 0.36)], 16),
        curve([(0.62, 0.36), (0.7, 0.04), (0.86, 0.1), (0.82, 0.32)], 16),
    ]
    pen.strokes(handles, (0.07, 0.05), (232, 238, 242), opacity=0.85)


def drink_can(pen: Pen) -> None:
    """A lying can with a red and white print and a metal lid."""
    stripe = Mark([np.array([(0.36, 0.0), (0.5, 0.0), (0.64, 1.0), (0.5, 1.0)])], (244, 244, 240))
    can = closed(
        [
            (0.08, 0.2),
            (0.5, 0.17),
            (0.88, 0.2),
            (0.9, 0.5),
            (0.88, 0.84),
            (0.5, 0.87),
            (0.08, 0.84),
            (0.05, 0.5),
        ],
        80,
    )
    pen.fill([can], (200, 30, 36), round_by=0.3, marks=[stripe])
    pen.fill([ellipse(0.9, 0.52, 0.06, 0.32)], (196, 200, 204), round_by=0.15)
    pen.fill([ellipse(0.9, 0.52, 0.035, 0.2)], (130, 134, 138))


def glass_bottle(pen: Pen) -> None:
    """A green bottle lying on its side."""
    bottle = closed(
        [
            (0.04, 0.5),
            (0.06, 0.2),
            (0.3, 0.16),
            (0.58, 0.18),
            (0.7, 0.36),
            (0.94, 0.4),
            (0.94, 0.62),
            (0.7, 0.66),
            (0.58, 0.84),
            (0.3, 0.86),
            (0.06, 0.82),
        ],
        100,
    )
    label = Mark([np.array([(0.22, 0.0), (0.46, 0.0), (0.46, 1.0), (0.22, 1.0)])], (206, 198, 170))
    pen.fill([bottle], (46, 120, 66), round_by=0.3, opacity=0.85, marks=[label])
    pen.fill([np.array([(0.92, 0.36), (0.98, 0.36), (0.98, 0.66), (0.92, 0.66)])], (90, 150, 100))


def rope(pen: Pen) -> None:
    """A tangled loop of yellow rope."""
    rng = pen.rng
    turn = np.linspace(0, 4.6 * np.pi, 120)
    reach = 0.3 + 0.13 * np.sin(turn * 0.37 + rng.uniform(0, 3))
    coil = np.stack([0.45 + reach * np.cos(turn), 0.5 + 0.85 * reach * np.sin(turn)], axis=1)
    line = np.concatenate([wavy((0.02, 0.95), tuple(coil[0]), 0.1, 0.7), coil])
    twists = Mark(
        [ellipse(x, y, 0.008, 0.016, 0.7, corners=8) for x, y in line[::2]], (150, 120, 30)
    )
    pen.strokes([line[:60]], (0.05, 0.05), (206, 176, 50), marks=[twists])
    pen.strokes([line[58:]], (0.05, 0.05), (226, 196, 66), marks=[twists])


def fishing_net(pen: Pen) -> None:
    """A heap of green mesh with floats."""
    rng = pen.rng
    sag = rng.uniform(0.04, 0.1)
    lines = []
    for t in np.linspace(0, 1, 12):
        lines.append(
            curve(
                [
                    (0.04 + 0.5 * t, 0.9 - 0.5 * t),
                    (0.3 + 0.4 * t, 0.95 - 0.5 * t + sag),
                    (0.5 + 0.46 * t, 0.96 - 0.2 * t),
                ],
                20,
            )
        )
        lines.append(
            curve(
                [
                    (0.04 + 0.9 * t, 0.9 + 0.04 * t),
                    (0.2 + 0.62 * t, 0.6 + sag * t),
                    (0.42 + 0.3 * t, 0.28 + 0.2 * t),
                ],
                20,
            )
        )
    pen.strokes(lines, (0.016, 0.016), (70, 160, 120))
    pen.strokes(
        [curve([(0.04, 0.9), (0.28, 0.5), (0.56, 0.26), (0.8, 0.44), (0.97, 0.78)], 40)],
        (0.035, 0.035),
        (60, 130, 170),
    )
    pen.fill(
        [ellipse(x, y, 0.05, 0.055) for x, y in ((0.28, 0.5), (0.56, 0.27), (0.8, 0.45))],
        (236, 130, 50),
        round_by=0.08,
    )


def rov_arm(pen: Pen) -> None:
    """A jointed manipulator that reaches in from a corner, with a two-fingered claw."""
    pen.strokes([np.array([(1.02, 0.06), (0.62, 0.34)])], (0.2, 0.17), (214, 168, 50))
    pen.strokes([np.array([(1.0, 0.16), (0.66, 0.4)])], (0.05, 0.05), (40, 42, 46))
    pen.fill([ellipse(0.61, 0.35, 0.1, 0.12)], STEEL)
    pen.strokes([np.array([(0.61, 0.36), (0.33, 0.62)])], (0.13, 0.11), (196, 200, 204))
    pen.fill([ellipse(0.61, 0.35, 0.045, 0.055)], (60, 62, 66))
    pen.fill([ellipse(0.32, 0.63, 0.075, 0.09)], (70, 74, 80))
    for knuckle in ((0.1, 0.62), (0.3, 0.9)):
        tip = (0.06 if knuckle[0] < 0.2 else 0.14, 0.82 if knuckle[0] < 0.2 else 0.97)
        pen.strokes([curve([(0.3, 0.64), knuckle, tip], 16)], (0.09, 0.05), STEEL)


def push_core(pen: Pen) -> None:
    """A clear sampling tube with a T-shaped handle, stuck upright in the mud."""
    pen.fill(
        [np.array([(0.3, 0.36), (0.7, 0.36), (0.7, 0.99), (0.3, 0.99)])],
        (190, 214, 222),
        round_by=0.25,
        opacity=0.55,
    )
    pen.fill(
        [np.array([(0.34, 0.72), (0.66, 0.72), (0.66, 0.99), (0.34, 0.99)])],
        (120, 104, 84),
        round_by=0.25,
    )
    pen.fill([np.array([(0.26, 0.3), (0.74, 0.3), (0.74, 0.38), (0.26, 0.38)])], (226, 110, 40))
    pen.strokes([np.array([(0.5, 0.3), (0.5, 0.06)])], (0.2, 0.2), STEEL)
    pen.strokes([np.array([(0.1, 0.05), (0.9, 0.05)])], (0.22, 0.22), (226, 110, 40))


def laser_dots(pen: Pen) -> None:
    """Two red laser dots, a known distance apart, that scale the picture."""
    for x in (0.07, 0.93):
        for radius, opacity in ((0.07, 0.25), (0.045, 0.5)):
            pen.fill(
                [ellipse(x, 0.5, radius, radius * 8)], (255, 40, 40), glow=1.0, opacity=opacity
            )
        pen.fill([ellipse(x, 0.5, 0.024, 0.024 * 8)], (255, 190, 180), glow=1.0)
