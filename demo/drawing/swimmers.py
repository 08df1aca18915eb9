"""Fishes, an octopus and a pyrosome."""

import numpy as np

from demo.drawing.pen import Colour, Mark, Pen, darker, lighter
from demo.drawing.shapes import Points, closed, curve, ellipse, outline, scattered, wavy


def rockfish(
    pen: Pen, colour: Colour, accent: Colour, *, depth: float = 1.0, bars: bool = False
) -> None:
    """A spiny-finned fish with a big eye; ``depth`` is how deep its body is."""
    _spiny_fins(pen, accent, depth)
    freckles = scattered(pen.rng, 0.5, 0.44, 0.3, 0.1 * depth, 24, 0.008)
    marks = [
        Mark([outline("2,58 30,66 70,60 60,80 20,80", depth)], lighter(colour, 0.45)),
        Mark(freckles, darker(colour, 0.75)),
    ]
    if bars:
        saddles = [
            ellipse(x, 0.5 - 0.1 * depth, 0.035, 0.16 * depth, 0.15) for x in (0.34, 0.52, 0.69)
        ]
        marks.append(Mark(saddles, darker(colour, 0.62)))
    body = "3,52 12,38 30,27 50,28 72,40 88,46 88,55 72,63 50,75 28,74 10,62"
    pen.fill([outline(body, depth)], colour, round_by=0.3, marks=marks)
    mouth = curve(
        [(0.03, 0.5 + 0.05 * depth), (0.1, 0.5 + 0.085 * depth), (0.15, 0.5 + 0.07 * depth)]
    )
    gill = curve([(0.24, 0.5 - 0.14 * depth), (0.285, 0.5), (0.24, 0.5 + 0.15 * depth)])
    pen.strokes([mouth, gill], (0.018, 0.011), darker(colour, 0.5))
    pen.fill([outline("30,56 42,80 47,71 47,62", depth)], lighter(accent, 0.1), round_by=0.15)
    _eye(pen, 0.155, 0.5 - 0.06 * depth, 0.043)


def _spiny_fins(pen: Pen, accent: Colour, depth: float) -> None:
    """The spiny fin on the back, two soft fins and the tail of a rockfish."""
    spines = [
        curve([(x, 0.5 - 0.18 * depth), (x + 0.03, 0.5 - (0.38 - 0.4 * abs(x - 0.42)) * depth)], 4)
        for x in np.linspace(0.3, 0.62, 11)
    ]
    tips = [(x, y + 0.03) for x, y in (spine[-1] for spine in spines[::2])]
    web = closed([(0.27, 0.5 - 0.16 * depth), *tips, (0.66, 0.5 - 0.14 * depth)])
    pen.fill([web], darker(accent, 0.8), round_by=0.1, opacity=0.8)
    pen.strokes(spines, (0.026, 0.01), accent)
    for fin in ("68,38 80,20 83,30 82,40", "66,64 76,86 80,75 80,64"):
        pen.fill([outline(fin, depth)], accent, opacity=0.85)
    tail = outline("84,45 97,26 94,50 97,74 84,55", depth)
    pen.fill([tail], accent, round_by=0.15, opacity=0.9)


def flatfish(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A mottled oval lying flat, fringed by fins, both eyes on top."""
    rng = pen.rng
    fins = closed(
        [
            (0.08, 0.5),
            (0.25, 0.2),
            (0.5, 0.08),
            (0.75, 0.28),
            (0.84, 0.48),
            (0.75, 0.74),
            (0.5, 0.92),
            (0.25, 0.8),
        ],
        80,
    )
    pen.fill([fins], darker(colour, 0.75), round_by=0.06, opacity=0.9)
    pen.fill(
        [closed([(0.82, 0.46), (0.97, 0.32), (0.98, 0.66), (0.82, 0.54)])],
        darker(colour, 0.8),
        round_by=0.1,
    )
    body = closed(
        [
            (0.02, 0.5),
            (0.14, 0.34),
            (0.45, 0.2),
            (0.7, 0.35),
            (0.86, 0.5),
            (0.7, 0.66),
            (0.45, 0.8),
            (0.14, 0.64),
        ],
        80,
    )
    mottle = [
        Mark(scattered(rng, 0.46, 0.5, 0.36, 0.26, 26, 0.024), darker(colour, 0.8)),
        Mark(scattered(rng, 0.46, 0.5, 0.36, 0.26, 20, 0.015), accent),
    ]
    pen.fill([body], colour, round_by=0.25, marks=mottle)
    for x, y in ((0.12, 0.43), (0.13, 0.55)):
        _eye(pen, x, y, 0.022)


def hake(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A long silvery fish with low soft fins."""
    for fin in (
        closed([(0.25, 0.4), (0.32, 0.14), (0.38, 0.4)]),
        closed([(0.42, 0.4), (0.6, 0.26), (0.84, 0.3), (0.84, 0.46)]),
        closed([(0.42, 0.62), (0.6, 0.8), (0.84, 0.72), (0.84, 0.54)]),
        closed([(0.88, 0.5), (0.98, 0.24), (0.95, 0.5), (0.98, 0.76)]),
    ):
        pen.fill([fin], darker(accent, 0.8), round_by=0.1, opacity=0.8)
    belly = Mark(
        [closed([(0.0, 0.56), (0.3, 0.6), (0.9, 0.54), (0.5, 0.8), (0.1, 0.75)])],
        lighter(colour, 0.5),
    )
    pen.fill(
        [
            closed(
                [
                    (0.02, 0.5),
                    (0.14, 0.34),
                    (0.35, 0.3),
                    (0.65, 0.4),
                    (0.9, 0.46),
                    (0.9, 0.54),
                    (0.65, 0.62),
                    (0.35, 0.72),
                    (0.12, 0.66),
                ],
                80,
            )
        ],
        colour,
        round_by=0.35,
        marks=[belly],
    )
    pen.strokes(
        [curve([(0.2, 0.47), (0.5, 0.49), (0.88, 0.5)], 16)], (0.02, 0.015), darker(colour, 0.6)
    )
    pen.fill([_fan((0.25, 0.55), (0.38, 0.68), (0.38, 0.56))], accent)
    _eye(pen, 0.1, 0.45, 0.026)


def octopus(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A soft bag of a head over eight curling arms."""
    rng = pen.rng
    for k, spread in enumerate(sorted(np.linspace(-1, 1, 8), key=lambda s: -abs(s))):
        end = (0.5 + 0.47 * spread, 0.93 - 0.12 * abs(spread) + rng.uniform(-0.04, 0.04))
        arm = wavy((0.5 + 0.12 * spread, 0.56), end, 0.1, 1.0, rng.uniform(0, 6), 30)
        pen.strokes([arm], (0.13, 0.02), darker(colour, 0.75 + 0.03 * k))
    mantle = closed(
        [
            (0.34, 0.62),
            (0.3, 0.48),
            (0.36, 0.36),
            (0.3, 0.2),
            (0.42, 0.04),
            (0.6, 0.05),
            (0.7, 0.2),
            (0.64, 0.36),
            (0.7, 0.48),
            (0.66, 0.62),
        ],
        80,
    )
    warts = Mark(scattered(rng, 0.5, 0.3, 0.19, 0.25, 40, 0.009), accent)
    pen.fill([mantle], colour, round_by=0.35, marks=[warts])
    for side in (-1, 1):
        pen.fill([ellipse(0.5 + side * 0.14, 0.46, 0.05, 0.04)], lighter(colour, 0.25))
        pen.fill([ellipse(0.5 + side * 0.145, 0.465, 0.03, 0.009)], (16, 12, 14))


def pyrosome(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A glassy, knobbly hollow tube."""
    rng = pen.rng
    tube = closed(
        [
            (0.03, 0.5),
            (0.08, 0.32),
            (0.5, 0.22),
            (0.92, 0.12),
            (0.97, 0.5),
            (0.92, 0.88),
            (0.5, 0.78),
            (0.08, 0.68),
        ],
        80,
    )
    pen.fill([tube], colour, round_by=0.3, opacity=0.6)
    knobs = scattered(rng, 0.5, 0.5, 0.45, 0.33, 130, 0.013, 1.6)
    pen.fill(knobs, accent, round_by=0.02, opacity=0.85)
    pen.fill([ellipse(0.93, 0.5, 0.04, 0.3)], darker(colour, 0.45), opacity=0.9)


def _fan(foot: tuple[float, float], far: tuple[float, float], near: tuple[float, float]) -> Points:
    return closed([foot, far, ((far[0] + near[0]) / 2 + 0.02, (far[1] + near[1]) / 2), near], 24)


def _eye(pen: Pen, x: float, y: float, radius: float) -> None:
    stretch = pen.image.width / pen.image.height
    pen.fill([ellipse(x, y, radius, radius * stretch)], (226, 206, 150))
    pen.fill([ellipse(x, y, radius * 0.72, radius * 0.72 * stretch)], (12, 14, 20))
    pen.fill(
        [
            ellipse(
                x - radius * 0.25, y - radius * 0.3 * stretch, radius * 0.2, radius * 0.2 * stretch
            )
        ],
        (250, 250, 250),
        glow=1.0,
    )
