"""What is submitted to SLURM, read from a dry run or caught before it gets there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

SBATCH = REPOSITORY / "sbatch"
SCRIPTS = sorted([*SBATCH.glob("*.sh"), *SBATCH.glob("clusters/*.sh")])


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who is ready to submit."""
    (tmp_path / "test.json").touch()
    (tmp_path / "winner").mkdir()
    (tmp_path / "winner" / "checkpoint.json").touch()
    (tmp_path / "images" / "test_images").mkdir(parents=True)
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}
    return kept | {
        "FATHOMNET_ACCOUNT": "gts-somebody",
        "FATHOMNET_STORAGE": str(tmp_path),
        "FATHOMNET_ANNOTATIONS": str(tmp_path / "test.json"),
        "FATHOMNET_ENVIRONMENT": sys.prefix,
    }


def run(
    *arguments: str | Path, env: Mapping[str, str], cwd: Path = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, arguments)), env=env, cwd=cwd, capture_output=True, text=True, check=False
    )


def dry_run(env: Mapping[str, str], *arguments: str) -> list[list[str]]:
    """The commands of a dry run, split into words."""
    done = run(SBATCH / "submit.sh", "--dry-run", *arguments, env=env)
    assert done.returncode == 0, done.stderr
    return [shlex.split(line) for line in done.stdout.splitlines()]


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="Debian's shellcheck is not installed")
def test_the_scripts_are_shellcheck_clean() -> None:
    assert len(SCRIPTS) >= 8
    done = run("shellcheck", *SCRIPTS, env=os.environ)
    assert done.returncode == 0, done.stdout


def test_nothing_personal_and_no_password_is_in_the_scripts() -> None:
    text = "".join(path.read_text() for path in SCRIPTS)
    assert not re.search(r"gts-(?!yourpi)\w|--mail-user|/home/\w|/storage/\w", text)


def test_an_array_of_runs_and_a_merge_are_submitted(inputs: dict[str, str], tmp_path: Path) -> None:
    infer, merge = dry_run(inputs, "--shards", "3")
    assert infer[:2] == merge[:2] == ["sbatch", "--parsable"]
    for option in (
        "--array=1-3",
        "--account=gts-somebody",
        "--qos=inferno",
        "--partition=gpu-rtx6000",
        "--gres=gpu:1",
        "--signal=B:USR1@120",
        "--requeue",
        "--open-mode=append",
        f"--output={tmp_path}/predictions/test/logs/%x-%A_%a.log",
    ):
        assert option in infer
    script = infer.index(str(SBATCH / "infer.sh"))
    output = str(tmp_path / "predictions" / "test")
    assert infer[script + 1 :] == [
        *(str(SBATCH), sys.prefix, output, "3"),
        *("--annotations", str(tmp_path / "test.json")),
        *("--images", str(tmp_path / "images" / "test_images")),
        *("--checkpoint", str(tmp_path / "winner")),
        *("--device", "cuda"),
        *("--precision", "fp16"),
    ]
    assert "--dependency=afterany:ID_OF_INFER" in merge
    assert not [option for option in merge if "gpu" in option]
    assert merge[-5:] == [str(SBATCH / "merge.sh"), str(SBATCH), sys.prefix, output, "3"]
    assert not (tmp_path / "predictions").exists(), "a dry run leaves nothing behind"


def test_a_download_comes_first_if_it_is_asked_for(inputs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "images" / "test_images").rmdir()
    download, infer, _ = dry_run(inputs, "--download", "--cluster", "local")
    assert not [option for option in download if "gpu" in option]
    assert download[-6:] == [
        *("--annotations", str(tmp_path / "test.json")),
        *("--split", "test"),
        *("--destination", str(tmp_path / "images")),
    ]
    assert {"--dependency=afterok:ID_OF_DOWNLOAD", "--kill-on-invalid-dep=yes"} < set(infer)


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_split_has_its_own_images_and_predictions(
    split: str, inputs: dict[str, str], tmp_path: Path
) -> None:
    download, infer, _ = dry_run(inputs | {"FATHOMNET_SPLIT": split}, "--download")
    assert download[download.index("--split") + 1] == split
    assert infer[infer.index("--images") + 1] == str(tmp_path / f"images/{split}_images")
    assert str(tmp_path / "predictions" / split) in infer


def test_further_options_go_to_every_run(inputs: dict[str, str]) -> None:
    infer, merge = dry_run(inputs, "--", "--decision", "expected-distance", "--temperature", "a b")
    assert infer[-4:] == ["--decision", "expected-distance", "--temperature", "a b"]
    assert "--decision" not in merge


def test_a_dry_run_says_what_is_missing_and_shows_its_place(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = run(SBATCH / "submit.sh", "--dry-run", env=env)
    assert done.returncode == 0
    assert "--account=\\$FATHOMNET_ACCOUNT" in done.stdout
    for name in ("FATHOMNET_ACCOUNT", "FATHOMNET_ANNOTATIONS", "FATHOMNET_CHECKPOINT"):
        assert name in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "changed", "problem"),
    [
        ((), {"FATHOMNET_ACCOUNT": ""}, "FATHOMNET_ACCOUNT is not set"),
        ((), {"FATHOMNET_ANNOTATIONS": "/no.json"}, "there is no file /no.json"),
        ((), {"FATHOMNET_CHECKPOINT": "/no.ckpt"}, "there is no checkpoint /no.ckpt"),
        ((), {"FATHOMNET_IMAGES": "/no"}, "there is no folder /no"),
        ((), {"FATHOMNET_ENVIRONMENT": "/no"}, "has no bin/fathomnet-infer"),
        ((), {"FATHOMNET_SPLIT": "dev"}, "not train, val or test"),
        (("--download",), {"FATHOMNET_IMAGES": "/no"}, "a folder named test_images"),
        (("--shards", "0"), {}, "--shards 0 is not a number"),
        (("--shards", "3x"), {}, "--shards 3x is not a number"),
        (("--shards",), {}, "--shards needs a value"),
        (("--cluster", "../pace"), {}, "no settings for cluster ../pace"),
        (("--cluster", "none"), {}, "no settings for cluster none"),
        (("--shard", "3"), {}, "unknown option --shard"),
    ],
    ids=str,
)
def test_bad_input_is_refused_and_nothing_is_submitted(
    arguments: tuple[str, ...],
    changed: dict[str, str],
    problem: str,
    inputs: dict[str, str],
    tmp_path: Path,
) -> None:
    called = tmp_path / "called"
    program(tmp_path / "bin", "sbatch", f"touch {called}")
    inputs["PATH"] = f"{tmp_path / 'bin'}:{inputs['PATH']}"
    done = run(SBATCH / "submit.sh", *arguments, env=inputs | changed)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert not called.exists()


def test_each_job_waits_for_the_one_before(inputs: dict[str, str], tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    program(
        tmp_path / "bin",
        "sbatch",
        f'echo "$*" >> {calls}; echo "$((100 + $(wc -l < {calls})));phoenix"',
    )
    inputs["PATH"] = f"{tmp_path / 'bin'}:{inputs['PATH']}"
    done = run(SBATCH / "submit.sh", "--download", "--shards", "2", env=inputs)
    assert done.returncode == 0, done.stderr
    download, infer, merge = calls.read_text().splitlines()
    assert "--dependency" not in download
    assert "--dependency=afterok:101 " in infer
    assert "--dependency=afterany:102 " in merge
    assert (tmp_path / "predictions" / "test" / "logs").is_dir(), "SLURM does not make it"
    assert "infer: job 102" in done.stdout


def cluster(folder: Path, inputs: dict[str, str], sbatch: str) -> dict[str, str]:
    """The environment of a cluster whose ``sbatch`` answers so; ``n`` counts its calls."""
    count = f"echo >> {folder}/calls; n=$(wc -l < {folder}/calls)"
    program(folder / "bin", "sbatch", f"{count}\n{sbatch}")
    program(folder / "bin", "scancel", f'echo "$*" >> {folder}/cancelled')
    program(folder / "bin", "scontrol", 'echo "MaxArraySize            = 1001"')
    return inputs | {"PATH": f"{folder / 'bin'}:{inputs['PATH']}"}


@pytest.mark.parametrize(("refused", "cancelled"), [(1, ""), (2, "101\n"), (3, "101 102\n")])
def test_what_was_submitted_is_cancelled_when_a_later_step_fails(
    refused: int, cancelled: str, inputs: dict[str, str], tmp_path: Path
) -> None:
    answer = f'((n != {refused})) || {{ echo "Invalid qos" >&2; exit 1; }}; echo "$((100 + n))"'
    env = cluster(tmp_path, inputs, answer)
    done = run(SBATCH / "submit.sh", "--download", env=env)
    assert done.returncode == 1
    assert "Invalid qos" in done.stderr
    log = tmp_path / "cancelled"
    assert (log.read_text() if log.exists() else "") == cancelled
    assert ("cancelled: " + cancelled.strip() in done.stderr) or not cancelled


@pytest.mark.parametrize(
    "answer",
    [
        'echo "This will cost 12 credits"; echo "$((100 + n));phoenix"; echo "Have a nice day"',
        'echo "Submitted batch job $((100 + n))"',
        'printf "%s  \\n\\n" "$((100 + n))"',
        'printf "Submitted batch job %s\\r\\n" "$((100 + n))"',
        'echo "sbatch: Submitted batch job $((100 + n)) on cluster phoenix"',
        'echo "Limit: 500 jobs, 12 used"; echo "Job ID: $((100 + n)) is queued"',
        'echo "job_id=$((100 + n))"',
    ],
)
def test_the_id_of_a_job_is_found_whatever_else_sbatch_says(
    answer: str, inputs: dict[str, str], tmp_path: Path
) -> None:
    done = run(SBATCH / "submit.sh", "--download", env=cluster(tmp_path, inputs, answer))
    assert done.returncode == 0, done.stderr
    assert re.findall(r": job (.*)", done.stdout) == ["101", "102", "103"]


def test_an_answer_without_an_id_cancels_what_has_one(
    inputs: dict[str, str], tmp_path: Path
) -> None:
    env = cluster(tmp_path, inputs, '((n == 1)) && echo 101 || echo "please wait 5 minutes"')
    done = run(SBATCH / "submit.sh", "--download", env=env)
    assert done.returncode == 1
    assert "please wait 5 minutes" in done.stderr and "squeue --me" in done.stderr
    assert (tmp_path / "cancelled").read_text() == "101\n"


@pytest.mark.parametrize("shards", ["1001", "9999", "1001%2"])
def test_more_shards_than_the_arrays_of_the_cluster_take_are_refused_before(
    shards: str, inputs: dict[str, str], tmp_path: Path
) -> None:
    done = run(SBATCH / "submit.sh", "--shards", shards, env=cluster(tmp_path, inputs, "echo 1"))
    assert done.returncode == 2
    assert "more than this cluster's arrays take: 1000" in done.stderr
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize(("shards", "array"), [("8%2", "1-8%2"), ("8%1", "1-8%1"), ("1", "1-1")])
def test_shards_may_be_throttled(shards: str, array: str, inputs: dict[str, str]) -> None:
    infer, merge = dry_run(inputs, "--shards", shards)
    assert f"--array={array}" in infer
    number = shards.partition("%")[0]
    assert infer[infer.index("--annotations") - 1] == merge[-1] == number


@pytest.mark.parametrize("name", ["50%x", "%j", "a%%b"])
def test_a_percent_sign_in_the_name_of_a_folder_is_doubled_for_the_log(
    name: str, inputs: dict[str, str], tmp_path: Path
) -> None:
    for command in dry_run(inputs | {"FATHOMNET_OUTPUT": str(tmp_path / name)}, "--download"):
        (log,) = (word for word in command if word.startswith("--output="))
        assert f"/{name.replace('%', '%%')}/logs/%x-%" in log


@pytest.mark.parametrize("options", [(), ("--decision", "argmax"), ("--device", "cuda")])
def test_shards_that_might_choose_unlike_precisions_are_refused_before(
    options: tuple[str, ...], inputs: dict[str, str], tmp_path: Path
) -> None:
    env = cluster(tmp_path, inputs, "echo 1")
    command = (SBATCH / "submit.sh", "--cluster", "local", "--shards", "2", "--", *options)
    done = run(*command, env=env)
    assert done.returncode == 2 and "unlike precisions" in done.stderr
    assert not (tmp_path / "calls").exists()
    assert run(*command, "--precision=fp16", env=env).returncode == 0


def test_a_folder_with_a_checkpoint_is_refused_before(
    inputs: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/last-002.ckpt").write_text("PK")
    env = cluster(tmp_path, inputs, "echo 1") | {
        "FATHOMNET_CHECKPOINT": str(tmp_path / "downloads")
    }
    done = run(SBATCH / "submit.sh", env=env)
    assert done.returncode == 2
    assert "name the file" in done.stderr and not (tmp_path / "calls").exists()


@pytest.mark.parametrize("content", ["<!DOCTYPE html>", "", "version https://git-lfs"])
def test_a_saved_page_that_is_called_a_checkpoint_is_refused_before(
    content: str, inputs: dict[str, str], tmp_path: Path
) -> None:
    page = tmp_path / "last-002.ckpt"
    page.write_text(content)
    env = cluster(tmp_path, inputs, "echo 1") | {"FATHOMNET_CHECKPOINT": str(page)}
    done = run(SBATCH / "submit.sh", env=env)
    assert done.returncode == 2 and f"{page} is no checkpoint" in done.stderr
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("gone", ["bin/fathomnet-infer", "bin/python", "lib/torch.so"])
def test_an_environment_of_which_a_file_was_purged_is_built_again(
    gone: str, tmp_path: Path
) -> None:
    env = storage_builder(tmp_path)
    assert run(SBATCH / "environment.sh", tmp_path, env=env).returncode == 0
    where = Path(run(SBATCH / "environment.sh", "--where", tmp_path, env=env).stdout.strip())
    assert run(SBATCH / "environment.sh", tmp_path, env=env).returncode == 0
    assert len((tmp_path / "built").read_text().splitlines()) == 1, "believed while it is whole"
    (where / gone).unlink()
    assert run(SBATCH / "environment.sh", tmp_path, env=env).returncode == 0
    assert (where / gone).exists()
    assert len((tmp_path / "built").read_text().splitlines()) == 2


def test_what_a_module_sets_for_its_own_python_reaches_neither_building_nor_jobs(
    tmp_path: Path,
) -> None:
    """Case B26."""
    module = {"PYTHONPATH": "/of/a/module", "PYTHONHOME": "/of/a/module"}
    env = storage_builder(tmp_path)
    python = Path(env["FATHOMNET_PYTHON"])
    told = 'echo "seen: $PYTHONPATH $PYTHONHOME $PYTHONNOUSERSITE" >> '
    python.write_text(python.read_text().replace("sleep 1;", f"{told}{tmp_path}/seen;"))
    built = run(SBATCH / "environment.sh", tmp_path, env=env | module)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "seen").read_text() == "seen:   1\n"
    job = program(tmp_path, "job", f". {SBATCH / 'job.sh'}; supervise env")
    done = run(job, env={**os.environ, **module})
    assert "PYTHONNOUSERSITE=1" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith(tuple(module))]


def test_a_download_that_is_short_of_time_goes_back_into_the_queue(
    inputs: dict[str, str],
) -> None:
    download, infer, merge = dry_run(inputs, "--download")
    assert "--signal=B:USR1@120" in download and "--signal=B:USR1@120" in infer
    assert "--signal=B:USR1@120" not in merge


CHILD = """
import signal, sys, time
def stop(number, frame):
    sys.exit(75)
signal.signal(signal.SIGUSR1, stop)
signal.signal(signal.SIGTERM, stop)
print("listening", flush=True)
time.sleep(60)
"""


def supervised(folder: Path, *command: str, restarts: int = 0) -> subprocess.Popen[str]:
    """A job's script around a command, with a ``scontrol`` that writes down what it is told."""
    program(folder / "bin", "scontrol", f'echo "$*" >> {folder / "scontrol.log"}')
    job = program(folder, "job", f'. {SBATCH / "job.sh"}; supervise "$@"')
    return subprocess.Popen(
        [job, *command],
        env={
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "SLURM_JOB_ID": "9",
            "SLURM_ARRAY_JOB_ID": "7",
            "SLURM_ARRAY_TASK_ID": "2",
            "SLURM_RESTART_COUNT": str(restarts),
        },
        stdout=subprocess.PIPE,
        text=True,
    )


def told(folder: Path) -> str:
    log = folder / "scontrol.log"
    return log.read_text() if log.exists() else ""


def test_a_warned_run_stops_and_goes_back_into_the_queue(tmp_path: Path) -> None:
    job = supervised(tmp_path, sys.executable, "-c", CHILD)
    assert job.stdout is not None and job.stdout.readline() == "listening\n"
    job.send_signal(signal.SIGUSR1)
    assert job.wait(20) == 75
    assert told(tmp_path) == "requeue 7_2\n"


def test_a_run_that_was_warned_before_it_listened_goes_back_too(tmp_path: Path) -> None:
    deaf = "import time; print('deaf', flush=True); time.sleep(60)"
    job = supervised(tmp_path, sys.executable, "-c", deaf)
    assert job.stdout is not None and job.stdout.readline() == "deaf\n"
    job.send_signal(signal.SIGUSR1)
    assert job.wait(20) == 75
    assert told(tmp_path) == "requeue 7_2\n"


def test_a_cancelled_run_stops_and_stays_away(tmp_path: Path) -> None:
    job = supervised(tmp_path, sys.executable, "-c", CHILD)
    assert job.stdout is not None and job.stdout.readline() == "listening\n"
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 75
    assert told(tmp_path) == ""


def test_a_run_that_finishes_in_spite_of_the_warning_is_done(tmp_path: Path) -> None:
    child = CHILD.replace("sys.exit(75)", "sys.exit(0)")
    job = supervised(tmp_path, sys.executable, "-c", child)
    assert job.stdout is not None and job.stdout.readline() == "listening\n"
    job.send_signal(signal.SIGUSR1)
    assert job.wait(20) == 0
    assert told(tmp_path) == ""


def test_a_run_that_gets_nowhere_is_not_put_back_for_ever(tmp_path: Path) -> None:
    job = supervised(tmp_path, sys.executable, "-c", CHILD, restarts=50)
    assert job.stdout is not None and job.stdout.readline() == "listening\n"
    job.send_signal(signal.SIGUSR1)
    assert job.wait(20) == 75
    assert told(tmp_path) == ""


@pytest.mark.parametrize("status", [0, 1, 2, 3, 137])
def test_the_job_ends_with_the_status_of_the_run(status: int, tmp_path: Path) -> None:
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    command = kill if status == 137 else f"raise SystemExit({status})"
    assert supervised(tmp_path, sys.executable, "-c", command).wait(20) == status
    assert told(tmp_path) == ""


@pytest.mark.parametrize(("status", "job"), [(0, 0), (3, 0), (2, 2), (1, 1)])
def test_a_download_without_some_images_lets_the_run_begin(
    status: int, job: int, tmp_path: Path
) -> None:
    program(tmp_path, "bin/fathomnet-infer", f'echo "$*"; [[ $1 == --version ]] || exit {status}')
    program(tmp_path, "bin/python", f'exec {sys.executable} "$@"')
    done = run(SBATCH / "download.sh", SBATCH, tmp_path, "--split", "test", env=os.environ)
    assert done.returncode == job
    assert "download --split test" in done.stdout
    assert "torch " in done.stdout and "restart 0" in done.stdout, "the log says where it ran"


def storage_builder(folder: Path) -> dict[str, str]:
    """An environment in which building one means writing to a log and waiting a little."""
    python = program(
        folder,
        "python",
        f"""
        if [[ $2 == venv ]]; then
            mkdir -p "$3/bin"; cp "$0" "$3/bin/python"
            mkdir -p "$3/lib"; echo compiled > "$3/lib/torch.so"
            printf '#!/bin/sh\\n' > "$3/bin/fathomnet-infer"; chmod +x "$3/bin/fathomnet-infer"
        else
            sleep 1; echo "$*" >> {folder}/built
        fi
        """,
    )
    # Without uv, whatever this machine has: the path holds the system's programs alone.
    return {"PATH": "/usr/bin:/bin", "HOME": str(folder), "FATHOMNET_PYTHON": str(python)}


def test_an_environment_is_built_once_by_whoever_comes_first(tmp_path: Path) -> None:
    env = storage_builder(tmp_path)
    builders = [
        subprocess.Popen([SBATCH / "environment.sh", tmp_path], env=env, stderr=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [builder.wait(30) for builder in builders] == [0, 0, 0]
    (built,) = (tmp_path / "built").read_text().splitlines()
    assert "install" in built and "--constraint constraints.txt" in built
    where = run(SBATCH / "environment.sh", "--where", tmp_path, env=env).stdout.strip()
    assert (Path(where) / "bin" / "fathomnet-infer").exists()


def test_an_environment_whose_building_was_killed_is_built_again(tmp_path: Path) -> None:
    env = storage_builder(tmp_path)
    builder = subprocess.Popen([SBATCH / "environment.sh", tmp_path], env=env)
    time.sleep(0.7)
    builder.kill()
    builder.wait()
    where = Path(run(SBATCH / "environment.sh", "--where", tmp_path, env=env).stdout.strip())
    assert not (where / "complete").exists()
    assert run(SBATCH / "environment.sh", tmp_path, env=env).returncode == 0
    assert (where / "complete").exists()


def test_other_requirements_are_another_environment(tmp_path: Path) -> None:
    env = storage_builder(tmp_path)
    one = run(SBATCH / "environment.sh", "--where", tmp_path, env=env).stdout
    cuda = {"FATHOMNET_TORCH_INDEX": "https://download.pytorch.org/whl/cu126"}
    other = run(SBATCH / "environment.sh", "--where", tmp_path, env=env | cuda).stdout
    again = run(SBATCH / "environment.sh", "--where", tmp_path, env=env).stdout
    assert one == again != other
