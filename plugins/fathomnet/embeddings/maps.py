"""Draws maps of stored vectors by FiftyOne's brain, seeded, and of exactly the boxes with one."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, get_args

import numpy as np

from ..dataset.columns import dataset_of, ids_in
from ..dataset.vectors import vector_path
from ..errors import DatasetError, Fault, InputError, SetupError
from ..names import MapMethod

SEED: Final = 51
FEWEST: Final = 2
"""Fewer points do not span a plane."""
NEIGHBOURS: Final = 15
"""Neighbours of a point in umap."""
PERPLEXITY: Final = 30.0
"""Perplexity of t-SNE, which needs more than three times as many points."""
FEWEST_TO_LEARN: Final = 10
"""With fewer points, umap and t-SNE fail or draw noise, so pca draws the map."""
PCA_FIRST: Final = 50
"""Dimensions to which vectors are reduced before t-SNE."""


@dataclass(frozen=True, slots=True)
class MapMade:
    """The outcome of making a map.

    Attributes:
        points: boxes or images on it; 0 if there is no map.
        method: how it was drawn.
        remark: a remark for the user; empty for none.
    """

    points: int
    method: str
    remark: str


def check_map(dataset: Any, method: str, key: str) -> None:
    """Refuses a map that cannot be made, before the work of a run.

    Raises:
        InputError: there is no such method, or the key is not valid.
        DatasetError: the key belongs to something else.
        SetupError: umap is not installed.
    """
    from fiftyone.brain.visualization import VisualizationConfig

    if method not in get_args(MapMethod):
        known = ", ".join(get_args(MapMethod))
        raise InputError("map", [Fault("method", f"{method!r} is none of {known}")])
    if method == "none":
        return
    if not key.isidentifier():
        problem = f"{key!r} is no key: a letter, then letters, digits and _"
        raise InputError("map", [Fault("brain_key", problem)])
    if dataset.has_brain_run(key):
        config = dataset.get_brain_info(key).config
        if not isinstance(config, VisualizationConfig):
            kind = getattr(config, "type", None) or type(config).__name__
            raise DatasetError(
                f"brain key {key!r} of dataset {dataset.name!r} belongs to a run of another kind "
                f"({kind}); choose another, or delete that run"
            )
    if method == "umap" and find_spec("umap") is None:
        raise SetupError("umap-learn is not installed: pip install umap-learn, or choose pca")


def make_map(view: Any, patches_field: str, field: str, method: str, key: str) -> MapMade:
    """Draws the map of the vectors in a dataset or view, without embedding anything.

    The new map is complete before the old one is deleted, and a failed map leaves no key behind.

    Args:
        view: a FiftyOne dataset, a view of one, or a view of its patches.
        patches_field: the field of boxes; ``""`` for whole images.
        field: the attribute or field of the vectors.
        method: ``umap``, ``pca`` or ``tsne``.
        key: the map's brain key.
    """
    import fiftyone.brain as fob

    dataset = dataset_of(view)
    shown, points = _with_vectors(view, patches_field, field)
    if points < FEWEST:
        return MapMade(0, method, f"{points} vectors are too few for a map")
    remark = ""
    if method != "pca" and points < FEWEST_TO_LEARN:
        remark = f"{points} vectors are too few for {method}: the map is drawn by pca"
        method = "pca"
    made = f"{key}_being_made"
    _forget(dataset, made)
    settings: dict[str, dict[str, Any]] = {
        "pca": {},
        "umap": {"num_neighbors": min(NEIGHBOURS, points - 1), "verbose": False},
        "tsne": {
            "perplexity": min(PERPLEXITY, (points - 1) / 3),
            "pca_dims": min(PCA_FIRST, points, _dimensions(shown, patches_field, field)),
            "verbose": False,
        },
    }
    try:
        fob.compute_visualization(
            shown,
            patches_field=patches_field or None,
            embeddings=field,
            brain_key=made,
            method=method,
            seed=SEED,
            **settings[method],
        )
    except BaseException:
        _forget(dataset, made)
        raise
    _forget(dataset, key)
    dataset.rename_brain_run(made, key)
    return MapMade(points, method, remark)


def _with_vectors(view: Any, patches_field: str, field: str) -> tuple[Any, int]:
    """The samples to give to the brain, and the number of vectors among them."""
    from fiftyone import ViewField
    from fiftyone.core.patches import EvaluationPatchesView, PatchesView

    dataset = dataset_of(view)
    path = vector_path(dataset, patches_field, field)
    if isinstance(view, PatchesView | EvaluationPatchesView):
        # The boxes of such a view are copies, which may be older than the vectors.
        sample_ids, ids = ids_in(view, patches_field)
        boxes = [one for of_sample in ids for one in of_sample]
        view = dataset.select(list(dict.fromkeys(sample_ids)))
        if patches_field:
            view = view.select_labels(ids=boxes, fields=patches_field)
    if not patches_field:
        return view, len(view.match(ViewField(path).exists()))
    with_vector = view.filter_labels(patches_field, ViewField(field).exists())
    return view, with_vector.count(path.rpartition(".")[0])


def _dimensions(view: Any, patches_field: str, field: str) -> int:
    """The length of the vectors, from the first one."""
    from fiftyone import ViewField

    if patches_field:
        found = view.filter_labels(patches_field, ViewField(field).exists()).limit(1)
        path = vector_path(view, patches_field, field)
        return int(np.size(found.values(path)[0][0]))
    return int(np.size(view.match(ViewField(field).exists()).limit(1).values(field)[0]))


def _forget(dataset: Any, key: str) -> None:
    if dataset.has_brain_run(key):
        dataset.delete_brain_run(key)
