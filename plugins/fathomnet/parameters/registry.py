"""Finds the parameters of every operator: the one list from which all others follow.

An operator is registered by a class in any module of this package that names its stage. The doors
in ``operators/``, the commands, the stages of the workflow, who may run what, the manifest that
FiftyOne reads and the reference are made from what is found here.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from .base import Parameters


def stages() -> tuple[type[Parameters], ...]:
    """The parameters of every operator but the workflow, which is made of the others."""
    modules = modules_of(__name__.rpartition(".")[0], but="workflow")
    found = (model for module in modules for model in declared_in(module))
    return tuple(sorted(found, key=lambda model: model.position))


def declared_in(module: ModuleType) -> Iterator[type[Parameters]]:
    """The parameters that a module declares for operators, without those that it imports."""
    for value in vars(module).values():
        is_model = isinstance(value, type) and issubclass(value, Parameters)
        if is_model and value.__module__ == module.__name__ and "stage" in vars(value):
            yield value


def modules_of(package: str, but: str = "") -> Iterator[ModuleType]:
    """The modules of a package, each imported.

    Args:
        package: its full name.
        but: the name of a module that is left out.
    """
    for found in iter_modules(import_module(package).__path__):
        if found.name != but:
            yield import_module(f"{package}.{found.name}")
