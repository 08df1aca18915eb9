"""Servers of buckets: unlike the emulator, the sink says what it was asked, and refuses more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fathomnet_voxel51.files.credentials import using_secrets

from tests.media.sink import Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


@pytest.fixture
def guarded() -> Iterator[Sink]:
    """A sink that wants tokens, and whose key is the plugin secret."""
    with Sink(tokens=True) as server, using_secrets({"FATHOMNET_GCS_CREDENTIALS": server.key()}):
        yield server
