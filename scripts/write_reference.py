"""Writes what follows from the registry of operators: the reference and two lists of them.

``docs/reference.md`` is made whole: every operator, its parameters and its result. In the manifest
that FiftyOne reads, and in the README, the list of the operators is. Where the pages name the
repository, they get its address from the manifest, which is the one place to set it.

It needs no FiftyOne: parameters, commands and the results of the stages are declared without it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from fathomnet_voxel51.command_line import parameter_options
from fathomnet_voxel51.command_line.main import main as commands
from fathomnet_voxel51.evaluation.scoring.scores import DISTANCE_URI, RANKS_URI
from fathomnet_voxel51.parameters import OPERATORS, Parameters, Widget, title, widget
from pydantic.fields import FieldInfo

from .result_keys import result_keys

REPOSITORY: Final = Path(__file__).resolve().parents[1]
REFERENCE: Final = REPOSITORY / "docs" / "reference.md"
MANIFEST: Final = REPOSITORY / "fiftyone.yml"
README: Final = REPOSITORY / "README.md"

LIST_OF_MANIFEST: Final = re.compile(r"(?<=^operators:\n)(  - \w+\n)+", re.MULTILINE)
TABLE_OF_README: Final = re.compile(
    r"(?<=^\| operator \| what it does \|\n)(\|.*\n)+", re.MULTILINE
)

ADDRESS: Final = re.compile(r"https://[\w./<>-]+/fathomnet-voxel51(?![\w.-])")
"""Of this repository, on whatever host."""

KINDS: Final = {"boolean": "yes or no", "integer": "whole number", "number": "number"}
TEXT_KINDS: Final = {
    Widget.FILE: "file",
    Widget.PLACE: "place",
    Widget.BOXES_FIELD: "field of boxes",
    Widget.LABELS_FIELD: "field of boxes or crops",
    Widget.PATCHES_FIELD: "field of boxes, or nothing",
    Widget.INTO_BOXES: "field of boxes, or a new one",
    Widget.MODEL: "model",
    Widget.TEXT_MODEL: "model",
    Widget.BACKEND: "backend",
    Widget.BOXES_INDEX: "brain key",
    Widget.TEXT_INDEX: "brain key",
    Widget.PACK: "pack",
    Widget.CONCEPT: "concept",
    Widget.SPECIAL_NAME: "name",
    Widget.SAVED_VIEW: "saved view",
    Widget.JOURNAL: "journal",
}
BOUNDS: Final = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
}
"""Of JSON Schema, in words."""

HEAD: Final = """\
# Reference

*Made from the code by `make docs`; change the code, not this page.*

Every operator with its parameters and the keys of its result. What they are for and what can go
wrong is on a page of each, which its heading here leads to.

- [Three ways to run an operator](#three-ways-to-run-an-operator)
- [Options of every command](#options-of-every-command)
- Operators: {operators}

## Three ways to run an operator

| where | how | parameters |
|---|---|---|
| the App | the `` ` `` key, then its name there, such as "FathomNet: add tiles" | by their titles |
| Python | `foo.get_operator("@fathomnet/voxel51/NAME")(dataset, ...)` | by their names |
| command line | `fathomnet-voxel51 NAME --dataset DATASET ...` | by their names, with dashes |

From Python and on the command line the dataset is left out where an operator makes its own or needs
none; each says so. In the App it is the one that is open. Operators that work on a view take one in
its place from Python.

On the command line:

| kind | is written |
|---|---|
| whole number, number, text, or a name of something | `--option value` |
| file | `--option path` |
| place: a folder, or a bucket where its meaning says so | `--option path` or `gs://bucket/prefix` |
| one of several words | `--option word`; others are refused |
| yes or no | `--option` or `--no-option` |
| several names | `--option one,two` |
| several texts | `--option "one text; another text"` |
| nothing, where something is the default | `--option ""` |
| a stage's parameter, of `run-workflow` | `--stage-name.option value`, `--no-stage-name.option` |

Paths may be relative to where you are, and may begin with `~`.

## Options of every command

{shared}

Exit status: 0 done; 2 bad input, nothing written; 3 finished with items that failed, which are
listed; 1 anything else.

Beside the operators:

{others}
"""


def reference() -> str:
    """The text of the page."""
    names = ",\n  ".join(f"[{name}](#{name})" for name in OPERATORS)
    head = HEAD.format(operators=names, shared=_shared_options(), others=_other_commands())
    return "\n".join([head, *(_section(model) for model in OPERATORS.values())])


def manifest() -> str:
    """The text of the manifest: FiftyOne loads the operators and metrics that it lists."""
    metrics = [uri.rpartition("/")[2] for uri in (DISTANCE_URI, RANKS_URI)]
    listed = "".join(f"  - {name}\n" for name in (*OPERATORS, *metrics))
    return LIST_OF_MANIFEST.sub(listed, MANIFEST.read_text(encoding="utf-8"), count=1)


def readme() -> str:
    """The text of the README."""
    rows = "".join(
        f"| [{name}](docs/operators/{name}.md) | {_text(model.summary)} |\n"
        for name, model in OPERATORS.items()
    )
    written = README.read_text(encoding="utf-8")
    return addressed(TABLE_OF_README.sub(lambda _: f"|---|---|\n{rows}", written, count=1))


def addressed(text: str) -> str:
    """A page that names this repository by the address in the manifest."""
    (address,) = re.findall(r"^url: (\S+)$", MANIFEST.read_text(encoding="utf-8"), re.MULTILINE)
    return ADDRESS.sub(lambda _: address, text)


def _section(model: type[Parameters]) -> str:
    name = model.operator
    parts = [
        f"## {name}",
        f"[{model.heading}](operators/{name}.md), `fathomnet-voxel51 {_dashed(name)}`. "
        f"{_text(model.summary)}. {_dataset(model)}",
        _parameter_table(model),
        *_stages(model),
        _result(name),
    ]
    return "\n\n".join(parts) + "\n"


def _dataset(model: type[Parameters]) -> str:
    if model.needs_dataset:
        return "Needs a dataset."
    return "Takes a dataset, or makes one." if model.takes_dataset else "Takes no dataset."


def _parameter_table(model: type[Parameters], prefix: tuple[str, ...] = ()) -> str:
    declared = model.model_json_schema()["properties"]
    options = {str(one.name): one for one in parameter_options(model, prefix)}
    rows: list[tuple[str, ...]] = []
    for name, info in model.model_fields.items():
        stage = _stage(info)
        if stage is not None:
            option = f"`--{_dashed(name)}.…`"
            meaning = f"those of [{name}](#{_anchor(model, stage)})"
            rows.append((f"`{name}`", option, "parameters", "", meaning))
            continue
        one = options["__".join((*prefix, name))]
        typed = ", ".join(f"`{flag}`" for flag in (*one.opts, *one.secondary_opts))
        meaning = f"**{title(info, name)}.** {_text(info.description or '')}"
        kind = _kind(declared[name], widget(info))
        rows.append((f"`{name}`", typed, kind, _default(declared[name]), meaning))
    return _table(("parameter", "option", "kind", "default", "title and meaning"), rows)


def _stage(info: FieldInfo) -> type[Parameters] | None:
    """The parameters of a stage, where a parameter of the workflow holds these."""
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Parameters) else None


def _anchor(model: type[Parameters], stage: type[Parameters]) -> str:
    """Where a stage's parameters are: with its operator, or here where they are others."""
    own = OPERATORS[stage.operator] is stage
    return stage.operator if own else f"{stage.operator}-in-{model.operator}"


def _stages(model: type[Parameters]) -> Iterator[str]:
    """The stages whose parameters differ from those of the operator of their name."""
    for name, info in model.model_fields.items():
        stage = _stage(info)
        if stage is not None and OPERATORS[stage.operator] is not stage:
            yield f"### {stage.operator} in {model.operator}"
            yield f"{_text(stage.summary)}."
            yield _parameter_table(stage, (name,))


def _kind(declared: Mapping[str, Any], shown_as: Widget | None) -> str:
    choices = [one for one in declared.get("anyOf", ()) if one.get("type") != "null"]
    if choices:
        return f"{_kind(choices[0], shown_as)}, or nothing"
    if "enum" in declared:
        *others, last = [f"`{one}`" for one in declared["enum"]]
        return f"{', '.join(others)} or {last}"
    if declared["type"] == "array":
        if "enum" in declared["items"]:
            return "several names, of those below"
        return "several texts" if shown_as is Widget.TEXTS else "several names"
    if declared["type"] == "string":
        return TEXT_KINDS[shown_as] if shown_as else "text"
    bounds = [f"{word} {declared[name]:,}" for name, word in BOUNDS.items() if name in declared]
    return " ".join([KINDS[declared["type"]], *bounds])


def _default(declared: Mapping[str, Any]) -> str:
    if "default" not in declared:
        return "*must be given*"
    value = declared["default"]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value)
    return "" if value in ("", None) else f"`{value}`"


def _result(operator: str) -> str:
    if operator == "run_workflow":
        return (
            "Result: the result of each stage, under its name; of a stage that moves images, one "
            "a split under `train` and `test`."
        )
    keys = result_keys(operator)
    if any(key.meaning for key in keys):
        rows = [(f"`{key.name}`", key.kind, _text(key.meaning)) for key in keys]
        return _table(("result", "kind", "meaning"), rows)
    return _table(("result", "kind"), [(f"`{key.name}`", key.kind) for key in keys])


def _shared_options() -> str:
    """The options that are no operator's own, and what they do."""
    found: dict[str, str] = {}
    for model in OPERATORS.values():
        own = {option.name for option in parameter_options(model)}
        for option in _options(commands.commands[_dashed(model.operator)]):
            if option.name not in own:
                found[f"`{option.opts[0]}`"] = _text(option.help or "")
    # The dataset comes first, as in the help of a command that takes one.
    rows = [(name, found[name]) for name in sorted(found, key=lambda one: one != "`--dataset`")]
    return _table(("option", "meaning"), [*rows, ("`-h`, `--help`", "Say all this.")])


def _other_commands() -> str:
    rows = []
    for name in sorted(commands.commands.keys() - {_dashed(name) for name in OPERATORS}):
        command = commands.commands[name]
        options = " ".join(f"`{one.opts[0]}`: {one.help}" for one in _options(command))
        rows.append((f"`{name}`", _text(command.help or ""), _text(options)))
    return _table(("command", "does", "options"), rows)


def _options(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option)]


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    ruler = f"|{'---|' * len(columns)}"
    head, *body = [f"| {' | '.join(line)} |" for line in (columns, *rows)]
    return "\n".join([head, ruler, *body])


def _text(text: str) -> str:
    """A text of the code as Markdown shows it in a cell: nothing in it is markup but code."""
    parts = text.replace("``", "`").replace("|", "\\|").split("`")
    outside = (part.replace("<", "&lt;") if n % 2 == 0 else part for n, part in enumerate(parts))
    return "`".join(outside)


def main() -> None:
    made = {REFERENCE: reference(), MANIFEST: manifest(), README: readme()}
    for page in sorted(REPOSITORY.glob("docs/**/*.md")):
        text = page.read_text(encoding="utf-8")
        if page not in made and ADDRESS.search(text):
            made[page] = addressed(text)
    for page, text in made.items():
        page.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{page}\n")


if __name__ == "__main__":
    main()
