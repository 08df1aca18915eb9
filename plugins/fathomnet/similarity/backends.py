"""Makes, replaces and removes indexes: the project's exact ones, and those of FiftyOne's backends.

Where possible the old one stays until the new one is complete. FiftyOne does not store a LanceDB
index's folder with the run, so a new process looks for it elsewhere; and it sees at most ten tables
of a folder. Here each index has its own folder, which the run records.
"""

import logging
import secrets
import shutil
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fiftyone.brain as fob
import numpy as np
from eta.core.utils import get_class
from fiftyone.brain.internal.core.lancedb import (
    LanceDBSimilarity,
    LanceDBSimilarityConfig,
)

from ..dataset.vectors import Vectors, read_vectors
from ..errors import SetupError
from ..models import ModelSpec
from ..names import EXACT_BACKEND, EXACT_OF_THE_BRAIN, LANCEDB, MONGODB
from ..progress import Progress
from ..text import counted
from .exact import METHOD, ExactSimilarityConfig, ExactSimilarityIndex
from .mapped import index_home
from .rows import RunOfOurs, read_members, state_of

_TABLE: Final = "vectors"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The index to make.

    Attributes:
        model: the one that embeds queries.
        field: the attribute or field of the vectors.
        patches_field: the field of boxes; ``""`` for whole images.
        brain_key: the index's key.
        backend: one of ``index.backend_names``.
    """

    model: ModelSpec
    field: str
    patches_field: str
    brain_key: str
    backend: str

    def of_run(self) -> dict[str, Any]:
        """The settings as a brain run stores them, with None for whole images."""
        return {
            "model": self.model.zoo_name or None,
            "patches_field": self.patches_field or None,
            "supports_prompts": self.model.supports_prompts,
            "fathomnet_model": self.model.name,
        }


def build_exact(view: Any, dataset: Any, settings: RunSettings, progress: Progress) -> int:
    """Makes an exact index of what a view shows.

    Returns:
        The number of its vectors; if there are none, nothing was written.
    """
    state = state_of(dataset)
    members, rows = read_members(view, settings.patches_field, settings.field)
    if not len(members.ids):
        return 0
    progress(0.7, f"writing the index of {counted(len(members.ids), 'vector', 'vectors')}")
    config = ExactSimilarityConfig(embeddings_field=settings.field, **settings.of_run())
    index = ExactSimilarityIndex(dataset, config, settings.brain_key, members)
    index.copies.adopt(rows, state)
    key, run = settings.brain_key, index.backend
    is_there = dataset.has_brain_run(key)
    if is_there and dataset.get_brain_info(key).config.method != METHOD:
        remove_index(dataset, key)
        is_there = False
    # An exact one with the same key is changed in place.
    if is_there:
        run.update_run_config(dataset, key, config)
    else:
        run.register_run(dataset, key, overwrite=False)
    run.save_run_results(dataset, key, index, overwrite=True)
    return len(members.ids)


def build_elsewhere(view: Any, dataset: Any, settings: RunSettings, progress: Progress) -> int:
    """Makes an index of what a view shows with one of FiftyOne's backends.

    It is made beside the existing one, and then replaces it.

    Returns:
        How many vectors it has; where there are none, nothing was written.

    Raises:
        SetupError: the backend could not be reached or refused the vectors.
    """
    vectors = read_vectors(view, settings.patches_field, settings.field)
    if not vectors.ids:
        return 0
    progress(0.3, f"giving {settings.backend} {len(vectors.ids):,} vectors")
    being_made = f"{settings.brain_key}_being_made"
    remove_index(dataset, being_made)
    config = make_config(settings.backend, settings.field, **settings.of_run())
    build_index(config, dataset, being_made, vectors)
    remove_index(dataset, settings.brain_key)
    dataset.rename_brain_run(being_made, settings.brain_key)
    return len(vectors.ids)


def make_config(name: str, field: str, **settings: Any) -> Any:
    """The configuration of a run with one of FiftyOne's backends.

    Args:
        name: one of ``index.backend_names``, except for the exact one.
        field: the attribute or field of the vectors.
        **settings: of ``fiftyone.brain.similarity.SimilarityConfig``.
    """
    configured = deepcopy(
        fob.brain_config.similarity_backends[EXACT_BACKEND if name == EXACT_OF_THE_BRAIN else name]
    )
    config_cls = configured.pop("config_cls")
    if name == LANCEDB and "://" not in (configured.get("uri") or ""):
        configured["uri"] = new_folder(configured.get("uri"))
        config_cls = RememberedLanceDBSimilarityConfig
    if name == MONGODB:
        # Atlas indexes lists of numbers, not FiftyOne's vectors: it gets a field of its own.
        settings["embeddings_field"] = f"{field}_list"
    if isinstance(config_cls, str):
        config_cls = get_class(config_cls)
    return config_cls(**configured, **settings)


def build_index(config: Any, dataset: Any, brain_key: str, vectors: Vectors) -> None:
    """Registers a run and gives its backend the vectors; if that fails, nothing is left.

    Raises:
        SetupError: the backend could not be reached or refused them; its error is the cause.
    """
    try:
        run = config.build()
        run.ensure_requirements()
        run.register_run(dataset, brain_key, overwrite=False)
        index = run.initialize(dataset, brain_key)
        labels = np.array(vectors.ids) if config.patches_field else None
        index.add_to_index(vectors.matrix, np.array(vectors.sample_ids), label_ids=labels)
        run.save_run_results(dataset, brain_key, index)
    except Exception as error:
        if dataset.has_brain_run(brain_key):
            dataset.delete_brain_run(brain_key)
        raise SetupError(
            f"backend {config.method!r} did not take the vectors: {error}\n"
            "How each one is configured: docs/operators/build_similarity_index.md"
        ) from error


def remove_index(dataset: Any, brain_key: str) -> None:
    """Deletes an index and what its backend keeps elsewhere; does nothing if there is none."""
    if not dataset.has_brain_run(brain_key):
        return
    try:
        index = dataset.load_brain_results(brain_key)
        if index is not None:
            index.cleanup()
    except Exception as error:  # a server that is gone may raise anything
        logger.warning("What index %s keeps outside FiftyOne was not removed: %s", brain_key, error)
    dataset.delete_brain_run(brain_key)


def new_folder(configured: str | None) -> str:
    """A folder for one index, below the one that FiftyOne's configuration names, or below our own.

    Args:
        configured: FiftyOne's ``uri`` for LanceDB, if the user has set one.
    """
    root = Path(configured).expanduser() if configured else index_home() / "lancedb"
    return str(root.absolute() / f"fathomnet-{secrets.token_hex(8)}")


class RememberedLanceDBSimilarityConfig(RunOfOurs, LanceDBSimilarityConfig):  # type: ignore[misc]  # FiftyOne is untyped
    """LanceDB's settings, including its folder."""

    def __init__(self, table_name: str = _TABLE, **settings: Any) -> None:
        super().__init__(table_name=table_name, **settings)

    @property
    def run_cls(self) -> type:
        return RememberedLanceDBSimilarity

    def attributes(self) -> list[str]:
        return [*super().attributes(), "uri"]

    def load_credentials(self, uri: str | None = None) -> None:
        """Keeps the run's own folder, whatever the present configuration, unless one is given."""
        if uri is not None:
            self.uri = uri


class RememberedLanceDBSimilarity(LanceDBSimilarity):  # type: ignore[misc]
    """Removes an index's folder together with its run."""

    def cleanup(self, samples: Any, key: str) -> None:
        folder = Path(self.config.uri)
        if folder.name.startswith("fathomnet-"):
            shutil.rmtree(folder, ignore_errors=True)
