"""The skills that agents are offered: FiftyOne finds them, and they do what they say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.plugins as fop
import pytest
import yaml
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.parameters import OPERATORS

from demo.wrong_labels import plant
from tests.conftest import REPOSITORY
from tests.support.drawn import LARGE, Drawn

MANIFEST: Final = yaml.safe_load((REPOSITORY / "fiftyone.yml").read_text())
NAMES: Final = MANIFEST["skills"]
LOAD_VIEW: Final = "@voxel51/operators/load_saved_view"


def text_of(name: str) -> str:
    return (REPOSITORY / "skills" / name / "SKILL.md").read_text(encoding="utf-8")


def steps(name: str) -> Iterator[tuple[ast.Call, tuple[str, ...]]]:
    """The calls of a skill in their order, each with the keys of its result that it speaks of."""
    for block in re.findall(r"^```python\n(.*?)^```$", text_of(name), re.DOTALL | re.MULTILINE):
        told = [(n, line) for n, line in enumerate(block.splitlines(), 1) if "# result:" in line]
        for statement in ast.parse(block).body:
            assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            end = statement.end_lineno or 0
            keys = next((line for number, line in told if number == end + 1), "# result:")
            named = keys.split(":", 1)[1].replace(",", " ").split()
            yield statement.value, tuple(named)


def filled(node: ast.expr, words: Mapping[str, Any]) -> Any:
    """A value of a call, with what is written in capitals replaced."""
    match node:
        case ast.Name(id=name):
            return words[name]
        case ast.Dict(keys=keys, values=values):
            return {
                ast.literal_eval(key): filled(value, words)
                for key, value in zip(keys, values, strict=True)
                if key is not None
            }
        case _:
            return ast.literal_eval(node)


def follow(name: str, words: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Does what a skill says by FiftyOne's own calls; the last result of each operator."""
    dataset: str | None = None
    results: dict[str, dict[str, Any]] = {}
    for call, keys in steps(name):
        assert isinstance(call.func, ast.Name)
        given = {word.arg: filled(word.value, words) for word in call.keywords}
        if call.func.id == "set_context":
            dataset = given["dataset_name"]
            continue
        assert call.func.id == "execute_operator"
        uri, params = given["operator_uri"], given["params"]
        if uri == LOAD_VIEW:
            assert foo.operator_exists(uri)
            assert fo.load_dataset(dataset).load_saved_view(params["name"]).count()
            continue
        context = {"params": params} | ({"dataset": fo.load_dataset(dataset)} if dataset else {})
        done = foo.execute_operator(uri, context)
        result = dict(done.result)
        assert set(keys) <= set(result), uri
        results[uri.rpartition("/")[2]] = result
        for key in ("journal", "view"):
            if result.get(key):
                words.setdefault(key.upper(), result[key])
    return results


@pytest.mark.skipif(not hasattr(fop, "list_skills"), reason="this FiftyOne knows no skills")
def test_fiftyone_finds_the_skills_that_the_manifest_declares() -> None:
    found = {one.name: one for one in fop.list_skills(plugin=PLUGIN_NAME)}
    assert sorted(found) == sorted(NAMES)
    for name, one in found.items():
        assert Path(one.path) == REPOSITORY / "skills" / name / "SKILL.md"
        assert len(one.description) > 100 and "Use when" in one.description
        assert one.category


@pytest.mark.parametrize("name", NAMES)
def test_a_skill_names_operators_and_parameters_that_are_there(name: str) -> None:
    called = 0
    for call, _ in steps(name):
        given = {word.arg: word.value for word in call.keywords}
        if "operator_uri" not in given:
            continue
        uri = ast.literal_eval(given["operator_uri"])
        if uri == LOAD_VIEW:
            continue
        assert uri.startswith(f"{PLUGIN_NAME}/")
        params = given["params"]
        assert isinstance(params, ast.Dict)
        named = {ast.literal_eval(key) for key in params.keys if key is not None}
        assert named <= set(OPERATORS[uri.rpartition("/")[2]].model_fields)
        called += 1
    assert called >= 3
    others = set(re.findall(r"`(fathomnet-[a-z-]+)`", text_of(name)))
    assert others <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_skill_never_deletes_a_dataset(name: str) -> None:
    for call, _ in steps(name):
        assert '"recreate"' not in ast.dump(call).replace("'", '"')


def test_an_agent_that_follows_them_completes_the_tutorial(
    drawn: Drawn, dataset_name: str, tmp_path: Path
) -> None:
    made = drawn(LARGE)
    planted = plant(made.train, tmp_path / "planted", seed=1)
    words: dict[str, Any] = {
        "DATASET": dataset_name,
        "ANNOTATIONS": str(planted.catalog),
        "MEDIA_ROOT": str(made.media_root),
        "PREDICTIONS": str(planted.predictions),
        "SPLIT": "train",
        "LABEL": "Funiculina",
        "NOTE": "the polyps stand in rows",
        "FOLDER": str(tmp_path / "handed on"),
    }
    curated = follow("fathomnet-curate", words)
    dataset = fo.load_dataset(dataset_name)
    assert curated["ingest_dataset"]["samples"] == len(dataset) > 0
    assert curated["add_taxonomy_ranks"]["unknown_concepts"] == []
    assert dataset.count_sample_tags()["val"] == curated["split_by_dive"]["val"]
    evaluated = follow("fathomnet-evaluate", words)
    boxes = dataset.count("ground_truth.detections")
    assert evaluated["import_predictions"]["imported"] == boxes
    assert evaluated["find_label_errors"]["suspects"] > 0
    labels = dataset.values("ground_truth.detections.label", unwind=True)
    corrected = follow("fathomnet-hand-on", words)
    # It relabels, and takes back what it has relabelled.
    assert corrected["undo_relabel"]["restored"] == corrected["relabel_boxes"]["changed"] > 0
    assert dataset.values("ground_truth.detections.label", unwind=True) == labels
    assert all(Path(file).is_file() for file in corrected["report_dataset"]["files"])
    assert Path(corrected["export_corrections"]["csv"]).is_file()
