"""What has a name already stays, unless exactly that version was named."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from fathomnet_voxel51.media.folder.store import FolderStore
from fathomnet_voxel51.media.outcomes import ConflictError, MissingError
from fathomnet_voxel51.media.store import StoredObject

from tests.media.folder.jobs import CONTENT, NAME, Sent, ask, failing, files, put, read, write
from tests.media.together import Barrier

# Storing


@pytest.mark.parametrize("links", [True, False])
def test_an_object_that_is_there_stays_and_nothing_is_asked_for(
    root: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
    write(root / NAME)
    image = Sent()
    with pytest.raises(ConflictError):
        put(root, image)
    assert not image.asked
    assert files(root) == {NAME: b"something else"}


@pytest.mark.parametrize("links", [True, False])
def test_an_object_that_appears_meanwhile_stays(
    root: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EOPNOTSUPP))
    with pytest.raises(ConflictError):
        put(root, Sent(before_end=lambda: write(root / NAME)))
    assert files(root) == {NAME: b"something else"}


def test_file_systems_without_links_store_images_too(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    put(root, Sent())
    assert files(root) == {NAME: CONTENT}


@pytest.mark.parametrize("links", [True, False])
def test_of_many_at_once_for_one_name_one_is_stored(
    root: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
    contents = [os.urandom(50_000) for _ in range(20)]

    async def race() -> list[StoredObject | BaseException]:
        async with FolderStore(root) as store, FolderStore(root) as other:
            everybody_began = Barrier(len(contents))
            return await asyncio.gather(
                *(
                    (store, other)[number % 2].put(NAME, Sent(content, everybody_began.wait))
                    for number, content in enumerate(contents)
                ),
                return_exceptions=True,
            )

    results = asyncio.run(race())
    winners = [content for content, result in zip(contents, results, strict=True)
               if isinstance(result, StoredObject)]  # fmt: skip
    assert [type(result) for result in results].count(ConflictError) == len(contents) - 1
    assert files(root) == {NAME: winners[0]}


def test_exactly_the_version_that_was_named_is_replaced(root: Path) -> None:
    put(root, Sent(b"the first version"))
    first = ask(root, "find", NAME)
    second = put(root, Sent(b"the second version"), replacing=first)
    assert files(root) == {NAME: b"the second version"}
    with pytest.raises(ConflictError):
        put(root, Sent(b"the third version"), replacing=first)
    assert files(root) == {NAME: b"the second version"}
    assert ask(root, "find", NAME).generation == second.generation


def test_what_changes_or_vanishes_while_its_successor_arrives_is_not_replaced(root: Path) -> None:
    write(root / NAME)
    for happening, left in (
        (lambda: write(root / NAME, b"newer still"), {NAME: b"newer still"}),
        ((root / NAME).unlink, {}),
    ):
        there = ask(root, "find", NAME)
        with pytest.raises(ConflictError):
            put(root, Sent(before_end=happening), replacing=there)
        assert files(root) == left


def test_what_is_gone_is_not_replaced(root: Path) -> None:
    with pytest.raises(ConflictError):
        put(root, Sent(), replacing=StoredObject(3, generation=1))
    assert files(root) == {}


# Reading and deleting


def test_what_is_not_there_is_said_to_be_missing(root: Path) -> None:
    assert ask(root, "find", NAME) is None
    with pytest.raises(MissingError, match=NAME):
        read(root)
    with pytest.raises(MissingError, match=NAME):
        ask(root, "digest", NAME, StoredObject(1))
    ask(root, "delete", NAME, StoredObject(1))


def test_the_digest_of_a_version_that_is_gone_is_not_that_of_its_successor(root: Path) -> None:
    write(root / NAME)
    before = ask(root, "find", NAME)
    write(root / NAME, b"SOMETHING ELSE")
    with pytest.raises(ConflictError):
        ask(root, "digest", NAME, before)


def test_exactly_the_version_that_was_named_is_deleted(root: Path) -> None:
    write(root / NAME)
    before = ask(root, "find", NAME)
    write(root / NAME, b"SOMETHING ELSE")
    ask(root, "delete", NAME, before)
    assert files(root) == {NAME: b"SOMETHING ELSE"}
    ask(root, "delete", NAME, ask(root, "find", NAME))
    assert files(root) == {}
