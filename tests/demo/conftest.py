from __future__ import annotations

from pathlib import Path

import pytest

from demo.generate import DemoSet, Settings, make

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
SMALL = Settings(train=4, test=2, seed=5)


@pytest.fixture(scope="session")
def real_test_split() -> Path:
    return SHARED / "dataset_test.json"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> DemoSet:
    return make(tmp_path_factory.mktemp("demo"), SMALL)
