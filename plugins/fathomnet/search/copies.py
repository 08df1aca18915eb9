"""The vectors of a run in memory, mapped from this machine's copy, which is made if necessary."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

from ..dataset.collection import dataset_id
from .mapped import Rows, folder_of, open_version, remove_versions, write_version
from .members import Members, to_text
from .stored import read_rows, state_of

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
            self._rows = self._opened()
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

    def _opened(self) -> Rows:
        # The state before the vectors: whoever writes in between makes the copy outdated.
        version = self._version(state_of(self.dataset))
        rows = None if self._folder is None else open_version(self._folder, version)
        if rows is not None:
            return rows
        rows = read_rows(self.dataset, self.patches_field, self.field, self.members)
        return self._kept(rows, version)

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
