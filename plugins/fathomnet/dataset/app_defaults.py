"""Sets how a new dataset first looks in the App, and saves the tree of concepts in FiftyOne."""

import colorsys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from pymongo.errors import PyMongoError

from ..names import GROUND_TRUTH, MODEL_PREDICTIONS, PRIMARY_LABEL
from ..taxonomy import Taxonomy, load_taxonomy
from .collection import make_durable
from .schema import label_type

TAXONOMY_NAME: Final = "FathomNet 2025"
"""Name of the tree of concepts among FiftyOne's ontologies, which all datasets share."""

NAMES_OF_BOXES: Final = "FathomNet 2025 names"
"""Name of what FiftyOne's Annotate tab is told: that names are chosen on this tree."""

SIDEBAR: Final = {
    "tags": ("tags", "_label_tags"),
    "labels": (GROUND_TRUTH,),
    "capture": ("vehicle", "dive", "date_captured"),
    "provenance": (
        "split",
        "image_id",
        "file_name",
        "source_url",
        "media_uri",
        "media_status",
    ),
    "metadata": ("metadata.width", "metadata.height", "metadata.mime_type"),
    "other": ("id", "filepath", "created_at", "last_modified_at"),
}
LIGHT: Final = (0.175, 0.12)
"""Relative luminance of the colours, by turns, so that neighbours on the tree differ.

FiftyOne writes names in white, which needs less than 0.183 for a contrast of 4.5 (WCAG 2.2), and
draws the boxes on dark water, where they stand out by more than 2.5.
"""

POOL: Final = 12
"""Colours of names that are not on the tree."""

_NAMELESS: Final = {"none": "#ffffff59"}
"""FiftyOne's word for labels without a name, and a translucent white for them."""

_HUES_OF_STATES: Final = {"confirmed": 0.36, "relabelled": 0.58, "rejected": 0.0, "unsure": 0.13}
"""Of what people say of labels, where boxes are coloured by ``review_state``."""
_COLLAPSED: Final = ("metadata", "other")


def concept_colours(taxonomy: Taxonomy) -> dict[str, str]:
    """A colour for every name below a kingdom, the same at all times, that follows the tree.

    Each phylum has its part of the circle of hues, by how many names it has, so that what is kin
    looks alike.

    Args:
        taxonomy: the tree of concepts.

    Examples:
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> colours = concept_colours(load_taxonomy())
        >>> colours["Sebastes"], colours["Sebastes diploproa"], colours["Paralomis multispina"]
        ('#536908', '#607e0a', '#af5f0e')
    """
    names = [name for name in taxonomy.names if taxonomy.rollup(name, "phylum")]
    return {
        name: _colour(place / len(names), LIGHT[place % len(LIGHT)])
        for place, name in enumerate(names)
    }


def _colour(hue: float, luminance: float) -> str:
    """The colour of a hue, 0 to 1, and of a relative luminance, as the App takes it."""
    dark, bright = 0.0, 1.0
    for _ in range(20):
        middle = (dark + bright) / 2
        red, green, blue = colorsys.hls_to_rgb(hue, middle, 0.85)
        linear = (
            one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4
            for one in (red, green, blue)
        )
        found = sum(
            share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
        )
        dark, bright = (middle, bright) if found < luminance else (dark, middle)
    return "#" + "".join(f"{int(one * 255):02x}" for one in (red, green, blue))


def set_app_defaults(dataset: Any, field: str = GROUND_TRUTH) -> None:
    """Colours by concept and groups the sidebar of a new dataset, whose labels are in a field."""
    import fiftyone as fo
    from fiftyone.core.odm import SidebarGroupDocument

    colours = concept_colours(load_taxonomy())
    by_label = {
        "colorByAttribute": "label",
        "valueColors": [{"value": name, "color": colour} for name, colour in colours.items()],
    }
    fields = (field, PRIMARY_LABEL, MODEL_PREDICTIONS)
    dataset.app_config.color_scheme = fo.ColorScheme(
        color_by="value",
        # Of names that are not on the tree.
        color_pool=[_colour(place / POOL, LIGHT[0]) for place in range(POOL)],
        fields=[{"path": one, **by_label} for one in fields],
    )
    dataset.app_config.sidebar_groups = [
        SidebarGroupDocument(name=name, paths=list(paths), expanded=name not in _COLLAPSED)
        for name, paths in {**SIDEBAR, "labels": (field,)}.items()
    ]
    dataset.save()


def colour_names(dataset: Any, taxonomy: Taxonomy) -> None:
    """Gives names that have no colour yet one that follows the tree; those that are there stay.

    Args:
        dataset: a FiftyOne dataset; nothing is done where it has no colours of names.
        taxonomy: the tree of concepts.
    """
    scheme = dataset.app_config.color_scheme
    colours = concept_colours(taxonomy)
    is_changed = False
    for one in (scheme.fields or ()) if scheme else ():
        values = one.get("valueColors") or []
        coloured = {value.get("value") for value in values}
        new = [{"value": name, "color": colours[name]} for name in colours.keys() - coloured]
        if values and new:
            one["valueColors"] = [*values, *sorted(new, key=lambda value: value["value"])]
            is_changed = True
    if is_changed:
        dataset.save()


def colour_states(dataset: Any, field: str) -> None:
    """Gives the review states of a field's labels colours beside those of its names.

    Whoever has the App use the attribute ``review_state`` to colour the field sees them. Colours
    that somebody has chosen stay.

    Args:
        dataset: a FiftyOne dataset; nothing is done where it has no colours for the field.
        field: of labels.
    """
    colours = {state: _colour(hue, LIGHT[0]) for state, hue in _HUES_OF_STATES.items()}
    _add_colours(dataset, field, colours)


def see_through_nameless(dataset: Any, field: str) -> None:
    """Lets boxes of a model be seen through those of a field that have no name, as in a test split.

    They have the same corners, and would all have the one colour of what has no name. A colour that
    somebody has chosen for that stays.

    Args:
        dataset: a FiftyOne dataset; nothing is done where it has no colours for the field.
        field: of labels.
    """
    _add_colours(dataset, field, _NAMELESS)


def _add_colours(dataset: Any, field: str, colours: Mapping[str, str]) -> None:
    """Gives values of a field's labels colours, where the field has colours and the value none."""
    scheme = dataset.app_config.color_scheme
    of_field = [one for one in (scheme.fields or () if scheme else ()) if one.get("path") == field]
    if not of_field:
        return
    values = of_field[0].get("valueColors") or []
    missing = colours.keys() - {one.get("value") for one in values}
    if missing:
        new = [{"value": one, "color": colours[one]} for one in colours if one in missing]
        of_field[0]["valueColors"] = [*values, *new]
        dataset.save()


def save_concept_tree(
    taxonomy: Taxonomy,
    name: str = TAXONOMY_NAME,
    boxes: str = NAMES_OF_BOXES,
    special: Iterable[str] = (),
) -> bool:
    """Saves the tree as a FiftyOne ontology, if this FiftyOne supports ontologies.

    It is saved once more as what FiftyOne's own Annotate tab chooses names by: all of the tree,
    since a box may be known to its family only, but for names that are not offered any more.

    Args:
        taxonomy: the tree of concepts.
        name: of the ontology.
        boxes: of what the tab is told.
        special: names that are no taxa, which stand beside the tree.

    Returns:
        Whether a version was written; not if the latest one is the same tree.
    """
    import fiftyone as fo

    if not hasattr(fo, "Taxonomy"):
        return False
    children: dict[str | None, list[str]] = {}
    for taxon in taxonomy.taxa:
        children.setdefault(taxon.parent, []).append(taxon.name)

    def node(name: str) -> Any:
        taxon = taxonomy.taxon(name)
        below = [node(child) for child in children.get(name, ())]
        words, is_offered = taxon.rank if taxon else None, name not in taxonomy.retired
        return fo.Node(name=name, description=words, can_select=is_offered, values=below or None)

    top = [node(one) for one in children.get(None, ())]
    top += [fo.Node(name=one, description="no taxon") for one in sorted(special)]
    title = "Life" if "Life" not in taxonomy.names else "All names"
    root = fo.Node(name=title, can_select=False, values=top)
    description = f"{len(taxonomy.concepts)} concepts and their ancestors, kingdom to species"
    tree = fo.Taxonomy(name=name, root=root, description=description)
    written = _save_latest(tree)
    _save_latest(fo.AnnotationOntology(name=boxes, taxonomy=tree))
    return written


def _save_latest(ontology: Any) -> bool:
    """Saves an ontology, unless its latest version is the same; whether it was written."""
    wanted = ontology.to_dict()["root"]
    if _latest(ontology.name) == wanted:
        return False
    try:
        ontology.save(overwrite=True)
    except (ValueError, PyMongoError):
        # Of two processes that save it at once, one is refused: what counts is that it is there.
        if _latest(ontology.name) != wanted:
            raise
        return False
    return True


def _latest(name: str) -> Any:
    import fiftyone as fo

    return fo.load_ontology(name).to_dict()["root"] if name in fo.list_ontologies() else None


def offer_names(
    dataset: Any,
    on_tree: Iterable[str],
    others: Iterable[str] = (),
    boxes: str = NAMES_OF_BOXES,
    instead_of: Collection[str] = frozenset(),
    field: str = GROUND_TRUTH,
) -> None:
    """Has FiftyOne's own Annotate tab offer these names for labels, and nothing that follows.

    They are chosen on the tree where it has all of them and was saved as an ontology, which
    releases from 1.18 on can do, and otherwise from a list. The number of a box, its area and its
    ranks are no person's to set. Does nothing where somebody has said already what the tab offers,
    and on releases that know no label schemas.

    Args:
        dataset: a FiftyOne dataset.
        on_tree: the names of the tree, for the labels of the field.
        others: names that the boxes may have beside; some may be on the tree.
        boxes: name of what the tab is told of the tree.
        instead_of: what the project has said before: where that stands, this takes its place.
        field: of boxes, or of the one label of each crop.
    """
    import fiftyone as fo

    kinds = {fo.Detections: "detections", fo.Classification: "classification"}
    kind = kinds.get(label_type(dataset, field))
    if not hasattr(dataset, "update_label_schema") or kind is None:
        return
    there = dataset.label_schemas.get(field)
    if there is not None and (not instead_of or set(there.get("classes") or ()) != {*instead_of}):
        return
    names = set(on_tree)
    schema: dict[str, Any] = {
        "type": kind,
        "component": "dropdown",
        "classes": sorted(names.union(others)),
        "attributes": [],
    }
    if dataset.get_field(f"{field}.detections.iscrowd") is not None:
        crowd = {"name": "iscrowd", "type": "int", "component": "radio", "values": [0, 1]}
        schema["attributes"].append(crowd)
    ontologies = getattr(fo, "list_ontologies", tuple)
    if names.issuperset(others) and boxes in ontologies():
        schema["applied_ontology"] = boxes
    dataset.update_label_schema(field, schema)
    dataset.activate_label_schemas(field)
    make_durable(dataset)


def untick_new_fields(dataset: Any) -> None:
    """Keeps the present fields ticked in the sidebar, and leaves new ones unticked.

    Does nothing if somebody has already chosen which fields are ticked.
    """
    import fiftyone as fo

    config = dataset.app_config
    if config.active_fields is None:
        config.active_fields = fo.DatasetAppConfig.default_active_fields(dataset)
        dataset.save()


def tick_new_field(dataset: Any, field: str) -> None:
    """Ticks a field in the sidebar before it is made, if new fields are left unticked.

    Its names get the colours that they have in the field of the annotated boxes.
    """
    scheme = dataset.app_config.color_scheme
    coloured = {one["path"]: one for one in (scheme.fields or ())} if scheme else {}
    if GROUND_TRUTH in coloured and field not in coloured:
        scheme.fields.append({**coloured[GROUND_TRUTH], "path": field})
        dataset.save()
    active = dataset.app_config.active_fields
    if active is None or active.exclude or dataset.get_field(field) is not None:
        return
    if field not in active.paths:
        active.paths.append(field)
        dataset.save()


def show_on_tiles(dataset: Any, field: str) -> None:
    """Ticks a field that is there, so that its value is on the tile of each image that has one."""
    untick_new_fields(dataset)
    active = dataset.app_config.active_fields
    if not active.exclude and field not in active.paths:
        active.paths.append(field)
        dataset.save()


def show_on_patches(dataset: Any, field: str, attributes: Iterable[str]) -> None:
    """Has the tiles of a field's patches say these attributes, and the sidebar offer them to tick.

    The App draws of a label what stands in the sidebar and is ticked there. Paths such as
    ``ground_truth.suspicion`` are there only in a view of patches, where a label is a field of its
    own; of other views the App leaves them out. Does nothing where they are in the sidebar
    already, ticked or not.

    Args:
        dataset: a FiftyOne dataset.
        field: of boxes.
        attributes: of the boxes.
    """
    import fiftyone as fo

    config = dataset.app_config
    groups = config.sidebar_groups or fo.DatasetAppConfig.default_sidebar_groups(dataset)
    listed = {path for group in groups for path in group.paths}
    new = [path for name in attributes if (path := f"{field}.{name}") not in listed]
    home = next((group for group in groups if group.name == "labels"), None)
    if not new or home is None:
        return
    home.paths = [*home.paths, *new]
    config.sidebar_groups = groups
    untick_new_fields(dataset)
    if not config.active_fields.exclude:
        config.active_fields.paths = [*config.active_fields.paths, *new]
    dataset.save()


def save_split_view(dataset: Any, split: str) -> None:
    """Saves a view of one split under its name, unless a view of that name exists."""
    from fiftyone import ViewField

    if not dataset.has_saved_view(split):
        view = dataset.match(ViewField("split") == split)
        dataset.save_view(split, view, description=f"The images of the {split} split")
