"""Sea pens, corals, anemones and jellies."""

import numpy as np

from demo.drawing.pen import Colour, Mark, Pen, darker, lighter
from demo.drawing.shapes import FULL_TURN, Points, closed, curve, ellipse, scattered, spot, wavy


def whip_pen(pen: Pen, colour: Colour, polyps: Colour) -> None:
    """A sea pen like a whip: a long bare stalk, then small polyps up to its tip."""
    rng = pen.rng
    sway = rng.uniform(-0.25, 0.25)
    stalk = curve(
        [(0.5, 0.99), (0.5 + sway * 0.3, 0.7), (0.5 + sway, 0.35), (0.5 + 1.5 * sway, 0.02)], 90
    )
    buds = []
    for number, (x, y) in enumerate(stalk[24:-1]):
        side = (-1, 1, -0.6, 0.6)[number % 4] * rng.uniform(0.75, 1.1)
        buds.append(curve([(x, y), (x + 0.14 * side, y - 0.008), (x + 0.3 * side, y - 0.022)], 4))
    pen.strokes(buds, (0.07, 0.11), polyps)
    pen.strokes([stalk[:28]], (0.2, 0.13), colour)
    pen.strokes([stalk[24:]], (0.13, 0.06), lighter(colour, 0.2))


def crowned_pen(pen: Pen, colour: Colour, polyps: Colour) -> None:
    """A sea pen with one cluster of large polyps, like a flower on a long stem."""
    rng = pen.rng
    lean = rng.uniform(-0.25, 0.25)
    top = (0.5 + lean, 0.2)
    stem = curve(
        [(0.5 - 0.3 * lean, 0.99), (0.5 - 0.3 * lean, 0.7), (0.5 + 0.2 * lean, 0.4), top], 40
    )
    pen.strokes([stem[:6]], (0.12, 0.09), darker(colour, 0.9))
    pen.strokes([stem], (0.07, 0.045), colour)
    for turn in rng.permutation(np.linspace(-2.9, -0.2, 7)):
        heart = (top[0] + 0.24 * np.cos(turn), top[1] + 0.09 * np.sin(turn) + 0.01)
        pen.strokes([curve([top, heart], 6)], (0.1, 0.12), darker(polyps, 0.85))
        tentacles = []
        for spread in np.linspace(-1.3, 1.3, 8):
            end = (
                heart[0] + 0.3 * np.cos(turn + spread),
                heart[1] + 0.1 * np.sin(turn + spread) + 0.015,
            )
            tentacles.append(
                curve([heart, ((heart[0] + end[0]) / 2, (heart[1] + end[1]) / 2 - 0.01), end], 8)
            )
        pen.strokes(tentacles, (0.075, 0.02), lighter(polyps, rng.uniform(0, 0.25)))


def feather_pen(pen: Pen, colour: Colour, polyps: Colour) -> None:
    """A sea pen like a quill: leaves full of polyps on both sides of a fleshy stem."""
    rng = pen.rng
    lean = rng.uniform(-0.12, 0.12)
    stem = curve([(0.5, 0.99), (0.5, 0.72), (0.5 + lean, 0.35), (0.5 + 1.6 * lean, 0.03)], 40)
    pen.strokes([stem[:16]], (0.13, 0.16), lighter(colour, 0.25))
    for side, shade in ((-1, 0.85), (1, 1.0)):
        for number in range(14, 39):
            share = (number - 14) / 24
            reach = 0.46 * np.sin(np.pi * (0.18 + 0.78 * share)) * rng.uniform(0.92, 1.05)
            x, y = stem[number]
            tip = (x + side * reach, y - 0.06 - 0.05 * reach)
            low = (x + side * reach * 0.6, y + 0.05)
            leaf = curve(
                [(x, y - 0.01), (x + side * reach * 0.5, y - 0.025), tip, low, (x, y + 0.03)], 16
            )
            edge = Mark(
                [
                    ellipse(*tip, 0.02, 0.006, corners=8),
                    *scattered(
                        rng, (x + tip[0]) / 2, (y + tip[1]) / 2, reach * 0.4, 0.015, 6, 0.012, 0.5
                    ),
                ],
                polyps,
            )
            pen.fill(
                [leaf], darker(colour, shade * rng.uniform(0.88, 1.0)), round_by=0.3, marks=[edge]
            )
    pen.strokes([stem[12:]], (0.1, 0.04), lighter(colour, 0.15))


def tree_coral(
    pen: Pen, colour: Colour, polyps: Colour, *, forks: int = 5, thick: float = 0.12
) -> None:
    """A branching coral in one plane, with knobs of polyps at its tips."""
    rng = pen.rng
    twigs: list[tuple[int, Points]] = []
    _grow(rng, (0.5, 0.98), -np.pi / 2, 0.27, forks, twigs)
    for level in range(forks, 0, -1):
        lines = [line for depth, line in twigs if depth == level]
        width = thick * (level / forks) ** 1.1
        pen.strokes(
            lines, (width * 1.1, width * 0.85), darker(colour, 0.72 + 0.28 * (1 - level / forks))
        )
    tips = [line[-1] for depth, line in twigs if depth <= 2]
    knobs = [ellipse(x, y, 0.022, 0.022, corners=14) for x, y in tips]
    for start in range(0, len(knobs), 8):
        pen.fill(knobs[start : start + 8], lighter(colour, rng.uniform(0.02, 0.2)), round_by=0.04)
    spots = [spot(line[k], 0.005) for depth, line in twigs if depth <= 4 for k in (2, 5)]
    pen.fill(spots, polyps, round_by=0.01)


def mushroom_coral(pen: Pen, colour: Colour, polyps: Colour) -> None:
    """A soft coral like a mushroom: a bare stalk under a ball of eight-armed polyps."""
    rng = pen.rng
    stalk = closed([(0.36, 0.99), (0.4, 0.75), (0.36, 0.5), (0.64, 0.5), (0.6, 0.75), (0.66, 0.99)])
    pen.fill([stalk], darker(colour, 0.8), round_by=0.35)
    pen.fill([ellipse(0.5, 0.38, 0.36, 0.27)], colour, round_by=0.4)
    places = [
        (0.5 + 0.4 * r * np.cos(a), 0.36 + 0.3 * r * np.sin(a))
        for r, a in zip(np.sqrt(rng.random(44)), rng.random(44) * FULL_TURN, strict=True)
    ]
    for x, y in sorted(places, key=lambda place: -abs(place[0] - 0.5) - abs(place[1] - 0.36)):
        stretch = (x - 0.5) * 0.12, (y - 0.4) * 0.12
        rays = [
            curve(
                [(x, y), (x + stretch[0] + 0.06 * np.cos(a), y + stretch[1] + 0.06 * np.sin(a))], 3
            )
            for a in np.linspace(0, FULL_TURN, 8, endpoint=False) + rng.uniform(0, 1)
        ]
        pen.strokes(rays, (0.026, 0.012), lighter(polyps, rng.uniform(0, 0.3)))
        pen.fill(
            [ellipse(x + stretch[0], y + stretch[1], 0.017, 0.017, corners=10)], darker(colour, 0.9)
        )


def plumed_anemone(pen: Pen, colour: Colour, plume: Colour) -> None:
    """A tall smooth column under a frilly crown of very many fine tentacles."""
    rng = pen.rng
    bend = rng.uniform(-0.06, 0.06)
    crown = 0.5 + bend
    column = closed(
        [
            (0.26, 0.99),
            (0.36, 0.82),
            (0.36 + bend, 0.5),
            (crown - 0.2, 0.36),
            (crown + 0.2, 0.36),
            (0.64 + bend, 0.5),
            (0.64, 0.82),
            (0.76, 0.99),
        ]
    )
    pen.fill([column], colour, round_by=0.35)
    lobes = 9
    for k in sorted(range(lobes), key=lambda k: -abs(k - (lobes - 1) / 2)):
        turn = np.pi + np.pi * (k + 0.5) / lobes
        x, y = crown + 0.33 * np.cos(turn), 0.32 + 0.2 * np.sin(turn)
        fringe = [
            wavy(
                (x, y + 0.04), (x + 0.17 * np.cos(a), y + 0.02 + 0.12 * np.sin(a)), 0.02, 1.0, p, 8
            )
            for a, p in zip(rng.uniform(0, FULL_TURN, 60), rng.uniform(0, 6, 60), strict=True)
        ]
        pen.strokes(fringe, (0.03, 0.012), lighter(plume, rng.uniform(0, 0.3)))
    top = [
        wavy((crown + dx, 0.3), (crown + 1.25 * dx, 0.3 + dy), 0.02, 1.0, p, 8)
        for dx, dy, p in zip(
            rng.uniform(-0.33, 0.33, 90),
            rng.uniform(-0.16, 0.16, 90),
            rng.uniform(0, 6, 90),
            strict=True,
        )
    ]
    pen.strokes(top, (0.032, 0.014), lighter(plume, 0.3))


def pompom_anemone(pen: Pen, colour: Colour, tips: Colour) -> None:
    """A ball of short thick tentacles that hides the body."""
    rng = pen.rng
    pen.fill([ellipse(0.5, 0.55, 0.36, 0.34)], darker(colour, 0.6), round_by=0.4)
    for reach, shade in ((1.0, 0.72), (0.8, 0.86), (0.55, 1.0), (0.3, 1.08)):
        turns = np.linspace(0, FULL_TURN, int(34 * reach) + 6, endpoint=False)
        lines = []
        for turn in turns + rng.normal(0, 0.07, len(turns)):
            cos, sin = np.cos(turn), np.sin(turn)
            inner, outer = reach * 0.62, reach * rng.uniform(0.92, 1.05)
            lines.append(
                curve(
                    [
                        (0.5 + 0.46 * inner * cos, 0.52 + 0.42 * inner * sin),
                        (0.5 + 0.46 * outer * cos, 0.5 + 0.44 * outer * sin + 0.01),
                    ],
                    5,
                )
            )
        pen.strokes(lines, (0.055, 0.045), darker(lighter(colour, 0.1), min(shade, 1.0)))
        pen.fill([spot(line[-1], 0.022) for line in lines], tips, round_by=0.04)


def slit_anemone(pen: Pen, colour: Colour, disc: Colour) -> None:
    """A squat column with a wide open disc, fringed by pointed tentacles."""
    rng = pen.rng
    pen.fill(
        [closed([(0.28, 0.98), (0.3, 0.7), (0.16, 0.5), (0.84, 0.5), (0.7, 0.7), (0.74, 0.98)])],
        darker(colour, 0.8),
        round_by=0.35,
    )
    turns = np.linspace(0, FULL_TURN, 42, endpoint=False)
    far = [_fringe(rng, turn) for turn in turns if np.sin(turn) < 0.1]
    near = [_fringe(rng, turn) for turn in turns if np.sin(turn) >= 0.1]
    pen.strokes(far, (0.05, 0.015), colour)
    folds = Mark(
        [
            curve([(0.5, 0.4), (0.5 + 0.36 * np.cos(a), 0.4 + 0.21 * np.sin(a))], 2)
            for a in turns[::3]
        ],
        darker(disc, 0.8),
    )
    pen.fill([ellipse(0.5, 0.4, 0.38, 0.23)], disc, round_by=0.3, marks=[folds])
    pen.fill([ellipse(0.5, 0.4, 0.09, 0.035)], darker(colour, 0.5))
    pen.strokes(near, (0.06, 0.015), lighter(colour, 0.15))


def jelly(
    pen: Pen, colour: Colour, core: Colour, *, tall: bool = True, tentacles: int = 28
) -> None:
    """A glassy bell with a dark core, trailing a fringe of fine tentacles."""
    rng = pen.rng
    rim, roof = 0.52, 0.04 if tall else 0.2
    fringe = []
    for x in np.linspace(0.12, 0.88, tentacles):
        end = (0.5 + (x - 0.5) * 1.15 + rng.normal(0, 0.03), rng.uniform(0.78, 0.99))
        fringe.append(wavy((x, rim), end, 0.04, 1.2, rng.uniform(0, FULL_TURN), 14))
    pen.strokes(fringe, (0.022, 0.008), lighter(colour, 0.2), opacity=0.75)
    shoulder = (rim + roof) / 2 - 0.06
    left = [(0.06, rim), (0.12, shoulder), (0.32, roof + 0.03)]
    right = [(1 - x, y) for x, y in reversed(left)]
    bell = closed([*left, (0.5, roof), *right, (0.5, rim + 0.07)], 80)
    pen.fill([bell], colour, round_by=0.3, opacity=0.5)
    stomach = [(0.38, roof + 0.12), (0.62, roof + 0.12), (0.57, rim + 0.02)]
    stomach += [(0.5, rim + 0.14), (0.43, rim + 0.02)]
    pen.fill([closed(stomach)], core, round_by=0.3, opacity=0.85)
    canals = [
        curve([(0.5, roof + 0.04), (0.5 + 0.3 * s, roof + 0.12), (0.5 + 0.42 * s, rim - 0.01)], 12)
        for s in np.linspace(-1, 1, 8)
    ]
    pen.strokes(canals, (0.014, 0.01), lighter(core, 0.2), opacity=0.7)
    edge = curve([(0.06, rim), (0.5, rim + 0.075), (0.94, rim)], 20)
    pen.strokes([edge], (0.035, 0.035), lighter(colour, 0.35), opacity=0.9)


def _fringe(rng: np.random.Generator, turn: float) -> Points:
    cos, sin = np.cos(turn), np.sin(turn)
    reach = rng.uniform(0.9, 1.0)
    return curve(
        [
            (0.5 + 0.36 * cos, 0.4 + 0.2 * sin),
            (0.5 + 0.46 * cos * reach, 0.36 + 0.3 * sin),
            (0.5 + 0.5 * cos * reach, 0.3 + 0.34 * sin * reach),
        ],
        8,
    )


def _grow(
    rng: np.random.Generator,
    foot: tuple[float, float],
    heading: float,
    length: float,
    level: int,
    twigs: list[tuple[int, Points]],
) -> None:
    """Adds a branch and, at its end, two or three smaller ones."""
    if level == 0:
        return
    end = (foot[0] + length * np.cos(heading), foot[1] + length * np.sin(heading))
    middle = ((foot[0] + end[0]) / 2 + rng.normal(0, 0.012), (foot[1] + end[1]) / 2)
    twigs.append((level, curve([foot, middle, end], 8)))
    for turn in rng.permutation([-0.62, 0.6, 0.05])[: 3 if level % 2 else 2]:
        _grow(
            rng,
            end,
            heading + turn + rng.normal(0, 0.12),
            length * rng.uniform(0.66, 0.84),
            level - 1,
            twigs,
        )
