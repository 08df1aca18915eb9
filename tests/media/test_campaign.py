"""A small fault campaign; ``make faults`` runs the large one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media.campaign import AT_THE_SOURCE, AT_THE_STORE, LASTING, run


@pytest.mark.fault(
    operator="upload_images",
    happens="31 faults of source and store together, drawn for 400 images",
    end="all that heals is stored whole; the rest is accounted for",
)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_stored_that_is_not_whole_and_every_image_is_accounted_for(
    seed: int, tmp_path: Path
) -> None:
    report = run(400, seed, tmp_path)
    assert not report.problems
    faults = len(AT_THE_SOURCE) + len(AT_THE_STORE) + len(LASTING)
    assert len(report.script.injected) == faults, "every fault took its turn"
