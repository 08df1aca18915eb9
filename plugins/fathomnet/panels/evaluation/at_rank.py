"""What an evaluation says at one rank, and which pairs each bar and cell stands for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from ...evaluation.finished import FinishedEvaluation
from ...evaluation.scoring.confusion import (
    CONCEPT,
    Confused,
    Confusion,
    confusion_at,
    most_confused,
)
from ...evaluation.scoring.scores import Agreement, kinds_of_agreement
from ...names import RANKS
from ...taxonomy import Taxonomy

LEVELS: Final = (CONCEPT, *reversed(RANKS))
"""Where a confusion can be looked at, the finest first."""

KINDS: Final = tuple(field.name for field in fields(Agreement))

PAIRS_SHOWN: Final = 10

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The boxes that a person has clicked on.

    Attributes:
        words: what they are.
        positions: their pairs in the evaluation.
    """

    words: str
    positions: Positions

    def __str__(self) -> str:
        count = len(self.positions)
        return f"{count:,} {'box' if count == 1 else 'boxes'}: {self.words}"


@dataclass(frozen=True, slots=True)
class EvaluationAtRank:
    """An evaluation, looked at from one rank.

    Attributes:
        evaluation: it.
        taxonomy: the tree of concepts.
        level: one of ``LEVELS``.
        confusion: truth against prediction there.
        confused: the pairs of names that are confused most often there.
    """

    evaluation: FinishedEvaluation
    taxonomy: Taxonomy
    level: str
    confusion: Confusion
    confused: tuple[Confused, ...]

    @classmethod
    def of(cls, evaluation: FinishedEvaluation, level: str, taxonomy: Taxonomy) -> EvaluationAtRank:
        """Counts an evaluation at a level.

        Raises:
            ValueError: the level is none of ``LEVELS``.
        """
        confusion = confusion_at(level, evaluation.pairs, taxonomy)
        confused = most_confused(evaluation.pairs, taxonomy, level, PAIRS_SHOWN)
        return cls(evaluation, taxonomy, level, confusion, confused)

    @property
    def boxes(self) -> int:
        """Boxes whose truth reaches the level."""
        return int(self.confusion.counts.sum())

    @property
    def accuracy(self) -> float | None:
        """The share of them that is right there; None without any."""
        return int(self.confusion.right.sum()) / self.boxes if self.boxes else None

    def cell(self, row: int, column: int) -> Chosen:
        """The boxes of a cell of the confusion, or of a whole row or column that are wrong.

        Args:
            row: of the true name; the one after the last for whatever is truly there.
            column: of the predicted name; after the last come none, and whatever was predicted.
        """
        names, confusion = (*self.confusion.names, None), self.confusion
        any_row, any_column = row == len(confusion.names), column > len(confusion.names)
        if not any_row and not any_column:
            true, predicted = names[row] or "", names[column]
            told = f"{true} taken for {predicted}"
            if true == predicted:
                told = f"{true}, predicted so"
            elif predicted is None:
                of_rank = "" if self.level == CONCEPT else f" at {self.level}"
                told = f"{true}, predicted without a name{of_rank}"
            return Chosen(told, confusion.cell(row, column))
        of_row = np.full(len(confusion.rows), True) if any_row else confusion.rows == row
        of_column = True if any_column else confusion.columns == column
        words = [] if any_row else [f"truly {names[row]}"]
        words += [] if any_column else [f"taken for {names[column] or 'nothing'}"]
        told = ", ".join([*words, f"wrong at {self.level}"])
        return Chosen(told, np.flatnonzero(confusion.wrong & of_row & of_column))

    def confused_pair(self, number: int) -> Chosen:
        """The boxes of one of the pairs that are confused most."""
        one = self.confused[number]
        place = self.confusion.names.index
        return self.cell(place(one.true), place(one.predicted))

    def kind(self, kind: str) -> Chosen:
        """The boxes of one of ``KINDS``."""
        kinds = kinds_of_agreement(self.evaluation.pairs, self.taxonomy)
        return Chosen(kind.replace("_", " "), np.flatnonzero(kinds[kind]))

    def at(self, rank: str, right: bool) -> Chosen:
        """The boxes that are right, or wrong, at any rank."""
        same = rank == self.level
        there = self.confusion if same else confusion_at(rank, self.evaluation.pairs, self.taxonomy)
        chosen = there.right if right else there.wrong
        return Chosen(f"{'right' if right else 'wrong'} at {rank}", np.flatnonzero(chosen))
