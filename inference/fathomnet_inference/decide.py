"""Turns probabilities into names: the likeliest concept, or the name with the least to lose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from fathomnet_voxel51.errors import Fault, InputError
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.taxonomy import Taxonomy

Rule = Literal["argmax", "expected-distance"]
ARGMAX: Final[Rule] = "argmax"
EXPECTED_DISTANCE: Final[Rule] = "expected-distance"
RULES: Final[tuple[Rule, ...]] = (ARGMAX, EXPECTED_DISTANCE)

TIE: Final = 1e-9
"""Expected distances or probabilities that differ by less count as equal; rounding is 1e-14."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decisions:
    """The chosen names of boxes; every field has one entry per box.

    Attributes:
        concept_name: the chosen name.
        confidence: (boxes,) float32; the probability that the name is true: that of the concept
            itself under ``argmax``, otherwise that of the name and all concepts below it.
        rank: the chosen name's own rank ("subfamily"); None for a name outside the taxonomy.
        reason: how the name was chosen, in words: "argmax", or "rolled up to family: expected
            distance 1.80 instead of 2.60", where the second figure is that of the argmax.
        argmax: the likeliest concept.
    """

    concept_name: Sequence[str]
    confidence: npt.NDArray[np.float32]
    rank: Sequence[str | None]
    reason: Sequence[str]
    argmax: Sequence[str]


def probabilities(logits: npt.NDArray[Any], temperature: float = 1.0) -> Floats:
    """The softmax of the logits divided by a temperature.

    Args:
        logits: (boxes, concepts), finite.
        temperature: above 1 makes the model less sure, below 1 more sure.

    Returns:
        (boxes, concepts); each row sums to 1.

    Examples:
        >>> probabilities(np.zeros((1, 4))).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    exponentials = np.exp(scaled)
    shares: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


class Decider:
    """Chooses names for boxes by one rule.

    Args:
        rule: one of ``RULES``.
        concepts: names in the order of the probabilities.
        taxonomy: the tree of names.

    Raises:
        InputError: the rule needs the tree, but some concepts are not in it.
    """

    def __init__(self, rule: Rule, concepts: Sequence[str], taxonomy: Taxonomy) -> None:
        self._rule = rule
        self._concepts = tuple(concepts)
        canonical = [taxonomy.canonical(name) for name in concepts]
        taxa = [taxonomy.taxon(name) for name in canonical]
        self._ranks = [taxon.rank if taxon else None for taxon in taxa]
        self._tree = None
        if rule == EXPECTED_DISTANCE:
            known = _all_known(concepts, canonical)
            self._tree = _Tree(known, taxonomy)

    def decide(self, shares: Floats) -> Decisions:
        """Chooses a name for each box.

        Args:
            shares: probabilities, (boxes, concepts).

        Examples:
            >>> from fathomnet_voxel51.taxonomy import load_taxonomy
            >>> concepts = ["Pandalus amplus", "Pandalus platyceros", "Heterocarpus"]
            >>> decider = Decider("expected-distance", concepts, load_taxonomy())
            >>> decisions = decider.decide(np.array([[0.4, 0.35, 0.25]]))
            >>> decisions.concept_name, decisions.reason
            (['Pandalus'], ['rolled up to genus: expected distance 1.25 instead of 1.45'])
        """
        likeliest = shares.argmax(axis=1)
        if self._tree is not None:
            return self._tree.decide(shares, likeliest)
        names = [self._concepts[at] for at in likeliest]
        return Decisions(
            concept_name=names,
            confidence=_at(shares, likeliest),
            rank=[self._ranks[at] for at in likeliest],
            reason=[ARGMAX] * len(names),
            argmax=names,
        )


class _Tree:
    """The names at every rank, any of which may be chosen for a box.

    The properties of names that a decision needs are arrays with one column per name.
    """

    def __init__(self, concepts: Sequence[str], taxonomy: Taxonomy) -> None:
        self._taxa = taxonomy.taxa
        self._own = taxonomy.positions(concepts)
        # (concepts, names): what each name costs if the truth is that concept.
        self._distance = taxonomy.distance_matrix[self._own].astype(np.float64)
        lineages = [{*self._taxa[at].lineage, self._taxa[at].name} for at in self._own]
        self._covers = np.array(
            [[taxon.name in lineage for taxon in self._taxa] for lineage in lineages], np.float64
        )
        self._depth = np.array([taxon.depth for taxon in self._taxa], np.float64)

    def decide(self, shares: Floats, likeliest: npt.NDArray[np.intp]) -> Decisions:
        """Chooses the name that minimises the expected distance.

        Ties go to the argmax, then to the deepest name, then to the name that is true with the
        highest probability, then to the first in tree order.
        """
        expected = shares @ self._distance
        mass = shares @ self._covers
        own = self._own[likeliest]
        is_own = np.arange(len(self._taxa)) == own[:, None]
        candidates = np.ones(expected.shape, dtype=bool)
        for merit in (-expected, is_own, self._depth, mass):
            merits = np.where(candidates, merit, -np.inf)
            candidates = merits >= merits.max(axis=1, keepdims=True) - TIE
        chosen = candidates.argmax(axis=1)
        taxa = [self._taxa[at] for at in chosen]
        return Decisions(
            concept_name=[taxon.name for taxon in taxa],
            confidence=_at(mass, chosen),
            rank=[taxon.rank for taxon in taxa],
            reason=self._reasons(expected, own, chosen),
            argmax=[self._taxa[at].name for at in own],
        )

    def _reasons(
        self, expected: Floats, own: npt.NDArray[np.intp], chosen: npt.NDArray[np.intp]
    ) -> list[str]:
        rows = np.arange(len(own))
        now, before = expected[rows, chosen], expected[rows, own]
        return [
            ARGMAX
            if at == argmax
            else f"{self._move(argmax, at)}: expected distance {new:.2f} instead of {old:.2f}"
            for argmax, at, new, old in zip(own, chosen, now, before, strict=True)
        ]

    def _move(self, argmax: int, chosen: int) -> str:
        """Where the chosen name lies relative to the likeliest one, in words."""
        old, new = self._taxa[argmax], self._taxa[chosen]
        if new.name in old.lineage:
            return f"rolled up to {new.rank}"
        if old.name in new.lineage:
            return f"narrowed to {new.rank}"
        return f"moved to another {new.rank}" if new.rank == old.rank else f"moved to {new.rank}"


def _at(values: Floats, columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """One value of each row, a probability that rounding may have pushed past 1."""
    picked = values[np.arange(len(columns)), columns]
    return np.minimum(picked, 1.0).astype(np.float32)


def _all_known(concepts: Sequence[str], canonical: Sequence[str | None]) -> list[str]:
    """The canonical names.

    Raises:
        InputError: some concepts have none.
    """
    pairs = list(zip(concepts, canonical, strict=True))
    faults = [
        Fault(f"concepts[{index}]", f"{name!r} is not in the taxonomy")
        for index, (name, known) in enumerate(pairs)
        if known is None
    ]
    if faults:
        raise InputError(
            f"decision {EXPECTED_DISTANCE}",
            faults,
            f"It needs each concept's place among {RANKS[0]} to {RANKS[-1]}; "
            f"decide by {ARGMAX}, or add the concepts to data/taxonomy.csv.",
        )
    return [known for _, known in pairs if known is not None]
