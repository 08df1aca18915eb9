"""The door to the review panel: exactly what is seen or selected, in one click, pinned."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.operators.open_review import OpenReview
from fathomnet_voxel51.review.sets import read_set
from fiftyone.operators.executor import ExecutionContext, Executor, execute_or_delegate_operator

from demo.synthetic import write_catalog
from tests.support import screens

OPEN = f"{PLUGIN_NAME}/open_review"
BOXES = "ground_truth.detections"


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 10, 30, seed=3)
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    yield fo.load_dataset(dataset_name)


def opened(dataset: Any, **sent: Any) -> tuple[dict[str, Any], Any]:
    """The result of one click on the button, and the set that the panel is told to show."""
    request = json.loads(json.dumps(screens.request(dataset, **sent) | {"params": {}}))
    done = asyncio.run(execute_or_delegate_operator(OPEN, request))
    assert not done.error, done.error_message
    told = {one.operator_uri.rpartition("/")[2]: one.params for one in done.executor._requests}
    assert told["open_panel"]["name"] == "review"
    assert told["show_review_set"] == {"key": done.result["set"]}
    return done.result, read_set(dataset, done.result["set"])


def test_the_button_needs_no_form(dataset: Any) -> None:
    sent = screens.request(dataset) | {"params": {}}
    context = ExecutionContext(sent, executor=Executor(), operator_uri=OPEN)
    placement = foo.get_operator(OPEN).resolve_placement(context).to_json()
    assert placement["place"] == "samples-grid-secondary-actions"
    assert placement["view"]["prompt"] is False


def test_a_lasso_is_a_set_of_exactly_its_boxes_as_a_grid(dataset: Any) -> None:
    ids = dataset.values(f"{BOXES}.id", unwind=True)[3:10]
    result, pinned = opened(dataset, extended=screens.lasso("ground_truth", ids))
    assert {label for _, label in pinned.boxes} == set(ids)
    assert (result["labels"], result["title"]) == (7, "7 labels, lassoed")
    assert pinned.as_grid


def test_what_a_view_shows_comes_in_its_order_and_stays_however_it_is_renamed(
    dataset: Any,
) -> None:
    view = dataset.to_patches("ground_truth").sort_by("ground_truth.label", reverse=True)
    result, pinned = opened(dataset, view=view)
    shown = view.values("id")
    assert [label for _, label in pinned.boxes] == shown and not pinned.as_grid
    dataset.set_label_values(f"{BOXES}.label", dict.fromkeys(shown, "Sebastes"))
    assert read_set(dataset, result["set"]).boxes == pinned.boxes
    few, some = opened(dataset, view=view, selected=shown[:2])
    assert (few["labels"], {label for _, label in some.boxes}) == (2, set(shown[:2]))


def test_of_the_whole_dataset_all_labels_come(dataset: Any) -> None:
    result, pinned = opened(dataset)
    assert (result["labels"], len(pinned.boxes), result["title"]) == (30, 30, "all labels")


def test_python_names_a_saved_view_and_a_view_without_boxes_is_refused(dataset: Any) -> None:
    dataset.save_view("few", dataset.limit(2))
    result = OpenReview()(dataset, view="few")
    assert result["labels"] == dataset.limit(2).count(BOXES)
    assert read_set(dataset, result["set"]).title == "few"
    dataset.save_view("none", dataset.match({"split": "none"}))
    with pytest.raises(InputError, match="there is no label of ground_truth"):
        OpenReview()(dataset, view="none")
