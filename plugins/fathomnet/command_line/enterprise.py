"""What can be found out of a deployment by itself, on a scratch dataset, as a report to send.

Nothing of the project was tried on FiftyOne Enterprise by those who wrote it. Whoever has one runs
this on the plugin server, on an executor and where a notebook runs, and sends what it prints.
"""

import io
import json
import platform
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any, Final

from bson import ObjectId
from PIL import Image

from .. import delegation
from ..dataset import collection, door
from ..evaluation import evaluate_predictions
from ..files.places import place
from ..files.writing import write_whole
from ..ingest import ingest_dataset
from ..labels import add_primary_label, add_taxonomy_ranks
from ..names import PLUGIN_NAME
from ..predictions import import_predictions
from ..progress import silent
from ..report import report_dataset
from ..setup_check import check_setup

LABEL: Final = "Scotoplanes globosa"
ASKED: Final[dict[str, tuple[str, ...]]] = {
    "Sample": ("local_path",),
    "Dataset": ("download_media", "get_local_paths", "cache_stats", "clear_media"),
    "media_cache": ("stats", "clear"),
}
"""What of Enterprise's the project uses where it is there, by what of ``fiftyone`` has it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried.

    Attributes:
        name: what.
        status: ``ok``, ``warn`` or ``fail``.
        detail: what was found.
        seconds: that it took.
    """

    name: str
    status: str
    detail: str
    seconds: float


class Scratch:
    """A dataset of two images of its own, with their files below a root; gone afterwards.

    Args:
        root: ``gs://bucket/prefix`` or a folder.
    """

    def __init__(self, root: str) -> None:
        self.name = f"fathomnet-check-{token_hex(6)}"
        self.root = place(root) / self.name
        self.dataset: Any = None
        buffer = io.BytesIO()
        Image.new("RGB", (64, 48), (0, 32, 96)).save(buffer, "PNG")
        self.image = buffer.getvalue()
        images = [
            {"id": n, "file_name": f"{n}.png", "width": 64, "height": 48, "coco_url": ""}
            for n in (1, 2)
        ]
        boxes = [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [8, 8, 16, 16], "iscrowd": 0}
            for n in (1, 2)
        ]
        categories = [{"id": 1, "name": LABEL}]
        catalog = {"images": images, "annotations": boxes, "categories": categories}
        self.files = {
            "train_images/1.png": self.image,
            "train_images/2.png": self.image,
            "train.json": json.dumps(catalog).encode(),
            "predictions.csv": f"annotation_id,concept_name\n1,{LABEL}\n2,{LABEL}\n".encode(),
        }

    def write(self) -> str:
        for name, content in self.files.items():
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, content)
            if file.read_bytes() != content:
                raise ValueError(f"{file} holds other bytes than were written")
        return f"{len(self.files)} files in {self.root}, read back"

    def ingest(self) -> str:
        import fiftyone as fo

        ingest_dataset(
            self.name,
            train_annotations=str(self.root / "train.json"),
            media_root=str(self.root),
        )
        self.dataset = fo.load_dataset(self.name)
        return f"filepaths such as {self.dataset.first().filepath}"

    def bring(self) -> str:
        sample = self.dataset.first()
        if Path(sample.local_path).read_bytes() != self.image:
            raise ValueError(f"{sample.local_path} holds other bytes than the image")
        told = f"at {sample.local_path}; cache {self.dataset.cache_stats()}"
        self.dataset.clear_media()
        return f"{told}; after clearing {self.dataset.cache_stats()['current_count']} there"

    def label(self) -> str:
        primary = add_primary_label(self.dataset)
        ranks = add_taxonomy_ranks(self.dataset)
        return f"{primary.labelled} images have a primary label, {ranks.boxes} boxes ranks"

    def score(self) -> str:
        import_predictions(self.dataset, str(self.root / "predictions.csv"), split="train")
        scores = evaluate_predictions(self.dataset)
        if (scores.boxes, scores.accuracy) != (2, 1.0):
            raise ValueError(f"{scores.boxes} boxes with accuracy {scores.accuracy}: 2 with 1 are")
        return "2 boxes, accuracy 1"

    def describe(self) -> str:
        card = report_dataset(self.dataset, self.root / "card")
        return ", ".join(card.files)

    def queue(self, seconds: float) -> str:
        """Has a worker do something, and waits for it."""
        from fiftyone.operators.delegated import DelegatedOperationService
        from fiftyone.operators.executor import ExecutionRunState

        operation = delegation.queue("add_primary_label", self.dataset, {"field": "by_worker"})
        deadline = time.monotonic() + seconds
        ends = (ExecutionRunState.COMPLETED, ExecutionRunState.FAILED)
        queue = DelegatedOperationService()
        while (state := queue.get(ObjectId(operation)).run_state) not in ends:
            if time.monotonic() > deadline:
                queue.delete_operation(ObjectId(operation))  # no later worker finds it
                raise TimeoutError(f"operation {operation} is {state} after {seconds:.0f} s")
            time.sleep(delegation.POLL_SECONDS)
        result = delegation.follow(operation, silent)
        return f"a worker labelled {result['labelled']} images"

    def remove(self) -> str:
        import fiftyone as fo

        if fo.dataset_exists(self.name):
            fo.delete_dataset(self.name)
        if isinstance(self.root, Path):
            shutil.rmtree(self.root, ignore_errors=True)
            return f"dataset and {self.root}"
        for name in (*self.files, "card/data-card.md", "card/data-card.html"):
            with suppress(FileNotFoundError):
                (self.root / name).unlink()
        return f"dataset and what was below {self.root}"


def look(media_root: str = "", wait: float = 0.0) -> list[Finding]:
    """Tries what the project needs of a deployment; never raises for what it finds.

    Args:
        media_root: ``gs://bucket/prefix`` where a folder may be made and removed; empty for none.
        wait: seconds to wait for a worker; 0 for no delegated run.
    """
    findings = [
        Finding(f"check_setup: {one.name}", one.status, one.detail, 0.0)
        for one in check_setup(media_root).checks
    ]
    with TemporaryDirectory() as folder:
        scratch = Scratch(media_root or folder)
        steps: dict[str, Callable[[], str]] = {
            "operators": _registered,
            "what Enterprise offers": _offered,
            "files are written and read": scratch.write,
            "dataset": scratch.ingest,
            "labels and ranks": scratch.label,
            "predictions": scratch.score,
            "data card": scratch.describe,
        }
        if media_root.startswith("gs://"):
            steps["remote media"] = scratch.bring
        if wait:
            steps["a worker"] = lambda: scratch.queue(wait)
        steps["all of it is removed again"] = scratch.remove
        for name, step in steps.items():
            started = time.perf_counter()
            try:
                status, detail = "ok", step()
            except Exception as error:  # whatever a deployment does is a finding
                status, detail = "fail", f"{type(error).__name__}: {error}"
            findings.append(Finding(name, status, detail, time.perf_counter() - started))
    return findings


def _registered() -> str:
    import fiftyone.operators as foo

    from ..parameters import OPERATORS

    absent = [name for name in OPERATORS if not foo.operator_exists(f"{PLUGIN_NAME}/{name}")]
    if absent:
        raise LookupError(f"FiftyOne does not see {', '.join(absent)}")
    return f"FiftyOne sees all {len(OPERATORS)}"


def _offered() -> str:
    import fiftyone as fo

    wanted = [(owner, name) for owner, names in ASKED.items() for name in names]
    absent = [
        f"{owner}.{name}" for owner, name in wanted if not hasattr(getattr(fo, owner, None), name)
    ]
    if absent:
        raise LookupError(f"this FiftyOne has no {', '.join(absent)}")
    return f"all {len(wanted)} that the project uses"


def as_report(findings: list[Finding]) -> str:
    """The findings as Markdown, with what kind of machine they are of."""
    way = door.way()
    written = "straight into the collection" if way.is_open else "through the public API"
    edition = "Enterprise" if collection.is_enterprise() else "open source"
    lines = [
        "# fathomnet-voxel51 on a deployment",
        "",
        f"- FiftyOne {metadata.version('fiftyone')}, {edition}; Python {platform.python_version()}",
        f"- documents are written {written}: {way.reason}",
        "",
        "| tried | status | found | s |",
        "|---|---|---|---|",
    ]
    for one in findings:
        detail = " ".join(one.detail.split()).replace("|", "/")[:300]
        lines.append(f"| {one.name} | {one.status} | {detail} | {one.seconds:.1f} |")
    note = "Names of buckets and folders are in it: read it before you send it."
    return "\n".join([*lines, "", note])
