"""The vectors of a run: what the database says of them, and this machine's copy of them.

Boxes or images are added to an index, and removed, by the rules of FiftyOne's interface. What a run
of ours stores besides FiftyOne's own settings stands at the end.
"""

import hashlib
import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..dataset import columns
from ..dataset.collection import dataset_id
from ..dataset.schema import boxes_path
from ..dataset.vectors import VectorRows, Vectors, declare_vectors, read_vectors, write_vectors
from ..errors import DatasetError, FathomNetError
from ..models import model_names, register_zoo_models
from ..names import IMPORTED, STORED_CLASSES
from .mapped import Members, Rows, folder_of, open_version, remove_versions, to_text, write_version

_SELECT_BELOW: Final = 0.5
"""If an index has less than this share of the dataset's samples, only these are read."""


def read_members(view: Any, patches_field: str, field: str) -> tuple[Members, Rows]:
    """Reads every vector below a field of a dataset or view.

    Raises:
        DatasetError: there is no such field, or it does not hold vectors of one length.
    """
    vectors = read_vectors(view, patches_field, field)
    members = Members.of(vectors.ids, vectors.sample_ids)
    return members, _checked(vectors, members, patches_field, field)


def read_rows(dataset: Any, patches_field: str, field: str, members: Members) -> Rows:
    """Reads the vectors of an index's members, in its order; members without one are left out.

    Raises:
        DatasetError: the field does not hold vectors of one length.
    """
    samples = list(dict.fromkeys(to_text(members.sample_ids).tolist()))
    is_small = len(samples) < _SELECT_BELOW * dataset.count()
    vectors = read_vectors(dataset.select(samples) if is_small else dataset, patches_field, field)
    wanted = to_text(members.ids).tolist()
    if vectors.ids == wanted:
        return _checked(vectors, members, patches_field, field)
    places = {one: place for place, one in enumerate(vectors.ids)}
    order = [places[one] for one in wanted if one in places]
    ordered = Vectors(
        ids=[vectors.ids[place] for place in order],
        sample_ids=[vectors.sample_ids[place] for place in order],
        matrix=np.ascontiguousarray(vectors.matrix[order]),
    )
    found = Members.of(ordered.ids, ordered.sample_ids)
    return _checked(ordered, found, patches_field, field)


def _checked(vectors: Vectors, members: Members, patches_field: str, field: str) -> Rows:
    rows = Rows.of(vectors.matrix, members.ids, members.sample_ids)
    if not np.isfinite(rows.inverse).all():
        bad = vectors.ids[int(np.flatnonzero(~np.isfinite(rows.inverse))[0])]
        where = f"box {bad}" if patches_field else f"image {bad}"
        raise DatasetError(
            f"the vector in {field!r} of {where} is not a finite number; "
            "clear it and run compute_embeddings again"
        )
    return rows


def state_of(dataset: Any) -> str:
    """A digest that changes when a sample is added, changed or removed, whoever did it.

    FiftyOne and this project record the time of every write to a sample. The sum of these times is
    read from their index alone, and changes even if another machine's clock is behind.
    """
    parts = columns.times_of_writes(dataset)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def existing_member_ids(dataset: Any, patches_field: str, sample_ids: Collection[str]) -> set[str]:
    """The ids of the boxes that these samples have now; without a field, of the samples that exist.

    Args:
        dataset: a FiftyOne dataset.
        patches_field: the field of boxes; ``""`` for whole images.
        sample_ids: the samples to check.
    """
    view = dataset.select(list(sample_ids))
    if not patches_field:
        return set(view.values("id"))
    path = boxes_path(dataset, patches_field)
    images = columns.read_images(view, boxes={path: ()})
    return {str(box["_id"]) for image in images for box in columns.boxes_in(image, path)}


logger = logging.getLogger(__name__)

_FORMAT: Final = "1"
"""Changes when the layout of the copies changes."""


class RowsOfRun:
    """The rows of one index, opened when they are first needed.

    Attributes:
        dataset: the FiftyOne dataset.
        patches_field: the field of boxes; ``""`` for whole images.
        field: the attribute or field of the vectors.
        members: the ids of the boxes or images in the index.
    """

    def __init__(
        self, dataset: Any, patches_field: str, field: str, brain_key: str | None, members: Members
    ) -> None:
        self.dataset = dataset
        self.patches_field = patches_field
        self.field = field
        self.members = members
        self._brain_key = brain_key
        self._rows: Rows | None = None
        self._texts: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None
        self._places: dict[str, int] | None = None

    @property
    def rows(self) -> Rows:
        """The vectors.

        Raises:
            DatasetError: the stored values are not vectors of one length.
        """
        if self._rows is None:
            # The state before the vectors: whoever writes in between makes the copy outdated.
            version = self._version(state_of(self.dataset))
            self._rows = None if self._folder is None else open_version(self._folder, version)
        if self._rows is None:
            rows = read_rows(self.dataset, self.patches_field, self.field, self.members)
            self._rows = self._kept(rows, version)
        return self._rows

    @property
    def ids(self) -> npt.NDArray[Any]:
        """The ids of the rows as text."""
        return self._text()[0]

    @property
    def sample_ids(self) -> npt.NDArray[Any]:
        """The sample ids of the rows as text."""
        return self._text()[1]

    def row_of(self, id_: str) -> int | None:
        """The row of an id; None if it is not in the index."""
        if self._places is None:
            self._places = {one: row for row, one in enumerate(self.ids.tolist())}
        return self._places.get(id_)

    def adopt(self, rows: Rows, state: str) -> None:
        """Adopts rows that have just been read, and keeps a copy of them for other processes.

        Args:
            rows: the rows of all members.
            state: the state of the dataset before they were read.
        """
        self._rows = self._kept(rows, self._version(state))

    def forget(self) -> None:
        """Makes the next use check the database again."""
        self._rows = self._texts = self._places = None

    def remove(self) -> None:
        """Removes this machine's copies; mapped rows stay usable."""
        if self._folder is not None:
            remove_versions(self._folder)

    @property
    def _folder(self) -> Path | None:
        if self._brain_key is None:
            return None
        return folder_of(str(dataset_id(self.dataset)), self._brain_key)

    def _version(self, state: str) -> str:
        parts = (_FORMAT, state, self.members.digest, self.patches_field, self.field)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def _kept(self, rows: Rows, version: str) -> Rows:
        folder = self._folder
        if folder is None or not len(rows.matrix):
            return rows
        try:
            write_version(folder, version, rows)
        except OSError as error:
            logger.warning("No copy of the index is kept in %s: %s", folder, error)
            return rows
        return open_version(folder, version) or rows

    def _text(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        if self._texts is None:
            self._texts = to_text(self.rows.ids), to_text(self.rows.sample_ids)
        return self._texts


def add_vectors(
    copies: RowsOfRun,
    vectors: npt.NDArray[np.float32],
    sample_ids: Any,
    label_ids: Any,
    overwrite: bool,
    allow_existing: bool,
    warn_existing: bool,
) -> Members:
    """Writes vectors to boxes or images.

    Returns:
        The members, including the new ones.

    Raises:
        ValueError: some are members already, and that is not allowed.
    """
    samples = np.asarray(sample_ids, dtype=str)
    ids = np.asarray(label_ids, dtype=str) if copies.patches_field else samples
    there = np.isin(ids, copies.ids)
    if there.any() and not overwrite:
        if not allow_existing:
            raise ValueError(
                f"{there.sum():,} ids are in the index already, for example {ids[there][0]}"
            )
        if warn_existing:
            logger.warning("%d ids are in the index already and are left as they are", there.sum())
        vectors, samples, ids = vectors[~there], samples[~there], ids[~there]
    if not len(ids):
        return copies.members
    order = np.argsort(samples, kind="stable")
    rows = VectorRows(
        ids=ids[order].tolist(),
        sample_ids=samples[order].tolist(),
        # Whoever gave the vectors did not say what they were made from.
        fingerprints=[{}] * len(ids),
        matrix=np.ascontiguousarray(vectors[order]),
    )
    declare_vectors(copies.dataset, copies.patches_field, copies.field)
    write_vectors(copies.dataset, copies.patches_field, copies.field, rows)
    return copies.members.with_others(Members.of(ids.tolist(), samples.tolist()))


def remove_members(
    copies: RowsOfRun, sample_ids: Any, label_ids: Any, allow_missing: bool, warn_missing: bool
) -> Members:
    """The members without those of given samples and labels.

    Raises:
        ValueError: an id is not in the index, and that is not allowed.
    """
    leaving = np.zeros(len(copies.ids), dtype=bool)
    for wanted, there in ((sample_ids, copies.sample_ids), (label_ids, copies.ids)):
        if wanted is not None:
            names = _names(wanted)
            _report(names, there, allow_missing, warn_missing)
            leaving |= np.isin(there, names)
    left = copies.ids[~leaving].tolist()
    return Members.of(left, copies.sample_ids[~leaving].tolist())


def select_rows(
    copies: RowsOfRun, sample_ids: Any, label_ids: Any, allow_missing: bool, warn_missing: bool
) -> npt.NDArray[np.intp]:
    """The rows of labels, in the given order, or of samples; all rows if neither is given.

    Raises:
        ValueError: an id is not in the index, and that is not allowed; or labels are requested
            from an index of whole images.
    """
    if label_ids is not None and not copies.patches_field:
        raise ValueError("this index is of whole images: it has no labels")
    wanted = sample_ids if label_ids is None else label_ids
    if wanted is None:
        return np.arange(len(copies.ids))
    names = _names(wanted)
    if label_ids is None and copies.patches_field:
        _report(names, copies.sample_ids, allow_missing, warn_missing)
        return np.flatnonzero(np.isin(copies.sample_ids, names))
    _report(names, copies.ids, allow_missing, warn_missing)
    places = [copies.row_of(one) for one in names]
    return np.array([place for place in places if place is not None], dtype=np.intp)


def _names(ids: Any) -> list[str]:
    return [ids] if isinstance(ids, str) else [str(one) for one in ids]


def _report(
    names: Sequence[str], known: npt.NDArray[Any], allow_missing: bool, warn_missing: bool
) -> None:
    """Raises or warns about ids that are not in the index, as the caller wishes."""
    if allow_missing and not warn_missing:
        return
    missing = sorted(set(names).difference(known.tolist()))
    if not missing:
        return
    problem = f"{len(missing):,} ids are not in the index, such as {missing[0]}"
    if not allow_missing:
        raise ValueError(problem)
    logger.warning("%s", problem)


class StoredByOneName:
    """A class of ``stored_classes``, which every process finds under the path stored with a run."""

    @property
    def cls(self) -> str:
        return f"{STORED_CLASSES}.{type(self).__qualname__}"


class RunOfOurs(StoredByOneName):
    """Settings of a similarity run, loading which makes its model known to FiftyOne's zoo.

    Attributes:
        fathomnet_model: the model's name in this project, see ``models``.
    """

    fathomnet_model: str

    def __init__(self, fathomnet_model: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self.fathomnet_model = fathomnet_model
        _try_to_know(fathomnet_model)


def know_model(name: str) -> None:
    """Registers a model's zoo name with FiftyOne in this process.

    Args:
        name: see ``models``; empty for only the known models. Imported vectors have none.

    Raises:
        FathomNetError: a local model is not on this machine, or FiftyOne's folder of models cannot
            be written.
    """
    if not name.startswith(IMPORTED):
        register_zoo_models(*({name} - {"", *model_names()}))


@cache
def _try_to_know(name: str) -> None:
    # An index can be searched by example without its model, so that its lack is no error here.
    with suppress(FathomNetError):
        know_model(name)
