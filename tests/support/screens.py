"""What the App sends of its screen with every request to an operator, as dictionaries.

``tests/e2e/test_what_is_seen.py`` compares them with what the real App sends.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

FORM = "50e4ae7-5b1-b5c-0a2-568304fb6"
"""The id of a form, as the App makes them."""

VOLATILE = (
    "operator_uri",
    "params",
    "prompt_id",
    "query_performance",
    "results",
    "spaces",
    "workspace_name",
    "sample_selection_style",
    "label_selection_style",
    "delegation_target",
)
"""What is in a request, and is not about what is seen."""


def is_label(*labels: str, matching: bool = False) -> dict[str, Any]:
    """The value of a filter of the sidebar that lets some names through.

    Args:
        labels: the names.
        matching: "show samples with label" rather than "select detections with label".
    """
    return {"values": list(labels), "exclude": False, "isMatching": matching}


def lasso(field: str, ids: Sequence[str]) -> dict[str, Any]:
    """The stage of a lasso in a map of boxes, above images."""
    stage = {
        "labels": None,
        "ids": list(ids),
        "instance_ids": None,
        "tags": None,
        "filter": None,
        "fields": [field],
        "bool": True,
    }
    return {"fiftyone.core.stages.MatchLabels": stage}


def lasso_of_patches(ids: Sequence[str]) -> dict[str, Any]:
    """The stage of a lasso in a map of boxes, above patches."""
    return {"fiftyone.core.stages.Select": {"sample_ids": list(ids), "ordered": False}}


def label(field: str, sample_id: str, label_id: str) -> dict[str, Any]:
    """A label that was clicked in an image."""
    instance = {"_cls": "Instance"}
    return {"field": field, "label_id": label_id, "sample_id": sample_id, "instance": instance}


def request(
    dataset: Any,
    view: Any = None,
    saved: str | None = None,
    filters: dict[str, Any] | None = None,
    extended: dict[str, Any] | None = None,
    selected: Sequence[str] = (),
    labels: Sequence[dict[str, Any]] = (),
    opened: str | None = None,
    active: Sequence[str] = ("ground_truth", "model_predictions"),
) -> dict[str, Any]:
    """A request of the App without its parameters.

    Args:
        dataset: the dataset that is open.
        view: what is in the view bar; None for nothing.
        saved: its name where it is a saved view.
        filters: of the sidebar.
        extended: of a lasso.
        selected: ids of the selected tiles.
        labels: the labels that were clicked.
        opened: id of the tile that is open.
        active: the fields that are drawn.
    """
    # Numbers that are not JSON's are sent as MongoDB writes them.
    stages = [] if view is None else json.loads(json.dumps(view._serialize(include_uuids=False)))
    return {
        "current_sample": opened,
        "dataset_name": dataset.name,
        "extended": extended or {},
        "extended_selection": {"selection": None},
        "filters": filters or {},
        "request_delegation": False,
        "target": "inputs",
        "selected": list(selected),
        "selected_samples": [{"id": one, "type": "default"} for one in selected],
        "selected_labels": list(labels),
        "view": stages,
        "view_name": saved,
        "group_slice": None,
        "active_fields": list(active),
    }
