"""What a run was made of and by: the manifest that travels with its predictions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from fathomnet_voxel51.media.shards import Shard
from fathomnet_voxel51.prediction_files.run import FORMAT_VERSION

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
"""A file that was renamed is still the same: its hash says so."""

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
"""Members that decide what is in a predictions folder."""

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a run read.

    Attributes:
        name: without its folder, which is nobody else's business.
        sha256: of its content.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What else decides the numbers of a run.

    Attributes:
        precision: ``fp32``, ``fp16`` or ``bf16``.
        batch_size: boxes the model sees at once; it changes their numbers by rounding only.
        boxes_a_part: after so many a run keeps what it has; batches end with a part.
        temperature: by which logits were divided.
        limit: how many images of the file were looked at; None for all.
        shard: which part of those, such as ``1-of-4``; empty for the whole.
    """

    precision: str
    batch_size: int
    boxes_a_part: int
    temperature: float
    limit: int | None
    shard: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that decides what is in a predictions folder; two runs that differ here differ.

    Attributes:
        concepts: in the order of the probabilities.
        checkpoint: of the model.
        annotations: the COCO file.
        decision: how probabilities become a name.
        settings: the rest.
        taxonomy_sha256: hash of the table that ranks and distances are from.
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
        """The manifest's members that this makes, as JSON would read them back."""
        members = asdict(self)
        return {
            "format_version": FORMAT_VERSION,
            "model": {"name": MODEL_NAME},
            **members,
            "concepts": list(self.concepts),
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a run was about.

    Attributes:
        images: with boxes, in this run.
        boxes: in this run.
        predicted: of those.
        not_predicted: of those.
        boxes_of_all_shards: that the run and its sister shards have together.
        decisions: boxes by where their name comes from, such as ``rolled up to family``.
    """

    images: int
    boxes: int
    predicted: int
    not_predicted: int
    boxes_of_all_shards: int
    decisions: Mapping[str, int]


def finished(
    identity: Manifest,
    counts: Counts,
    unpredicted: Iterable[Unpredicted],
    device: str,
    started: str,
) -> Manifest:
    """The manifest of a run that has ended.

    Args:
        identity: from ``Identity.described``.
        counts: what became of its boxes.
        unpredicted: every box without a prediction.
        device: the model ran on, in words.
        started: when the run began, its interruptions included.
    """
    return {
        **identity,
        "device": device,
        "slurm": slurm_ids(),
        "started": started,
        "finished": now(),
        "counts": asdict(counts),
        "not_predicted": [asdict(box) for box in unpredicted],
    }


def differences(one: Manifest, other: Manifest, ignored: Iterable[str] = ()) -> Iterator[str]:
    """In which members of an identity two manifests differ.

    Args:
        one: a manifest, or an identity alone.
        other: likewise.
        ignored: members that may differ, such as ``settings.shard``.

    Yields:
        member and both values: ``checkpoint.sha256: 12ab... here, 98fe... there``.
    """
    left, right = dict(_leaves(one)), dict(_leaves(other))
    skipped = {*ignored, *_NAMES_ONLY}
    for name in left | right:
        if name not in skipped and left.get(name) != right.get(name):
            yield f"{name}: {_shown(left.get(name))} here, {_shown(right.get(name))} there"


def code_version() -> str:
    """The version of this program as it is installed."""
    return version(DISTRIBUTION)


def slurm_ids() -> dict[str, str] | None:
    """The SLURM job that this process is part of; None outside one."""
    ids = {
        name: os.environ[variable] for name, variable in _SLURM.items() if variable in os.environ
    }
    return ids if "job_id" in ids else None


def shard_of(manifest: Manifest) -> Shard:
    """Which shard a manifest is about.

    Raises:
        InputError: it names none.

    Examples:
        >>> shard_of({"settings": {"shard": "1-of-4"}})
        Shard(index=1, count=4)
    """
    label = str(manifest.get("settings", {}).get("shard", ""))
    return Shard.parse(label.replace("-of-", "/"))


def now() -> str:
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
