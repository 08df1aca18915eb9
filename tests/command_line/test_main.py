"""The command line: the same operators, results as data, and exit statuses to rely on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import fiftyone as fo
import pytest
from click.testing import CliRunner, Result
from fathomnet_voxel51.command_line.main import main
from fathomnet_voxel51.parameters import OPERATORS

COMMAND = Path(sys.executable).parent / "fathomnet-voxel51"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_every_operator_is_a_command_with_its_parameters_as_options() -> None:
    for name, model in OPERATORS.items():
        command = main.commands[name.replace("_", "-")]
        options = {option for parameter in command.params for option in parameter.opts}
        plain = [k for k, f in model.model_fields.items() if not hasattr(f.annotation, "operator")]
        assert {"--" + parameter.replace("_", "-") for parameter in plain} <= options
        assert {"--delegate", "--json", "--deployment"} <= options


def test_json_is_the_only_thing_on_standard_output(
    shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    annotations = shared_data / "dataset_test.json"
    arguments = ["ingest-dataset", "--test-annotations", annotations, "--media-root", tmp_path]
    finished = subprocess.run(
        [COMMAND, *arguments, "--dataset-name", dataset_name, "--limit", "4", "--json"],
        env=os.environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout)
    assert (result["samples_added"], result["splits"]) == (4, ["test"])


def test_bad_input_is_status_2_and_writes_nothing(dataset_name: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"images": [')
    result = call("ingest-dataset", "--test-annotations", broken, "--dataset-name", dataset_name)
    assert result.exit_code == 2
    assert "broken.json" in result.output
    assert not fo.dataset_exists(dataset_name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ingest-dataset", "--limit", "none"], "limit"),
        (["add-primary-label"], "--dataset"),
        (["add-primary-label", "--dataset", "absent"], "no dataset absent"),
        (["check-setup", "--deployment", "moon"], "MOON_FIFTYONE_API_URI"),
        (["run-workflow", "--stages", "dance"], "stages"),
    ],
)
def test_a_wrong_parameter_is_status_2(arguments: list[str], words: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_items_that_failed_are_status_3(
    shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    annotations = shared_data / "dataset_test.json"
    made = call("ingest-dataset", "--test-annotations", annotations, "--dataset-name", dataset_name)
    assert made.exit_code == 0, made.output
    predictions = tmp_path / "some.csv"
    predictions.write_text("annotation_id,concept_name\n1,Funiculina\n99999,Funiculina\n")
    arguments = ("import-predictions", "--dataset", dataset_name, "--predictions", predictions)
    assert call(*arguments).exit_code == 2
    skipped = call(*arguments, "--skip-bad-rows")
    assert skipped.exit_code == 3
    assert "unmatched rows: 1" in skipped.output


def test_a_check_that_fails_is_status_3(tmp_path: Path) -> None:
    assert call("check-setup", "--media-root", tmp_path / "absent").exit_code == 3
