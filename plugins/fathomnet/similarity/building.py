"""Makes and replaces indexes; where possible the old one stays until the new one is complete."""

import logging
from dataclasses import dataclass
from typing import Any

from ..dataset.vectors import read_vectors
from ..models import ModelSpec
from ..progress import Progress
from ..text import counted
from .backends import build_index, make_config
from .exact import METHOD, ExactSimilarityConfig, ExactSimilarityIndex
from .rows import read_members, state_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The index to make.

    Attributes:
        model: the one that embeds queries.
        field: the attribute or field of the vectors.
        patches_field: the field of boxes; ``""`` for whole images.
        brain_key: the index's key.
        backend: one of ``backends.backend_names``.
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
