"""Sets how a new dataset first looks in the App, and saves the tree of concepts in FiftyOne."""

from __future__ import annotations

from typing import Any, Final

from ..names import GROUND_TRUTH

TAXONOMY_NAME: Final = "FathomNet 2025"
"""Name of the tree of concepts among FiftyOne's ontologies, which all datasets share."""

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
COLOURS: Final = (
    *("#ffd23f", "#ff7aa2", "#7cf29c", "#5ad1ff", "#ff9f5a", "#c79bff"),
    *("#f6f5ae", "#3ddbd9", "#ff6b6b", "#a8e05f", "#ffb3de", "#9fc9ff"),
)
"""Bright colours, because FiftyOne's own first ones are invisible on dark water."""

_COLLAPSED: Final = ("metadata", "other")


def set_app_defaults(dataset: Any) -> None:
    """Colours by concept and groups the sidebar of a new dataset."""
    import fiftyone as fo
    from fiftyone.core.odm import SidebarGroupDocument

    dataset.app_config.color_scheme = fo.ColorScheme(color_by="value", color_pool=list(COLOURS))
    dataset.app_config.sidebar_groups = [
        SidebarGroupDocument(name=name, paths=list(paths), expanded=name not in _COLLAPSED)
        for name, paths in SIDEBAR.items()
    ]
    dataset.save()


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
    """Ticks a field in the sidebar before it is made, if new fields are left unticked."""
    active = dataset.app_config.active_fields
    if active is None or active.exclude or dataset.get_field(field) is not None:
        return
    if field not in active.paths:
        active.paths.append(field)
        dataset.save()


def save_split_view(dataset: Any, split: str) -> None:
    """Saves a view of one split under its name, unless a view of that name exists."""
    from fiftyone import ViewField

    if not dataset.has_saved_view(split):
        view = dataset.match(ViewField("split") == split)
        dataset.save_view(split, view, description=f"The images of the {split} split")
