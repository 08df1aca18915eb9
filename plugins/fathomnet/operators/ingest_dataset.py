"""The door to :func:`samples.ingest_dataset`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import fiftyone as fo

from ..catalog import Catalog, read_catalog
from ..errors import FathomNetError, Fault, InputError
from ..ingest import check_ingest
from ..ingest.plan import check_place
from ..parameters import dataset as parameters
from ..taxonomy import load_taxonomy
from ..text import counted
from .base import StageOperator
from .forms import Preview, once_a_version, problem_with, too_large


class IngestDataset(StageOperator[parameters.IngestDataset]):
    model = parameters.IngestDataset
    icon = "/plugins/fathomnet/assets/ingest.svg"
    risk = "DANGEROUS"  # recreate deletes one
    place = "HEADER_ACTIONS"  # where datasets are chosen

    def makes(self, params: parameters.IngestDataset) -> str:
        return params.dataset_name

    def made(self, result: Mapping[str, Any]) -> str | None:
        return result.get("dataset")

    def preview(self, params: parameters.IngestDataset, dataset: Any) -> Preview:
        chosen = {
            "train_annotations": params.train_annotations,
            "test_annotations": params.test_annotations,
        }
        if not any(chosen.values()):
            fault = Fault("test_annotations", "choose at least one annotations file")
            return Preview(problems=(fault, *_refusals(params)))
        facts: list[str] = []
        problems: list[Fault] = []
        for name, path in chosen.items():
            if not path:
                continue
            split = name.partition("_")[0]
            try:
                text = (
                    "a large file, checked when it is read" if too_large(path) else _read(path)[0]
                )
                facts.append(f"{split} split: {text}")
            except FathomNetError as error:
                problems.append(problem_with(name, error))
        if params.limit:
            facts.append(f"of each split only the first {params.limit:,}")
        problems += _refusals(params, but=[fault.place for fault in problems])
        if not problems:
            facts.append(_destination(params))
        return Preview(facts=tuple(facts), warnings=_warnings(params), problems=tuple(problems))


@once_a_version
def _read(path: str) -> tuple[str, Catalog]:
    """What a file holds, in words, and a catalog that remembers all of it but the images."""
    catalog = read_catalog(path, load_taxonomy().names)
    text = (
        f"{counted(len(catalog.images), 'image', 'images')}, "
        f"{counted(catalog.box_count, 'box', 'boxes')} "
        f"({catalog.unlabelled_box_count:,} without a concept)"
    )
    corrections = counted(len(catalog.notes), "small correction", "small corrections")
    noted = f"{text}; {corrections}" if catalog.notes else text
    return noted, replace(catalog, images=())


def _refusals(params: parameters.IngestDataset, but: Sequence[str] = ()) -> tuple[Fault, ...]:
    """What the stage would refuse, from the stage's own check.

    Args:
        params: parameters, each of which is valid by itself.
        but: the parameters that name files with faults, which are told already.
    """
    values = params.model_dump()
    unread = {
        name
        for name in ("train_annotations", "test_annotations")
        if name in but or (values[name] and too_large(values[name]))
    }
    values |= dict.fromkeys(unread, "")
    try:
        if not values["train_annotations"] and not values["test_annotations"]:
            check_place(**values)
        else:
            check_ingest(**values, read=lambda path: _read(path)[1])
    except InputError as error:
        return error.faults
    except FathomNetError as error:
        return (Fault("dataset_name", str(error)),)
    return ()


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
