"""The concepts and their lineages, as the demo needs them."""

from pathlib import Path
from typing import Final

from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.taxonomy import read_table

TAXONOMY: Final = data_file("taxonomy.csv")
"""The pinned table of the 79 concepts."""

Lineages = dict[str, tuple[str, ...]]
"""Concept -> its seven slots from kingdom to species, ``""`` where a slot is empty."""


def read_lineages(taxonomy: Path = TAXONOMY) -> Lineages:
    """Reads the concepts in alphabetical order, each with its seven-rank lineage.

    Args:
        taxonomy: a csv like the pinned one.

    Raises:
        InputError: with every fault of the file and its line.
    """
    concepts = sorted(read_table(taxonomy).concepts, key=lambda concept: concept.name)
    return {concept.name: tuple(slot or "" for slot in concept.lineage) for concept in concepts}
