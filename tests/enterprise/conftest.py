"""A deployment for a test: its bucket, its media cache, and its way to the database.

FiftyOne is imported by the fixtures, not here: asked for this folder alone, pytest reads this file
before the settings are made, and FiftyOne would take those of the machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51.files.credentials import EMULATOR_VARIABLE

from demo.emulator import Emulator, emulator

Deploy = Callable[..., Any]
"""Takes ``proxied`` and what a ``Deployment`` takes; gives the media cache."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with emulator() as running:
        monkeypatch.setenv(EMULATOR_VARIABLE, running.url)
        yield running


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deploy]:
    """Makes this process, and workers that it starts, those of a deployment."""
    from fathomnet_voxel51.dataset import door

    from tests.support.enterprise import SETTINGS, Deployment, install
    from tests.support.enterprise_database import serving

    with ExitStack() as stack:

        def deployed(proxied: bool = False, **settings: Any) -> Any:
            where = ""
            if proxied:
                uri = os.environ["FIFTYONE_DATABASE_URI"]
                where, _ = stack.enter_context(serving(uri))
            deployment = Deployment(str(tmp_path / "cache"), database=where, **settings)
            monkeypatch.setenv(SETTINGS, deployment.settings())
            door.forget()
            return install(deployment, monkeypatch)

        yield deployed
        monkeypatch.undo()
        door.forget()
