"""sbatch/submit.sh on a real SLURM: shards merge into what one run predicts, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from fathomnet_inference.results import read_results

from tests.conftest import REPOSITORY, SHARED_DATA
from tests.inference.slurm import PARTITION, Slurm, missing_programs, running_slurm, wait_for

FIXTURE = SHARED_DATA / "winner-fixture"
PROGRAM = Path(sys.prefix) / "bin" / "fathomnet-infer"
SLOW = ("--batch-size", "1", "--workers", "0")
"""Options with which a run keeps what it has after every second box."""
PATIENCE = 400.0
ATTEMPTS = 3

pytestmark = pytest.mark.skipif(
    bool(missing_programs()),
    reason=f"no SLURM on this machine (apt-get install slurm-wlm munge): {missing_programs()}",
)


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    # munged wants short paths for its socket and folders that only their owner writes to.
    with ExitStack() as stack:
        folder = Path("/tmp") / f"fathomnet-slurm-{os.getpid()}"
        folder.mkdir()
        stack.callback(subprocess.run, ["rm", "-rf", folder], check=True)
        yield stack.enter_context(running_slurm(folder))


@pytest.fixture(scope="module")
def unsharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The predictions of one run without SLURM."""
    output = tmp_path_factory.mktemp("unsharded")
    inputs = ("--annotations", FIXTURE / "dataset_test.json", "--images", FIXTURE / "images")
    command = [PROGRAM, "run", *inputs, "--checkpoint", FIXTURE / "last.ckpt", "--output", output]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "--device", "cpu"], env=environment, check=True)
    return output


def submit(slurm: Slurm, output: Path, shards: int, options: Sequence[str] = SLOW) -> list[str]:
    """Submits a run on the fixture and gives the ids of its array and its merge, in this order."""
    done = subprocess.run(
        [
            *(REPOSITORY / "sbatch" / "submit.sh", "--cluster", "local"),
            *("--shards", str(shards), "--", "--device", "cpu", *options),
        ],
        env={
            **slurm.environment,
            "FATHOMNET_ANNOTATIONS": str(FIXTURE / "dataset_test.json"),
            "FATHOMNET_IMAGES": str(FIXTURE / "images"),
            "FATHOMNET_CHECKPOINT": str(FIXTURE / "last.ckpt"),
            "FATHOMNET_OUTPUT": str(output),
            "FATHOMNET_ENVIRONMENT": sys.prefix,
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line.split()[-1] for line in done.stdout.splitlines() if ": job " in line]


def logs(output: Path) -> str:
    return "\n".join(path.read_text() for path in sorted((output / "logs").glob("*.log")))


def finish(slurm: Slurm, output: Path) -> None:
    slurm.wait_until_idle(PATIENCE)
    assert (output / "manifest.json").exists(), logs(output)


def assert_same_predictions(one: Path, other: Path) -> None:
    """The names to the letter, the probabilities to the rounding of other batches."""
    assert (one / "predictions.csv").read_bytes() == (other / "predictions.csv").read_bytes()
    (results, manifest), (others, others_manifest) = read_results(one), read_results(other)
    assert (
        results.rows.to_pandas()
        .drop(columns="confidence")
        .equals(others.rows.to_pandas().drop(columns="confidence"))
    )
    np.testing.assert_allclose(results.probabilities, others.probabilities, atol=1e-5)
    for member in ("concepts", "checkpoint", "annotations", "decision", "not_predicted"):
        assert manifest[member] == others_manifest[member]


@pytest.fixture(scope="module")
def merged(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The predictions of three shards that nothing disturbed."""
    output = tmp_path_factory.mktemp("merged")
    submit(slurm, output, shards=3)
    finish(slurm, output)
    return output


def test_three_shards_merge_into_what_one_run_predicts(merged: Path, unsharded: Path) -> None:
    assert_same_predictions(merged, unsharded)
    _, manifest = read_results(merged)
    tasks = [shard["slurm"]["array_task_id"] for shard in manifest["shards"]]
    assert tasks == ["1", "2", "3"]
    assert manifest["counts"]["predicted"] == 22
    said = logs(merged)
    assert "nvidia-smi" in said and "torch " in said and "22 of 22 boxes predicted" in said
    names = {path.name.partition("-")[2].partition("-")[0] for path in (merged / "logs").iterdir()}
    assert names == {"infer", "merge"}


def test_a_run_that_was_cancelled_in_the_middle_is_submitted_again(
    slurm: Slurm, merged: Path, tmp_path: Path
) -> None:
    jobs = submit(slurm, tmp_path, shards=3)
    # There is one GPU, so that while one shard is at work another has not begun.
    wait_for(lambda: list(tmp_path.glob("shards/*/unfinished/part-*.npz")), PATIENCE)
    slurm.command("scancel", *jobs)
    slurm.wait_until_idle(PATIENCE)
    finished = list(tmp_path.glob("shards/*/manifest.json"))
    assert len(finished) < 3 and not (tmp_path / "manifest.json").exists()

    submit(slurm, tmp_path, shards=3)
    finish(slurm, tmp_path)
    for name in ("predictions.csv", "predictions.parquet"):
        assert (tmp_path / name).read_bytes() == (merged / name).read_bytes()


def is_interrupted(slurm: Slurm, output: Path) -> bool:
    """Whether a run is told in its middle that its time is over, and heeds it."""
    array = submit(slurm, output, shards=1)[0]
    wait_for(lambda: list(output.glob("shards/*/unfinished/part-*.npz")), PATIENCE)
    # What --signal=B:USR1@120 does two minutes before the end.
    slurm.command("scancel", "--batch", "--signal=USR1", f"{array}_1")
    goes_back = "back into the queue"
    wait_for(
        lambda: goes_back in logs(output) or "22 of 22 boxes predicted" in logs(output),
        PATIENCE,
        lambda: logs(output),
    )
    return goes_back in logs(output)


def test_a_run_that_is_short_of_time_goes_back_into_the_queue(
    slurm: Slurm, unsharded: Path, tmp_path: Path
) -> None:
    # On a busy machine the signal may come after the last box.
    tries = (tmp_path / str(number) for number in range(ATTEMPTS))
    output = next(one for one in tries if is_interrupted(slurm, one))
    assert any(job.startswith("fathomnet-merge") for job in slurm.jobs()), "it waits on"
    finish(slurm, output)
    assert "restart 1" in logs(output), "the log goes on where it was"
    assert_same_predictions(output, unsharded)


def test_a_shard_that_fails_is_named_by_the_merge(slurm: Slurm, tmp_path: Path) -> None:
    submit(slurm, tmp_path, 2, ("--decision", "expected-distance"))  # not with toy concepts
    slurm.wait_until_idle(PATIENCE)
    assert not (tmp_path / "manifest.json").exists()
    said = logs(tmp_path)
    assert "'Taxon 00' is not in the taxonomy" in said
    assert "1-of-2" in said and "2-of-2" in said and "has not finished" in said


def test_the_partition_is_that_of_the_cluster(slurm: Slurm) -> None:
    assert PARTITION in slurm.command("sinfo")
    assert "gpu:1" in slurm.command("sinfo", "--format=%G")
