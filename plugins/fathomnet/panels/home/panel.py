"""The panel to begin with: what is in the dataset, what waits, what comes next, and what ran."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from fiftyone import ViewField as F
from fiftyone.operators import types
from pymongo.errors import PyMongoError
from typing_extensions import Self

from ... import delegation, names
from ...dataset.records import all_outdated, read_record
from ...dataset.schema import fields_holding
from ...errors import DatasetError, FathomNetError
from ...evaluation.finished import finished_evaluations
from ...labels.verdicts import standing
from ...needles.record import NeedlesRecord
from ...parameters import OPERATORS
from ...predictions.importing import read_import_records
from ...review.progress import ReviewProgress, progress_of
from ...text import counted, literal, shortened
from ...tiles import tile_grid
from ..base import WRAPPED, DatasetPanel, Gap, show_view


@dataclass(frozen=True, slots=True)
class Hits:
    """What the last search for a pack of needles found.

    Attributes:
        pack: name of the pack.
        view: name of the saved view that shows the hits.
        hits: how many boxes or images they are.
    """

    pack: str
    view: str
    hits: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What a dataset holds.

    Attributes:
        images: the number of images.
        splits: their number by split; "" for those of none.
        field: the field of the labels that people work on; empty where there is none.
        review: how many labels it has, and what people said of them; None where it has none.
        suspects_view: name of the saved view of suspects; empty where there is none.
        predictions: the fields of other boxes, or of what was imported for crops.
        evaluated: whether there is an evaluation.
        searched: whether somebody has searched for label errors.
        hits: what searches for needles found.
    """

    images: int
    splits: Mapping[str, int]
    field: str = ""
    review: ReviewProgress | None = None
    suspects_view: str = ""
    predictions: tuple[str, ...] = ()
    evaluated: bool = False
    searched: bool = False
    hits: tuple[Hits, ...] = ()

    @classmethod
    def of(cls, dataset: Any) -> Self:
        """Counts what is in a dataset: images in one pass through the database, labels in one.

        Args:
            dataset: a FiftyOne dataset, of whatever fields.
        """
        import fiftyone as fo

        images, splits = len(dataset), {}
        # Somebody else's field of this name may hold anything.
        if isinstance(dataset.get_field("split"), fo.StringField):
            splits = {name or "": count for name, count in dataset.count_values("split").items()}
        detections = fields_holding(dataset, fo.Detections)
        boxes = [name for name in detections if tile_grid(dataset, name) is None]
        single = [
            name
            for name in fields_holding(dataset, fo.Classification)
            if name != names.PRIMARY_LABEL
        ]
        fields = [*boxes, *single]
        if not fields:
            return cls(images, splits)
        field = names.GROUND_TRUTH if names.GROUND_TRUTH in fields else fields[0]
        # Beside the labels of crops there may be others of images, such as the weather.
        imported = [name for name in single if read_import_records(dataset, name)]
        others = boxes if field in boxes else imported
        view = names.view_of(names.SUSPECTS, field)
        return cls(
            images,
            splits,
            field,
            review=progress_of(dataset, field),
            suspects_view=view if dataset.has_saved_view(view) else "",
            predictions=tuple(name for name in others if name != field),
            evaluated=bool(finished_evaluations(dataset)),
            searched=dataset.has_run(names.label_errors_run_key(field)),
            hits=tuple(_hits(dataset)),
        )

    @property
    def boxes(self) -> int:
        """How many labels there are."""
        return 0 if self.review is None else self.review.all.labels

    @property
    def unlabelled(self) -> int:
        """How many of them have no name."""
        unnamed = None if self.review is None else self.review.by_concept.get("")
        return 0 if unnamed is None else unnamed.labels

    @property
    def concepts(self) -> int:
        """The number of different names."""
        return 0 if self.review is None else len(self.review.by_concept.keys() - {""})

    def next_step(self) -> Gap:
        """What would be done next, as a rule."""
        if not self.field:
            return Gap(
                "Bring in images and boxes",
                "This dataset has no labels. Ingest a catalog: it becomes a dataset of its own.",
                "ingest_dataset",
                "Ingest a dataset",
            )
        if not self.predictions:
            return Gap(
                "Import predictions",
                "What a model says of the boxes is needed to evaluate it and to find wrong labels.",
                "import_predictions",
                "Import predictions",
            )
        if self.unlabelled < self.boxes and not self.evaluated:
            return Gap(
                "Evaluate the predictions",
                f"Compare them with {self.field}, at every rank of the tree of life.",
                "evaluate_predictions",
                "Evaluate predictions",
            )
        if self.unlabelled < self.boxes and not self.searched:
            return Gap(
                "Look for wrong labels",
                "Boxes whose label is doubted are gathered in a view, the most doubtful first.",
                "find_label_errors",
                "Find label errors",
            )
        return Gap(
            "Describe the dataset",
            "A data card tells counts, sources, leaks, suspects and scores.",
            "report_dataset",
            "Write the data card",
        )


def _hits(dataset: Any) -> list[Hits]:
    """What the last search for each pack in each index found, where its view is still there."""
    found = []
    for key in dataset.list_runs():
        record = None
        if key.startswith(names.NEEDLE_RUNS):
            # One that somebody has changed says nothing; the rest can be told all the same.
            with suppress(DatasetError):
                record = read_record(dataset, key, NeedlesRecord)
        if record is None:
            continue
        hits = {hit.id for needle in record.needles.values() for hit in needle.hits}
        view = f"{record.pack} ({record.brain_key})"
        if hits and dataset.has_saved_view(view):
            found.append(Hits(record.pack, view, len(hits)))
    return found


_WORDS: Final = 9
"""Of the twelve columns of a row; the rest is its button."""
_LETTERS: Final = 300
"""Of a member of a result."""
_ASKED_LETTERS: Final = 160
"""Of what was asked of a run."""
_ERROR_LETTERS: Final = 2000
_TUTORIAL: Final = (
    "New here? The project's tutorial, `docs/tutorial.md`, goes through all of it in an hour, on a "
    "demo set that `make demo` draws."
)
_CANCELLED: Final = "cancelled in the home panel, before a worker took it"
_STOPPED: Final = "cancelled in the home panel; run it again to go on from there"
"""The errors of runs that somebody has cancelled."""


class HomePanel(DatasetPanel):
    panel_name = "home"
    heading = "FathomNet: home"
    summary = "What is in the dataset, what waits for you, what comes next, and what runs"
    icon = "/plugins/fathomnet/assets/home.svg"

    def gap(self, ctx: Any) -> Gap | None:
        if ctx.dataset is None:
            return Gap(
                "No dataset is open",
                "Open one, or make one of a catalog.",
                "ingest_dataset",
                "Ingest a dataset",
            )
        return None

    def content(self, ctx: Any, panel: Any) -> None:
        try:
            there = Overview.of(ctx.dataset)
            runs = delegation.newest_runs(ctx.dataset)
            outdated = all_outdated(ctx.dataset)
        except (PyMongoError, FathomNetError) as error:
            advice = f"{shortened(str(error), _LETTERS)}. Then look again."
            self.show_gap(panel, Gap("The dataset cannot be read", advice))
            panel.btn("look_again", label="Look again", on_click=self.on_load)
            return
        panel.md(f"#### {literal(ctx.dataset.name)}", name="name")
        _add_counts(panel, there)
        panel.btn("look_again", label="Look again", on_click=self.on_load)

        panel.md("##### What waits", name="waits")
        waiting = self._add_waiting(panel, there, runs)
        self.show_outdated(panel, outdated)
        if not (waiting or outdated):
            panel.md("Nothing.", name="nothing_waits")

        panel.md("##### Next step", name="next")
        step = there.next_step()
        row = panel.v_stack("next_step", gap=1)
        row.md(f"**{literal(step.title)}.** {literal(step.advice)}", name="words")
        row.btn(
            "go",
            label=step.button,
            variant="contained",
            on_click=self.open_form,
            params={"operator": step.operator},
        )
        panel.md(_TUTORIAL, name="tutorial")

        panel.md("##### Runs", name="runs")
        if not runs:
            panel.md("There was none yet.", name="no_runs")
        for number, run in enumerate(runs):
            self._add_run(ctx, panel, number, run)

    def on_load(self, ctx: Any) -> None:
        """The panel is drawn again, of what is there now."""

    def on_change_dataset(self, ctx: Any) -> None:
        """The run that was opened belongs to another dataset."""
        ctx.panel.state.run = None

    def open_view(self, ctx: Any) -> None:
        """Shows a saved view."""
        name = ctx.params["view"]
        if not ctx.dataset.has_saved_view(name):
            ctx.ops.notify(f"The view {name} is there no longer", variant="error")
            return
        show_view(ctx, name=name)

    def open_labels(self, ctx: Any) -> None:
        """Shows the labels without a name, or those of which somebody was not sure."""
        field = ctx.params["field"]
        unlabelled = ctx.params["which"] == "unlabelled"
        which = ~F("label").exists() if unlabelled else standing("unsure")
        show_view(ctx, view=ctx.dataset.filter_labels(field, which))

    def show_run(self, ctx: Any) -> None:
        """Opens the result of a run, or its error; a second click closes it."""
        chosen = ctx.params["run"]
        ctx.panel.state.run = None if ctx.panel.state.run == chosen else chosen

    def run_again(self, ctx: Any) -> None:
        """Queues a run once more."""
        run = _listed_run(ctx)
        if run is None:
            return
        if run.at_once or getattr(ctx, "user", None) is not None:
            # Queued as it is, it would run with the rights of whoever queued it first.
            ctx.params.update(operator=run.operator, values=dict(run.values))
            self.open_form(ctx)
            return
        try:
            delegation.run_again(run)
        except FathomNetError as error:
            ctx.ops.notify(str(error), variant="error")
        else:
            ctx.ops.notify(f"{run.operator} is in the queue", variant="success")

    def cancel_run(self, ctx: Any) -> None:
        """Takes a run out of the queue, or stops one that somebody runs at once."""
        run = _listed_run(ctx)
        if run is None:
            return
        if delegation.cancel(ctx.dataset, run, _STOPPED if run.at_once else _CANCELLED):
            ctx.ops.notify(f"{run.operator} {'stops' if run.at_once else 'is cancelled'}")
        elif run.at_once:
            ctx.ops.notify(f"{run.operator} has ended already", variant="error")
        else:
            ctx.ops.notify(f"A worker has taken {run.operator} already", variant="error")

    def _add_waiting(self, panel: Any, there: Overview, runs: list[delegation.Run]) -> int:
        """A line for each thing that waits, with a button that opens it; their number."""
        lines: list[tuple[str, str, Any, dict[str, Any]]] = []
        review = there.review
        if review is not None and review.suspects and there.suspects_view:
            labels = counted(review.suspects, "suspect", "suspects")
            view = {"view": there.suspects_view}
            lines.append((f"{labels} that nobody has reviewed", "Show", self.open_view, view))
        for some in there.hits:
            hits = f"{counted(some.hits, 'hit', 'hits')} of the pack {some.pack}"
            lines.append((hits, "Show", self.open_view, {"view": some.view}))
        kinds = {
            "unlabelled": (there.unlabelled, "without a label"),
            "unsure": (
                0 if review is None else review.all.states["unsure"],
                "of which somebody was not sure",
            ),
        }
        for which, (number, words) in kinds.items():
            if number:
                labels = counted(number, "box", "boxes")
                params = {"field": there.field, "which": which}
                lines.append((f"{labels} {words}", "Show", self.open_labels, params))
        newer: set[str] = set()
        for run in runs:  # the newest first
            # Whoever ran it at once was told in the dialog.
            failed = run.state == "failed" and run.error != _CANCELLED and not run.at_once
            if failed and run.operator not in newer:
                params = {"run": run.id}
                lines.append((f"{run.operator} failed", "Show why", self.show_run, params))
            newer.add(run.operator)
        for number, (words, button, handler, params) in enumerate(lines):
            row = panel.h_stack(f"waits_{number}", gap=2, align_y="center", componentsProps=WRAPPED)
            row.md(literal(words), name="words", space=_WORDS)
            row.btn("open", label=button, on_click=handler, params=params)
            if handler == self.open_view and params["view"] == there.suspects_view:
                own = {**params, "field": there.field}
                row.btn("review", label="Review", on_click=self.review_view, params=own)
        return len(lines)

    def _add_run(self, ctx: Any, panel: Any, number: int, run: delegation.Run) -> None:
        """A run with its buttons and, where it was opened, its result or its error."""
        said = [run.state]
        if run.state == "running":
            said = [f"running, {run.progress:.0%}", run.doing, run.unheard]
        if run.queued_at is not None:
            began = "begun" if run.at_once else "queued"
            said.append(f"{began} {run.queued_at:%Y-%m-%d %H:%M} UTC")
        words = f"**{literal(run.operator)}** {literal(', '.join(filter(None, said)))}"
        if asked := "; ".join(_asked_of(run)):
            # In a line of its own, or several runs of one operator could not be told apart.
            words += f"\\\n{literal(shortened(asked, _ASKED_LETTERS))}"
        row = panel.h_stack(f"run_{number}", gap=2, align_y="center", componentsProps=WRAPPED)
        row.md(words, name="words", space=_WORDS)
        params = {"run": run.id}
        if run.ended:
            what = "Result" if run.state == "completed" else "Why"
            row.btn("show", label=what, on_click=self.show_run, params=params)
            row.btn("again", label="Run again", on_click=self.run_again, params=params)
        # Where FiftyOne has users, its own page of runs knows who may cancel what.
        can_stop = run.waits or (run.at_once and not run.ended)
        if can_stop and getattr(ctx, "user", None) is None:
            row.btn("cancel", label="Cancel", on_click=self.cancel_run, params=params)
        if ctx.panel.state.run != run.id:
            return
        if run.state == "failed":
            words = literal(shortened(run.error, _ERROR_LETTERS))
            panel.view("run_error", types.Error(label=f"{run.operator} failed", description=words))
            return
        members = (
            f"- **{literal(name)}**: {literal(shortened(str(value), _LETTERS))}"
            for name, value in run.result.items()
        )
        panel.md("\n".join(members) or "It returned nothing.", name="run_result")


def _add_counts(panel: Any, there: Overview) -> None:
    """The numbers, as cards side by side, and in words what they are made of."""
    row = panel.h_stack("cards", gap=2, componentsProps=WRAPPED)
    cards = {
        "Images": there.images,
        "Boxes": there.boxes,
        "Without a label": there.unlabelled,
        "Concepts": there.concepts,
    }
    for number, (title, value) in enumerate(cards.items()):
        row.md(f"{title}\n##### {value:,}", name=f"card_{number}", space=3)
    said = []
    if there.splits:
        parts = sorted(there.splits.items())
        said.append(", ".join(f"{name or 'no split'}: {count:,}" for name, count in parts) + ".")
    review = there.review
    if review is not None and review.all.done:
        of_all = f"{review.all.done:,} of {there.boxes:,} boxes of {there.field} are reviewed"
        said.append(f"{of_all}, {review.all.today:,} today.")
        said += review.agreement_in_words() if review.shared else ()
    if said:
        panel.md(literal(" ".join(said)), name="counted")


def _asked_of(run: delegation.Run) -> Iterator[str]:
    """What was asked of a run, where that is not what its parameters are by themselves."""
    model = OPERATORS.get(run.operator)
    if model is None:  # of a version that had such an operator
        return
    usual = model.model_construct().model_dump(mode="json")
    for name, value in run.values.items():
        own = usual.get(name)
        if isinstance(value, Mapping) and isinstance(own, Mapping):  # a stage of the workflow
            told = {f"{name}.{key}": one for key, one in value.items() if one != own.get(key)}
        else:
            told = {name: value} if value != own else {}
        for path, one in told.items():
            yield f"{path}: {', '.join(map(str, one)) if isinstance(one, list) else one}"


def _listed_run(ctx: Any) -> delegation.Run | None:
    """The run of this project and dataset that a button is about; None where it is gone."""
    runs = {run.id: run for run in delegation.newest_runs(ctx.dataset)}
    run = runs.get(ctx.params["run"])
    if run is None:
        ctx.ops.notify("This run is no longer among the last ones", variant="error")
    return run
