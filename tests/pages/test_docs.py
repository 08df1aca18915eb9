"""The pages keep their word: commands, code, links and pictures are there and are right."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import click
import pytest
import yaml
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.names import (
    GROUND_TRUTH,
    LOOK_ALIKE_PAIRS,
    NEAR_DUPLICATES,
    SUSPECTS,
    map_key,
)
from fathomnet_voxel51.panels import PANELS
from fathomnet_voxel51.parameters import OPERATORS

from demo.generate import Settings
from demo.scenes import plan_scenes
from demo.story import MODEL, StoryFiles, story
from demo.workspaces import BESIDE_THE_GRID
from demo.wrong_labels import SHARE
from scripts.write_reference import ADDRESS, MANIFEST, README, REFERENCE, addressed
from tests.conftest import REPOSITORY
from tests.support.page_checks import OPERATOR, check_code, check_command
from tests.support.pages import PAGES, Block, Command, anchors, blocks, commands, links

NO_CODE: Final = {"docs/architecture.md": "fiftyone.yml ", "docs/inference.md": "argmax\n"}
"""How the block of a page begins that is neither commands nor code."""

PNG: Final = b"\x89PNG\r\n\x1a\n"

every_page = pytest.mark.parametrize("page", PAGES)


def test_the_reference_is_what_the_code_says_and_is_made_without_fiftyone() -> None:
    program = (
        "import sys; sys.modules['fiftyone'] = None; "
        "from scripts import write_reference as made; "
        "sys.stdout.write(chr(0).join([made.reference(), made.manifest(), made.readme()]))"
    )
    made = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE
    ).stdout.decode()
    made, manifest, readme = made.split("\0")
    assert made == REFERENCE.read_text(), "run make docs"
    assert manifest == MANIFEST.read_text(), "run make docs"
    assert readme == README.read_text(), "run make docs"
    assert all(f"\n## {name}\n" in made for name in OPERATORS)


@every_page
def test_every_block_is_commands_or_code(page: str) -> None:
    for block in blocks(page):
        if block.language == "text":
            assert block.text.startswith(NO_CODE.get(page, "\0")), block
        elif block.language == "json":
            assert json.loads(block.text)
        elif block.language in ("yaml", "yml"):
            assert list(yaml.safe_load_all(block.text))


@every_page
def test_every_command_is_one_that_its_program_takes(page: str) -> None:
    for command in commands(page):
        check_command(command)


@every_page
def test_python_compiles_and_its_imports_and_operators_are_there(page: str) -> None:
    for block in blocks(page):
        if block.language == "python":
            check_code(block)


@every_page
def test_every_operator_that_is_named_is_there(page: str) -> None:
    manifest = yaml.safe_load((REPOSITORY / "fiftyone.yml").read_text())
    known = {*manifest["operators"], *manifest["panels"], "NAME"}
    assert {*OPERATOR.findall((REPOSITORY / page).read_text())} <= known


@every_page
def test_every_link_and_picture_leads_somewhere(page: str) -> None:
    for target, is_picture in links(page):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert file.exists(), f"{page}: {target}"
        if is_picture:
            assert file.read_bytes().startswith(PNG), f"{page}: {target}"
        if anchor:
            inside = file.resolve().relative_to(REPOSITORY).as_posix()
            assert anchor in anchors(inside), f"{page}: {target}"


@every_page
def test_names_in_the_app_are_those_of_operators_and_panels(page: str) -> None:
    known = {model.heading for model in OPERATORS.values()}
    known |= {panel().config.label for panel in PANELS}
    text = " ".join((REPOSITORY / page).read_text().split())
    # An operator that a page shows whole, as an example, says its name itself.
    known |= {*re.findall(r'heading = "(FathomNet: [^"]+)"', text)}
    assert {*re.findall(r'"(FathomNet: [^"…]+)"', text)} <= known


def test_the_tutorial_tells_of_the_demo_as_it_is() -> None:
    text = " ".join((REPOSITORY / "docs/tutorial.md").read_text().split())
    settings = Settings()
    scenes = plan_scenes(settings.train, settings.test, settings.seed)
    boxes = [
        (scene.split, thing.name)
        for scene in scenes
        for thing in scene.things
        if thing.kind == "animal"
    ]
    concepts = {name for _, name in boxes}
    assert (
        f"{len(scenes)} deep-sea scenes with {len(boxes)} boxes of {len(concepts)} concepts" in text
    )
    labels = sum(split == "train" for split, _ in boxes)
    assert f"{round(SHARE * labels)} of {labels} had been made wrong on purpose" in text
    files = StoryFiles(*[Path("x")] * 5)
    rows = re.findall(r"^\| (\d)\. ", (REPOSITORY / "docs/tutorial.md").read_text(), re.MULTILINE)
    assert len(rows) == len(story(files, "x"))
    assert all(f"**{name}**" in text for name in BESIDE_THE_GRID)
    views = (SUSPECTS, LOOK_ALIKE_PAIRS, NEAR_DUPLICATES, map_key(MODEL, "umap", GROUND_TRUTH))
    assert all(f"`{name}`" in text for name in views)


def test_the_repository_has_its_address_from_the_manifest_wherever_it_is_named() -> None:
    url = yaml.safe_load(MANIFEST.read_text())["url"]
    assert f"fiftyone plugins download {url}\n" in README.read_text()
    listed = subprocess.run(
        ["git", "grep", "--fixed-strings", "-h", "/fathomnet-voxel51", "--", "*.md", "*.toml"],
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout.decode()
    assert ADDRESS.findall(listed).count(url) == len(ADDRESS.findall(listed)) >= 3, "run make docs"
    pages = "git clone https://github.com/<owner>/fathomnet-voxel51 && cd fathomnet-voxel51; "
    pages += "https://example.org/fathomnet-voxel51-0.1.0-plugin.zip"
    assert addressed(pages) == pages.replace("https://github.com/<owner>/fathomnet-voxel51", url)
    moved = pages.replace("github.com/<owner>", "git.lab.example/deep/sea")
    assert addressed(moved) == addressed(pages)


def test_the_readme_lists_every_operator() -> None:
    listed = {target for target, _ in links("README.md")}
    assert {f"docs/operators/{name}.md" for name in OPERATORS} <= listed


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = {"README.md"}, ["README.md"]
    while waiting:
        page = waiting.pop()
        for target, _ in links(page):
            file = ((REPOSITORY / page).parent / target.split("#")[0]).resolve()
            if file.suffix == ".md" and file.is_relative_to(REPOSITORY):
                name = file.relative_to(REPOSITORY).as_posix()
                if name not in reached and name in PAGES:
                    reached.add(name)
                    waiting.append(name)
    assert {*PAGES} - reached == set()


@pytest.mark.parametrize(
    "line",
    [
        "fathomnet-voxel51 ingest-datasets",
        "fathomnet-voxel51 ingest-dataset --train-annotation a.json",
        "fathomnet-voxel51 ingest-dataset --limit none",
        "fathomnet-voxel51 upload-images --annotations a.json",
        "fathomnet-voxel51 run-workflow --stages ingest",
        "fathomnet-infer run --annotation a.json ...",
        "fathomnet-infer run --images photos",
        "fiftyone delegated lunch",
        "make demos",
        "make demo ANOTATIONS=a.json",
        "pip install 'fathomnet-voxel51[model]'",
        "python -m demo runs",
        "python -m benchmarks.nothing",
        "sbatch/submit.sh --shard 2",
    ],
)
def test_a_wrong_command_is_found(line: str) -> None:
    command = Command("here", tuple(line.replace("'", "").split()))
    with pytest.raises((AssertionError, click.ClickException, InputError, SystemExit)):
        check_command(command)


@pytest.mark.parametrize(
    "code",
    [
        "from fathomnet_voxel51.taxonomy.tree import load_taxonomies",
        "import fathomnet_voxel51.taxonomies",
        'foo.get_operator("@fathomnet/voxel51/ingest_dataset")(dataset="x")',
        'ingest = foo.get_operator("@fathomnet/voxel51/ingest_dataset")\ningest(media_rot="x")',
        'foo.get_operator("@fathomnet/voxel51/find_needles")(dataset, k="many")',
    ],
)
def test_wrong_code_is_found(code: str) -> None:
    with pytest.raises((AssertionError, ImportError, InputError)):
        check_code(Block("here", 1, "python", code))
