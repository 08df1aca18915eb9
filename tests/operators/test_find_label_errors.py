"""find_label_errors as FiftyOne runs it: its preview, its result, from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from click.testing import CliRunner
from fathomnet_voxel51.command_line.main import main
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.predictions import import_predictions

from demo.synthetic import write_catalog, write_predictions_csv

URI = f"{PLUGIN_NAME}/find_label_errors"
NAME = "test-label-errors"


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 40, 100, seed=1)
    write_predictions_csv(tmp_path / "predictions.csv", catalog)
    ingest_dataset(NAME, train_annotations=str(catalog), media_root=str(tmp_path))
    yield fo.load_dataset(NAME)
    fo.delete_dataset(NAME)


def preview(dataset: Any, **values: Any) -> Any:
    operator = foo.get_operator(URI)
    return operator.preview(operator.model.parse(values), dataset)


def test_the_form_is_blocked_until_there_is_something_to_judge_by(
    dataset: Any, tmp_path: Path
) -> None:
    before = preview(dataset)
    assert {fault.place for fault in before.problems} == {"pred_field", "index_key"}
    import_predictions(dataset, str(tmp_path / "predictions.csv"), split="train")
    after = preview(dataset)
    assert after.problems == ()
    assert after.facts == ("100 labels are compared with the predictions in model_predictions",)
    assert "compute_embeddings" in after.warnings[0]
    for name in ("index_key", "gt_field", "pred_field"):
        assert [fault.place for fault in preview(dataset, **{name: "none"}).problems] == [name]


def test_the_command_prints_the_contract_s_result(dataset: Any, tmp_path: Path) -> None:
    import_predictions(dataset, str(tmp_path / "predictions.csv"), split="train")
    arguments = ["find-label-errors", "--dataset", NAME, "--threshold", "0", "--json"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["scored"] == result["suspects"] == 100
    assert result["view"] == "suspects"
    assert result["signals"] == ["predictions"]
    assert len(fo.load_dataset(NAME, reload=True).load_saved_view("suspects")) == 100
    remarks = foo.get_operator(URI).remarks(result)
    assert remarks == ("The suspects are in the saved views suspects.",)


def test_a_result_without_suspects_says_where_the_scores_are() -> None:
    operator = foo.get_operator(URI)
    assert "attribute suspicion" in operator.remarks({"view": "", "pairs_view": ""})[0]
    assert operator.remarks({}) == ()
