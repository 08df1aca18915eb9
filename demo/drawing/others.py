"""Sponges, shells, worms, and the neutral shape of what nobody has named."""

import numpy as np

from demo.drawing.pen import Colour, Mark, Pen, darker, lighter
from demo.drawing.shapes import FULL_TURN, closed, curve, ellipse, scattered


def vase_sponge(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A ribbed vase with a dark opening."""
    rng = pen.rng
    vase = [(0.4, 0.98), (0.3, 0.7), (0.12, 0.35), (0.16, 0.14), (0.84, 0.14), (0.88, 0.35)]
    ribs = [
        curve([(0.5 + 0.34 * s, 0.16), (0.5 + 0.36 * s, 0.4), (0.5 + 0.1 * s, 0.96)], 12)
        for s in np.linspace(-1, 1, 9)
    ]
    pores = Mark(scattered(rng, 0.5, 0.5, 0.3, 0.3, 40, 0.012), darker(colour, 0.7))
    pen.fill([closed([*vase, (0.7, 0.7), (0.6, 0.98)])], colour, round_by=0.3, marks=[pores])
    pen.strokes(ribs, (0.02, 0.01), accent, opacity=0.6)
    pen.fill([ellipse(0.5, 0.16, 0.36, 0.11)], lighter(colour, 0.2), round_by=0.1)
    pen.fill([ellipse(0.5, 0.17, 0.28, 0.075)], darker(colour, 0.35))


def snail(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A coiled shell on a creeping foot."""
    foot = closed([(0.02, 0.86), (0.14, 0.72), (0.6, 0.7), (0.98, 0.9), (0.5, 0.96)])
    pen.fill([foot], lighter(accent, 0.3), round_by=0.3)
    horns = [curve([(0.12, 0.76), (0.06, 0.6), (0.01 + 0.06 * k, 0.46)], 8) for k in (0, 1)]
    pen.strokes(horns, (0.05, 0.03), lighter(accent, 0.3))
    turn = np.linspace(0, 2.6 * FULL_TURN, 90)
    reach = 0.34 * np.exp(-0.16 * turn)
    whorl = np.stack([0.56 + reach * np.cos(turn), 0.44 + 1.1 * reach * np.sin(turn)], axis=1)
    pen.fill([ellipse(0.56, 0.44, 0.36, 0.4)], colour, round_by=0.3)
    pen.strokes([whorl], (0.05, 0.015), accent)


def clam(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A ribbed, fan-shaped shell."""
    shell = closed([(0.5, 0.96), (0.1, 0.7), (0.04, 0.36), (0.5, 0.06), (0.96, 0.36), (0.9, 0.7)])
    rings = [
        Mark([ellipse(0.5, 0.96, 0.62 * r, 0.92 * r), ellipse(0.5, 0.96, 0.59 * r, 0.88 * r)], tint)
        for r, tint in ((0.95, accent), (0.88, colour), (0.65, accent), (0.6, colour))
    ]
    pen.fill([shell], colour, round_by=0.25, marks=rings)
    ribs = [
        curve([(0.5, 0.94), (0.5 + 0.42 * s, 0.2 + 0.2 * abs(s))], 4) for s in (-1, -0.5, 0, 0.5, 1)
    ]
    pen.strokes(ribs, (0.02, 0.03), darker(colour, 0.85), opacity=0.7)


def tube_worm(pen: Pen, colour: Colour, accent: Colour) -> None:
    """A bent chalky tube with a feathery crown."""
    rng = pen.rng
    tube = curve([(0.96, 0.94), (0.6, 0.9), (0.4, 0.7), (0.42, 0.42)], 30)
    plumes = [
        curve([(0.42, 0.44), (0.42 + 0.26 * s, 0.22), (0.42 + 0.4 * s, 0.04 + 0.2 * s * s)], 12)
        for s in np.linspace(-1, 1, 15) + rng.normal(0, 0.03, 15)
    ]
    pen.strokes(plumes, (0.06, 0.02), accent)
    pen.strokes([tube], (0.1, 0.16), colour)


def unnamed(pen: Pen) -> None:
    """A neutral grey ball with feelers, like no animal in particular."""
    rng = pen.rng
    feelers = [
        curve([(0.5, 0.5), (0.5 + 0.4 * np.cos(a), 0.5 + 0.4 * np.sin(a))], 6)
        for a in np.linspace(0, FULL_TURN, 10, endpoint=False) + rng.uniform(0, 0.6)
    ]
    pen.strokes(
        [np.concatenate([line, line[-1:] + (line[-1:] - line[:1]) * 0.2]) for line in feelers],
        (0.12, 0.05),
        (150, 158, 160),
    )
    spots = Mark(scattered(rng, 0.5, 0.5, 0.24, 0.24, 14, 0.025), (128, 136, 140))
    pen.fill([ellipse(0.5, 0.5, 0.33, 0.33)], (176, 184, 186), round_by=0.35, marks=[spots])
