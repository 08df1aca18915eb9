"""Users who may only look: what FiftyOne Enterprise tells operators of them is given by hand here.

Its documentation of ``ctx.user`` names the attributes and their values; open-source FiftyOne has
the same context, with no user in it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.parameters import OPERATORS
from fiftyone.operators.executor import ExecutionContext, Executor

from demo.synthetic import write_catalog
from tests.support.stored import documents, settings

READ_ONLY = (
    *("report_dataset", "export_corrections", "export_dataset", "export_embeddings"),
    *("check_setup", "open_review", "resolve_names"),
)
MOVE_MEDIA = ("upload_images", "download_images")
EDITING = [name for name in OPERATORS if name not in (*READ_ONLY, *MOVE_MEDIA)]


class DatasetPermission(enum.Enum):
    VIEW = "VIEW"
    EDIT = "EDIT"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("files")
    catalog = write_catalog(folder / "train.json", 6, 20, seed=3)
    ingest_dataset("test-permission", train_annotations=catalog, media_root=str(folder))
    yield fo.load_dataset("test-permission", reload=True)
    fo.delete_dataset("test-permission")


def context(dataset: Any, user: Any) -> Any:
    request = {"dataset_name": dataset.name, "params": {}}
    made = ExecutionContext(request, executor=Executor())
    made.user = user
    return made


def user(permission: Any, role: Any = "MEMBER") -> Any:
    return SimpleNamespace(id="u", role=role, dataset_permission=permission)


def operator(name: str) -> Any:
    return foo.get_operator(f"{PLUGIN_NAME}/{name}")


def form_errors(name: str, ctx: Any) -> list[str]:
    form = operator(name).resolve_type(ctx, "inputs").type
    return [p.error_message for p in form.properties.values() if p.invalid]


@pytest.mark.parametrize("name", EDITING)
def test_who_may_only_look_is_refused_and_told_in_the_form(dataset: Any, name: str) -> None:
    before = documents(dataset), settings(dataset)
    with pytest.raises(Exception, match="you may not edit test-permission") as raised:
        operator(name).execute(context(dataset, user("VIEW")))
    assert type(raised.value).__name__ == "DatasetError"
    told = form_errors(name, context(dataset, user("VIEW")))
    assert any("you may not edit" in one for one in told)
    dataset.reload()
    assert (documents(dataset), settings(dataset)) == before


@pytest.mark.parametrize("permission", ["TAG", "NO_ACCESS", DatasetPermission.VIEW, None, "else"])
def test_less_than_edit_is_not_enough(dataset: Any, permission: Any) -> None:
    with pytest.raises(Exception, match="you may not edit test-permission"):
        operator("add_primary_label").execute(context(dataset, user(permission)))


@pytest.mark.parametrize(
    "who",
    [
        user("EDIT"),
        user("MANAGE"),
        user(DatasetPermission.EDIT),
        user("VIEW", role="ADMIN"),
        None,
    ],
)
def test_who_may_edit_does(dataset: Any, who: Any) -> None:
    done = operator("add_primary_label").execute(context(dataset, who))
    assert done["labelled"] + done["unlabelled"] == 6
    assert form_errors("add_primary_label", context(dataset, who)) == []


def test_who_may_look_gets_the_report_and_no_more(dataset: Any, tmp_path: Path) -> None:
    before = documents(dataset), settings(dataset)
    told = operator("report_dataset").execute(context(dataset, user("VIEW")))
    assert "test-permission" in told["markdown"]
    export = context(dataset, user("VIEW"))
    export.request_params["params"] |= {"folder": str(tmp_path)}
    assert operator("export_corrections").execute(export)["corrections"] == 0
    dataset.reload()
    assert (documents(dataset), settings(dataset)) == before


def test_where_no_dataset_is_open_none_is_forbidden() -> None:
    ctx = ExecutionContext({"params": {}}, executor=Executor())
    ctx.user = user(None)
    assert operator("check_setup").execute(ctx)["checks"]
    assert "you may not edit" not in str(form_errors("ingest_dataset", ctx))


def crops(values: dict[str, Any]) -> dict[str, Any]:
    return {"table": f"{values['media_root']}/crops.csv", "dataset_name": values["dataset_name"]}


NAMES_IT = {
    "ingest_dataset": lambda values: values,
    "ingest_crops": crops,
    "run_workflow": lambda values: {"stages": ["ingest_dataset"], "ingest_dataset": values},
}
"""The operators that are told the name of a dataset, and the parameters that tell it."""


@pytest.mark.parametrize("name", NAMES_IT)
@pytest.mark.parametrize("is_open", [True, False], ids=["another is open", "none is open"])
def test_what_is_not_open_is_not_written_to_because_it_was_named(
    dataset: Any, dataset_name: str, tmp_path: Path, name: str, is_open: bool
) -> None:
    """FiftyOne says what a user may do with the open dataset, and nothing of others."""
    catalog = write_catalog(tmp_path / "train.json", 2, 4, seed=4)
    (tmp_path / "crops.csv").write_text("path,label\na.png,Sebastes\nb.png,Aegina\n")
    fo.Dataset(dataset_name).persistent = True
    values = {"train_annotations": str(catalog), "media_root": str(tmp_path), "recreate": True}
    request = {"params": NAMES_IT[name]({**values, "dataset_name": dataset.name})}
    opened = {"dataset_name": dataset_name} if is_open else {}
    ctx = ExecutionContext({**request, **opened}, executor=Executor())
    ctx.user = user("MANAGE")
    before = documents(dataset), settings(dataset)
    with pytest.raises(Exception, match="there is a dataset test-permission already: open it"):
        operator(name).execute(ctx)
    assert any("open it and run this from there" in one for one in form_errors(name, ctx))
    dataset.reload()
    assert (documents(dataset), settings(dataset)) == before
    request["params"] = NAMES_IT[name]({**values, "dataset_name": "test-permission-new"})
    fresh = ExecutionContext({**request, **opened}, executor=Executor())
    fresh.user = user("MANAGE")
    try:
        operator(name).execute(fresh)
        assert fo.load_dataset("test-permission-new").count() == 2
    finally:
        if fo.dataset_exists("test-permission-new"):
            fo.delete_dataset("test-permission-new")


def test_a_relabelling_is_in_the_name_of_the_user_who_asked_for_it(dataset: Any) -> None:
    label = "Sebastes diploproa"
    ctx = context(dataset, SimpleNamespace(name="Ada Nautilus", role="ADMIN"))
    ctx.request_params["params"] |= {"label": label, "view_target": "DATASET_VIEW"}
    result = operator("relabel_boxes").execute(ctx)
    assert result["changed"] > 0
    assert dataset.get_run_info(result["journal"]).config.user == "Ada Nautilus"
