"""Moves images in a workflow: those of the files that it ingests, unless others are named."""

from collections.abc import Iterator
from typing import Literal

from ..errors import Fault, InputError
from ..media.paths import GCS, plan_media
from ..media.transfer import RUNNERS, TransferResult, download_root, download_source, upload_root
from ..names import FROM_URLS, SPLITS
from ..parameters import RunWorkflow
from ..parameters.media import DownloadImages, UploadImages
from ..progress import Progress, portion

MediaStage = Literal["upload_images", "download_images"]
MEDIA_STAGES: tuple[MediaStage, ...] = ("upload_images", "download_images")

Move = UploadImages | DownloadImages


def moves_of(name: MediaStage, params: RunWorkflow) -> tuple[Move, ...]:
    """The moves of a stage, one for each split.

    Raises:
        InputError: the parameters are incomplete, or ``ingest_dataset`` names an impossible place.
    """
    own = params.of_stage(name).model_dump()
    ingest = params.ingest_dataset
    own["limit"] = own["limit"] or ingest.limit
    if own["annotations"]:
        if own["split"] is None:
            raise _unsaid(f"{name}.split", "say which split the annotations are of")
        files = [(own["split"], own["annotations"])]
    else:
        named = ((split, getattr(ingest, f"{split}_annotations")) for split in SPLITS)
        files = [(split, paths) for split, paths in named if paths]
    if not files:
        raise _unsaid(f"{name}.annotations", "name a file here, or those of ingest_dataset")
    if name == "upload_images":
        model: type[Move] = UploadImages
        own["media_root"] = own["media_root"] or ingest.media_root
    else:
        model = DownloadImages
        if not own["destination"]:
            # Where FiftyOne opens the ingested images on a machine that cannot open buckets.
            try:
                own["destination"] = plan_media(ingest.media_root, ingest.mirror).filepath_root
            except InputError as error:
                faults = [Fault(f"ingest_dataset.{one.place}", one.problem) for one in error.faults]
                raise InputError("run_workflow", faults) from None
        in_bucket = ingest.media_root.startswith(GCS)
        own["source"] = own["source"] or (ingest.media_root if in_bucket else FROM_URLS)
    return tuple(model(**{**own, "annotations": paths, "split": split}) for split, paths in files)


def check_moves(name: MediaStage, params: RunWorkflow) -> Iterator[Fault]:
    """Faults of a stage that can be seen before anything is moved."""
    faults: list[Fault] = []
    try:
        move = moves_of(name, params)[0]
    except InputError as error:
        yield from error.faults
        return
    if isinstance(move, UploadImages):
        upload_root(move.media_root, faults)
    else:
        download_root(move.destination, faults)
        download_source(move.source, faults)
    yield from (Fault(f"{name}.{fault.place}", fault.problem) for fault in faults)


def move_images(
    name: MediaStage, params: RunWorkflow, progress: Progress
) -> dict[str, TransferResult]:
    """Moves the images of one split after another; returns the outcomes by split."""
    moves = moves_of(name, params)
    results: dict[str, TransferResult] = {}
    for number, move in enumerate(moves):
        share = portion(progress, number / len(moves), (number + 1) / len(moves), f"{move.split}: ")
        results[move.split] = RUNNERS[name](move, share)
    return results


def _unsaid(place: str, problem: str) -> InputError:
    return InputError("run_workflow", [Fault(place, problem)])
