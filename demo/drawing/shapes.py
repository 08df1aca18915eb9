"""Outlines and lines that animals are made of, as points in the unit square."""

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""(N, 2), corners of a polygon or points along a line."""
FULL_TURN = 2 * np.pi


def ellipse(
    x: float, y: float, rx: float, ry: float, angle: float = 0.0, *, corners: int = 40
) -> Points:
    """An ellipse about (x, y), turned by ``angle`` radians; (corners, 2)."""
    turn = np.linspace(0, FULL_TURN, corners, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    across, down = rx * np.cos(turn), ry * np.sin(turn)
    return np.stack([x + cos * across - sin * down, y + sin * across + cos * down], axis=1)


def spot(centre: Points, radius: float) -> Points:
    """A small round patch about ``centre``, (2,)."""
    return ellipse(float(centre[0]), float(centre[1]), radius, radius, corners=8)


def curve(points: list[tuple[float, float]], steps: int = 24) -> Points:
    """A smooth line through points (Catmull-Rom), (steps, 2)."""
    known = np.array(points, float)
    padded = np.concatenate([2 * known[:1] - known[1:2], known, 2 * known[-1:] - known[-2:-1]])
    place = np.linspace(0, len(known) - 1 - 1e-9, steps)
    index = place.astype(int)
    t = (place - index)[:, None]
    a, b, c, d = (padded[index + offset] for offset in range(4))
    smooth: Points = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return smooth


def closed(points: list[tuple[float, float]], steps: int = 60) -> Points:
    """A smooth outline through points, (steps, 2)."""
    return curve([*points, points[0]], steps)


def outline(path: str, depth: float = 1.0, steps: int = 80) -> Points:
    """A smooth outline through points written in hundredths, ``"2,50 14,34 45,20"``.

    ``depth`` stretches it up and down about the middle of the unit square.
    """
    points = [tuple(int(part) / 100 for part in point.split(",")) for point in path.split()]
    return closed([(x, 0.5 + (y - 0.5) * depth) for x, y in points], steps)


def wavy(
    start: tuple[float, float],
    end: tuple[float, float],
    sway: float,
    waves: float,
    phase: float = 0.0,
    steps: int = 24,
) -> Points:
    """A line from ``start`` to ``end`` that swings ``sway`` to its sides, more towards its end."""
    t = np.linspace(0, 1, steps)[:, None]
    first, last = np.array(start), np.array(end)
    along = last - first
    across = along[::-1] * (-1, 1) / (np.linalg.norm(along) + 1e-9)
    line: Points = first + along * t + across * sway * t * np.sin(FULL_TURN * waves * t + phase)
    return line


def scattered(
    rng: np.random.Generator,
    x: float,
    y: float,
    rx: float,
    ry: float,
    number: int,
    radius: float,
    squash: float = 1.0,
) -> list[Points]:
    """Small spots spread evenly at random over an ellipse."""
    reach, turn = np.sqrt(rng.random(number)), rng.random(number) * FULL_TURN
    sizes = radius * rng.uniform(0.6, 1.3, number)
    return [
        ellipse(x + rx * r * np.cos(a), y + ry * r * np.sin(a), s, s * squash, corners=10)
        for r, a, s in zip(reach, turn, sizes, strict=True)
    ]
