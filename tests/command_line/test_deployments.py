"""Which deployment the command line talks to."""

from __future__ import annotations

from pathlib import Path

import pytest
from fathomnet_voxel51.command_line.terminal import use_deployment
from fathomnet_voxel51.errors import InputError

ENV_FILE = """
FIFTYONE_API_URI=https://home.example.org
FIFTYONE_API_KEY=home-key
LAB_FIFTYONE_API_URI=https://lab.example.org
LAB_FIFTYONE_API_KEY=lab-key
SEA_GOING_FIFTYONE_API_URI=https://sea.example.org
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env").write_text(ENV_FILE)
    return tmp_path


def test_without_a_name_the_plain_pair_is_used(folder: Path) -> None:
    environment: dict[str, str] = {}
    use_deployment(None, folder, environment)
    assert environment == {
        "FIFTYONE_API_URI": "https://home.example.org",
        "FIFTYONE_API_KEY": "home-key",
    }


def test_what_is_set_already_wins_over_the_file(folder: Path) -> None:
    environment = {"FIFTYONE_API_URI": "https://other.example.org"}
    use_deployment(None, folder, environment)
    assert environment["FIFTYONE_API_URI"] == "https://other.example.org"


def test_a_named_deployment_wins_over_everything(folder: Path) -> None:
    environment = {"FIFTYONE_API_URI": "https://other.example.org"}
    use_deployment("lab", folder, environment)
    assert environment["FIFTYONE_API_URI"] == "https://lab.example.org"
    assert environment["FIFTYONE_API_KEY"] == "lab-key"


def test_an_unknown_name_is_refused_and_the_known_ones_listed(folder: Path) -> None:
    with pytest.raises(InputError, match="known deployments: lab, sea_going"):
        use_deployment("office", folder, {})


def test_half_a_pair_is_refused_without_showing_any_key(folder: Path) -> None:
    with pytest.raises(InputError, match="SEA_GOING_FIFTYONE_API_KEY: is not set") as raised:
        use_deployment("sea-going", folder, {})
    assert "lab-key" not in str(raised.value)


def test_no_file_and_no_name_change_nothing(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    use_deployment(None, tmp_path, environment)
    assert environment == {}
