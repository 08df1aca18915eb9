"""The door to :func:`ingest.ingest_crops`."""

from collections.abc import Mapping
from typing import Any

import fiftyone as fo

from ..errors import FathomNetError, Fault, InputError, SetupError
from ..files.places import GCS, place
from ..files.writing import folder_problem
from ..ingest import check_crops
from ..ingest.media import locate_images
from ..parameters import dataset as parameters
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with, too_large


class IngestCrops(StageOperator[parameters.IngestCrops]):
    model = parameters.IngestCrops
    icon = "/plugins/fathomnet/assets/crops.svg"

    def makes(self, params: parameters.IngestCrops) -> str:
        return params.dataset_name

    def made(self, result: Mapping[str, Any]) -> str | None:
        return result.get("dataset")

    def preview(self, params: parameters.IngestCrops, dataset: Any) -> Preview:
        try:
            if (unread := _without_reading(params)) is not None:
                return unread
            plan = check_crops(**params.model_dump())
        except InputError as error:
            if error.subject.startswith("parameters"):
                return Preview(problems=error.faults)
            return Preview(problems=(problem_with("table" if params.table else "folder", error),))
        except SetupError as error:
            return Preview(problems=(Fault("folder" if params.folder else "table", str(error)),))
        except FathomNetError as error:
            return Preview(problems=(Fault("dataset_name", str(error)),))
        catalog = plan.catalog
        located = locate_images(
            plan.media, plan.split, plan.images, (catalog.sha256,), True, plan.is_listed
        )
        facts = [
            f"{counted(len(catalog.images), 'crop', 'crops')} of "
            f"{counted(len(catalog.concepts), 'concept', 'concepts')}, "
            f"{catalog.unlabelled_box_count:,} without one, as the {plan.split} split",
            f"a new dataset, {params.dataset_name}",
        ]
        if fo.dataset_exists(params.dataset_name):
            facts[-1] = f"{params.dataset_name} is there; only what is missing is added"
        warnings = [note for note in (located.told, *catalog.told) if note]
        return Preview(tuple(facts), tuple(warnings))

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        found, missing = (result.get(f"media_{name}", 0) for name in ("found", "missing"))
        images = f"{found:,} of {counted(found + missing, 'crop is', 'crops are')} there"
        return (f"{images}: the notes say where they were looked for.",) if missing else ()


def _without_reading(params: parameters.IngestCrops) -> Preview | None:
    """What the form says before anything is read; None where the table or folder is to be read."""
    if not params.table and not params.folder:
        return Preview(problems=(Fault("table", "choose a table, or a folder of classes"),))
    if params.table and too_large(params.table):
        return Preview(("a large file, checked when it is read",))
    if params.table or not params.folder.startswith(GCS):
        return None
    problem = folder_problem(params.folder)
    if not problem and not place(params.folder).is_dir():
        problem = "there is no such folder"
    if problem:
        return Preview(problems=(Fault("folder", problem),))
    # It may hold a million objects, and a form asks at every keystroke.
    return Preview(("a folder in a bucket, looked into when it runs",))
