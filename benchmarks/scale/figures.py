"""What was measured, kept on the disk, so that a run which was killed goes on where it was."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from demo.coco import write_json


@dataclass(frozen=True, slots=True)
class Figure:
    """One stage at one size.

    Attributes:
        size: multiple of the real dataset's size.
        stage: its name in the table.
        made: things that it made or looked at.
        seconds: wall-clock time.
        processor_seconds: of its process and the database server, all cores together.
        peak_mb: peak memory of its process.
        above_mb: of that, what FiftyOne did not hold before the stage began.
        server_mb: peak memory of the database server until then.
        documents_mb: everything in the database afterwards, as documents.
        database_mb: the same on the disk, compressed, with indexes.
        files_mb: files beside the database afterwards: images, ledgers, copies of vectors.
        interrupted: it was killed and went on, so that its seconds are a sum.
    """

    size: float
    stage: str
    made: int
    seconds: float
    processor_seconds: float
    peak_mb: float
    above_mb: float
    server_mb: float
    documents_mb: float
    database_mb: float
    files_mb: float
    interrupted: bool = False


class Kept:
    """The figures of a run, and how long the stage that is under way has taken.

    Args:
        folder: keeps them.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "figures.json"
        self._under_way = folder / "under_way.json"
        self.figures = [Figure(**values) for values in _read(self._file, [])]

    def has(self, size: float, stage: str) -> bool:
        return any(one.size == size and one.stage == stage for one in self.figures)

    def add(self, figure: Figure) -> None:
        self.figures.append(figure)
        write_json(self._file, [asdict(one) for one in self.figures], indent=1)
        self._under_way.unlink(missing_ok=True)

    def spent(self, size: float, stage: str) -> float:
        """Seconds that killed runs have spent on a stage."""
        noted = _read(self._under_way, {})
        is_this = (noted.get("size"), noted.get("stage")) == (size, stage)
        return float(noted["seconds"]) if is_this else 0.0

    def spend(self, size: float, stage: str, seconds: float) -> None:
        """Notes what was spent so far, should this run be killed."""
        write_json(self._under_way, {"size": size, "stage": stage, "seconds": seconds})


def _read(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_text()) if path.exists() else otherwise
