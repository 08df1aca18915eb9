"""Capital letters made of dots: the same on every machine, whatever fonts it has."""

from typing import Final

import numpy as np
import numpy.typing as npt

LETTERS: Final = {
    "S": (" ###", "#   ", " ## ", "   #", "### "),
    "T": ("#####", "  #  ", "  #  ", "  #  ", "  #  "),
    "A": (" ## ", "#  #", "####", "#  #", "#  #"),
    "N": ("#   #", "##  #", "# # #", "#  ##", "#   #"),
    "D": ("### ", "#  #", "#  #", "#  #", "### "),
    "I": ("#", "#", "#", "#", "#"),
    "-": ("   ", "   ", "###", "   ", "   "),
}
INK: Final = (255, 214, 64)
PAPER: Final = (24, 24, 24)


def write_words(
    picture: npt.NDArray[np.uint8], words: str, corner: tuple[int, int], dot: int
) -> None:
    """Writes a line on a dark label into a picture, in place; what does not fit is cut off.

    Args:
        picture: (h, w, 3) uint8.
        words: made of the letters that this module has.
        corner: left and top of the label in pixels.
        dot: side of a dot in pixels; a letter is five dots high.
    """
    rows = [" ".join(parts) for parts in zip(*(LETTERS[letter] for letter in words), strict=True)]
    dots = np.pad(np.array([[mark == "#" for mark in row] for row in rows]), 1)
    label = np.where(np.kron(dots, np.ones((dot, dot)))[..., None], INK, PAPER)
    left, top = corner
    window = picture[top : top + label.shape[0], left : left + label.shape[1]]
    window[:] = label[: window.shape[0], : window.shape[1]]
