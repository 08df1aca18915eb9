"""What is publicly asked of a plugin for FiftyOne: manifest, page, forms, buttons and refusals."""

from __future__ import annotations

import re
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.plugins as fop
import pytest
import yaml
from fathomnet_voxel51.files.credentials import KEY_SECRET
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.operators import forms
from fathomnet_voxel51.parameters import OPERATORS, Parameters, Widget, nested, widget
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext, Executor

from tests.conftest import REPOSITORY

MANIFEST: Final = yaml.safe_load((REPOSITORY / "fiftyone.yml").read_text())
README: Final = (REPOSITORY / "README.md").read_text()
NAMES: Final = sorted(OPERATORS)
LONGEST_MESSAGE: Final = 2000
WATCHED: Final = ("open", "socket.connect", "socket.getaddrinfo")


@pytest.fixture(scope="module")
def dataset() -> Iterator[Any]:
    """One image with one box, on which every form can be drawn."""
    made = fo.Dataset("test-rubric", persistent=True, overwrite=True)
    box = fo.Detection(label="Aegina", bounding_box=[0.1, 0.1, 0.5, 0.5])
    made.add_sample(
        fo.Sample(
            filepath="/nowhere/1.png", tags=["train"], ground_truth=fo.Detections(detections=[box])
        )
    )
    yield made
    made.delete()


def operator(name: str) -> Any:
    return foo.get_operator(f"{PLUGIN_NAME}/{name}")


def context(name: str, dataset: Any, /, **values: Any) -> Any:
    request = {"dataset_name": dataset and dataset.name, "params": values}
    return ExecutionContext(
        operator_uri=f"{PLUGIN_NAME}/{name}", request_params=request, executor=Executor()
    )


@contextmanager
def touched() -> Iterator[list[str]]:
    """The files that this thread opens, and what it does over the network, while it is in here.

    FiftyOne keeps connections to its database, over which it asks; new ones would be seen.
    """
    seen: list[str] = []
    watching = [True]
    thread = threading.get_ident()

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if (
            watching
            and threading.get_ident() == thread
            and event in ("open", "socket.connect", "socket.getaddrinfo")
        ):
            seen.append(f"{event} {arguments[0] if event == 'open' else arguments}")

    sys.addaudithook(audit)  # there is no way to take it away again
    try:
        yield seen
    finally:
        watching.clear()


def test_the_manifest_says_who_made_what_under_which_licence_and_where_it_is() -> None:
    assert re.fullmatch(r"@[a-z0-9-]+/[a-z0-9-]+", MANIFEST["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", MANIFEST["version"])
    assert len(MANIFEST["description"]) > 30 and MANIFEST["author"]
    assert MANIFEST["url"].startswith("https://") and MANIFEST["url"] in README
    assert MANIFEST["license"] == "Apache-2.0"
    assert "Apache License" in (REPOSITORY / "LICENSE").read_text()[:500]
    assert len(set(MANIFEST["tags"])) >= 3
    assert MANIFEST["fiftyone"]["version"].startswith(">=")
    assert (REPOSITORY / MANIFEST["py_entry"]).is_file()
    assert (REPOSITORY / "requirements.txt").is_file()
    assert fop.get_plugin(PLUGIN_NAME).version == MANIFEST["version"]


def test_the_secrets_of_the_manifest_are_those_that_the_code_takes_from_fiftyone() -> None:
    sources = (REPOSITORY / "plugins").rglob("*.py")
    named = {
        name
        for file in sources
        for name in re.findall(r'_SECRET: Final = "(\w+)"', file.read_text())
    }
    assert set(MANIFEST["secrets"]) == named == {KEY_SECRET}


def test_the_readme_says_what_it_does_how_it_is_installed_and_how_it_is_used_and_shows_it() -> None:
    assert "fiftyone plugins download" in README
    assert "foo.get_operator(" in README or "foo.execute_operator(" in README
    pictures = re.findall(r"!\[[^\]]{20,}\]\(([^)]+)\)", README)
    assert len(pictures) >= 5
    assert all((REPOSITORY / picture).is_file() for picture in pictures)
    assert all(f"operators/{name}.md)" in README for name in NAMES)


def test_operators_tell_themselves_apart_from_each_other_and_from_fiftyones() -> None:
    configs = [operator(name).config for name in NAMES]
    for words in ([one.label for one in configs], [one.description for one in configs]):
        assert all(len(text) > 12 for text in words)
        assert [text for text, count in Counter(words).items() if count > 1] == []
    others = {one.name for one in foo.list_operators() if one.plugin_name != PLUGIN_NAME}
    assert not others & set(NAMES)
    assert not any(one.unlisted or one.on_startup or one.on_dataset_open for one in configs)


@pytest.mark.skipif(not hasattr(types, "RiskLevel"), reason="this FiftyOne does not ask for risks")
def test_every_operator_says_how_careful_an_agent_is_to_be_with_it() -> None:
    risks = {name: operator(name).risk_level for name in NAMES}
    level = types.RiskLevel
    looks = {"check_setup", "open_review"}
    assert {name for name, one in risks.items() if one == level.LOW} == looks
    # Whatever can delete a dataset, and whatever changes labels that a person gave.
    deletes = {name for name in NAMES if "recreate" in OPERATORS[name].model_fields}
    deletes |= {"run_workflow"}
    assert {name for name, one in risks.items() if one == level.DANGEROUS} == deletes
    careful = {"relabel_boxes", "review_labels", "label_hits", "undo_relabel", "reconcile_labels"}
    careful |= {"upload_images", "download_images"}
    assert {name for name, one in risks.items() if one == level.HIGH} == careful


def test_buttons_are_at_places_that_the_app_has_and_say_what_they_do(dataset: Any) -> None:
    placed = {}
    for name in NAMES:
        one = operator(name)
        if one.place:
            placed[name] = one.resolve_placement(context(name, dataset))
    assert set(placed) == {"ingest_dataset", "open_review", "relabel_boxes", "review_labels"}
    for name, placement in placed.items():
        if placement is None:
            assert not hasattr(types.Places, operator(name).place)
            continue
        shown = placement.to_json()
        assert shown["view"]["label"] == operator(name).config.label
        only_looks = operator(name).risk == "LOW"
        assert shown["view"]["prompt"] is not only_looks, "a button opens the form, or only looks"


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_a_form_has_words_and_a_result_has_a_form(name: str, dataset: Any) -> None:
    one = operator(name)
    drawn = one.resolve_type(context(name, dataset), "inputs").to_json()
    for field, shown in drawn["type"]["properties"].items():
        if field in OPERATORS[name].model_fields:
            assert shown["view"]["label"], field
            assert shown["view"]["label"] != field or "_" not in field, field
    done = context(name, dataset)
    assert done.results is None or done.results == {}, "as after a run that failed"
    assert one.resolve_output(done).to_json()["type"]["name"] == "Object"


def paths(model: type[Parameters], path: str) -> dict[str, Any]:
    """A value for every parameter that names a file or a place, also those of a stage."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if stage := nested(info):
            found[name] = paths(stage, path)
        elif widget(info) in (Widget.FILE, Widget.PLACE):
            found[name] = path
    return found


WITH_PATHS: Final = [name for name in NAMES if paths(OPERATORS[name], "x")]


def test_a_file_that_is_opened_and_a_connection_that_is_made_are_seen(tmp_path: Path) -> None:
    file = tmp_path / "named.json"
    with touched() as seen:
        file.write_text("{}")
        with socket.socket() as one, pytest.raises(OSError):
            one.connect(("127.0.0.1", 1))
    assert str(file) in seen[0] and seen[1].startswith("socket.connect")
    file.read_text()
    assert len(seen) == 2


@pytest.mark.parametrize("name", WITH_PATHS)
def test_what_fiftyone_resolves_before_a_run_reads_nothing(
    name: str, dataset: Any, tmp_path: Path
) -> None:
    file = tmp_path / "named.json"
    file.write_text("{}")
    one, ctx = operator(name), context(name, dataset, **paths(OPERATORS[name], str(file)))
    one.resolve_input(ctx)  # what is imported at its first call
    with touched() as seen:
        one.resolve_input(ctx)
    assert [what for what in seen if str(tmp_path) in what or "socket" in what] == []


@pytest.mark.parametrize("name", WITH_PATHS)
def test_a_form_does_not_read_what_is_too_large_for_a_keystroke(
    name: str, dataset: Any, tmp_path: Path
) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as large:
        large.truncate(forms.LARGEST_PREVIEWED + 1)
    values = paths(OPERATORS[name], str(file))
    for extra in ({}, {"split": "train"}):
        if set(extra) <= set(OPERATORS[name].model_fields):
            ctx = context(name, dataset, **values, **extra)
            with touched() as seen:
                operator(name).resolve_type(ctx, "inputs")
            assert [what for what in seen if str(file) in what] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "values", [{}, {"no_such_parameter": 1}, {"*": None}, {"*": {"a": [1]}}, {"*": "\x00é" * 4000}]
)
def test_whatever_it_is_given_an_operator_says_what_is_wrong_in_a_sentence(
    name: str, values: Mapping[str, Any], dataset: Any
) -> None:
    one = operator(name)
    given = {
        key: value
        for star, value in values.items()
        for key in (OPERATORS[name].model_fields if star == "*" else [star])
    }
    drawn = one.resolve_type(context(name, None, **given), "inputs").to_json()
    assert drawn["type"]["properties"] is not None
    try:
        one.execute(context(name, None, **given))
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        assert "FathomNetError" in kinds, repr(error)
        assert 15 < len(str(error)) <= LONGEST_MESSAGE
        assert "Traceback" not in str(error)
    else:
        assert not OPERATORS[name].needs_dataset
