"""The view that shows a taxon's boxes, and reading from a view which taxon it shows.

Which taxon is chosen is not remembered beside the view: it is read from the stage that the panel
added, so that the panel is right after a reload, after "back", and in a saved view.
"""

from typing import Any

from ...taxonomy import Taxonomy
from .tree import ALL, OTHERS, UNLABELLED, named_by, other_key, taxon_key


def condition(key: str, taxonomy: Taxonomy) -> Any:
    """The FiftyOne expression for the labels at and below a node.

    Args:
        key: of the node, see ``tree``.
        taxonomy: the tree of concepts.
    """
    from fiftyone import ViewExpression
    from fiftyone import ViewField as F

    if key == UNLABELLED:
        return ~F("label").exists()
    name = named_by(key)
    names = taxonomy.names if name is None else taxonomy.within(name) or (name,)
    # Literal, or MongoDB would take a label that begins with "$" for a field.
    among = ViewExpression({"$in": [F("label"), {"$literal": list(names)}]})
    return F("label").exists() & ~among if key == OTHERS else among


def show(view: Any, field: str, key: str, taxonomy: Taxonomy) -> Any:
    """A view of the boxes of a taxon and all below it, of those that a view shows.

    Args:
        view: a view in which no taxon is chosen, see ``chosen``.
        field: the field of labels.
        key: of the node, see ``tree``; ``ALL`` for the view as it is.
        taxonomy: the tree of concepts.
    """
    import fiftyone as fo

    if key == ALL:
        return view
    return view.add_stage(fo.FilterLabels(field, condition(key, taxonomy)))


def chosen(view: Any, field: str, taxonomy: Taxonomy) -> tuple[Any, str]:
    """The view without its choice of a taxon, and the key of that.

    Only a choice that nothing but filters follow can be taken from a view: to patches, or to the
    first ten images, it is part of what they are.

    Args:
        view: what the App shows.
        field: the field of labels.
        taxonomy: the tree of concepts.
    """
    import fiftyone as fo

    stages = list(view._stages)
    for place in reversed(range(len(stages))):
        if isinstance(stages[place], fo.FilterLabels):
            key = _key(view, stages[place], field, taxonomy)
            if key is not None:
                return _rebuilt(view, [*stages[:place], *stages[place + 1 :]]), key
        elif not isinstance(stages[place], _filters()):
            break
    return view, ALL


def _key(view: Any, stage: Any, field: str, taxonomy: Taxonomy) -> str | None:
    """The key of the choice that a stage is; None where it is another filter."""
    import fiftyone as fo

    arguments = dict(stage._kwargs())
    if arguments["field"] != field:
        return None
    keys = [UNLABELLED, OTHERS]
    if names := _names(arguments["filter"]):
        keys = [taxon_key(names[0]) if names[0] in taxonomy else other_key(names[0])]
    for key in keys:
        same = fo.FilterLabels(field, condition(key, taxonomy))
        same.validate(view)  # a condition is written down as the kind of the field wants it
        if dict(same._kwargs()) == arguments:
            return key
    return None


def _filters() -> tuple[type, ...]:
    """The stages of the App's sidebar, which may as well stand before a choice as after it."""
    import fiftyone as fo

    return (fo.FilterField, fo.FilterLabels, fo.Match, fo.MatchLabels, fo.MatchTags, fo.Select)


def _names(condition: Any) -> list[str]:
    """The names that a condition asks for, the chosen one first; empty where it asks otherwise."""
    try:
        names = condition["$in"][1]["$literal"]
    except (TypeError, KeyError, IndexError):
        return []
    return names if isinstance(names, list) else []


def _rebuilt(view: Any, stages: list[Any]) -> Any:
    whole = view._base_view  # of patches these very patches, else the whole dataset
    for stage in stages:
        whole = whole.add_stage(stage)
    return whole
