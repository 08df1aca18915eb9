"""Checks a requested run completely before anything is predicted or written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fathomnet_voxel51.errors import Fault, InputError
from fathomnet_voxel51.media import Shard
from fathomnet_voxel51.taxonomy import load_taxonomy

from .annotations import ImageBoxes, read_annotations
from .calibrate import read_temperature
from .checkpoint import Checkpoint, inspect, load_model
from .converted import is_converted
from .decide import ARGMAX, RULES, Decider, Rule
from .file_names import found_in, with_found_names
from .manifest import Identity, Manifest, NamedFile, Settings, code_version
from .model import WinnerModel


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A requested run; the options of ``fathomnet-infer run``.

    Attributes:
        annotations: COCO file.
        images: folder to which its file names are relative.
        checkpoint: the model.
        output: folder of this run, or of this shard of it.
        shard: ``I/N``; empty for the whole.
        limit: consider only the first so many images of the file; None: all.
        decision: how probabilities become a name.
        temperature: a number, or the file of a calibration.
        batch_size: boxes at once; None: what fits.
        precision: of the matrix products.
        device: where to run.
        workers: threads that prepare images; None: by the processors.
    """

    annotations: str
    images: str
    checkpoint: str
    output: str
    shard: str = ""
    limit: int | None = None
    decision: Rule = ARGMAX
    temperature: str = "1"
    batch_size: int | None = None
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A run that has been checked and can begin.

    Attributes:
        request: the run as requested.
        images: those of the request's shard that have boxes.
        boxes_of_all_shards: boxes of this shard and all others.
        annotations: the COCO file.
        checkpoint: describes the model.
        model: the model, if it had to be loaded to describe it.
        decider: chooses names.
        temperature: divides the logits.
        taxonomy_sha256: hash of the table that the decider uses.
        shard: label of the shard, such as ``1-of-4``.
    """

    request: RunRequest
    images: tuple[ImageBoxes, ...]
    boxes_of_all_shards: int
    annotations: NamedFile
    checkpoint: Checkpoint
    model: WinnerModel | None
    decider: Decider
    temperature: float
    taxonomy_sha256: str
    shard: str

    @property
    def output(self) -> Path:
        return Path(self.request.output)

    @property
    def boxes(self) -> int:
        return sum(len(image.boxes) for image in self.images)

    def identity(self, precision: str, batch_size: int, boxes_a_part: int) -> Manifest:
        """What identifies the run, once it is known how the model runs."""
        settings = Settings(
            precision,
            batch_size,
            boxes_a_part,
            self.temperature,
            self.request.limit,
            self.shard,
        )
        return Identity(
            concepts=tuple(self.checkpoint.concepts),
            checkpoint=NamedFile(self.checkpoint.name, self.checkpoint.sha256),
            annotations=self.annotations,
            decision=self.request.decision,
            settings=settings,
            taxonomy_sha256=self.taxonomy_sha256,
            code_version=code_version(),
        ).described()


def check_request(request: RunRequest) -> Work:
    """Checks everything about a run before anything is predicted.

    Raises:
        InputError: a parameter or a file is wrong.
    """
    shard = _checked_parameters(request)
    annotations = read_annotations(request.annotations)
    names = found_in(Path(request.images), annotations.images)
    path = Path(request.checkpoint)
    # A Lightning file is loaded to describe it, as hashing it takes as long anyway.
    model, checkpoint = (None, inspect(path)) if is_converted(path) else load_model(path)
    taxonomy = load_taxonomy()
    return Work(
        request=request,
        # Shards go by the names in the COCO file, whatever the files are called here.
        images=with_found_names(annotations.wanted(request.limit, shard), names),
        boxes_of_all_shards=sum(
            len(image.boxes) for image in annotations.wanted(request.limit, Shard())
        ),
        annotations=NamedFile(annotations.source, annotations.sha256),
        checkpoint=checkpoint,
        model=model,
        decider=Decider(request.decision, checkpoint.concepts, taxonomy),
        temperature=read_temperature(request.temperature, checkpoint.sha256),
        taxonomy_sha256=taxonomy.sha256,
        shard=shard.label,
    )


def _checked_parameters(request: RunRequest) -> Shard:
    """Checks every parameter; returns the shard."""
    faults: list[Fault] = []
    if not request.images or not Path(request.images).is_dir():
        faults.append(Fault("images", f"{request.images!r} is no folder"))
    if not request.output:
        faults.append(Fault("output", "name a folder for the predictions"))
    elif Path(request.output).exists() and not Path(request.output).is_dir():
        faults.append(Fault("output", f"{request.output!r} is no folder"))
    if request.decision not in RULES:
        faults.append(Fault("decision", f"{request.decision!r} is none of {', '.join(RULES)}"))
    least = (("limit", 1), ("batch_size", 1), ("workers", 0))
    for name, lowest in least:
        value = getattr(request, name)
        if value is not None and (type(value) is not int or value < lowest):
            faults.append(Fault(name, f"{value!r} is not a whole number, {lowest} or more"))
    shard = Shard()
    try:
        shard = Shard.parse(request.shard)
    except InputError as error:
        faults.extend(error.faults)
    if faults:
        raise InputError("parameters of run", faults)
    return shard
