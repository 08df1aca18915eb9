"""Draws maps of stored vectors by FiftyOne's brain, seeded, and of exactly the boxes with one."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, get_args

import numpy as np

from ..dataset.columns import dataset_of, ids_in
from ..dataset.vectors import vector_path
from ..errors import DatasetError, Fault, InputError, SetupError
from ..names import MapMethod
from ..progress import Progress, silent
from ..text import counted

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
COMPARED_BY: Final = 0.5
"""The share of umap's work at which its epochs begin."""


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


def make_map(
    view: Any,
    patches_field: str,
    field: str,
    method: str,
    key: str,
    progress: Progress = silent,
) -> MapMade:
    """Draws the map of the vectors in a dataset or view, without embedding anything.

    The new map is complete before the old one is deleted, and a map that fails, or that
    ``progress`` ends by raising, leaves no key behind.

    Args:
        view: a FiftyOne dataset, a view of one, or a view of its patches.
        patches_field: the field of boxes; ``""`` for whole images.
        field: the attribute or field of the vectors.
        method: ``umap``, ``pca`` or ``tsne``.
        key: the map's brain key.
        progress: called with the share done and a label: by umap at each function that is compiled
            for it and at each epoch, by the other methods once.
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
    said = f"drawing the map of {counted(points, 'vector', 'vectors')} by {method}"
    progress(0.0, said)
    try:
        with _umap_tells(progress, said) if method == "umap" else nullcontext():
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


_EpochTold = Callable[[int, int], None]
"""Called with the number of epochs that are done, and of all."""
_epoch_told: ContextVar[_EpochTold] = ContextVar("epoch_told", default=lambda done, epochs: None)
"""Each thread draws a map of its own."""


@dataclass(frozen=True, slots=True)
class _Epochs:
    """The progress bar of umap, which also tells whoever draws a map in this thread.

    FiftyOne's brain hands umap neither a callback nor ``tqdm_kwds``, and a bar in a notebook writes
    to no file that one could give it.

    Attributes:
        bar: umap's own.
    """

    bar: Callable[..., Any]

    def __call__(self, epochs: Sequence[int], **settings: Any) -> Iterator[int]:
        tell = _epoch_told.get()
        for done, epoch in enumerate(self.bar(epochs, **settings)):
            tell(done, len(epochs))
            yield epoch


@contextmanager
def _umap_tells(progress: Progress, said: str) -> Iterator[None]:
    """While a map is drawn by umap, has it tell how far it is; what it draws stays the same.

    Args:
        progress: called in the thread of umap itself, so that it can end the work by raising.
        said: what every label begins with.
    """
    import numba
    from numba.core import event
    from umap import layouts

    if not isinstance(layouts.tqdm, _Epochs):
        layouts.tqdm = _Epochs(layouts.tqdm)

    def tell_epoch(done: int, epochs: int) -> None:
        share = COMPARED_BY + (1 - COMPARED_BY) * done / epochs
        progress(share, f"{said}: epoch {done + 1:,}/{epochs:,}")

    class Compiling(event.Listener):  # type: ignore[misc]  # numba is untyped
        """Hears of each function that is compiled, in a new process for half a minute and more."""

        thread = threading.get_ident()

        def on_start(self, event: Any) -> None:
            if threading.get_ident() == self.thread:
                progress(0.0, f"{said}: preparing")

        def on_end(self, event: Any) -> None:
            """Only the beginning is told."""

    threads, told = numba.get_num_threads(), _epoch_told.set(tell_epoch)
    try:
        with event.install_listener("numba:compile", Compiling()):
            yield
    finally:
        _epoch_told.reset(told)
        # Where umap is ended midway it leaves numba with the one thread that a seed makes it use.
        numba.set_num_threads(threads)


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
