"""Reads and checks the files of a workflow before its first stage writes anything."""

from collections.abc import Sequence
from typing import Any

from ..dataset.datasets import find_dataset
from ..dataset.ingest_record import in_ranges, left_out_boxes, read_ingest_record
from ..dataset.label_fields import boxes_path
from ..errors import Fault, InputError
from ..ingest import check_ingest
from ..ingest.plan import SplitPlan
from ..parameters import RunWorkflow
from ..predictions import check_predictions
from ..predictions.checking import bad_rows, known_concepts, read_rows, refuse_rows


def check_files(params: RunWorkflow, dataset: Any) -> None:
    """Checks the annotations and the predictions that stages after the first will read.

    The first stage checks its own files. Files that are checked here may still change before their
    stage reads them again.

    Args:
        params: the stages and their parameters.
        dataset: the dataset that is open, or None.

    Raises:
        InputError: a file has faults; the error carries all of them.
        DatasetError: the dataset was made from other files, or its images are elsewhere.
    """
    later = params.stages[1:]
    imports = "import_predictions" in later
    if "ingest_dataset" not in params.stages:
        if imports:
            check_predictions(dataset, **params.import_predictions.model_dump())
        return
    if imports or "ingest_dataset" in later:
        plans = check_ingest(**params.ingest_dataset.model_dump())
        if imports:
            _check_rows(params, plans)


def _check_rows(params: RunWorkflow, plans: Sequence[SplitPlan]) -> None:
    """Checks the predictions against the boxes that the dataset will have."""
    own, ingest = params.import_predictions, params.ingest_dataset
    dataset = None if ingest.recreate else find_dataset(ingest.dataset_name)
    plan = next((one for one in plans if one.split == own.split), None)
    if plan is None:
        if dataset is not None:
            check_predictions(dataset, **own.model_dump())
            return
        problem = f"the annotations of the {own.split} split are not among those that are ingested"
        raise InputError("run_workflow", [Fault("import_predictions.split", problem)])
    concepts = {name for one in plans for name in one.catalog.concepts}
    if dataset is not None and dataset.has_sample_field(own.gt_field):
        concepts |= known_concepts(dataset, boxes_path(dataset, own.gt_field))
    categories = dict(plan.catalog.categories) or {
        id_: name for one in plans for id_, name in one.catalog.categories
    }
    table = read_rows(own.predictions, concepts, categories)

    # The split's images afterwards: a smaller limit than before removes none.
    record = None if dataset is None else read_ingest_record(dataset, plan.split)
    limits = [plan.limit] if record is None else [plan.limit, record.limit]
    limit = None if None in limits else max(one for one in limits if one is not None)
    known = {box.annotation_id for image in plan.catalog.head(limit).images for box in image.boxes}
    left_out = in_ranges(left_out_boxes(plan.catalog, limit))
    faults = bad_rows(table, known, own.split, left_out)
    if not own.skip_bad_rows:
        refuse_rows(table, faults)
