"""The door to verdicts: exactly what is selected, all but that, or all that is shown."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels.verdicts import state_of
from fathomnet_voxel51.names import PLUGIN_NAME
from fiftyone.operators.executor import ExecutionContext, Executor, execute_or_delegate_operator

from demo.synthetic import write_catalog
from tests.support import screens

REVIEW, RELABEL = f"{PLUGIN_NAME}/review_labels", f"{PLUGIN_NAME}/relabel_boxes"
NEW = "Scotoplanes globosa"


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 20, 60, seed=3)
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    yield fo.load_dataset(dataset_name)


def patches(dataset: Any) -> Any:
    """The first images' boxes, as patches."""
    return dataset.limit(6).to_patches("ground_truth")


def request(dataset: Any, view: Any, **sent: Any) -> dict[str, Any]:
    values = sent.pop("values")
    made: dict[str, Any] = screens.request(dataset, view=view, **sent)
    return made | {"params": values, "prompt_id": screens.FORM}


def form(operator: str, sent: dict[str, Any]) -> str:
    """Everything that the form says."""
    sent = json.loads(json.dumps(sent, default=str))
    context = ExecutionContext(sent, executor=Executor(), operator_uri=operator)
    return json.dumps(foo.get_operator(operator).resolve_type(context, "inputs").to_json())


def run(operator: str, sent: dict[str, Any]) -> Any:
    done = asyncio.run(execute_or_delegate_operator(operator, json.loads(json.dumps(sent))))
    assert not done.error, done.error_message
    return done.result


def refused(operator: str, sent: dict[str, Any]) -> str:
    done = asyncio.run(execute_or_delegate_operator(operator, json.loads(json.dumps(sent))))
    assert done.error
    return str(done.error_message)


def stored(dataset: Any) -> dict[str, dict[str, Any]]:
    images = dataset._sample_collection.find()
    return {str(box["_id"]): box for one in images for box in one["ground_truth"]["detections"]}


def test_all_but_the_selected_get_the_name_and_the_form_says_so(dataset: Any) -> None:
    view = patches(dataset)
    shown = view.values("id")
    before = stored(dataset)
    values = {"verdict": "relabel", "label": NEW, "scope": "all_except_selected"}
    sent = request(dataset, view, selected=shown[:2], values=values)
    others = [one for one in shown[2:] if before[one]["label"] != NEW]
    told = form(REVIEW, sent)
    assert f"{len(shown)} shown, 2 selected: {len(others)} become {NEW}" in told
    assert "_tick_" not in told
    result = run(REVIEW, sent)
    assert result["relabelled"] == len(others)
    after = stored(dataset)
    for one, box in after.items():
        if one in shown[2:]:
            assert box["label"] == NEW and state_of(box) in ("relabelled", "confirmed")
        else:
            assert box == before[one]


def test_what_is_selected_is_confirmed_alone_and_what_is_shown_as_a_whole(dataset: Any) -> None:
    view = patches(dataset)
    shown = view.values("id")
    sent = request(dataset, view, selected=shown[:3], values={"verdict": "confirm"})
    assert f"{len(shown)} shown, 3 selected: 3 become confirmed" in form(REVIEW, sent)
    assert run(REVIEW, sent)["confirmed"] == 3
    judged = {one for one, box in stored(dataset).items() if state_of(box) == "confirmed"}
    assert judged == set(shown[:3])
    values = {"verdict": "reject", "scope": "shown"}
    sent = request(dataset, view, selected=shown[:3], values=values)
    assert f"{len(shown)} shown: {len(shown)} become rejected" in form(REVIEW, sent)
    assert run(REVIEW, sent)["rejected"] == len(shown)


@pytest.mark.parametrize("scope", ["selected", "all_except_selected"])
@pytest.mark.parametrize("operator", [REVIEW, RELABEL])
def test_without_a_selection_nothing_is_judged(dataset: Any, operator: str, scope: str) -> None:
    before = stored(dataset)
    values = {"scope": scope} | ({"label": NEW} if operator == RELABEL else {})
    sent = request(dataset, patches(dataset), values=values)
    assert "nothing is selected" in form(operator, sent)
    assert "nothing is selected" in refused(operator, sent)
    assert stored(dataset) == before


def test_relabelling_takes_a_scope_and_is_a_verdict(dataset: Any) -> None:
    view = patches(dataset)
    shown = view.values("id")
    before = stored(dataset)
    values = {"label": NEW, "scope": "all_except_selected"}
    sent = request(dataset, view, selected=shown[:2], values=values)
    # Several phyla are involved, which relabel_boxes asks about.
    sent["params"] |= dict.fromkeys(re.findall(r"_tick_\w+", form(RELABEL, sent)), True)
    run(RELABEL, sent)
    after = stored(dataset)
    changed = {one for one in after if after[one]["label"] != before[one]["label"]}
    assert changed == {one for one in shown[2:] if before[one]["label"] != NEW}
    assert {one for one, box in after.items() if state_of(box) == "relabelled"} == changed


def test_a_program_names_a_view_and_cannot_except_a_selection(dataset: Any) -> None:
    dataset.save_view("few", dataset.limit(2))
    door = foo.get_operator(REVIEW)
    count = dataset.limit(2).count("ground_truth.detections")
    assert door(dataset, view="few", verdict="unsure")["unsure"] == count
    with pytest.raises(Exception, match="only the App knows what is selected"):
        door(dataset, view="few", scope="all_except_selected")
    with pytest.raises(Exception, match="no saved view is named 'many'"):
        door(dataset, view="many")


def named(dataset: Any, boxes: list[str]) -> list[dict[str, Any]]:
    """Boxes as the review panel names them: with the label that was seen."""
    images = dict(
        zip(dataset.values("id"), dataset.values("ground_truth.detections.id"), strict=True)
    )
    sample = {box: image for image, ids in images.items() for box in ids or ()}
    labels = stored(dataset)
    return [{"label": labels[box]["label"], "boxes": f"{sample[box]} {box}"} for box in boxes]


def test_labels_that_are_named_one_by_one_are_judged_as_they_were_seen(dataset: Any) -> None:
    before = stored(dataset)
    one, other, third = list(before)[:3]
    boxes = named(dataset, [one, other])
    dataset.set_label_values("ground_truth.detections.label", {other: "Elpidia"})
    sent = request(dataset, patches(dataset), values={"verdict": "reject", "_boxes": boxes})
    done = run(REVIEW, sent | {"prompt_id": None})
    assert (done["rejected"], done["conflicts"]) == (1, 1)
    now = stored(dataset)
    assert state_of(now[one]) == "rejected"
    assert state_of(now[other]) == state_of(now[third]) == "unreviewed"


@pytest.mark.parametrize(
    "boxes",
    ["every", [{"label": "A"}], [{"label": "A", "boxes": "1 2"}], [{"boxes": ""}], [5], 7, []],
)
def test_labels_that_are_not_named_rightly_are_refused(dataset: Any, boxes: Any) -> None:
    before = stored(dataset)
    sent = request(dataset, patches(dataset), values={"verdict": "reject", "_boxes": boxes})
    said = refused(REVIEW, sent | {"prompt_id": None})
    assert "_boxes" in said
    assert stored(dataset) == before
