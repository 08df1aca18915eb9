"""What ``make dist`` publishes: the same bytes of the same commit, complete, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from fathomnet_voxel51.errors import InputError

from scripts import check_dist
from scripts.build_dist import build
from scripts.check_dist import SHIPPED, check, plugin_files
from tests.conftest import REPOSITORY
from tests.support.clean_environment import environment_with, output_of
from tests.support.served import serving

BIN = Path(sys.executable).parent
LEFTOVERS = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")


def git(folder: Path, *arguments: str) -> None:
    someone = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", *someone, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "everything")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of what is shipped as it lies in this checkout."""
    folder = tmp_path_factory.mktemp("repository")
    for name in SHIPPED:
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, folder / name, ignore=LEFTOVERS)
        else:
            shutil.copy(REPOSITORY / name, folder / name)
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


@pytest.fixture
def repository(original: Path, tmp_path: Path) -> Path:
    """One of its own for each test that changes it."""
    return Path(shutil.copytree(original, tmp_path / "changed"))


@pytest.fixture(scope="module")
def dist(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(original, folder)
    return folder


@pytest.fixture(scope="module")
def plugin(dist: Path) -> Path:
    (found,) = dist.glob("*-plugin.zip")
    return found


def test_the_digests_are_of_all_that_is_there(dist: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=dist, check=True)
    listed = {line.split()[1] for line in (dist / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in dist.iterdir()} - {"SHA256SUMS"}
    assert sorted(Path(name).suffix for name in listed) == [".txt", ".whl", ".whl", ".zip"]


def test_the_same_commit_gives_the_same_bytes(dist: Path, repository: Path, tmp_path: Path) -> None:
    for path in repository.rglob("*.py"):
        path.touch()
        path.chmod(0o600)
    (repository / "dist").mkdir()
    (repository / "dist" / "fathomnet_voxel51-0.0.1-py3-none-any.whl").touch()
    umask = os.umask(0o077)
    try:
        build(repository, repository / "dist")
    finally:
        os.umask(umask)
    assert (repository / "dist" / "SHA256SUMS").read_text() == (dist / "SHA256SUMS").read_text()
    assert {p.name for p in (repository / "dist").iterdir()} == {p.name for p in dist.iterdir()}


def test_the_zip_has_its_manifest_on_top_and_nothing_of_the_workshop(plugin: Path) -> None:
    with zipfile.ZipFile(plugin) as archive:
        names = archive.namelist()
        times = {entry.date_time for entry in archive.infolist()}
    assert names == sorted(names) and len(times) == 1
    assert {name for name in names if "/" not in name} == {
        *("CHANGELOG.md", "LICENSE", "README.md", "fiftyone.yml", "requirements.txt")
    }
    assert {name.split("/")[0] for name in names if "/" in name} == {"plugins", "skills", "data"}
    declared = yaml.safe_load((REPOSITORY / "fiftyone.yml").read_text())["skills"]
    skills = {f"skills/{name}/SKILL.md" for name in declared}
    assert {name for name in names if name.startswith("skills/")} == skills
    modules = {path.name for path in (REPOSITORY / "plugins/fathomnet").rglob("*.py")}
    assert {Path(name).name for name in names if name.endswith(".py")} == modules
    assert "data/taxonomy.csv" in names


LISTED = """
import json, os, fiftyone.operators as foo
from fiftyone.plugins.context import build_plugin_contexts
(plugin,) = [one for one in build_plugin_contexts() if one.name == "@fathomnet/voxel51"]
found = {"operators": [], "panels": [], "errors": plugin.errors}
for one in plugin.instances:
    found["panels" if isinstance(one, foo.Panel) else "operators"].append(one.name)
    assert os.path.isfile(plugin.plugin_definition.directory + one.config.icon), one.name
done = foo.execute_operator("@fathomnet/voxel51/check_setup", {}).result
print(json.dumps(found | {"checks": {check["name"]: check["status"] for check in done["checks"]}}))
"""


def download(plugin: Path, plugins: Path, *options: str) -> None:
    """Installs the zip by FiftyOne's own command, from a web server."""
    environment = {**os.environ, "FIFTYONE_PLUGINS_DIR": str(plugins)}
    with serving(plugin.parent) as url:
        command = [BIN / "fiftyone", "plugins", "download", f"{url}/{plugin.name}", *options]
        subprocess.run(command, env=environment, check=True)


def test_all_operators_and_panels_register_from_the_zip(plugin: Path, tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    download(plugin, plugins)
    done = subprocess.run(
        [sys.executable, "-c", LISTED],
        env={**os.environ, "FIFTYONE_PLUGINS_DIR": str(plugins)},
        cwd=tmp_path,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    declared = yaml.safe_load((REPOSITORY / "fiftyone.yml").read_text())
    assert found["errors"] == []
    for kind in ("operators", "panels"):
        assert sorted(found[kind]) == sorted(declared[kind])
    assert found["checks"]["plugin"] == "ok"


def test_an_upgrade_leaves_nothing_of_the_version_before(plugin: Path, tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    download(plugin, plugins)
    (manifest,) = plugins.rglob("fiftyone.yml")
    installed = manifest.parent
    (installed / "plugins/fathomnet/of_before.py").touch()
    manifest.write_text(manifest.read_text().replace("version: 0.1.0", "version: 0.0.1"))
    download(plugin, plugins, "--overwrite")
    there = {path.relative_to(installed).as_posix() for path in installed.rglob("*.*")}
    with zipfile.ZipFile(plugin) as archive:
        # FiftyOne takes all that lies beside the manifest, and so what it has downloaded.
        assert there - set(archive.namelist()) == {plugin.name}
        assert manifest.read_bytes() == archive.read("fiftyone.yml")


@pytest.fixture(scope="module")
def python(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment_with(tmp_path_factory.mktemp("environment"), *dist.glob("*.whl"))


def test_both_wheels_install_in_a_clean_environment(python: Path, tmp_path: Path) -> None:
    program = (
        "import fathomnet_voxel51, fathomnet_inference; "
        "from fathomnet_voxel51.taxonomy import load_taxonomy; "
        "print(fathomnet_voxel51.__file__, fathomnet_inference.__file__, "
        "len(load_taxonomy().concepts))"
    )
    *files, concepts = output_of(python, "-I", "-c", program, folder=tmp_path).split()
    assert all(Path(file).is_relative_to(python.parents[1]) for file in files)
    assert int(concepts) == 79
    for command, word in (("fathomnet-voxel51", "ingest-dataset"), ("fathomnet-infer", "merge")):
        assert word in output_of(python.with_name(command), "--help", folder=tmp_path)


KEY = '{"type": "service_account", "private_key": "' + "c2VjcmV0LWtleQ==" * 4 + '"}'
PEM = "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQIBADANBgkq\n"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("plugins/fathomnet/notes.txt", "", "stray"),
        ("plugins/fathomnet/.env", "FIFTYONE_API_KEY=", "hidden"),
        ("plugins/fathomnet/__pycache__/cli.cpython-311.pyc", "", "of a kind that is not shipped"),
        ("plugins/fathomnet/test_cli.py", "", "a test"),
        ("plugins/fathomnet/scratch/__init__.py", "", "stray"),
        ("plugins/other/fiftyone.yml", "name: other", "stray"),
        ("data/dataset_test.json", "{}", "stray"),
        ("data/models/demo-clip/key.json", KEY, "holds a service account's key"),
        ("plugins/fathomnet/plain_key.py", f'KEY = """{PEM}"""', "holds a private key"),
        ("inference/fathomnet_inference/test_run.py", "", "a test"),
    ],
)
def test_a_planted_file_is_found(
    repository: Path, tmp_path: Path, name: str, content: str, reason: str
) -> None:
    planted = repository / name
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(content)
    commit(repository)
    inside = "/".join(name.split("/")[1:]) if name.startswith("inference") else name
    with pytest.raises(InputError) as raised:
        build(repository, tmp_path / "dist")
    assert f"{inside}: {reason}" in str(raised.value)
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "cli.py"])
def test_a_link_is_found(repository: Path, tmp_path: Path, target: str) -> None:
    (repository / "plugins/fathomnet/linked.py").symlink_to(target)
    commit(repository)
    with pytest.raises(InputError, match=r"plugins/fathomnet/linked\.py: a link"):
        build(repository, tmp_path / "dist")


def test_what_is_not_committed_is_not_published(repository: Path, tmp_path: Path) -> None:
    (repository / "plugins/fathomnet/half_done.py").touch()
    (repository / "README.md").write_text("changed")
    with pytest.raises(InputError) as raised:
        build(repository, tmp_path / "dist")
    assert {fault.place for fault in raised.value.faults} == {
        *("README.md", "plugins/fathomnet/half_done.py")
    }


def _without(name: str) -> Callable[[Path, Path], None]:
    def copy(source: Path, target: Path) -> None:
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
            for entry in old.infolist():
                if entry.filename != name:
                    new.writestr(entry, old.read(entry))

    return copy


def _with(name: str) -> Callable[[Path, Path], None]:
    def copy(source: Path, target: Path) -> None:
        shutil.copy(source, target)
        with zipfile.ZipFile(target, "a") as archive:
            archive.writestr(name, "x")

    return copy


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_without("LICENSE"), "LICENSE: missing"),
        (_without("data/taxonomy.csv"), "data/taxonomy.csv: missing"),
        (_without("plugins/fathomnet/assets/undo.svg"), "assets/undo.svg: missing"),
        (_with("../outside.py"), "../outside.py: leads out of the folder"),
        (_with("/etc/cron.d/x.txt"), "/etc/cron.d/x.txt: leads out of the folder"),
        (_with("a\\b.py"), "leads out of the folder"),
        (_with("empty/"), "empty/: not a regular file"),
    ],
)
def test_a_zip_that_was_tampered_with_is_refused(
    original: Path, plugin: Path, tmp_path: Path, change: Callable[[Path, Path], None], fault: str
) -> None:
    changed = tmp_path / "plugin.zip"
    change(plugin, changed)
    with pytest.raises(InputError) as raised:
        check(changed, plugin_files(original))
    assert fault in str(raised.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(
    original: Path, plugin: Path, tmp_path: Path
) -> None:
    _with("README.md")(plugin, tmp_path / "plugin.zip")
    with pytest.raises(InputError, match=r"README\.md: twice in the archive"):
        check(tmp_path / "plugin.zip", plugin_files(original))


def test_what_grew_too_large_is_refused(
    original: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(plugin, plugin_files(original))
    monkeypatch.setattr(check_dist, "LARGEST", plugin.stat().st_size - 1)
    with pytest.raises(InputError, match=r"bytes; .* are allowed"):
        check(plugin, plugin_files(original))
