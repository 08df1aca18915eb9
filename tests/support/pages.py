"""The project's pages as a reader meets them: blocks of code, commands, links and headings."""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import REPOSITORY

PAGES: Final = tuple(
    sorted(
        path.relative_to(REPOSITORY).as_posix()
        for path in (
            *REPOSITORY.glob("[A-Z]*.md"),
            *(REPOSITORY / "docs").rglob("*.md"),
            *(REPOSITORY / folder / "README.md" for folder in ("benchmarks", "data", "inference")),
        )
        if path.name != "CHANGELOG.md"
    )
)

OURS: Final = ("fathomnet-voxel51", "fathomnet-infer", "fiftyone", "make", "pip", "python")
"""Programs whose arguments are checked."""
OTHERS: Final = (
    *("cd", "cp", "export", "ln", "mkdir", "rm", "tail", "wc"),
    *("curl", "git", "rsync", "scp", "ssh"),
    *("docker", "gcloud", "helm", "hf", "kubectl", "squeue", "sysctl"),
)
"""Programs of others, or of the shell."""

_SHELL: Final = ("bash", "sh", "shell", "console")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: its page.
        line: where it begins.
        language: what the page says, or what it must be; ``text`` for what is neither shell nor
            Python.
        text: the code.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command with its arguments, as the shell would pass them, and where it stands."""

    place: str
    words: tuple[str, ...]
    mentioned: bool = False
    """In a line of text, where its arguments may be left out."""

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.words)}"


def blocks(page: str) -> Iterator[Block]:
    """The blocks of code of a page."""
    for token in _tokens(page):
        if token.type in ("fence", "code_block"):
            assert token.map is not None
            line, language = token.map[0] + 1, token.info.strip().split(" ")[0]
            if language in _SHELL:
                yield Block(page, line, "shell", token.content)
            elif language:
                yield Block(page, line, language, token.content)
            else:
                yield from _guessed(page, line, token.content)


def commands(page: str) -> Iterator[Command]:
    """The commands of a page's blocks, and those in its lines that are ours."""
    for block in blocks(page):
        if block.language == "shell":
            yield from (Command(str(block), words) for words in shell_commands(block.text))
    for token in _inline(page):
        if token.type == "code_inline" and token.content.startswith(tuple(f"{o} " for o in OURS)):
            yield from (Command(page, words, True) for words in shell_commands(token.content))


def links(page: str) -> Iterator[tuple[str, bool]]:
    """Where a page's links and pictures lead, and whether it is a picture."""
    for token in _inline(page):
        if token.type == "link_open":
            yield str(token.attrs["href"]), False
        elif token.type == "image":
            yield str(token.attrs["src"]), True


@cache
def anchors(page: str) -> frozenset[str]:
    """The names by which a page's headings can be linked to."""
    found: dict[str, int] = {}
    names = set()
    tokens = _tokens(page)
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            text = "".join(part.content for part in token.children or ())
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            names.add(f"{name}-{found[name]}" if name in found else name)
            found[name] = found.get(name, 0) + 1
    return frozenset(names)


def shell_commands(text: str) -> Iterator[tuple[str, ...]]:
    """The commands of a shell's text, without comments, assignments and what joins them."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="&|;")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in (*lexer, ";"):
            if word not in ("&&", "||", "|", ";", "&"):
                if words or not re.fullmatch(r"[A-Z_]+=.*", word):
                    words.append(word)
            elif words:
                yield tuple(words)
                words = []


def _guessed(page: str, line: int, text: str) -> Iterator[Block]:
    """An indented block in its language; one that changes it at an empty line, as several."""
    language = _language(text)
    parts = [text] if language != "text" else text.split("\n\n")
    if len(parts) == 1 or any(_language(part) == "text" for part in parts):
        yield Block(page, line, language, text)
        return
    for part in parts:
        yield Block(page, line, _language(part), part)


def _language(text: str) -> str:
    # An apostrophe in a text is a quotation that never ends, to the shell.
    with contextlib.suppress(ValueError):
        programs = {words[0] for words in shell_commands(text)}
        if programs and all(_is_program(one) for one in programs):
            return "shell"
    with contextlib.suppress(SyntaxError):
        ast.parse(text)
        return "python"
    return "text"


def _is_program(word: str) -> bool:
    return word in OURS or word in OTHERS or word.startswith("sbatch/")


def _inline(page: str) -> Iterator[Token]:
    for token in _tokens(page):
        yield from token.children or ()


@cache
def _tokens(page: str) -> list[Token]:
    parser = MarkdownIt("commonmark").enable("table")
    return parser.parse((REPOSITORY / page).read_text(encoding="utf-8"))
