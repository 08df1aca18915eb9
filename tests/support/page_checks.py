"""What is checked of each command and of each block of Python in the pages."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

import click
import pytest
from fathomnet_inference.cli import main as infer
from fathomnet_voxel51.command_line.main import main as voxel51
from fathomnet_voxel51.command_line.terminal import given_values, parameter_options
from fathomnet_voxel51.parameters import OPERATORS

from demo.__main__ import _parser as demo_parser
from tests.conftest import REPOSITORY
from tests.support.manifest import PROJECT
from tests.support.pages import OTHERS, OURS, Block, Command

ELIDED: Final = ("...", "…")
"""What a page leaves out of a command."""

ENTERPRISE: Final = ("fiftyone.management",)
"""Modules that only FiftyOne Enterprise has."""

OPERATOR: Final = re.compile(r"@fathomnet/voxel51/(\w+)")
MAKEFILE: Final = (REPOSITORY / "Makefile").read_text()


def check_command(command: Command) -> None:
    """Fails where a program of ours would refuse a command, or where nobody knows the program."""
    program, *arguments = command.words
    if program.startswith("sbatch/"):
        check_script(command)
    elif program in CHECKS:
        CHECKS[program](command, arguments)
    else:
        assert program in OTHERS, command


def check_code(block: Block) -> None:
    """Fails where code does not compile, imports what is not there, or calls operators wrongly."""
    tree = ast.parse(block.text, str(block))
    check_imports(tree, block)
    check_calls(tree, block)


def check_voxel51(command: Command, arguments: list[str]) -> None:
    """Options by the real parser, and their values by the operator's own check."""
    given = _parsed(voxel51, command, arguments)
    name = arguments[0].replace("-", "_")
    left_out = command.mentioned or {*arguments} & {*ELIDED, "--help", "-h"}
    if name in OPERATORS and not left_out:
        model = OPERATORS[name]
        own = {option.name for option in parameter_options(model)}
        model.parse(given_values({key: given[key] for key in given.keys() & own}))


def check_infer(command: Command, arguments: list[str]) -> None:
    _parsed(infer, command, arguments)


def _parsed(group: click.Group, command: Command, arguments: list[str]) -> dict[str, Any]:
    """The options of a command, which is not run."""
    name, *options = arguments
    if name.isupper() or _asks_for_help(arguments):
        return {}
    assert name in group.commands, command
    given = [one for one in options if one not in ELIDED]
    try:
        # A copy: the parser takes its list to pieces.
        return group.commands[name].make_context(name, [*given]).params
    except click.MissingParameter:
        if command.mentioned or given != options:
            return {}
        raise


def _asks_for_help(arguments: list[str]) -> bool:
    return bool({"--help", "-h"} & {*arguments})


def check_fiftyone(command: Command, arguments: list[str]) -> None:
    if command.mentioned:
        with pytest.raises(SystemExit) as ended:
            _fiftyone_parser().parse_args([*arguments, "--help"])
        assert ended.value.code == 0, command
    else:
        _fiftyone_parser().parse_args(arguments)


@cache
def _fiftyone_parser() -> Any:
    from fiftyone.core import cli

    return cli._register_main_command(cli.FiftyOneCommand)


def check_make(command: Command, arguments: list[str]) -> None:
    for argument in arguments:
        variable, equals, _ = argument.partition("=")
        if equals:
            assert re.search(rf"\$\({variable}\)|^{variable} \?=", MAKEFILE, re.M), command
        else:
            assert re.search(rf"^{re.escape(argument)}:", MAKEFILE, re.MULTILINE), command


def check_pip(command: Command, arguments: list[str]) -> None:
    assert arguments[0] in ("check", "install"), command
    for wanted in arguments[1:]:
        found = re.fullmatch(r"fathomnet-voxel51\[([\w,]+)\].*", wanted)
        if found:
            assert {*found[1].split(",")} <= PROJECT["optional-dependencies"].keys(), command
        elif wanted.startswith("."):
            assert (REPOSITORY / re.sub(r"\[.*", "", wanted) / "pyproject.toml").is_file(), command


def check_python(command: Command, arguments: list[str]) -> None:
    if arguments[0] == "-m":
        module, *options = arguments[1:]
        assert _module_is_there(module), command
        if module == "demo":
            demo_parser().parse_args(options)
    elif arguments[0] != "-c":
        assert (REPOSITORY / arguments[0]).is_file(), command


def check_script(command: Command) -> None:
    """A script of ours, and the options that it knows."""
    script, *arguments = command.words
    text = (REPOSITORY / script).read_text()
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for argument in own:
        option = argument.strip("[]")
        if option.startswith("--") and option != "--":
            assert re.search(rf"(?<!\S){re.escape(option)}\b(?!-)", text), command


CHECKS: Final[dict[str, Callable[[Command, list[str]], None]]] = {
    "fathomnet-voxel51": check_voxel51,
    "fathomnet-infer": check_infer,
    "fiftyone": check_fiftyone,
    "make": check_make,
    "pip": check_pip,
    "python": check_python,
}
assert {*CHECKS} == {*OURS}


def check_imports(tree: ast.Module, block: Block) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                assert _module_is_there(one.name), f"{block}: {one.name}"
        elif isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for one in node.names:
                inside = hasattr(module, one.name) or _module_is_there(f"{node.module}.{one.name}")
                assert inside, f"{block}: {node.module}.{one.name}"


def check_calls(tree: ast.Module, block: Block) -> None:
    """The parameters that operators are called with from Python."""
    named = {
        node.targets[0].id: operator
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        for operator in _got(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            known = named.get(node.func.id) if isinstance(node.func, ast.Name) else None
            for operator in [known] if known else _got(node.func):
                values = {one.arg: one.value for one in node.keywords if one.arg != "delegate"}
                fields = OPERATORS[operator].model_fields
                assert values.keys() <= fields.keys(), f"{block}: {operator}"
                constant = {
                    name: ast.literal_eval(value)
                    for name, value in values.items()
                    if name and isinstance(value, ast.Constant)
                }
                required = {name for name, one in fields.items() if one.is_required()}
                if required <= constant.keys():
                    OPERATORS[operator].parse(constant)


def _got(node: ast.expr) -> Iterator[str]:
    """The operator that an expression gets by its name."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get_operator":
        (name,) = node.args
        assert isinstance(name, ast.Constant)
        found = OPERATOR.fullmatch(str(name.value))
        assert found and found[1] in OPERATORS, name.value
        yield found[1]


def _module_is_there(name: str) -> bool:
    if name in ENTERPRISE:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
