"""The panels say of crops what they say of the same labels as boxes, and open these crops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.predictions import import_predictions

from demo.wrong_labels import Planted
from tests.panels.driven import DrivenPanel, Told
from tests.support.drawn import MEDIUM, Drawn
from tests.support.paired import Paired, crops_of, pair

NAME = "test-crops-in-panels"


@pytest.fixture(scope="module")
def paired(
    drawn: Drawn, planted: Planted, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Paired]:
    """Both datasets, with predictions and their evaluation."""
    folder: Path = tmp_path_factory.mktemp("paired")
    paired = pair(NAME, crops_of(drawn(MEDIUM), folder, planted.catalog))
    for one in (paired.boxes, paired.crops):
        import_predictions(one, str(planted.predictions), "train")
        evaluate_predictions(one)
        find_label_errors(one)
    yield paired
    for name in fo.list_datasets(f"{NAME}*"):
        fo.delete_dataset(name)


def both(paired: Paired, name: str) -> list[DrivenPanel]:
    panels = [DrivenPanel(name, one) for one in (paired.boxes, paired.crops)]
    for panel in panels:
        panel.fire("on_load")
    return panels


def opened_numbers(panel: DrivenPanel, told: Told) -> list[int]:
    """The numbers of the labels that the App is told to show."""
    view: Any = panel.opened(told)
    is_list = view.get_field("ground_truth.detections") is not None
    path = "ground_truth.detections" if is_list else "ground_truth"
    numbers: list[int] = view.values(f"{path}.annotation_id", unwind=is_list)
    return sorted(one for one in numbers if one is not None)


def test_an_evaluation_shows_and_opens_the_same(paired: Paired) -> None:
    of_boxes, of_crops = both(paired, "evaluation_by_rank")
    assert "There is no evaluation" not in of_crops.texts()
    events: list[tuple[str, dict[str, Any]]] = [
        ("open_kind", {"trace_idx": 0}),
        ("open_pair", {"idx": 0, "trace": "concept"}),
        ("open_rank", {"idx": RANKS.index("family"), "trace_idx": 1}),
    ]
    for level in ("concept", "family"):
        for panel in (of_boxes, of_crops):
            panel.fire("choose", path="choices.level", value=level)
        for name in ("ranks", "kinds", "pairs", "matrix"):
            assert of_crops.data[name] == of_boxes.data[name], name
    (matrix, *_) = [one["z"] for one in of_crops.data["matrix"] if "z" in one]
    cells = [
        [row, column] for row, counts in enumerate(matrix) for column, n in enumerate(counts) if n
    ]
    events += [("open_cell", {"idx": cell, "trace": "family"}) for cell in cells[:3]]
    for event, params in events:
        shown = [
            opened_numbers(panel, panel.fire(event, **params)) for panel in (of_boxes, of_crops)
        ]
        assert shown[0] == shown[1] and shown[1], event
    for way in ("images", "patches"):
        of_crops.fire("choose", path="choices.open_as", value=way)
        told = of_crops.fire("open_kind", trace_idx=0)
        assert opened_numbers(of_crops, told)
    # What was opened goes to the review panel.
    of_crops.view = told.of("set_view")[0]["view"]
    review = of_crops.fire("review_opened", field="ground_truth")
    assert review.of("show_review_set") and not review.of("notify")


def test_the_tree_counts_scores_and_opens_the_same(paired: Paired) -> None:
    of_boxes, of_crops = both(paired, "taxonomy")
    for name, value in of_boxes.data.items():
        if name not in ("pictures", "examples"):
            assert of_crops.data[name] == value, name
    for key in ("taxon:Echinodermata", "taxon:Scotoplanes globosa"):
        shown = []
        for panel in (of_boxes, of_crops):
            told = panel.fire("on_node", key=key)
            shown.append(opened_numbers(panel, told))
            panel.view = told.of("set_view")[0]["view"]
            panel.fire("on_change_view")
        assert shown[0] == shown[1] and shown[1]
        judged = [panel.texts().partition("all of it: ")[2][:60] for panel in (of_boxes, of_crops)]
        assert judged[0] == judged[1] and "have the right name" in judged[1]
        for panel in (of_boxes, of_crops):
            panel.view = []
    wrong = []
    for panel in (of_boxes, of_crops):
        told = panel.fire("on_node", key="taxon:Echinodermata")
        panel.view = told.of("set_view")[0]["view"]
        panel.fire("on_change_view")
        wrong.append(opened_numbers(panel, panel.fire("on_wrong")))
        panel.view = []
    assert wrong[0] == wrong[1] and wrong[1]
    for panel in (of_boxes, of_crops):
        panel.fire("on_colours", value="accuracy")
    assert of_crops.texts() != ""


def test_home_says_the_same_of_labels_and_what_comes_next(paired: Paired) -> None:
    of_boxes, of_crops = both(paired, "home")
    for words in ("Evaluate the predictions", "Import predictions"):
        assert (words in of_boxes.texts()) == (words in of_crops.texts()), words
    assert f"{len(paired.crops)}" in of_crops.texts()


def test_before_there_is_an_evaluation_the_panel_says_what_to_run(
    paired: Paired, dataset_name: str
) -> None:
    alone = paired.crops.limit(9).clone(dataset_name)
    alone.delete_evaluations()
    panel = DrivenPanel("evaluation_by_rank", alone)
    panel.fire("on_load")
    assert "There is no evaluation yet" in panel.texts()
    alone.delete_sample_field("model_predictions")
    panel = DrivenPanel("evaluation_by_rank", alone)
    panel.fire("on_load")
    assert "There are no predictions to evaluate" in panel.texts()
    home = DrivenPanel("home", alone)
    home.fire("on_load")
    assert "Import predictions" in home.texts()
