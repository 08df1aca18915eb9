"""Names of animals as people and models write them, with an author, a doubt or a whole lineage.

Open nomenclature as marine annotators use it: Sigovini, Keppel and Tagliapietra (2016), "Open
Nomenclature in the biodiversity era", doi:10.1111/2041-210X.12594.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_PARTICLE: Final = r"(?:(?:de|du|da|di|von|van|den|der|la|le|d'|ter)\s+)*"
_AUTHOR: Final = re.compile(
    rf"\s+\(?{_PARTICLE}[^\W\d_a-zß-öø-ÿ][^()\d]*[,\s]\s*(?:1[789]|20)\d\d[a-z]?\)?\s*$"
    r"|(?<=[a-z])\s+\([^\W\d_a-z][^()]*\)\s*$"
)
"""``Cuvier, 1829``, ``(O.F. Müller, 1776)``, ``(Linnaeus)``."""
_SUBGENUS: Final = re.compile(r"^([A-Z][a-z-]+) \([A-Z][a-z-]+\) ([a-z-]+)")
_DOUBT: Final = frozenset(("cf", "aff", "nr", "complex", "group"))
_OPEN: Final = frozenset(
    ("sp", "spp", "species", "gen", "indet", "undet", "ident", "unid", "unident", "unidentified")
)
_STAGE: Final = frozenset(("juv", "juvenile", "larva", "larvae", "egg", "eggs", "adult"))
_SEPARATOR: Final = re.compile(r"\s*[;|>]\s*")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a name may stand for.

    Attributes:
        names: taxa from the top down: a single one, or a lineage, in which other names may stand.
        is_same: whether the last of them is all that the name says; otherwise the animal is of
            that taxon, and more is said of it that may be unsure.
    """

    names: tuple[str, ...]
    is_same: bool


def readings(name: str) -> Iterator[Reading]:
    """What a name may stand for, the most exact first.

    Examples:
        >>> [one.names for one in readings("Psolus squamatus (O.F. Müller, 1776)")]
        [('Psolus squamatus',), ('Psolus',)]
        >>> list(readings("Paralomis cf. multispina"))
        [Reading(names=('Paralomis',), is_same=False)]
    """
    text = " ".join(name.replace("_", " ").split())
    segments = _SEPARATOR.split(text)
    if len(segments) > 1:
        last = len(segments) - 1
        # Classifiers of camera-trap images end with a common name: of seven, the last.
        ends = {last, 5} if len(segments) == 7 else {last}
        for end in range(last, 0, -1):
            lineage = tuple(filter(None, segments[: end + 1]))
            after = [one for one in segments[end + 1 :] if one]
            if segments[end]:
                yield Reading(lineage, end in ends or (len(segments) == 7 and len(after) < 2))
        return
    text = _SUBGENUS.sub(r"\1 \2", _AUTHOR.sub("", text))
    words = text.split()
    if len(words) > 2 and all(word[0].isupper() for word in words[:3]):
        yield Reading((*words[:-2], " ".join(words[-2:])), is_same=True)
        yield Reading(tuple(words), is_same=True)
        return
    plain = [word.rstrip(".,").casefold() for word in words]
    marks = [place for place, word in enumerate(plain) if word in _DOUBT | _OPEN | _STAGE]
    if not marks:
        yield Reading((text,), is_same=True)
    elif plain[marks[0]] in _STAGE:
        yield Reading((" ".join(words[: marks[0]]),), is_same=False)
    elif marks[0] == 0:
        if plain[0] in _OPEN:
            yield Reading((" ".join(words[1:]),), is_same=False)
        return
    if len(words) > 1 and words[0][0].isupper():
        yield Reading((words[0],), is_same=False)
