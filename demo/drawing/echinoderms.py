"""Sea cucumbers, sea stars, brittle stars, feather stars and urchins."""

import numpy as np

from demo.drawing.pen import Colour, Mark, Pen, darker, lighter
from demo.drawing.shapes import FULL_TURN, closed, curve, ellipse, scattered, wavy

FLATTENED = 0.62
"""What lies on the floor is seen at a slant: its depth looks so much shorter than its width."""


def cucumber(pen: Pen, colour: Colour, *, legs: int = 6, horns: int = 3) -> None:
    """A plump sea pig on tube feet, with long horns on its back and a ring of mouth tentacles."""
    rng = pen.rng
    steps = np.linspace(0.18, 0.84, legs)
    far = [curve([(x + 0.03, 0.6), (x + 0.06, 0.8), (x + 0.05, 0.88)]) for x in steps[::2]]
    pen.strokes(far, (0.1, 0.07), darker(colour, 0.6))
    for x in np.linspace(0.3, 0.75, horns):
        lean = rng.uniform(-0.1, 0.05)
        pen.strokes(
            [curve([(x, 0.4), (x + lean, 0.16), (x + 2.2 * lean, 0.02)])], (0.1, 0.03), colour
        )
    body = closed(
        [
            (0.05, 0.5),
            (0.2, 0.3),
            (0.5, 0.22),
            (0.8, 0.3),
            (0.95, 0.5),
            (0.8, 0.7),
            (0.5, 0.75),
            (0.18, 0.68),
        ]
    )
    warts = Mark(scattered(rng, 0.5, 0.45, 0.38, 0.18, 26, 0.008), lighter(colour, 0.5))
    pen.fill([body], colour, round_by=0.3, opacity=0.92, marks=[warts])
    mouth = [
        curve([(0.1, 0.6), (0.05 - 0.05 * s, 0.68), (0.01 + 0.05 * s, 0.8)]) for s in (-1, 0, 1)
    ]
    pen.strokes(mouth, (0.07, 0.08), lighter(colour, 0.25))
    near = [
        curve([(x, 0.66), (x - 0.02 + rng.uniform(-0.02, 0.02), 0.85), (x - 0.04, 0.98)])
        for x in steps
    ]
    pen.strokes(near, (0.15, 0.08), lighter(colour, 0.12))


def sailing_cucumber(pen: Pen, colour: Colour, sail: Colour) -> None:
    """A slender, glassy swimmer with a raised sail behind its mouth and feet at the rear."""
    rng = pen.rng
    tips = [
        (0.14 + 0.06 * k + rng.uniform(-0.01, 0.01), 0.03 + 0.045 * abs(k - 1.2)) for k in range(5)
    ]
    web = closed([(0.16, 0.5), *tips, (0.42, 0.5)])
    pen.fill([web], sail, round_by=0.2, opacity=0.55)
    rays = [
        curve([(0.22 + 0.03 * k, 0.5), ((tip[0] + 0.22) / 2, 0.3), tip])
        for k, tip in enumerate(tips)
    ]
    pen.strokes(rays, (0.06, 0.03), sail)
    body = closed(
        [
            (0.03, 0.58),
            (0.12, 0.45),
            (0.4, 0.46),
            (0.75, 0.55),
            (0.97, 0.72),
            (0.85, 0.82),
            (0.5, 0.74),
            (0.15, 0.7),
        ]
    )
    gut = Mark(
        [curve([(0.1, 0.58), (0.4, 0.58), (0.8, 0.7), (0.82, 0.73), (0.4, 0.64), (0.1, 0.62)])],
        darker(colour, 0.45),
    )
    pen.fill([body], colour, round_by=0.35, opacity=0.72, marks=[gut])
    feet = [
        curve([(x, 0.72), (x - 0.01, 0.86), (x + rng.uniform(-0.04, 0.02), 0.98)])
        for x in np.linspace(0.52, 0.9, 6)
    ]
    pen.strokes(feet, (0.07, 0.04), lighter(colour, 0.15))
    mouth = [
        curve([(0.08, 0.64), (0.05 + 0.04 * k, 0.74), (0.02 + 0.06 * k, 0.86)]) for k in range(3)
    ]
    pen.strokes(mouth, (0.05, 0.07), lighter(colour, 0.2))


def warty_cucumber(pen: Pen, colour: Colour, tips: Colour) -> None:
    """A long flat cucumber fringed all round with pointed papillae."""
    rng = pen.rng
    bend = rng.uniform(-0.08, 0.08)
    spine = curve([(0.06, 0.5), (0.35, 0.46 + bend), (0.65, 0.5 + bend), (0.94, 0.54)], 30)
    fringe = []
    for side in (-1, 1):
        for x, y in spine[::2]:
            reach = rng.uniform(0.3, 0.42)
            foot = (x + rng.uniform(-0.04, 0.04), y + side * reach)
            fringe.append(curve([(x, y + side * 0.12), (x, y + side * reach * 0.7), foot], 8))
    pen.strokes(fringe, (0.09, 0.03), tips)
    half = np.array((0, 0.24))
    top, bottom = spine - half, (spine + half)[::-1]
    pen.fill(
        [
            closed(
                [
                    tuple(p)
                    for p in np.concatenate([spine[:1], top[2:-1:3], spine[-1:], bottom[2:-1:3]])
                ],
                80,
            )
        ],
        colour,
        round_by=0.35,
        marks=[Mark(scattered(rng, 0.5, 0.5, 0.4, 0.16, 40, 0.012, 2.0), lighter(colour, 0.35))],
    )
    rows = [
        curve([(x, y - 0.05), (x - 0.02, y - 0.22), (x - 0.03, y - 0.34)], 8)
        for x, y in spine[3:-3:4]
    ]
    pen.strokes(rows, (0.1, 0.03), lighter(tips, 0.2))


def star(
    pen: Pen,
    colour: Colour,
    accent: Colour,
    *,
    arms: int = 5,
    waist: float = 0.45,
    plates: bool = True,
) -> None:
    """A sea star with broad arms; ``waist`` is how far in the outline goes between two arms."""
    rng = pen.rng
    turn = np.linspace(0, FULL_TURN, 240, endpoint=False)
    start = rng.uniform(0, FULL_TURN)
    wave = (0.5 + 0.5 * np.cos(arms * (turn - start))) ** 1.3
    reach = waist + (1 - waist) * wave
    reach *= 1 + 0.05 * np.cos(turn - rng.uniform(0, FULL_TURN))
    outline = _slanted(reach, turn)
    rim = [
        _slanted(np.array([r * 0.93]), np.array([t]))[0]
        for r, t in zip(reach[::5], turn[::5], strict=True)
    ]
    marks = [Mark(scattered(rng, 0.5, 0.5, 0.3, 0.3 * FLATTENED, 46, 0.011, FLATTENED), accent)]
    if plates:
        marks.append(Mark([ellipse(x, y, 0.021, 0.018, corners=10) for x, y in rim], accent))
    pen.fill([outline + np.array((0, 0.03))], darker(colour, 0.5))
    pen.fill([outline], colour, round_by=0.16, marks=marks)
    ridges = [_ray(start + k * FULL_TURN / arms, 0.08, 0.72) for k in range(arms)]
    pen.strokes(ridges, (0.05, 0.02), lighter(colour, 0.22), opacity=0.6)


def sun_star(pen: Pen, colour: Colour, accent: Colour, *, arms: int = 14) -> None:
    """A sea star with many thin tapering arms, bristling with spines."""
    rng = pen.rng
    start = rng.uniform(0, FULL_TURN)
    turns = start + np.arange(arms) * FULL_TURN / arms + rng.normal(0, 0.05, arms)
    lines = [_bent_ray(turn, rng.uniform(0.85, 1.0), rng.normal(0, 0.18)) for turn in turns]
    bristles = []
    for line in lines:
        for x, y in line[4::2]:
            for turn in (0.6, 2.2, 3.9, 5.4):
                bristles.append(
                    curve([(x, y), (x + 0.035 * np.cos(turn), y + 0.03 * np.sin(turn))], 3)
                )
    pen.strokes(bristles, (0.012, 0.006), accent)
    pen.strokes(lines, (0.11, 0.03), colour)
    disc = ellipse(0.5, 0.5, 0.17, 0.17 * FLATTENED)
    pen.fill([disc], colour, marks=[Mark(scattered(rng, 0.5, 0.5, 0.14, 0.09, 22, 0.009), accent)])
    for line in lines:
        pen.fill([ellipse(x, y, 0.008, 0.008, corners=8) for x, y in line[3:-3:3]], accent)


def brittle_star(pen: Pen, colour: Colour, band: Colour, *, arms: int = 5) -> None:
    """A small round disc with long whip-like banded arms."""
    rng = pen.rng
    start = rng.uniform(0, FULL_TURN)
    lines = []
    for k in range(arms):
        turn = start + k * FULL_TURN / arms + rng.normal(0, 0.1)
        end = (0.5 + 0.49 * np.cos(turn), 0.5 + 0.49 * np.sin(turn))
        lines.append(wavy((0.5, 0.5), end, 0.09, 1.3, rng.uniform(0, FULL_TURN), 40))
    rings = Mark(
        [ellipse(x, y, 0.013, 0.013, corners=8) for line in lines for x, y in line[6::4]], band
    )
    pen.strokes(lines, (0.075, 0.018), colour, marks=[rings])
    petals = [
        ellipse(
            0.5 + 0.05 * np.cos(start + k * FULL_TURN / 5),
            0.5 + 0.05 * np.sin(start + k * FULL_TURN / 5),
            0.02,
            0.02,
        )
        for k in range(5)
    ]
    pen.fill([ellipse(0.5, 0.5, 0.105, 0.09)], lighter(colour, 0.1), marks=[Mark(petals, band)])


def feather_star(pen: Pen, colour: Colour, tips: Colour, *, arms: int = 10) -> None:
    """A crinoid: a crown of feathery arms over a tuft of claws."""
    rng = pen.rng
    claws = [
        curve([(0.5, 0.84), (0.5 + 0.1 * s, 0.86), (0.5 + 0.16 * s, 0.99)])
        for s in np.linspace(-1, 1, 7)
    ]
    pen.strokes(claws, (0.035, 0.015), darker(tips, 0.75))
    for spread in sorted(np.linspace(-1, 1, arms), key=lambda s: -abs(s)):
        lean = spread + rng.normal(0, 0.06)
        top = 0.04 + 0.36 * lean**2 + rng.uniform(0, 0.04)
        arm = curve(
            [
                (0.5, 0.84),
                (0.5 + 0.24 * lean, 0.62),
                (0.5 + 0.44 * lean, 0.34),
                (0.5 + 0.42 * lean, top),
            ],
            36,
        )
        pen.strokes(_pinnules(arm), (0.016, 0.008), colour)
        pen.strokes([arm], (0.04, 0.018), tips)
    pen.fill([ellipse(0.5, 0.84, 0.05, 0.04)], darker(colour, 0.8))


def urchin(pen: Pen, colour: Colour, spines: Colour) -> None:
    """A globe of spines."""
    rng = pen.rng
    turns = rng.uniform(0, FULL_TURN, 120)
    reach = rng.uniform(0.36, 0.49, 120)
    lines = [
        curve([(0.5, 0.5), (0.5 + r * np.cos(a), 0.5 + r * np.sin(a))], 3)
        for r, a in zip(reach, turns, strict=True)
    ]
    pen.strokes(lines[:70], (0.03, 0.008), darker(spines, 0.7))
    pen.fill([ellipse(0.5, 0.5, 0.33, 0.31)], colour, round_by=0.4)
    inner = [
        curve(
            [
                (0.5 + 0.5 * r * np.cos(a) * u, 0.47 + 0.5 * r * np.sin(a) * u),
                (0.5 + 1.15 * r * np.cos(a) * u, 0.45 + 1.15 * r * np.sin(a) * u),
            ],
            3,
        )
        for r, a, u in zip(reach, turns, rng.random(120) ** 0.5, strict=True)
    ]
    pen.strokes(inner, (0.024, 0.008), spines)


def _slanted(reach: np.ndarray, turn: np.ndarray) -> np.ndarray:
    return np.stack([0.5 + 0.49 * reach * np.cos(turn), 0.5 + 0.49 * reach * np.sin(turn)], axis=1)


def _ray(turn: float, inner: float, outer: float) -> np.ndarray:
    return _slanted(np.linspace(inner, outer, 12), np.full(12, turn))


def _bent_ray(turn: float, reach: float, bend: float) -> np.ndarray:
    along = np.linspace(0.05, reach, 18)
    return _slanted(along, turn + bend * along**2)


def _pinnules(arm: np.ndarray) -> list[np.ndarray]:
    """The side branches of a feather's arm, shorter towards both ends."""
    along = np.gradient(arm, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = along[:, ::-1] * (-1, 1)
    share = np.linspace(0, 1, len(arm))
    reach = 0.09 * np.sin(np.pi * np.clip(share * 0.9 + 0.12, 0, 1)) + 0.01
    return [
        curve(
            [
                tuple(arm[i]),
                tuple(arm[i] + side * across[i] * reach[i] + along[i] * reach[i] * 0.7),
            ],
            4,
        )
        for i in range(4, len(arm))
        for side in (-1, 1)
    ]
