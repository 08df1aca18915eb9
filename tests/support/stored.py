"""What a dataset stores, in a form that two datasets can be compared in."""

from __future__ import annotations

from typing import Any

PASSING = frozenset({"_id", "_dataset_id", "created_at", "last_modified_at", "_rand"})
"""What differs between two datasets of the same content: ids, time stamps and FiftyOne's dice."""

DICE_AND_TIMES = (PASSING | {"reviewed_at"}) - {"_id"}


def documents(dataset: Any, without: frozenset[str] = PASSING) -> list[Any]:
    """Every sample's document, in the order of split and image id."""
    found = dataset._sample_collection.find().sort([("split", 1), ("image_id", 1)])
    return [strict(document, without) for document in found]


def strict(value: Any, without: frozenset[str]) -> Any:
    """A value in which 1, 1.0 and True differ, less the named keys at any depth."""
    if isinstance(value, dict):
        return {key: strict(one, without) for key, one in value.items() if key not in without}
    if isinstance(value, list):
        return [strict(one, without) for one in value]
    return type(value).__name__, value


def without_none(value: Any) -> Any:
    """A value of ``strict`` less every None, which FiftyOne holds equal to absent."""
    if isinstance(value, dict):
        kept = {key: without_none(one) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one != ("NoneType", None)}
    return [without_none(one) for one in value] if isinstance(value, list) else value


def schema(dataset: Any) -> dict[str, str]:
    """Every field's path and kind, box attributes included."""
    return {path: str(field) for path, field in dataset.get_field_schema(flat=True).items()}


def settings(dataset: Any) -> dict[str, Any]:
    """What a dataset holds beside its samples, less ids and time stamps."""
    return {
        "schema": schema(dataset),
        "info": dataset.info,
        "media_type": dataset.media_type,
        "persistent": dataset.persistent,
        "app": strict(dataset.app_config.to_dict(), PASSING),
        "views": {
            name: str(dataset.load_saved_view(name)).split("View stages:")[1]
            for name in dataset.list_saved_views()
        },
        "runs": {
            key: dict(dataset.get_run_info(key).config.serialize()) for key in dataset.list_runs()
        },
        "indexes": sorted(dataset.list_indexes()),
    }
