"""Small models of the real architectures, with random weights, as a user would have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.stand_in_models import write_stand_in


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as FATHOMNET_MODELS names one: a subfolder for each model."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("clip", "bioclip", "dinov2"):
        write_stand_in(name, folder / name, small=True)
    return folder
