"""The file on this machine that holds a sample's media."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .decoding import PictureError


def local_file(dataset: Any, sample_id: str, filepath: str) -> Path:
    """Where a sample's media can be read, fetched by FiftyOne's own means where they are remote.

    FiftyOne Enterprise keeps remote media in a cache of its own, of limited size, and a sample
    knows its copy there (``local_path``).

    Args:
        dataset: the dataset that has the sample.
        sample_id: its id.
        filepath: what its ``filepath`` says.

    Raises:
        PictureError: the media are remote, and FiftyOne cannot fetch them.
    """
    if "://" not in filepath:
        return Path(filepath)
    knows = True
    try:
        sample = dataset[sample_id]
        # Asking whether there is such a property would fetch the media already.
        knows = hasattr(type(sample), "local_path")
        return Path(sample.local_path)
    except Exception as error:  # whatever the cloud's client raises is this image's alone
        if isinstance(error, AttributeError) and not knows:
            raise PictureError(
                "this FiftyOne does not read remote media; "
                "download them, and ingest with their folder"
            ) from None
        raise PictureError(f"cannot be fetched: {error}") from error
