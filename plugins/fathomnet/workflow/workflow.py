"""Runs stages in order, as one operation, because FiftyOne's queue is last in, first out."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..catalog import Catalog
from ..dataset.datasets import find_dataset
from ..dataset.ingest_record import in_ranges, left_out_boxes, read_ingest_record
from ..dataset.schema import boxes_path
from ..errors import DatasetError, FathomNetError, Fault, InputError, WorkflowError
from ..files.places import GCS
from ..ingest import check_ingest
from ..ingest.plan import SplitPlan, names_of
from ..models import model_spec
from ..names import SPLITS
from ..needles.find import chosen_pack
from ..parameters import RunWorkflow
from ..prediction_files import Predictions
from ..predictions import check_predictions
from ..predictions.checking import (
    DETECTIONS,
    KnownImages,
    bad_rows,
    boxes_of_catalog,
    fitting_split,
    kind_of,
    known_concepts,
    place_boxes,
    read_boxes,
    read_rows,
    refuse_boxes,
    refuse_other_boxes,
    refuse_rows,
)
from ..progress import Progress, portion, silent
from .media import MEDIA_STAGES, check_moves, move_images


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
    _, tree = names_of(ingest.dataset_name, ingest.recreate, ingest.label_map)
    known_of = (
        boxes_of_catalog(one.catalog)
        for one in sorted(plans, key=lambda one: one.split != own.split)
    )
    kind, file = kind_of(own.predictions, own.kind, categories, known_of)
    if kind == DETECTIONS:
        boxes = read_boxes(file, concepts, categories, tree)
        images = {one.split: KnownImages.of_catalog(one.catalog) for one in plans}
        placed = place_boxes(boxes, images.pop(own.split), own.split)
        refuse_boxes(boxes, placed, own.skip_bad_rows, images)
        return
    table = read_rows(file, concepts, categories, tree, boxes=_box_ids(plan.catalog))
    refuse_other_boxes(
        table,
        own.split,
        {one.split: (one.catalog.source, one.catalog.sha256) for one in plans},
        lambda: boxes_of_catalog(plan.catalog),
        lambda: _fitting_split(table, plans, own.split),
    )

    limit = _limit_afterwards(dataset, plan)
    known = _box_ids(plan.catalog.head(limit))
    left_out = in_ranges(left_out_boxes(plan.catalog, limit))
    faults = bad_rows(table, known, own.split, left_out)
    if faults and not own.skip_bad_rows:
        refuse_rows(table, faults, _fitting_split(table, plans, own.split))


def _limit_afterwards(dataset: Any, plan: SplitPlan) -> int | None:
    """Of a split's images: a smaller limit than before removes none."""
    record = None if dataset is None else read_ingest_record(dataset, plan.split)
    limits = [plan.limit] if record is None else [plan.limit, record.limit]
    return None if None in limits else max(one for one in limits if one is not None)


def _fitting_split(table: Predictions, plans: Sequence[SplitPlan], split: str) -> str:
    others = (one for one in plans if one.split != split)
    return fitting_split(table, ((one.split, boxes_of_catalog(one.catalog)) for one in others))


def _box_ids(catalog: Catalog) -> set[int]:
    return {box.annotation_id for image in catalog.images for box in image.boxes}


def check_workflow(params: RunWorkflow, dataset: Any) -> Iterator[Fault]:
    """Faults that can be seen before the first stage starts.

    Args:
        params: the stages and their parameters.
        dataset: the dataset that is open, or None.
    """
    repeated = {name for name in params.stages if params.stages.count(name) > 1}
    if repeated:
        yield Fault("stages", f"named more than once: {', '.join(sorted(repeated))}")
    for stage in MEDIA_STAGES:
        if stage in params.stages:
            yield from check_moves(stage, params)
    on_dataset = [name for name in params.stages if name not in MEDIA_STAGES]
    if "ingest_dataset" in on_dataset:
        if on_dataset[0] != "ingest_dataset":
            problem = "ingest_dataset makes the dataset, so it comes before all that work on it"
            yield Fault("stages", problem)
        ingest = params.ingest_dataset
        if not any(getattr(ingest, f"{split}_annotations") for split in SPLITS):
            yield Fault("ingest_dataset.test_annotations", "choose at least one annotations file")
    elif on_dataset and dataset is None:
        yield Fault("stages", "without ingest_dataset, an existing dataset has to be open or named")
    if "import_predictions" in params.stages:
        path = params.import_predictions.predictions
        if not path:
            problem = "choose a predictions file, or leave the stage out"
            yield Fault("import_predictions.predictions", problem)
        elif not (path.startswith(GCS) or Path(path).exists()):
            yield Fault("import_predictions.predictions", f"there is no {path}")
    yield from _unknown_names(params)


def _unknown_names(params: RunWorkflow) -> Iterator[Fault]:
    """Models and packs that do not exist, which would otherwise stop a late stage."""
    checks: dict[str, Callable[[], Any]] = {
        "compute_embeddings.model": lambda: model_spec(params.compute_embeddings.model),
        "build_similarity_index.model": lambda: model_spec(params.build_similarity_index.model),
        "find_needles.pack": lambda: chosen_pack(
            params.find_needles.pack, params.find_needles.prompts
        ),
    }
    for place, check in checks.items():
        if place.split(".")[0] in params.stages:
            try:
                check()
            except InputError as error:
                yield from (Fault(place, fault.problem) for fault in error.faults)


def run_workflow(
    params: RunWorkflow, dataset: Any = None, progress: Progress = silent
) -> dict[str, Any]:
    """Runs stages one after another; a stage whose work is already done finishes quickly.

    Args:
        params: the stages in order, and each one's parameters.
        dataset: the dataset for stages that need one, when ``ingest_dataset`` is not among them.
        progress: called with the share of the whole done and a label such as
            ``"2/4 add primary label: ..."``.

    Returns:
        One result per stage, by the stage's name; for a stage that moves images, one per split.

    Raises:
        InputError: the parameters or the files cannot work; nothing was written.
        WorkflowError: a stage failed; the message says which ones had finished.
    """
    faults = tuple(check_workflow(params, dataset))
    if faults:
        raise InputError("run_workflow", faults)
    progress(0.0, "checking the files")
    check_files(params, dataset)
    results: dict[str, Any] = {}
    count = len(params.stages)
    for number, name in enumerate(params.stages):
        prefix = f"{number + 1}/{count} {name.replace('_', ' ')}: "
        report = portion(progress, number / count, (number + 1) / count, prefix)
        report(0.0, "starting")
        try:
            if name in MEDIA_STAGES:
                results[name] = move_images(name, params, report)
            else:
                results[name] = params.of_stage(name).call_stage(dataset, report)
        except FathomNetError as error:
            if number == 0:
                raise
            done = ", ".join(params.stages[:number])
            raise WorkflowError(
                f"{name} failed, stage {number + 1} of {count}.\n{error}\n"
                f"Done before it and kept: {done}. Run the workflow again to go on from there."
            ) from error
        if name == "ingest_dataset":
            dataset = find_dataset(results[name].dataset)
            if dataset is None:
                made = results[name].dataset
                raise DatasetError(f"the dataset {made} was deleted while the workflow ran")
    progress(1.0, f"{count} stages done")
    return results
