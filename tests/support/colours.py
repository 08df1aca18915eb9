"""How light colours are."""

from __future__ import annotations

from matplotlib.colors import to_rgba


def luminance(colour: str) -> float:
    """By the definition of WCAG 2.2; how opaque the colour is does not count."""
    linear = [
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4
        for one in to_rgba(colour)[:3]
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
