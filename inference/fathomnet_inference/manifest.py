"""The manifest that travels with predictions: what a run was made from, and by what."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from fathomnet_voxel51.media import Shard
from fathomnet_voxel51.prediction_files import FORMAT_VERSION

from .decide import Rule
from .pipeline import Unpredicted

MODEL_NAME: Final = "FathomNet 2025 winner (dhlee-work, experiment-final14)"
DISTRIBUTION: Final = "fathomnet-inference"

_SLURM: Final = {
    "job_id": "SLURM_JOB_ID",
    "array_job_id": "SLURM_ARRAY_JOB_ID",
    "array_task_id": "SLURM_ARRAY_TASK_ID",
    "restarts": "SLURM_RESTART_COUNT",
    "cluster": "SLURM_CLUSTER_NAME",
}
_NAMES_ONLY: Final = ("annotations.name", "checkpoint.name")
"""A renamed file is still the same file, as its hash shows."""

IDENTITY: Final = (
    "format_version",
    "concepts",
    "checkpoint",
    "annotations",
    "decision",
    "settings",
    "taxonomy_sha256",
    "code_version",
)
"""Members that determine what is in a predictions folder."""

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a run read.

    Attributes:
        name: without its folder, which concerns nobody else.
        sha256: of its content.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What else determines the numbers of a run.

    Attributes:
        precision: ``fp32``, ``fp16`` or ``bf16``.
        batch_size: boxes that the model sees at once; it affects numbers only by rounding.
        boxes_a_part: boxes after which a run keeps what it has; batches end with a part.
        temperature: the number by which logits were divided.
        limit: how many images of the file were considered; None for all.
        shard: the part of those images, such as ``1-of-4``; empty for the whole.
    """

    precision: str
    batch_size: int
    boxes_a_part: int
    temperature: float
    limit: int | None
    shard: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that determines what is in a predictions folder.

    Attributes:
        concepts: in the order of the probabilities.
        checkpoint: of the model.
        annotations: the COCO file.
        decision: how probabilities become a name.
        settings: everything else.
        taxonomy_sha256: hash of the table from which ranks and distances come.
        code_version: of this program.
    """

    concepts: tuple[str, ...]
    checkpoint: NamedFile
    annotations: NamedFile
    decision: Rule
    settings: Settings
    taxonomy_sha256: str
    code_version: str

    def described(self) -> Manifest:
        """These values as members of a manifest, as JSON would read them back."""
        members = asdict(self)
        return {
            "format_version": FORMAT_VERSION,
            "model": {"name": MODEL_NAME},
            **members,
            "concepts": list(self.concepts),
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images and boxes a run had.

    Attributes:
        images: those with boxes in this run.
        boxes: those in this run.
        predicted: boxes with a prediction.
        not_predicted: boxes without one.
        boxes_of_all_shards: boxes of this run and all other shards together.
        decisions: boxes by how their name was chosen, such as ``rolled up to family``.
    """

    images: int
    boxes: int
    predicted: int
    not_predicted: int
    boxes_of_all_shards: int
    decisions: Mapping[str, int]


def finished_manifest(
    identity: Manifest,
    counts: Counts,
    unpredicted: Iterable[Unpredicted],
    device: str,
    started: str,
    notes: Iterable[str] = (),
) -> Manifest:
    """The manifest of a finished run.

    Args:
        identity: from ``Identity.described``.
        counts: what became of its boxes.
        unpredicted: every box without a prediction.
        device: the one on which the model ran, in words.
        started: when the run first began, before any interruptions.
        notes: what is to be known of images whose boxes were predicted.
    """
    return {
        **identity,
        "device": device,
        "slurm": slurm_ids(),
        "started": started,
        "finished": utc_now(),
        "counts": asdict(counts),
        "not_predicted": [asdict(box) for box in unpredicted],
        "notes": list(notes),
    }


def manifest_differences(
    one: Manifest, other: Manifest, ignored: Iterable[str] = ()
) -> Iterator[str]:
    """The members of an identity in which two manifests differ.

    Args:
        one: a manifest, or an identity alone.
        other: likewise.
        ignored: members that may differ, such as ``settings.shard``.

    Yields:
        A member and both values: ``checkpoint.sha256: 12ab... here, 98fe... there``.
    """
    left, right = dict(_leaves(one)), dict(_leaves(other))
    skipped = {*ignored, *_NAMES_ONLY}
    for name in left | right:
        if name not in skipped and left.get(name) != right.get(name):
            yield f"{name}: {_shown(left.get(name))} here, {_shown(right.get(name))} there"


def code_version() -> str:
    """The installed version of this program."""
    return version(DISTRIBUTION)


def slurm_ids() -> dict[str, str] | None:
    """The SLURM job to which this process belongs; None outside SLURM."""
    ids = {
        name: os.environ[variable] for name, variable in _SLURM.items() if variable in os.environ
    }
    return ids if "job_id" in ids else None


def shard_of(manifest: Manifest) -> Shard:
    """The shard to which a manifest belongs.

    Raises:
        InputError: it names none.

    Examples:
        >>> shard_of({"settings": {"shard": "1-of-4"}})
        Shard(index=1, count=4)
    """
    label = str(manifest.get("settings", {}).get("shard", ""))
    return Shard.parse(label.replace("-of-", "/"))


def utc_now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _leaves(manifest: Manifest) -> Iterator[tuple[str, object]]:
    for name in IDENTITY:
        value = manifest.get(name)
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", leaf) for inner, leaf in value.items())
        else:
            yield name, value


def _shown(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} names"
    text = "nothing" if value in (None, "") else str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."
