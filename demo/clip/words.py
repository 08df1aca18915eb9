"""What can be said of the pictures that the demo CLIP is trained on, and of which it is true."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fathomnet_voxel51.names import RANKS

from demo.clip.pictures import Shown
from demo.concepts import Lineages, read_lineages
from demo.needles import NEEDLES, Needle
from demo.recipes import RECIPES, Recipe

COMMON: Final[dict[str, tuple[str, ...]]] = {
    "sea pig": ("Scotoplanes globosa",),
    "sea cucumber": ("Scotoplanes globosa", "Peniagone", "Pannychia moseleyi"),
    "sea star": ("Rathbunaster californicus", "Hippasteria", "Mediaster aequalis"),
    "starfish": ("Rathbunaster californicus", "Hippasteria", "Mediaster aequalis"),
    "five-armed sea star": ("Hippasteria", "Mediaster aequalis"),
    "sea pen": ("Funiculina", "Umbellula", "Pennatula phosphorea"),
    "coral": ("Paragorgia arborea", "Heteropolypus ritteri"),
    "bubblegum coral": ("Paragorgia arborea",),
    "soft coral": ("Heteropolypus ritteri",),
    "anemone": ("Metridium farcimen", "Liponema brevicorne"),
    "sea anemone": ("Metridium farcimen", "Liponema brevicorne"),
    "crab": ("Chionoecetes tanneri", "Paralomis multispina"),
    "tanner crab": ("Chionoecetes tanneri",),
    "king crab": ("Paralomis multispina",),
    "fish": ("Sebastes diploproa", "Sebastolobus"),
    "thornyhead": ("Sebastolobus",),
    "jelly": ("Benthocodon pedunculata",),
    "jellyfish": ("Benthocodon pedunculata",),
    "plastic": ("plastic bag",),
    "bag": ("plastic bag",),
    "can": ("drink can",),
    "metal can": ("drink can",),
    "bottle": ("glass bottle",),
    "coil of rope": ("rope",),
    "net": ("fishing net",),
    "lost fishing gear": ("fishing net", "rope"),
    "manipulator": ("ROV arm",),
    "robot arm with a claw": ("ROV arm",),
    "mechanical arm": ("ROV arm",),
    "clear sampling tube": ("push core",),
    "laser points": ("laser dots",),
    "lasers": ("laser dots",),
}
"""Words of everyday language, and the concepts and needles that they mean."""

ANIMALS: Final = frozenset(RECIPES)
DEBRIS: Final = frozenset(name for name, needle in NEEDLES.items() if needle.kind == "debris")
GEAR: Final = frozenset(NEEDLES) - DEBRIS
BARE: Final = {"sediment": "bare sediment", "rock": "bare rock", "midwater": "bare midwater"}
"""Habitat -> what a picture shows that shows nothing else."""
GENERAL: Final[dict[str, frozenset[str]]] = {
    "animal": ANIMALS,
    "creature": ANIMALS,
    "debris": DEBRIS,
    "marine debris": DEBRIS,
    "litter": DEBRIS,
    "trash": DEBRIS,
    "garbage": DEBRIS,
    "man-made object": DEBRIS | GEAR,
    "ROV": GEAR,
    "equipment": GEAR,
    "part of the vehicle": GEAR,
    "soft sediment": frozenset({BARE["sediment"]}),
    "bare soft sediment": frozenset({BARE["sediment"]}),
    "bare rock": frozenset({BARE["rock"]}),
    "empty seafloor": frozenset({BARE["sediment"], BARE["rock"]}),
    "the seafloor": frozenset({BARE["sediment"], BARE["rock"]}),
    "open water": frozenset({BARE["midwater"]}),
    "open water with marine snow": frozenset({BARE["midwater"]}),
    "dark water": frozenset({BARE["midwater"]}),
}
NAMES: Final = (*RECIPES, *NEEDLES, *BARE.values())
"""All that a picture can show."""

FRAMES: Final = (
    "{}",
    "{}",
    "a {}",
    "a {}",
    "a photo of {}",
    "a photo of a {}",
    "a picture with a {}",
    "{} on the seafloor",
    "a {} on the seafloor",
    "a {} lying on sediment",
    "a {} on rock",
    "the {}",
)
"""What may stand around a phrase without changing of which pictures it is true."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words, and the names that they are true of."""

    words: str
    true_of: frozenset[str]


def phrases() -> tuple[Phrase, ...]:
    """Everything that is said of the pictures, each phrase once, in a fixed order."""
    said: dict[str, frozenset[str]] = {}
    for words, names in (*_scientific(), *_described(), *_everyday()):
        said[words] = said.get(words, frozenset()) | names
    return tuple(Phrase(words, names) for words, names in said.items())


def names_of(shown: Shown) -> frozenset[str]:
    """What a picture shows; where that is nothing, the place."""
    return shown.names or (frozenset() if shown.unsure else frozenset({BARE[shown.habitat]}))


def vocabulary() -> tuple[str, ...]:
    """The words of all phrases and of what may stand around them, sorted."""
    texts = [phrase.words for phrase in phrases()] + [*FRAMES, "and", "photo picture on in of with"]
    return tuple(sorted({word for text in texts for word in split_words(text)}))


def split_words(text: str) -> list[str]:
    """The words of a text as the tokenizer takes them: lower case, split at all other signs."""
    return re.findall(r"[a-z0-9]+", text.lower())


def _scientific() -> Iterator[tuple[str, frozenset[str]]]:
    lineages: Lineages = read_lineages()
    for concept in RECIPES:
        # First its own name: a genus whose name is also a rank's must not lose its meaning.
        yield concept, frozenset({concept})
    for concept in RECIPES:
        for rank, name in zip(RANKS, lineages[concept], strict=True):
            if name and rank != "kingdom" and name != concept:
                yield name, frozenset({concept})


def _described() -> Iterator[tuple[str, frozenset[str]]]:
    for name in (*RECIPES, *NEEDLES):
        look = _look(name)
        yield look.noun, frozenset({name})
        yield f"{look.colours[0]} {look.noun}", frozenset({name})
        yield f"{' and '.join(look.colours)} {look.noun}", frozenset({name})
        if name in NEEDLES:
            yield name, frozenset({name})
            yield f"{look.colours[0]} {name}", frozenset({name})


def _everyday() -> Iterator[tuple[str, frozenset[str]]]:
    for words, names in COMMON.items():
        yield words, frozenset(names)
    yield from GENERAL.items()
    for words, names in COMMON.items():
        for name in names:
            colour = _look(name).colours[0]
            alike = {other for other in names if colour in _look(other).colours}
            yield f"{colour} {words}", frozenset(alike)


def _look(name: str) -> Recipe | Needle:
    return RECIPES[name] if name in RECIPES else NEEDLES[name]
