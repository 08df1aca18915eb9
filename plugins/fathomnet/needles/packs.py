"""Needle packs: text prompts worth looking for, what they must not match, and their files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..errors import Fault, InputError
from ..files.faults import FaultList, kind_in_words, value_in_words
from ..files.places import is_there, place
from ..files.reading import SourceFile, decode, read_source
from ..resources import data_file, data_files
from ..text import shortened

BACKGROUND: Final = "background"
"""The pack without needles, whose negatives serve prompts that come without a pack."""
SUFFIX: Final = ".yaml"
MOST_PARTS: Final = 100_000
"""Lists, mappings and values of a pack; a few lines of nested aliases could make billions."""
_FOLDER: Final = "needles"
_ADVICE: Final = "docs/needles.md shows what a pack looks like."

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


@dataclass(frozen=True, slots=True)
class Needle:
    """Something to look for.

    Attributes:
        name: what a person calls it.
        prompts: ways to say it; the search uses their mean.
        negatives: what must not match, the pack's own and this needle's.
        k: the most hits to keep; None leaves it to the caller.
    """

    name: str
    prompts: tuple[str, ...]
    negatives: tuple[str, ...]
    k: int | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """Needles that are looked for together.

    Attributes:
        name: a word; fields and runs of a dataset are named after it.
        version: raised whenever its prompts change, so that the count of new hits restarts.
        title: for people to read.
        description: for people to read.
        negatives: what none of its needles may match.
        needles: what to look for.
        sha256: hash of its file, in hexadecimal; empty if it came from no file.
    """

    name: str
    version: int
    title: str
    description: str
    negatives: tuple[str, ...]
    needles: tuple[Needle, ...]
    sha256: str = ""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _NeedleEntry(_Model):
    name: _Text
    prompts: Annotated[list[_Text], Field(min_length=1)]
    negatives: list[_Text] = []
    k: Annotated[int | None, Field(ge=1)] = None


class _PackFile(_Model):
    name: _Name
    version: Annotated[int, Field(ge=1)]
    title: _Text
    description: _Text
    negatives: list[_Text] = []
    needles: list[_NeedleEntry] = []


def pack_names() -> tuple[str, ...]:
    """The names of the project's packs that have needles."""
    return tuple(file.stem for file in data_files(_FOLDER, SUFFIX) if file.stem != BACKGROUND)


def read_pack(pack: str) -> Pack:
    """Reads and checks a pack.

    Args:
        pack: the name of one that comes with the project, or the path of a YAML file.

    Raises:
        InputError: there is no such pack, or its file has faults; each with its place and line.
    """
    if pack in (*pack_names(), BACKGROUND):
        return _parsed(read_source(data_file(f"{_FOLDER}/{pack}{SUFFIX}")))
    if not is_there(place(pack)):
        shown, known = shortened(pack, 80), ", ".join(pack_names())
        problem = f"there is no pack {shown!r}, nor a file of that name; the packs are: {known}"
        raise InputError("pack", [Fault("pack", problem)], _ADVICE)
    return _parsed(read_source(pack))


def with_prompts(pack: Pack | None, prompts: Sequence[str]) -> Pack:
    """A pack with one more needle per prompt.

    Args:
        pack: the pack whose needles are looked for too; None for prompts alone, which are then
            contrasted with what nearly every picture shows.
        prompts: texts; repeats are dropped, and so are texts that are a needle's name already.

    Examples:
        >>> pack = with_prompts(None, ["a plastic bag", "a crab pot", "a plastic bag "])
        >>> [needle.name for needle in pack.needles]
        ['a plastic bag', 'a crab pot']
    """
    if pack is None:
        background = read_pack(BACKGROUND)
        pack = replace(background, name="prompts", title="Own prompts", description="Own prompts")
    names = {needle.name for needle in pack.needles}
    new = [text for text in dict.fromkeys(map(str.strip, prompts)) if text and text not in names]
    needles = (Needle(text, (text,), pack.negatives) for text in new)
    return replace(pack, needles=(*pack.needles, *needles))


def _parsed(source: SourceFile) -> Pack:
    """The pack in a file.

    Raises:
        InputError: with every fault of the file, its place and its line.
    """
    content, lines, faults = _loaded(source)
    if not faults:
        try:
            file = _PackFile.model_validate(content)
        except ValidationError as error:
            known = isinstance(content, dict) and content.keys() & _PackFile.model_fields.keys()
            for detail in error.errors(include_url=False):
                # The names in a file that was not meant are nobody's business.
                if known or detail["type"] != "extra_forbidden":
                    faults.add(*_described(detail, lines))
        else:
            for path, problem in _contradictions(file):
                faults.add(_place(path, lines), problem)
    faults.raise_if_any(source.subject, _ADVICE)
    needles = tuple(
        Needle(
            entry.name,
            tuple(dict.fromkeys(entry.prompts)),
            tuple(dict.fromkeys((*file.negatives, *entry.negatives))),
            entry.k,
        )
        for entry in file.needles
    )
    return Pack(
        name=file.name,
        version=file.version,
        title=file.title,
        description=file.description,
        negatives=tuple(file.negatives),
        needles=needles,
        sha256=source.sha256,
    )


_Path = tuple[int | str, ...]
_Lines = dict[_Path, int]


def _loaded(source: SourceFile) -> tuple[Any, _Lines, FaultList]:
    """The content of a YAML file, the line of each of its parts, and its faults."""
    lines: _Lines = {}
    faults = FaultList()
    text = decode(source)
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            faults.add("file", "holds nothing but comments")
            return None, lines, faults
        for number, (path, node, problem) in enumerate(_nodes(root), start=1):
            if number > MOST_PARTS:
                faults.add("file", f"has more than {MOST_PARTS:,} parts, aliases included")
                break
            lines.setdefault(path, node.start_mark.line + 1)
            if problem:
                faults.add(f"{_dotted(path)} (line {node.start_mark.line + 1})", problem)
        return (None if faults else loader.construct_document(root)), lines, faults
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        faults.add(f"line {line}", f"holds a control character: {error.character:#04x}")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "file"
        faults.add(place, f"is no YAML: {getattr(error, 'problem', None) or error}")
    except (RecursionError, ValueError) as error:
        faults.add("file", f"is no YAML that can be read: {error}")
    return None, lines, faults


def _nodes(node: Node, path: _Path = ()) -> Iterator[tuple[_Path, Node, str]]:
    """Every part of a YAML document with its path, and problems that PyYAML would let pass."""
    yield path, node, ""
    if isinstance(node, SequenceNode):
        for number, item in enumerate(node.value):
            yield from _nodes(item, (*path, number))
    elif isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else "?"
            if name in seen:
                yield (*path, name), key, "is there twice"
            seen.add(name)
            yield from _nodes(value, (*path, name))


def _contradictions(file: _PackFile) -> Iterator[tuple[_Path, str]]:
    """What is wrong although each value by itself is right."""
    if not file.needles and file.name != BACKGROUND:
        yield ("needles",), "is empty; name at least one thing to look for"
    places: dict[str, int] = {}
    for number, needle in enumerate(file.needles):
        path: _Path = ("needles", number)
        negatives = {*file.negatives, *needle.negatives}
        if not negatives:
            yield path, "has no negatives, and the pack has none: nothing tells a hit from chance"
        for both in sorted(negatives.intersection(needle.prompts)):
            yield (*path, "prompts"), f"{both!r} is a negative prompt too"
        first = places.setdefault(needle.name.casefold(), number)
        if first != number:
            yield (*path, "name"), f"is the name of needles[{first}] already"


def _described(detail: Mapping[str, Any], lines: _Lines) -> tuple[str, str]:
    """The place and the problem of one error that pydantic found."""
    path: _Path = tuple(detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            known = ", ".join(
                _NeedleEntry.model_fields if len(path) > 1 else _PackFile.model_fields
            )
            problem = f"is not part of a pack; known here: {known}"
        case "missing":
            problem = "is missing"
        case "model_type":
            problem = (
                f"should be a mapping of names to values, not {kind_in_words(detail['input'])}"
            )
        case "too_short":
            problem = "is empty; write at least one"
        case "string_pattern_mismatch":
            problem = "should be one word: a letter, then letters, digits and _"
        case _:
            message = str(detail["msg"]).removeprefix("Input ")
            problem = f"{message}, not {value_in_words(detail['input'])}"
    return _place(path, lines), problem


def _place(path: _Path, lines: _Lines) -> str:
    """A path in the file's words, with the line of the nearest part that exists."""
    there = path
    while there not in lines and there:
        there = there[:-1]
    return f"{_dotted(path)} (line {lines.get(there, 1)})"


def _dotted(path: _Path) -> str:
    """A path as text, such as ``needles[2].prompts``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".") or "top level"
