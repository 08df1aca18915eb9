"""Runs embeddings: puts patches through the model, and writes the vectors to the dataset."""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from ..dataset.collection import refuse_if_field_deleted
from ..dataset.records import write_record
from ..dataset.vectors import (
    EmbeddingRecord,
    VectorRows,
    declare_vectors,
    vector_path,
    write_vectors,
)
from ..dataset.writes import write_overlapped
from ..hardware import usable_processors
from ..models import Embedder
from ..names import embedding_run_key
from ..pictures.local import LocalMedia
from ..progress import Progress
from ..text import counted
from .maps import MapMade
from .patches import Batcher, Noted, Patch, full_batches, read_ahead
from .work import Fingerprints, Work, find_work

EXAMPLES_KEPT: Final = 50
"""Examples in the record of a run; its counts always include everything."""


class Skips:
    """Counts boxes and images that were skipped, and keeps a limited number of examples."""

    def __init__(self) -> None:
        self.items = 0
        self.images = 0
        self.boxes = 0
        self.reasons: Counter[str] = Counter()
        self.examples: list[str] = []
        self._noted: dict[str, list[str]] = {}

    def note(self, filepath: str, note: str) -> None:
        """Keeps what is to be known of an image that is embedded all the same."""
        self._noted.setdefault(note, []).append(filepath)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noted, each with the number of images and the first of them."""
        return tuple(
            f"{counted(len(files), 'image has', 'images have')} {note}; the first is {files[0]}"
            for note, files in self._noted.items()
        )

    def image(self, filepath: str, items: int, reason: str) -> None:
        """Counts an unusable image, with everything that was to be embedded of it."""
        self.images += 1
        self._count(filepath, items, reason)

    def box(self, filepath: str, id_: str, reason: str) -> None:
        """Counts a box that cannot be embedded, of a usable image."""
        self.boxes += 1
        self._count(f"{filepath} box {id_}", 1, reason)

    def _count(self, place: str, items: int, reason: str) -> None:
        self.items += items
        self.reasons[reason] += items
        if len(self.examples) < EXAMPLES_KEPT:
            self.examples.append(f"{place}: {reason}")


class Pace:
    """Measures from its creation.

    Args:
        total: the number of boxes or images to embed.
        noun: ``boxes`` or ``images``.
    """

    def __init__(self, total: int, noun: str) -> None:
        self._total = total
        self._noun = noun
        self._start = time.monotonic()

    def report(self, embedded: int, skips: Skips) -> tuple[float, str]:
        """The share done, and a label such as ``embedding 412/24,487 boxes, images missing: 3``."""
        done = embedded + skips.items
        rate = embedded / max(time.monotonic() - self._start, 1e-3)
        words = [f"embedding {done:,}/{self._total:,} {self._noun}"]
        if skips.images:
            words.append(f"images missing: {skips.images:,}")
        if skips.boxes:
            words.append(f"boxes without pixels: {skips.boxes:,}")
        words.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        if rate:
            left = (self._total - done) / rate
            words.append(f"{left / 60:.0f} min left" if left >= 90 else f"{left:.0f} s left")
        return done / max(self._total, 1), ", ".join(words)


NOT_FINITE: Final = "the model gave numbers that are not finite"

_log = logging.getLogger(__name__)


class EmbeddingRun:
    """One run, with counts of what it has done and what it could not do.

    Attributes:
        patches_field: the field of boxes; ``""`` for whole images.
        embedder: the model.
        embedded: boxes or images that have got a vector so far.
        skips: those that could not be embedded so far.
    """

    def __init__(
        self, dataset: Any, patches_field: str, field: str, embedder: Embedder, batcher: Batcher
    ) -> None:
        self._dataset = dataset
        self._media = LocalMedia(dataset)
        self.patches_field = patches_field
        self._field = field
        self.embedder = embedder
        self._batcher = batcher
        self.embedded = 0
        self.skips = Skips()

    def begin(self, view: Any) -> Work:
        """Finds what there is to embed, and prepares the dataset's fields and the run's record."""
        declare_vectors(self._dataset, self.patches_field, self._field)
        fingerprints = Fingerprints(self.embedder.settings)
        work = find_work(view, self.patches_field, self._field, fingerprints)
        self.record("writing", work, None)
        return work

    def embed(self, work: Work, progress: Progress) -> None:
        """Embeds the work; each batch is written while the next one is computed."""
        pace = Pace(work.items, "boxes" if self.patches_field else "images")
        write = partial(write_vectors, self._dataset, self.patches_field, self._field)
        for written in write_overlapped(self._batches(work), write):
            self.embedded += written
            progress(*pace.report(self.embedded, self.skips))
        path = vector_path(self._dataset, self.patches_field, self._field)
        refuse_if_field_deleted(self._dataset, path)
        for example in self.skips.examples:
            _log.warning("not embedded: %s", example)

    def _batches(self, work: Work) -> Iterator[VectorRows]:
        for batch in full_batches(self._patches(work), self._batcher):
            matrix = self._batcher.embed(batch)
            finite = [bool(np.isfinite(row).all()) for row in matrix]
            kept = [patch for patch, is_finite in zip(batch, finite, strict=True) if is_finite]
            for patch, is_finite in zip(batch, finite, strict=True):
                if not is_finite:
                    self.skips.box(patch.filepath, patch.item.id, NOT_FINITE)
            if kept:
                yield VectorRows(
                    ids=[patch.item.id for patch in kept],
                    sample_ids=[patch.sample_id for patch in kept],
                    fingerprints=[patch.item.fingerprint for patch in kept],
                    matrix=matrix[finite],
                )

    def _patches(self, work: Work) -> Iterator[Patch]:
        """The patches of the work; unusable boxes and images are counted in passing."""
        on_processor = self.embedder.device == "cpu"
        workers = usable_processors()
        parts = read_ahead(
            work.images,
            lambda image: self._media.file(image.sample_id, image.filepath),
            self.embedder.prepare,
            workers=workers,
            ahead=2 * self._batcher.size + 4 * workers,
            give_way=on_processor,
        )
        for part in parts:
            for one in part:
                if isinstance(one, Patch):
                    yield one
                elif isinstance(one, Noted):
                    self.skips.note(one.filepath, one.note)
                elif one.id:
                    self.skips.box(one.filepath, one.id, one.reason)
                else:
                    self.skips.image(one.filepath, one.items, one.reason)

    def record(self, state: str, work: Work, made: MapMade | None) -> None:
        """Records on the dataset what made the vectors, and the outcome of the run so far."""
        spec = self.embedder.spec
        # Executors that divide a run among themselves begin it together, and share the record.
        self._dataset.reload()
        record = EmbeddingRecord(
            state=state,
            model=spec.name,
            zoo_name=spec.zoo_name,
            patches_field=self.patches_field,
            field=self._field,
            dimensions=self.embedder.dimensions,
            device=self.embedder.device,
            settings=dict(self.embedder.settings),
            batch_size=self._batcher.size,
            embedded=self.embedded,
            present=work.present,
            map=None if made is None else (made.method, made.points, made.remark),
            skipped=self.skips.items,
            skipped_images=self.skips.images,
            # Pairs, since MongoDB allows no dot in the key of a mapping.
            reasons=tuple(self.skips.reasons.most_common(EXAMPLES_KEPT)),
            examples=tuple(self.skips.examples),
            notes=self.skips.notes,
        )
        write_record(self._dataset, embedding_run_key(spec.name, self.patches_field), record)
