"""What an operator is given when it is delegated passes FiftyOne's own validation, and arrives."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from bson import ObjectId
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.parameters import OPERATORS, Parameters
from fiftyone.operators.delegated import DelegatedOperationService

TEXTS = {
    "annotations": "/data/dataset_test.json",
    "brain_key": "clip_similarity",
    "index_key": "clip_similarity",
    "device": "cpu",
    "media_root": "gs://bucket/prefix",
    "model": "dinov2",
    "shard": "1/4",
    "source": "urls",
    "view": "",
}
"""Texts that mean something; any other text parameter keeps its default, or gets a word."""


@pytest.fixture(scope="module")
def dataset() -> Iterator[Any]:
    """A persistent dataset, as only such a one can be worked on later, with fields of boxes."""
    dataset = fo.Dataset("test-delegated-parameters")
    dataset.persistent = True
    sample = fo.Sample("/data/a.png", tags=["test"])
    for field in ("ground_truth", "model_predictions", "tiles"):
        box = fo.Detection(label="Sebastes", bounding_box=[0.1, 0.1, 0.2, 0.2])
        sample[field] = fo.Detections(detections=[box])
    dataset.add_sample(sample)
    yield dataset
    fo.delete_dataset(dataset.name)


def every_parameter(model: type[Parameters]) -> dict[str, Any]:
    """A value for each parameter of an operator, as JSON holds it, and not its default if it can.

    Found from the types that the class declares, which is how a caller would.
    """
    return {
        name: a_value(name, hint, model.model_fields[name].get_default())
        for name, hint in typing.get_type_hints(model).items()
        if name in model.model_fields
    }


def a_value(name: str, hint: Any, default: Any) -> Any:
    inner = [argument for argument in typing.get_args(hint) if argument is not type(None)]
    if typing.get_origin(hint) is typing.Literal:
        return inner[-1]
    if typing.get_origin(hint) is tuple:
        choices = typing.get_args(inner[0])
        return list(choices or default or ("a plastic bag", "a net, torn"))
    if inner:
        return a_value(name, inner[0], default)
    if isinstance(default, Parameters):
        return every_parameter(type(default))
    if hint is bool:
        return not default
    if hint in (int, float):
        return hint(default) if isinstance(default, int | float) else 1
    return TEXTS.get(name) or default if default or name in TEXTS else "word"


def delegated(operation: str) -> dict[str, Any]:
    """The parameters that an operation waits with, which is then taken off the queue."""
    service = DelegatedOperationService()
    document = service.get(ObjectId(operation))
    service.delete_operation(ObjectId(operation))
    return dict(document.context.request_params["params"])


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_parameter_of_every_operator_can_be_delegated(dataset: Any, operator: str) -> None:
    model = OPERATORS[operator]
    values = every_parameter(model)
    given = model.parse(values).model_dump(mode="json")
    assert set(given) == set(values)
    door = foo.get_operator(f"{PLUGIN_NAME}/{operator}")
    assert delegated(door(dataset, delegate=True, **values)).items() >= given.items()


@pytest.mark.parametrize(
    ("operator", "values"),
    [
        ("find_needles", {"prompts": ["a plastic bag", "a net, torn"]}),
        ("find_needles", {"prompts": "a plastic bag; a net, torn"}),
        ("find_needles", {"prompts": []}),
        ("add_taxonomy_ranks", {"label_fields": ["ground_truth", "model_predictions"]}),
        ("add_taxonomy_ranks", {"label_fields": "ground_truth, model_predictions"}),
        ("run_workflow", {"stages": ["find_needles"], "find_needles": {"prompts": ["a bag"]}}),
        ("run_workflow", {"stages": ["find_needles"], "find_needles": {"prompts": "a bag"}}),
        ("run_workflow", {"stages": "add_tiles,find_needles"}),
    ],
)
def test_several_texts_are_taken_as_a_list_and_as_a_text(
    dataset: Any, operator: str, values: dict[str, Any]
) -> None:
    OPERATORS[operator].parse(values)
    assert delegated(delegation.queue(operator, dataset, values)) == values
