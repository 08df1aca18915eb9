"""What every operator shares: configuration, form, execution and the call from Python."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar

import fiftyone.operators as foo
from fiftyone.operators import types

from .. import delegation
from ..dataset import door
from ..dataset.columns import dataset_of
from ..dataset.datasets import open_dataset, refuse_if_deleted
from ..dataset.records import reload_known
from ..errors import FathomNetError, Fault, InputError
from ..files.credentials import using_secrets
from ..interruptions import told_plainly
from ..parameters import Parameters
from ..progress import Progress, silent, throttled
from ..relabelling.journal import acting_as
from ..seen import Target, require_open, require_permission, see, user_name
from ..text import as_plain
from . import browser, forms, results
from .forms import Preview
from .patch_copies import update_patches

P = TypeVar("P", bound=Parameters)

RUN_NOW: Final = "Run now"
"""What the button of a form says."""

_PLUMBING: Final = ("panel_id", "panel_state")
"""What the App puts among the parameters of a form that a panel has opened."""


class StageOperator(foo.Operator, Generic[P]):  # type: ignore[misc]  # FiftyOne is untyped
    """A door to one stage function.

    A subclass names its parameters, which name the stage, and says in :meth:`preview` what would
    happen.
    """

    model: type[P]
    icon: ClassVar[str] = "/plugins/fathomnet/assets/operator.svg"
    on_view: ClassVar[bool] = False
    """Whether it works on a view: in the App on what is shown or selected, else on all."""
    changes_labels: ClassVar[bool] = False
    """Whether labels or ranks that the App shows may be others afterwards."""
    may_be_long: ClassVar[bool] = False
    """Whether a preview says how many minutes a run would take.

    Where these are more than anybody likes to wait for, its form proposes to schedule it.
    """
    divisible: ClassVar[bool] = False
    """Whether FiftyOne Enterprise may have several executors do parts of the target view at once.

    Such an operator does nothing before or after them; see :meth:`is_divisible`.
    """
    writes_to: ClassVar[str] = ""
    """The parameter that names where files are written, if these can be sent to a browser."""
    risk: ClassVar[str] = "MEDIUM"
    """How careful an agent is to be with it, the name of one of ``types.RiskLevel``.

    ``LOW`` only looks. ``MEDIUM`` adds what the next run replaces, to a dataset or as files.
    ``HIGH`` changes labels or moves images over the network. ``DANGEROUS`` can delete a dataset.
    """
    place: ClassVar[str] = ""
    """The name of one of ``types.Places``: where the App has a button that starts it.

    Empty for nowhere. Releases that lack the place have no button.
    """
    prompts: ClassVar[bool] = True
    """Whether that button opens the form first."""

    @property
    def config(self) -> Any:
        # Releases that do not know of risks ask about every operator alike.
        risk = {"risk_level": types.RiskLevel[self.risk]} if hasattr(types, "RiskLevel") else {}
        return foo.OperatorConfig(
            name=self.model.operator,
            label=self.model.heading,
            description=self.model.summary,
            icon=self.icon,
            dynamic=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
            allow_distributed_execution=self.divisible,
            view_target=False,
            **risk,
        )

    def run(self, params: P, dataset: Any, progress: Progress) -> Any:
        """Calls the stage.

        Args:
            params: checked parameters.
            dataset: the FiftyOne dataset, or None where the operator needs none; a view of it,
                or a ``Target``, where the operator works on what is seen.
            progress: told how far the stage is.

        Returns:
            the stage's frozen dataclass, or a mapping of them.
        """
        return params.call_stage(dataset, progress)

    def preview(self, params: P, dataset: Any) -> Preview:
        """What would happen if the form were executed now."""
        return Preview()

    def is_divisible(self, params: P) -> bool:
        """Whether a run with these parameters is the same as one on each part of what it works on.

        Asked where ``divisible`` is set.
        """
        return self.divisible

    def failed_items(self, result: Mapping[str, Any]) -> int:
        """How many items a finished run could not handle."""
        return 0

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        """What a person should know about a finished run beside its result."""
        return ()

    def written(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        """The files that a finished run has written, for whoever wants them sent."""
        return ()

    def makes(self, params: P) -> str | None:
        """The name of the dataset that a run would make or complete, if that is what it does."""
        return None

    def made(self, result: Mapping[str, Any]) -> str | None:
        """The dataset that a finished run made or completed, if that is what it does."""
        return None

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Brings the App up to date after an immediate run."""
        if ctx.dataset is None:
            # Opening a dataset from the home page would take the result away; it has a link.
            return
        if self.changes_labels:
            shown = see(ctx)
            own = update_patches(shown)
            if own is not shown:
                ctx.ops.set_view(own)
        dataset = self.made(result)
        if dataset is None:
            ctx.ops.reload_dataset()
        else:
            ctx.ops.open_dataset(dataset)

    def run_to_dict(self, params: P, dataset: Any, progress: Progress = silent) -> dict[str, Any]:
        """Runs the stage and gives its result as plain data that JSON can hold."""
        with told_plainly(self.model.operator):
            try:
                self._require_dataset(dataset)
                result: dict[str, Any] = as_plain(self.run(params, dataset, throttled(progress)))
            except (ValueError, FathomNetError):
                # What is missing may be the dataset itself: ValueError is what FiftyOne then says.
                _refuse_if_deleted(dataset)
                raise
            _refuse_if_deleted(dataset)
        if self.model.changes_dataset and (slow := door.why_slower()):
            result["written_slower"] = slow
        return result

    def resolve_placement(self, ctx: Any) -> Any:
        place = getattr(types.Places, self.place, None) if self.place else None
        if place is None:
            return None
        button = types.Button(label=self.model.heading, icon=self.icon, prompt=self.prompts)
        return types.Placement(place, button)

    def resolve_execution_options(self, ctx: Any) -> Any:
        """The choices at the form's button, scheduling first where it would take minutes.

        A release without that choice offers what it always does.
        """
        options = super().resolve_execution_options(ctx)
        if not self.may_be_long or not hasattr(options, "default_choice_to_delegated"):
            return options
        try:
            params = self._permitted(ctx, of_form=True)
            target = self._target_of_form(ctx, params)
            self._require_dataset(target)
            preview = self.preview(params, target)
        except FathomNetError:
            return options
        return foo.ExecutionOptions(
            allow_immediate_execution=options.allow_immediate_execution,
            allow_delegated_execution=options.allow_delegated_execution,
            default_choice_to_delegated=preview.minutes > forms.WORTH_SCHEDULING,
            allow_distributed_execution=(
                options.allow_distributed_execution and self.is_divisible(params)
            ),
        )

    def resolve_type(self, ctx: Any, type: str) -> Any:  # FiftyOne's own name
        if type == "inputs":
            return self._form(ctx, with_preview=True)
        return super().resolve_type(ctx, type)

    def resolve_input(self, ctx: Any) -> Any:
        # FiftyOne resolves the inputs again before it executes. The stage checks its own input
        # then, so nothing is read here for a preview that nobody sees.
        return self._form(ctx, with_preview=False)

    def _form(self, ctx: Any, with_preview: bool) -> Any:
        preview = Preview()
        try:
            params = self._permitted(ctx, of_form=True)
            if with_preview:
                target = self._target_of_form(ctx, params)
                self._require_dataset(target)
                preview = self.preview(params, target)
        except InputError as error:
            preview = Preview(problems=error.faults)
        except FathomNetError as error:
            preview = Preview(problems=(Fault("dataset", str(error)),))
        inputs = forms.build(self.model, ctx.params, ctx.dataset, preview)
        browser.add_uploads(inputs, self.model, ctx.params)
        if self.writes_to:
            browser.add_download(inputs, ctx)
        if self.on_view and ctx.dataset is not None:
            see(ctx)
            inputs.view_target(ctx)
        # FiftyOne's own word for the other button, "Schedule", cannot be changed.
        view = types.PromptView(label=self.model.heading, submit_button_label=RUN_NOW)
        return types.Property(inputs, view=view)

    def _require_dataset(self, dataset: Any) -> None:
        """Refuses to work on nothing, or on what a newer version of the project has written."""
        if not self.model.needs_dataset:
            return
        if dataset is None:
            raise InputError(
                self.model.operator, [Fault("dataset", "open or name the dataset to work on")]
            )
        reload_known(dataset.dataset if isinstance(dataset, Target) else dataset)

    def _permitted(self, ctx: Any, of_form: bool = False) -> P:
        """The checked parameters of a run that the user may start.

        Args:
            ctx: FiftyOne's execution context.
            of_form: whether what a form begins with counts where nothing is given: the App sends
                it back only with the first thing that is typed.
        """
        require_permission(ctx, self.model)
        given = {name: value for name, value in ctx.params.items() if name not in _PLUMBING}
        if of_form:
            given = forms.defaults_of(self.model, ctx.dataset) | given
        params = self.model.parse(browser.given(given, self.writes_to, ctx.dataset))
        name = self.makes(params)
        if name is not None:
            require_open(ctx, name)
        return params

    def _target(self, ctx: Any, params: P) -> Any:
        """What the operator works on: the dataset, or what of it is seen or selected."""
        if not self.on_view or ctx.dataset is None:
            return ctx.dataset
        see(ctx)
        return ctx.target_view()

    def _target_of_form(self, ctx: Any, params: P) -> Any:
        """The same for a form, which is drawn again at every keystroke."""
        return self._target(ctx, params)

    def _target_of_run(self, ctx: Any, params: P) -> Any:
        """The same for a run that begins now."""
        return self._target(ctx, params)

    def execute(self, ctx: Any) -> dict[str, Any]:
        try:
            # A button without a form has what the form would begin with.
            params = self._permitted(ctx, of_form=not self.prompts)
            # The queue remembers what was scheduled, and a program has what it asked for: it sends
            # nothing of a screen.
            of_app = not ctx.delegated and "extended" in ctx.request_params
            with (
                using_secrets(ctx.secrets),
                acting_as(user_name(ctx)),
                delegation.noting(
                    ctx.dataset if of_app else None,
                    self.model.operator,
                    params.model_dump(mode="json"),
                    lambda share, label: ctx.set_progress(progress=share, label=label),
                ) as note,
            ):
                result = self.run_to_dict(params, self._target_of_run(ctx, params), note.hears)
                note.ends(result)
        except FathomNetError as error:
            # Its message says all; the App would show it beneath pages of calls that led to it.
            raise error.with_traceback(None) from None
        if not ctx.delegated:
            self.show(ctx, result)
            if ctx.params.get(browser.DOWNLOAD):
                browser.send(ctx, self.written(result))
        return result

    def resolve_output(self, ctx: Any) -> Any:
        # None where the run failed: the App shows the error, and still asks for this.
        result = ctx.results or {}
        remarks = self.remarks(result)
        return results.build(self.model.heading, result, remarks, self.made(result))

    def __call__(self, dataset: Any = None, *, delegate: bool = False, **values: Any) -> Any:
        """Runs the operator from Python.

        Args:
            dataset: a FiftyOne dataset or its name; not needed by operators that make their own.
                Operators that work on a view take one.
            delegate: put the operation on the queue of delegated operations instead.
            **values: the operator's parameters.

        Returns:
            the result as a dict, or the id of the delegated operation.

        Raises:
            InputError: a parameter or an input file is wrong; nothing was written.
        """
        if isinstance(dataset, str):
            dataset = open_dataset(dataset)
        params = self.model.parse(values)
        if delegate:
            self._require_dataset(dataset)
            return delegation.queue(self.model.operator, dataset, params.model_dump(mode="json"))
        return self.run_to_dict(params, dataset)


def _refuse_if_deleted(dataset: Any) -> None:
    if isinstance(dataset, Target):
        dataset = dataset.dataset
    if dataset is not None:
        refuse_if_deleted(dataset_of(dataset))
