"""What a concept without a recipe of its own looks like: the body plan of its nearest group."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from demo.drawing import arthropods, cnidarians, echinoderms, others, swimmers
from demo.drawing.pen import Colour, Pen
from demo.recipes import RECIPES

Look = tuple[Callable[..., None], Colour, str]
"""A body plan, the colour of its group, and the name of its second colour's parameter."""

GROUPS: Final[dict[str, Look]] = {
    "Caridea": (arthropods.shrimp, (216, 90, 76), "accent"),
    "Pandalidae": (arthropods.shrimp, (214, 74, 56), "accent"),
    "Amphipoda": (arthropods.shrimp, (226, 190, 180), "accent"),
    "Isopoda": (arthropods.shrimp, (206, 160, 130), "accent"),
    "Munidopsidae": (arthropods.squat_lobster, (234, 196, 176), "accent"),
    "Decapoda": (arthropods.crab, (206, 100, 70), "accent"),
    "Tunicata": (others.vase_sponge, (214, 206, 224), "accent"),
    "Thaliacea": (swimmers.pyrosome, (230, 190, 170), "accent"),
    "Pleuronectiformes": (swimmers.flatfish, (136, 110, 86), "accent"),
    "Gadiformes": (swimmers.hake, (150, 156, 160), "accent"),
    "Chordata": (swimmers.rockfish, (214, 96, 80), "accent"),
    "Cephalopoda": (swimmers.octopus, (192, 92, 72), "accent"),
    "Bivalvia": (others.clam, (232, 214, 190), "accent"),
    "Mollusca": (others.snail, (210, 176, 130), "accent"),
    "Annelida": (others.tube_worm, (224, 216, 204), "accent"),
    "Porifera": (others.vase_sponge, (238, 226, 190), "accent"),
    "Brisingida": (echinoderms.sun_star, (228, 120, 70), "accent"),
    "Asteroidea": (echinoderms.star, (220, 110, 60), "accent"),
    "Ophiuroidea": (echinoderms.brittle_star, (200, 146, 104), "band"),
    "Crinoidea": (echinoderms.feather_star, (224, 192, 96), "tips"),
    "Echinoidea": (echinoderms.urchin, (208, 124, 144), "spines"),
    "Holothuroidea": (echinoderms.warty_cucumber, (200, 120, 110), "tips"),
    "Hydrozoa": (cnidarians.jelly, (216, 150, 110), "core"),
    "Virgulariidae": (cnidarians.feather_pen, (236, 206, 160), "polyps"),
    "Pennatulidae": (cnidarians.feather_pen, (222, 100, 62), "polyps"),
    "Octocorallia": (cnidarians.tree_coral, (226, 120, 100), "polyps"),
    "Cnidaria": (cnidarians.slit_anemone, (196, 110, 136), "disc"),
}


def draw_for(concept: str | None, lineage: tuple[str, ...]) -> Callable[[Pen], None]:
    """How to draw a concept.

    Args:
        concept: the label of a box, or None.
        lineage: its seven slots from kingdom to species; empty for a name outside the taxonomy.

    Returns:
        its own recipe, else its nearest group's body plan in a shade of its own; a neutral shape
        for what has no name.
    """
    if concept in RECIPES:
        return RECIPES[concept].draw
    for name in (concept, *reversed(lineage)):
        if name in GROUPS:
            body, colour, second = GROUPS[name]
            shade = _varied(colour, Random(concept))
            return partial(
                body, colour=shade, **{second: _varied((244, 214, 180), Random(concept))}
            )
    return others.unnamed


def _varied(colour: Colour, rng: Random) -> Colour:
    red, green, blue = (min(255, round(c * rng.uniform(0.78, 1.15))) for c in colour)
    return red, green, blue
