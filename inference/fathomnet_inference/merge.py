"""Merges the shards of a run into one predictions folder, or says which shard is wrong and why."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from fathomnet_voxel51.errors import Fault, InputError
from fathomnet_voxel51.files import FaultList
from fathomnet_voxel51.media import Shard
from fathomnet_voxel51.names import ANNOTATION_ID
from fathomnet_voxel51.progress import Progress, silent

from .manifest import Manifest, manifest_differences, shard_of, slurm_ids
from .parts import FOLDER, START_OVER
from .results import Results, read_manifest, read_results, write_results

MAY_DIFFER: Final = ("settings.shard", "settings.batch_size", "settings.boxes_a_part")
"""May differ between shards: batches may depend on the GPU, and affect results only by rounding."""
OF_THE_WHOLE: Final = "settings.shard"


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The outcome of a merge.

    Attributes:
        shards: the number of merged shards.
        boxes: boxes of all shards.
        predicted: boxes with a prediction.
        not_predicted: boxes without one; the manifest lists them with reasons.
        output: the predictions folder.
    """

    shards: int
    boxes: int
    predicted: int
    not_predicted: int
    output: str


@dataclass(frozen=True, slots=True)
class _Shard:
    """A finished shard."""

    folder: Path
    results: Results
    manifest: Manifest

    @property
    def label(self) -> str:
        return str(self.manifest["settings"]["shard"])

    def boxes(self) -> Iterator[int]:
        """Annotation ids of all its boxes, predicted or not."""
        yield from self.results.rows[ANNOTATION_ID].to_pylist()
        yield from (box["annotation_id"] for box in self.manifest["not_predicted"])


def merge(
    folders: Sequence[str | Path], output: str | Path, progress: Progress = silent
) -> MergeResult:
    """Merges the shards of a run.

    Args:
        folders: one per shard, in any order.
        output: the predictions folder; may be the folder that holds the shards.
        progress: called with the share done and a label.

    Raises:
        InputError: a shard is missing, unfinished, damaged or repeated, or differs in its making
            from the others; or the output folder holds another run. Nothing was written.
        SetupError: the output folder cannot be written.
    """
    target = Path(output)
    faults = FaultList()
    shards: list[_Shard] = []
    for index, folder in enumerate(folders):
        progress(index / (len(folders) + 1), f"reading shard {index + 1}/{len(folders)}")
        try:
            shards.append(_Shard(Path(folder), *read_results(Path(folder))))
        except InputError as error:
            for fault in error.faults:
                faults.add(f"{folder}, {fault.place}", fault.problem)
    for shard in shards[1:]:
        for difference in manifest_differences(shard.manifest, shards[0].manifest, MAY_DIFFER):
            what, values = difference.split(": ", 1)
            faults.add(str(shard.folder), f"{what} differs: {values} (there: {shards[0].folder})")
    if len(shards) == len(folders):  # otherwise what is missing has been reported
        _check_complete(shards, faults)
        _check_boxes(shards, faults)
    faults.raise_if_any("these shards", "Name every shard of one run, each once and finished.")
    manifest = _manifest(shards)
    _refuse_other(target, manifest)
    whole = Results(
        pa.concat_tables([shard.results.rows for shard in shards]),
        np.concatenate([shard.results.probabilities for shard in shards]),
    )
    write_results(target, whole, manifest)
    counts = manifest["counts"]
    progress(1.0, f"{counts['predicted']:,} of {counts['boxes']:,} boxes predicted")
    return MergeResult(
        shards=len(shards),
        boxes=counts["boxes"],
        predicted=counts["predicted"],
        not_predicted=counts["not_predicted"],
        output=str(target),
    )


def _check_complete(shards: Sequence[_Shard], faults: FaultList) -> None:
    """Checks that each of 1-of-N to N-of-N is there, once."""
    places: dict[int, list[Path]] = defaultdict(list)
    parts = [(shard.folder, shard_of(shard.manifest)) for shard in shards]
    if not parts:
        faults.add("shards", "none was named")
        return
    counts = Counter(part.count for _, part in parts)
    count = counts.most_common(1)[0][0]
    for folder, part in parts:
        if part.count == count:
            places[part.index].append(folder)
        else:
            faults.add(str(folder), f"is one of {part.count} shards, others are of {count}")
    for index in range(count):
        label = f"shard {_number(Shard(index, count))}/{count}"
        if index not in places:
            faults.add(label, "is missing")
        for folder in places[index][1:]:
            faults.add(str(folder), f"is {label} again, after {places[index][0]}")


def _number(shard: Shard) -> int:
    """The number of a shard, counted from 1."""
    return int(shard.index or shard.count)


def _check_boxes(shards: Sequence[_Shard], faults: FaultList) -> None:
    """Checks that each box is there once, and that there are as many as the run has."""
    owner: dict[int, Path] = {}
    for shard in shards:
        for box in shard.boxes():
            first = owner.setdefault(box, shard.folder)
            if first != shard.folder:
                faults.add(str(shard.folder), f"annotation {box} is in {first} too")
    if shards and not faults:
        expected = shards[0].manifest["counts"]["boxes_of_all_shards"]
        if len(owner) != expected:
            faults.add("boxes", f"{len(owner):,} are in the shards, the run has {expected:,}")


def _manifest(shards: Sequence[_Shard]) -> Manifest:
    """The manifest of the whole run: what the shards have in common, and their sums."""
    first = shards[0].manifest
    manifests = [shard.manifest for shard in shards]
    decisions: Counter[str] = Counter()
    for manifest in manifests:
        decisions.update(manifest["counts"]["decisions"])
    sums = {
        name: sum(manifest["counts"][name] for manifest in manifests)
        for name in ("images", "boxes", "predicted", "not_predicted")
    }
    unpredicted = [box for manifest in manifests for box in manifest["not_predicted"]]
    batches = {manifest["settings"]["batch_size"] for manifest in manifests}
    return {
        **{name: value for name, value in first.items() if name != "files"},
        "settings": {
            **first["settings"],
            "shard": "",
            "batch_size": batches.pop() if len(batches) == 1 else None,
        },
        "device": ", ".join(sorted({manifest["device"] for manifest in manifests})),
        "slurm": slurm_ids(),
        "started": min(manifest["started"] for manifest in manifests),
        "finished": max(manifest["finished"] for manifest in manifests),
        "counts": {
            **sums,
            "boxes_of_all_shards": sums["boxes"],
            "decisions": dict(sorted(decisions.items())),
        },
        "not_predicted": sorted(unpredicted, key=lambda box: int(box["annotation_id"])),
        "notes": [note for manifest in manifests for note in manifest.get("notes", ())],
        "shards": [
            {
                "shard": shard.label,
                **{
                    name: shard.manifest[name]
                    for name in ("device", "slurm", "started", "finished")
                },
                "boxes": shard.manifest["counts"]["boxes"],
            }
            for shard in sorted(shards, key=lambda shard: _number(shard_of(shard.manifest)))
        ],
    }


def _refuse_other(target: Path, manifest: Manifest) -> None:
    """Refuses to replace the predictions of another run.

    Raises:
        InputError: the folder holds the predictions of another run, or an unfinished run.
    """
    if (target / FOLDER).exists():
        problem = f"holds a run that is not finished ({FOLDER}/)"
        raise InputError(str(target), [Fault("folder", problem)], START_OVER)
    there = read_manifest(target)
    if there is not None:
        found = [
            Fault(*d.split(": ", 1)) for d in manifest_differences(manifest, there, MAY_DIFFER)
        ]
        if found or there["settings"]["shard"]:
            found = found or [Fault("settings.shard", "the folder holds a shard, not the whole")]
            raise InputError(f"{target} holds another run", found, START_OVER)
