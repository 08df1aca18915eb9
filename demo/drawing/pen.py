"""A pen that fills shapes with rounded, lit, translucent matter.

Shapes are polygons in a unit square (x to the right, y down). The pen draws them several times
larger than they are needed; ``Pen.tight`` gives what was drawn, scaled to its final size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from demo.drawing.shapes import Points

Colour = tuple[int, int, int]
Floats = npt.NDArray[np.floating[Any]]

LIGHT: Final = (-0.35, -0.85)
"""Direction towards the lamps in the picture's plane: above, a little to the left."""
CANVAS: Final = (140, 640)
"""Least and greatest side of the enlarged canvas in pixels: smooth, but quick to fill."""
ENLARGEMENT: Final = 2.5
MARGIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Mark:
    """A pattern on a part: polygons of another colour, drawn on its surface."""

    shapes: Sequence[Points]
    colour: Colour


@dataclass(slots=True)
class Pen:
    """Draws one creature or thing.

    Attributes:
        width: final width in pixels.
        height: final height in pixels.
        rng: decides everything that varies between two individuals.
    """

    width: int
    height: int
    rng: np.random.Generator
    image: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        least, greatest = CANVAS
        longest = max(self.width, self.height)
        scale = min(max(ENLARGEMENT * longest, least), max(greatest, longest)) / longest
        size = (max(4, round(self.width * scale)), max(4, round(self.height * scale)))
        self.image = Image.new("RGBA", size, (0, 0, 0, 0))

    def fill(
        self,
        shapes: Sequence[Points],
        colour: Colour,
        *,
        round_by: float = 0.25,
        opacity: float = 1.0,
        marks: Sequence[Mark] = (),
        glow: float = 0.0,
    ) -> None:
        """Fills polygons as one rounded body.

        Args:
            shapes: the polygons; where they overlap they are one.
            colour: of the matter in full light.
            round_by: how far from the edge the surface curves, as a share of the shapes' lesser
                extent; for thin limbs give more, up to 1.
            opacity: 1 for solid, less for jelly, whose edges stay denser than its middle.
            marks: patterns on the surface.
            glow: 0 for matter lit from outside, up to 1 for none of the shading.
        """
        outlines = [self._place(shape) for shape in shapes]
        extent = np.ptp(np.concatenate(outlines), axis=0).min()
        self._paint(outlines, colour, round_by * float(extent), opacity, marks, glow)

    def strokes(
        self,
        lines: Sequence[Points],
        widths: tuple[float, float],
        colour: Colour,
        *,
        opacity: float = 1.0,
        marks: Sequence[Mark] = (),
    ) -> None:
        """Draws lines as tubes that taper from the first width to the second.

        Args:
            lines: points along each line.
            widths: at the line's start and end, in units of the unit square's shorter side.
            colour: of the matter in full light.
            opacity: 1 for solid.
            marks: patterns on the surface.
        """
        tubes = [self._tube(line, widths) for line in lines]
        self._paint(tubes, colour, 0.2 * sum(widths) * min(self.image.size), opacity, marks, 0.0)

    def tight(self) -> Image.Image:
        """What was drawn, without empty margins, scaled to the final size."""
        drawn = self.image.crop(self.image.getbbox())
        # Premultiplied, so that the black behind transparent pixels does not darken the edges.
        return (
            drawn.convert("RGBa")
            .resize(
                (self.width, self.height),
                Image.Resampling.BOX if drawn.width > 2 * self.width else Image.Resampling.BILINEAR,
                reducing_gap=None,
            )
            .convert("RGBA")
        )

    def _paint(
        self,
        outlines: Sequence[Points],
        colour: Colour,
        radius: float,
        opacity: float,
        marks: Sequence[Mark],
        glow: float,
    ) -> None:
        mask, corner = self._mask(outlines)
        if mask is None:
            return
        tint = Image.new("RGB", mask.size, colour)
        brush = ImageDraw.Draw(tint)
        for mark in marks:
            for shape in mark.shapes:
                brush.polygon((self._place(shape) - corner).ravel().tolist(), fill=mark.colour)
        lit, height = _shading(mask, radius, glow)
        body = np.asarray(tint, np.float32) * lit[..., None]
        alpha = np.asarray(mask, np.float32) * (opacity + (1 - opacity) * 0.6 * (1 - height))
        patch = np.dstack([body, alpha]).clip(0, 255).astype(np.uint8)
        self.image.alpha_composite(Image.fromarray(patch, "RGBA"), corner)

    def _place(self, shape: Points) -> Points:
        """Unit square to canvas; a margin leaves room for what sticks out of the unit square."""
        return (MARGIN + shape * (1 - 2 * MARGIN)) * self.image.size

    def _mask(self, outlines: Sequence[Points]) -> tuple[Image.Image | None, tuple[int, int]]:
        """The coverage of outlines in canvas pixels, cropped to where it is, and its corner."""
        size = np.array(self.image.size)
        corners = np.concatenate(outlines)
        low = np.clip(np.floor(corners.min(0)) - 2, 0, size).astype(int)
        high = np.clip(np.ceil(corners.max(0)) + 2, 0, size).astype(int)
        if (high - low).min() < 1:
            return None, (0, 0)
        mask = Image.new("L", (int(high[0] - low[0]), int(high[1] - low[1])), 0)
        brush = ImageDraw.Draw(mask)
        for outline in outlines:
            brush.polygon((outline - low).ravel().tolist(), fill=255)
        return mask, (int(low[0]), int(low[1]))

    def _tube(self, line: Points, widths: tuple[float, float]) -> Points:
        """The outline of a tapering line with round ends, in canvas pixels."""
        path = self._place(line)
        along = np.gradient(path, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
        across = along[:, ::-1] * (-1, 1)
        scale = min(self.image.size) * (1 - 2 * MARGIN) / 2
        reach = np.maximum(np.linspace(*widths, len(path)) * scale, 0.6)[:, None]
        turn = np.linspace(0, np.pi, 7)[1:-1, None]
        tail, head = (
            path[end]
            + reach[end] * (np.cos(turn) * sign * across[end] + np.sin(turn) * sign * along[end])
            for end, sign in ((-1, 1), (0, -1))
        )
        sides = path + across * reach, (path - across * reach)[::-1]
        return np.concatenate([sides[0], tail, sides[1], head])


def _shading(mask: Image.Image, radius: float, glow: float) -> tuple[Floats, Floats]:
    """Brightness and height (0 at the edge to 1) of a surface rounded off over ``radius`` pixels.

    Both are worked out on a reduced copy: quicker, and 8-bit coverage blurred over a wide radius
    would show its steps as rings.
    """
    reduction = max(1.0, radius / 5)
    size = (max(2, round(mask.width / reduction)), max(2, round(mask.height / reduction)))
    small = mask.resize(size, Image.Resampling.BILINEAR)
    blurred = small.filter(ImageFilter.GaussianBlur(max(1.5, radius / reduction)))
    height = np.asarray(blurred, np.float32) / 255
    lit = (1 - glow) * _lit(height) + glow
    whole = [
        np.asarray(Image.fromarray(field).resize(mask.size, Image.Resampling.BICUBIC))
        for field in (lit, height)
    ]
    return whole[0], whole[1]


def _lit(height: Floats) -> Floats:
    """Brightness of a surface: lit on the side of the lamps, with a soft highlight."""
    down, right = np.gradient(height)
    slope = -(LIGHT[0] * right + LIGHT[1] * down)
    slope /= np.abs(slope).max() + 1e-6
    lit: Floats = 0.6 + 0.3 * height + 0.34 * slope + 0.25 * np.maximum(slope, 0) ** 4
    return lit


def lighter(colour: Colour, by: float) -> Colour:
    """``colour`` moved towards white by a share."""
    red, green, blue = (round(c + (255 - c) * by) for c in colour)
    return red, green, blue


def darker(colour: Colour, to: float) -> Colour:
    """``colour`` dimmed to a share of its brightness."""
    red, green, blue = (round(c * to) for c in colour)
    return red, green, blue
