"""Entries in FiftyOne's model zoo, kept in its folder of models for every later process."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import SetupError
from ..files.writing import write_whole

HOME: Final = "fathomnet-voxel51"
"""Subfolder of FiftyOne's folder of models."""
ENTRY: Final = "model.json"
_CODE: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """What the zoo holds of a model: its name there, our name for it, and words for a person."""

    zoo_name: str
    model: str
    title: str
    license: str
    supports_prompts: bool


def register(entries: Iterable[ZooEntry]) -> None:
    """Writes the entries that are not there yet, each into a folder of its own.

    Each model has its own manifest, so that processes that register different models at the same
    time do not undo each other's work.

    Raises:
        SetupError: FiftyOne's folder of models cannot be written.
    """
    import fiftyone as fo
    import fiftyone.zoo.models as fozm

    home = Path(fo.config.model_zoo_dir) / HOME
    loader = (_CODE / "models" / "zoo_loader.py").read_text(encoding="utf-8")
    changed = False
    try:
        for entry in entries:
            folder = home / entry.zoo_name
            # The manifest last: it is what makes FiftyOne see the folder.
            changed |= _write(folder / "__init__.py", loader)
            changed |= _write(folder / ENTRY, _json(model=entry.model, code=str(_CODE)))
            changed |= _write(folder / fozm.MODELS_MANIEST_FILENAME, _manifest(entry))
    except OSError as error:
        raise SetupError(
            f"cannot write {home}: {error}; set FIFTYONE_MODEL_ZOO_DIR to a folder that can be "
            f"written, the same for the App, its workers and every session"
        ) from error
    # Releases that keep the manifests in memory have to be told; the others read them each time.
    forget = getattr(fozm, "_invalidate_zoo_models_manifest", None)
    if changed and forget is not None:
        forget()


def _manifest(entry: ZooEntry) -> str:
    tags = ["image", "embeddings", "torch", *(["clip", "zero-shot"] * entry.supports_prompts)]
    return _json(
        name=f"{HOME}/{entry.zoo_name}",
        models=[
            {
                "base_name": entry.zoo_name,
                "base_filename": ENTRY,
                "description": entry.title,
                "license": entry.license,
                "tags": tags,
            }
        ],
    )


def _json(**content: object) -> str:
    return json.dumps(content, indent=4) + "\n"


def _write(path: Path, text: str) -> bool:
    """Writes a file whole if it holds something else; says whether it did."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
    return True
