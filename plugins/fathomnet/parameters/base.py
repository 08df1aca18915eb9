"""What the parameters of every operator have in common, and the one list of all operators.

An operator is registered by a class in any module of this package that names its stage. The doors
in ``operators/``, the commands, the stages of the workflow, who may run what, the manifest that
FiftyOne reads and the reference are made from what is found here.
"""

import difflib
import typing
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from typing_extensions import Self

from ..errors import Fault, InputError
from ..garbage_collector import lasting_objects_skipped
from ..progress import Progress


class Parameters(BaseModel):
    """Base of an operator's parameters; a subclass names the operator that it belongs to.

    Attributes:
        operator: the operator's name without the plugin's.
        heading: its name in the App.
        summary: what it does, in a line.
        stage: the function that does it, as ``package:name`` below the project's own package. It
            is named, not imported, so that parameters need neither FiftyOne nor a database.
        position: where it stands in every list of operators, which follow the order of the work.
        needs_dataset: whether it works on a dataset that exists already.
        takes_dataset: whether it can be given a dataset.
        changes_dataset: whether somebody who may only look at a dataset is refused.
        in_workflow: whether it is a stage of the workflow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    operator: ClassVar[str]
    heading: ClassVar[str]
    summary: ClassVar[str]
    stage: ClassVar[str]
    position: ClassVar[int]
    needs_dataset: ClassVar[bool] = True
    takes_dataset: ClassVar[bool] = True
    changes_dataset: ClassVar[bool] = True
    in_workflow: ClassVar[bool] = False

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Checks values from a form, a program or the command line.

        Args:
            values: parameter names and values; missing ones take their defaults. Keys that start
                with an underscore, and FiftyOne's own ``view_target``, belong to the form and are
                ignored.

        Raises:
            InputError: a value is wrong or a name is unknown; every fault's place is the
                parameter's name.

        Examples:
            >>> from fathomnet_voxel51.parameters.dataset import SplitByDive
            >>> SplitByDive.parse({"val_ratio": "0.25"}).val_ratio
            0.25
            >>> try:
            ...     SplitByDive.parse({"val_ration": 0.25})
            ... except InputError as error:
            ...     print(*error.faults)
            val_ration: there is no such parameter; did you mean val_ratio?
        """
        own = {k: v for k, v in values.items() if not k.startswith("_") and k != "view_target"}
        try:
            return cls.model_validate(own)
        except ValidationError as error:
            faults = [cls._fault(item["loc"], item["type"], item["msg"]) for item in error.errors()]
            raise InputError(f"parameters of {cls.operator}", faults) from None

    @classmethod
    def stage_function(cls) -> Callable[..., Any]:
        """The stage; its package is imported only now."""
        module, _, name = cls.stage.partition(":")
        package = __name__.rsplit(".", 2)[0]
        function: Callable[..., Any] = getattr(import_module(f"{package}.{module}"), name)
        return function

    def call_stage(self, dataset: Any, progress: Progress) -> Any:
        """Calls the stage with these parameters, and with a dataset where it works on one."""
        given = (dataset,) if self.needs_dataset else ()
        stage = self.stage_function()
        with lasting_objects_skipped():
            return stage(*given, **self.model_dump(), progress=progress)

    @classmethod
    def _fault(cls, location: tuple[int | str, ...], kind: str, message: str) -> Fault:
        place = ".".join(str(part) for part in location)
        if kind == "extra_forbidden":
            owner = cls
            for name in location[:-1]:
                owner = nested(owner.model_fields[str(name)]) or owner
            close = difflib.get_close_matches(str(location[-1]), owner.model_fields, n=1)
            known = f"known: {', '.join(owner.model_fields)}"
            advice = f"did you mean {close[0]}?" if close else known
            return Fault(place, f"there is no such parameter; {advice}")
        if kind == "missing":
            return Fault(place, f"{place} is still to be chosen")
        return Fault(place, message[:1].lower() + message[1:])


def nested(info: FieldInfo) -> type[Parameters] | None:
    """The parameters that a parameter consists of, where it is a stage of the workflow."""
    annotation = info.annotation
    # Python 3.10 takes tuple[str, ...] for a class, until it is asked for its bases.
    if typing.get_origin(annotation) is not None or not isinstance(annotation, type):
        return None
    return annotation if issubclass(annotation, Parameters) else None


def title(info: FieldInfo, name: str) -> str:
    """The title of a parameter for people to read."""
    return info.title or name.replace("_", " ").capitalize()


def stages() -> tuple[type[Parameters], ...]:
    """The parameters of every operator but the workflow, which is made of the others."""
    modules = modules_of(__name__.rpartition(".")[0], but="workflow")
    found = (model for module in modules for model in declared_in(module))
    return tuple(sorted(found, key=lambda model: model.position))


def declared_in(module: ModuleType) -> Iterator[type[Parameters]]:
    """The parameters that a module declares for operators, without those that it imports."""
    for value in vars(module).values():
        # By the metaclass: to Python 3.10 ``list[str]`` is an instance of ``type`` too.
        is_model = isinstance(value, type(Parameters)) and issubclass(value, Parameters)
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
