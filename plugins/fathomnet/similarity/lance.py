"""FiftyOne's LanceDB backend, extended to remember its folder.

FiftyOne does not store a LanceDB index's folder with the run, so a new process looks for it
elsewhere; and it sees at most ten tables of a folder. Here each index has its own folder, which the
run records.
"""

import secrets
import shutil
from pathlib import Path
from typing import Any, Final

from fiftyone.brain.internal.core.lancedb import (
    LanceDBSimilarity,
    LanceDBSimilarityConfig,
)

from .mapped import index_home
from .rows import RunOfOurs

_TABLE: Final = "vectors"


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
