"""The tree of concepts as the App is shown it."""

from __future__ import annotations

from typing import Any

from pymongo.errors import PyMongoError

from ..dataset.app_defaults import TAXONOMY_NAME
from ..taxonomy import Taxonomy


def save_concept_tree(taxonomy: Taxonomy) -> bool:
    """Saves the concepts as a FiftyOne ontology, if this FiftyOne supports ontologies.

    Returns:
        Whether a version was written; not if the latest one is the same tree.
    """
    import fiftyone as fo

    if not hasattr(fo, "Taxonomy"):
        return False
    children: dict[str | None, list[str]] = {}
    for taxon in taxonomy.taxa:
        children.setdefault(taxon.parent, []).append(taxon.name)
    concepts = frozenset(taxonomy.concepts)

    def node(name: str) -> Any:
        taxon = taxonomy.taxon(name)
        below = [node(child) for child in children.get(name, ())]
        return fo.Node(
            name=name,
            description=taxon.rank if taxon else None,
            can_select=name in concepts,
            values=below or None,
        )

    root = fo.Node(name="Life", can_select=False, values=[node(name) for name in children[None]])
    description = f"{len(concepts)} concepts and their ancestors, kingdom to species"
    tree = fo.Taxonomy(name=TAXONOMY_NAME, root=root, description=description)
    if _latest_tree() == tree.root.to_dict():
        return False
    try:
        tree.save(overwrite=True)
    except (ValueError, PyMongoError):
        # Of two processes that save it at once, one is refused: what counts is that it is there.
        if _latest_tree() != tree.root.to_dict():
            raise
        return False
    return True


def _latest_tree() -> dict[str, Any] | None:
    import fiftyone as fo

    if TAXONOMY_NAME not in fo.list_ontologies():
        return None
    tree: dict[str, Any] = fo.load_ontology(TAXONOMY_NAME).root.to_dict()
    return tree
