"""How each concept of the demo looks: its body plan, colours, place of living and words."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from demo.drawing import arthropods as ar
from demo.drawing import cnidarians as cn
from demo.drawing import echinoderms as ec
from demo.drawing import swimmers as sw
from demo.drawing.pen import Pen
from demo.drawing.water import Habitat


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is drawn for a concept.

    Attributes:
        draw: the body plan, with its colours, for a pen.
        aspect: width / height.
        colours: the words that a person would use for its colours.
        noun: what a person who does not know the name would call it.
        habitat: where it is drawn.
        herd: whether many of one kind are seen together.
        swims: whether it is off the floor.
    """

    draw: Callable[[Pen], None]
    aspect: float
    colours: tuple[str, ...]
    noun: str
    habitat: Habitat
    herd: bool = False
    swims: bool = False


RECIPES: Final[dict[str, Recipe]] = {
    "Scotoplanes globosa": Recipe(
        partial(ec.cucumber, colour=(232, 160, 172)),
        1.5,
        ("pink",),
        "sea pig with leg-like tube feet",
        "sediment",
        herd=True,
    ),
    "Peniagone": Recipe(
        partial(ec.sailing_cucumber, colour=(206, 96, 104), sail=(226, 130, 136)),
        1.3,
        ("red", "translucent"),
        "sea cucumber with a raised sail",
        "sediment",
    ),
    "Pannychia moseleyi": Recipe(
        partial(ec.warty_cucumber, colour=(134, 84, 150), tips=(182, 128, 194)),
        2.1,
        ("purple",),
        "long sea cucumber fringed with papillae",
        "sediment",
    ),
    "Rathbunaster californicus": Recipe(
        partial(ec.sun_star, colour=(222, 104, 60), accent=(248, 200, 160)),
        1.55,
        ("orange",),
        "sea star with many thin arms",
        "sediment",
        herd=True,
    ),
    "Hippasteria": Recipe(
        partial(ec.star, colour=(232, 128, 52), accent=(250, 214, 150), waist=0.55),
        1.5,
        ("orange", "cream"),
        "plump five-armed sea star",
        "rock",
    ),
    "Mediaster aequalis": Recipe(
        partial(ec.star, colour=(196, 40, 42), accent=(232, 110, 96), waist=0.32, plates=False),
        1.5,
        ("red",),
        "five-armed sea star",
        "rock",
        herd=True,
    ),
    "Funiculina": Recipe(
        partial(cn.whip_pen, colour=(236, 190, 130), polyps=(246, 220, 180)),
        0.16,
        ("cream",),
        "whip-like sea pen",
        "sediment",
    ),
    "Umbellula": Recipe(
        partial(cn.crowned_pen, colour=(228, 200, 170), polyps=(206, 92, 84)),
        0.36,
        ("red", "white"),
        "sea pen with one crown of polyps on a long stem",
        "sediment",
    ),
    "Pennatula phosphorea": Recipe(
        partial(cn.feather_pen, colour=(222, 100, 62), polyps=(252, 226, 196)),
        0.5,
        ("orange", "white"),
        "feather-like sea pen",
        "sediment",
    ),
    "Paragorgia arborea": Recipe(
        partial(cn.tree_coral, colour=(222, 84, 104), polyps=(252, 200, 204)),
        0.95,
        ("pink", "red"),
        "branching bubblegum coral",
        "rock",
    ),
    "Heteropolypus ritteri": Recipe(
        partial(cn.mushroom_coral, colour=(196, 62, 76), polyps=(240, 150, 156)),
        0.85,
        ("red", "pink"),
        "mushroom-shaped soft coral",
        "rock",
    ),
    "Metridium farcimen": Recipe(
        partial(cn.plumed_anemone, colour=(220, 206, 186), plume=(238, 230, 214)),
        0.72,
        ("white",),
        "tall plumed anemone",
        "rock",
    ),
    "Liponema brevicorne": Recipe(
        partial(cn.pompom_anemone, colour=(226, 150, 156), tips=(248, 216, 206)),
        1.1,
        ("pink",),
        "pom-pom anemone",
        "sediment",
    ),
    "Chionoecetes tanneri": Recipe(
        partial(ar.crab, colour=(220, 126, 84), accent=(242, 194, 154), reach=1.25, stout=0.85),
        1.5,
        ("orange",),
        "long-legged crab",
        "sediment",
    ),
    "Paralomis multispina": Recipe(
        partial(
            ar.crab, colour=(170, 58, 50), accent=(226, 140, 104), reach=0.8, stout=1.25, spines=20
        ),
        1.2,
        ("red",),
        "stout spiny crab",
        "rock",
    ),
    "Sebastes diploproa": Recipe(
        partial(sw.rockfish, colour=(228, 98, 84), accent=(238, 140, 120)),
        1.9,
        ("pink", "red"),
        "rockfish",
        "rock",
        swims=True,
    ),
    "Sebastolobus": Recipe(
        partial(sw.rockfish, colour=(190, 56, 48), accent=(232, 160, 130), depth=0.82, bars=True),
        2.4,
        ("red",),
        "slender barred thornyhead fish",
        "sediment",
    ),
    "Benthocodon pedunculata": Recipe(
        partial(cn.jelly, colour=(196, 92, 80), core=(140, 40, 36)),
        0.9,
        ("red", "translucent"),
        "small jelly with many fine tentacles",
        "midwater",
        herd=True,
        swims=True,
    ),
}
