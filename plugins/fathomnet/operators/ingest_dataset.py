"""The door to :func:`samples.ingest_dataset`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone as fo

from ..catalog import read_catalog
from ..errors import FathomNetError, Fault
from ..parameters import dataset as parameters
from ..taxonomy import load_taxonomy
from ..text import counted
from .base import StageOperator
from .forms import Preview, once_a_version, problem_with, too_large


class IngestDataset(StageOperator[parameters.IngestDataset]):
    model = parameters.IngestDataset
    icon = "/plugins/fathomnet/assets/ingest.svg"
    place = "HEADER_ACTIONS"  # where datasets are chosen

    def makes(self, params: parameters.IngestDataset) -> str:
        return params.dataset_name

    def made(self, result: Mapping[str, Any]) -> str | None:
        return result.get("dataset")

    def preview(self, params: parameters.IngestDataset, dataset: Any) -> Preview:
        facts: list[str] = []
        problems: list[Fault] = []
        chosen = {
            "train_annotations": params.train_annotations,
            "test_annotations": params.test_annotations,
        }
        if not any(chosen.values()):
            problems.append(Fault("test_annotations", "choose at least one annotations file"))
        for name, path in chosen.items():
            if not path:
                continue
            try:
                facts.append(_describe(name.split("_")[0], path))
            except FathomNetError as error:
                problems.append(problem_with(name, error))
        if params.limit:
            facts.append(f"of each split only the first {params.limit:,}")
        facts.append(_destination(params))
        return Preview(facts=tuple(facts), warnings=_warnings(params), problems=tuple(problems))


@once_a_version
def _summary(path: str) -> str:
    catalog = read_catalog(path, load_taxonomy().names)
    text = (
        f"{counted(len(catalog.images), 'image', 'images')}, "
        f"{counted(catalog.box_count, 'box', 'boxes')} "
        f"({catalog.unlabelled_box_count:,} without a concept)"
    )
    corrections = counted(len(catalog.notes), "small correction", "small corrections")
    return f"{text}; {corrections}" if catalog.notes else text


def _describe(split: str, path: str) -> str:
    if too_large(path):
        return f"{split} split: a large file, checked when it is read"
    return f"{split} split: {_summary(path)}"


def _destination(params: parameters.IngestDataset) -> str:
    name = params.dataset_name
    if not fo.dataset_exists(name):
        return f"a new dataset, {name}"
    present = counted(fo.load_dataset(name).count(), "sample", "samples")
    if params.recreate:
        return f"{name} is deleted with its {present}, then made again"
    return f"{name} is there with {present}; only what is missing is added"


def _warnings(params: parameters.IngestDataset) -> tuple[str, ...]:
    if params.recreate and fo.dataset_exists(params.dataset_name):
        return ("Recreate deletes labels, predictions and views that were added to the dataset",)
    return ()
