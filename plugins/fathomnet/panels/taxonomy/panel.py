"""The panel that shows the concepts of a dataset on the tree of life."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from fiftyone.operators import types

from ...dataset.label_map import taxonomy_of
from ...dataset.records import all_outdated
from ...dataset.schema import labels_path
from ...errors import DatasetError
from ...evaluation.finished import view_of_pairs
from ...review.sets import MOST_LABELS
from ...text import counted, literal, shortened
from ..base import FITTING, WRAPPED, DatasetPanel, Gap
from . import state
from .page import (
    CONFUSED,
    DIVES,
    Mistakes,
    dives_of,
    links_to,
    pictures_figure,
    ranks_of,
)
from .sunburst import BY_BRANCH, WAYS, figure
from .tree import (
    ALL,
    OTHERS,
    SHORTEST_PART,
    UNLABELLED,
    Node,
    TaxonTree,
    distance,
    labels_in,
    named_by,
    outside,
    right,
)

HEIGHT: Final = 420
"""Of the figure, in pixels."""
ROWS: Final = 100
"""Of a list of concepts."""
FOUND: Final = 8
"""Names that a search offers."""
LETTERS: Final = 60
"""Of a name on a button or in a list."""


class TaxonomyPanel(DatasetPanel):
    panel_name = "taxonomy"
    heading = "FathomNet: taxonomy"
    summary = (
        "The concepts of the boxes on the tree of life. A click on a taxon shows its boxes and "
        "those of all that is below it."
    )
    icon = "/plugins/fathomnet/assets/tree.svg"

    def gap(self, ctx: Any) -> Gap | None:
        if ctx.dataset is None:
            return Gap("No dataset is open", "Open one, then come back to this panel.")
        fields = state.label_fields(ctx)
        if not fields:
            return Gap(
                "There are no labels to show",
                "This dataset has no field of boxes or of one label an image. Annotated boxes come "
                "with ingest_dataset, a model's with import_predictions.",
                "ingest_dataset",
                "Ingest a dataset",
            )
        if not any(fields.values()):
            return Gap(
                "No box has a label yet",
                "A test split comes without labels. Import a model's predictions to see them on "
                "the tree of life, or give boxes a label with relabel_boxes.",
                "import_predictions",
                "Import predictions",
            )
        return None

    def content(self, ctx: Any, panel: Any) -> None:
        shown = state.look(ctx)
        self._add_choices(ctx, panel, shown)
        self._add_found(ctx, panel, shown.tree)
        self._add_path(ctx, panel, shown)
        node = shown.node
        if node is None or not node.total.boxes:
            panel.view("nothing", types.Notice(label="What the App shows has no such boxes"))
            return
        _add_text(panel, "where", _described(shown, node))
        if node.total.boxes <= MOST_LABELS and labels_path(ctx.dataset, shown.field) != shown.field:
            own = {"field": shown.field, "title": "" if node.key == ALL else node.name}
            panel.btn("review", label="Review them", on_click=self.review_view, params=own)
        self._add_hand_named(ctx, panel, shown.field)
        ours = ("evaluation", shown.eval_key)
        outdated = all_outdated(ctx.dataset) if shown.eval_key else ()
        self.show_outdated(
            panel, (one for one in outdated if (one.basis.kind, one.basis.of) == ours)
        )
        way = state.typed(ctx, "colours") if node.total.scored else BY_BRANCH
        traces, layout = figure(shown.tree, node.key, way or BY_BRANCH)
        panel.plot(
            "tree",
            data=traces,
            layout=layout,
            config={"displayModeBar": False, "typesetMath": False, "scrollZoom": False},
            height=f"{HEIGHT}px",
            on_click=self.on_slice,
        )
        if named_by(node.key) and shown.field in labels_in(ctx.dataset):
            self._add_page(ctx, panel, shown, node)
        self._add_lists(panel, shown.tree, node)

    def _add_hand_named(self, ctx: Any, panel: Any, field: str) -> None:
        found = state.mend_ranks_in(ctx, field)
        if found.are_mended:
            labels = counted(found.labels, "label that was", "labels that were")
            words = f"{labels} named by hand got the ranks of the new name"
            panel.view("mended_ranks", types.Notice(label=words))
        elif found.labels:
            labels = counted(found.labels, "label has the ranks", "labels have the ranks")
            words = "They were given their names by hand; filters by rank miss them."
            told = types.Warning(label=f"{labels} of another name", description=words)
            panel.view("wrong_ranks", told)
            ranks = {"operator": "add_taxonomy_ranks", "values": {"label_fields": [field]}}
            panel.btn(
                "write_ranks", label="Write the ranks again", on_click=self.open_form, params=ranks
            )

    def draws(self, ctx: Any) -> bool:
        return state.draws(ctx)

    def on_change_view(self, ctx: Any) -> None:
        """The panel is drawn again for what the App shows now."""

    def on_change_dataset(self, ctx: Any) -> None:
        """What was chosen for one dataset means nothing for another."""
        state.forget(ctx)
        _close(ctx)

    def on_field(self, ctx: Any) -> None:
        """Another field: the taxon that was chosen stays, if that has boxes of it too."""
        field = state.look(ctx).field
        for other in state.label_fields(ctx):
            before = state.look(ctx, other)
            if other != field and before.key != ALL:
                state.expect(ctx, before.base)
                if not _choose(ctx, before.key):
                    state.set_view(ctx, before.base)
                return

    def on_evaluation(self, ctx: Any) -> None:
        """Another evaluation is shown along: the panel is drawn again."""

    def on_colours(self, ctx: Any) -> None:
        """The tree is drawn again in other colours."""

    def on_picture(self, ctx: Any) -> None:
        """Opens the image of a picture."""
        shown = state.look(ctx)
        examples = state.examples(ctx, shown.field, shown.key)
        if ctx.params["idx"] < len(examples):
            ctx.ops.open_sample(id=examples[ctx.params["idx"]].sample_id)

    def on_wrong(self, ctx: Any) -> None:
        """Shows the boxes of a taxon whose predicted name is another."""
        self._open_pairs(ctx, lambda found: [found.wrong])

    def on_confused(self, ctx: Any) -> None:
        """Shows the boxes of a row of confusions."""
        name, row = ctx.params["path"].rpartition(".")[2], ctx.params["row"]
        self._open_pairs(ctx, lambda found: list(getattr(found, name).values())[row : row + 1])

    def on_back(self, ctx: Any) -> None:
        """From the boxes that were opened back to what was shown before, the taxon's page."""
        import fiftyone as fo

        _close(ctx)
        state.set_view(ctx, fo.DatasetView._build(ctx.dataset, ctx.params["stages"]))
        state.draw_only(ctx, state.look(ctx).field)

    def on_search(self, ctx: Any) -> None:
        """What was typed is looked for when the panel is drawn again."""

    def on_slice(self, ctx: Any) -> None:
        """A click on the tree."""
        _choose(ctx, ctx.params.get("label"))

    def on_row(self, ctx: Any) -> None:
        """A click on a list: on the name that was drawn there, whatever is shown by now."""
        name, row = ctx.params["path"].rpartition(".")[2], ctx.params["row"]
        keys = state.kept_list(name)
        if not keys:
            # Another process has drawn it; a list of the same name has the same rows.
            shown = state.look(ctx)
            lists = _lists(shown.tree, shown.node) if shown.node else {}
            keys = tuple(one.key for one in lists.get(name, ()))
        if not (0 <= row < len(keys) and _choose(ctx, keys[row])):
            ctx.ops.notify("Something else is shown than when the list was drawn: choose again")

    def on_node(self, ctx: Any) -> None:
        """A click on a button that stands for a node."""
        state.forget(ctx, "search")
        _choose(ctx, ctx.params["key"])

    def _add_choices(self, ctx: Any, panel: Any, shown: state.Shown) -> None:
        """Which labels, which evaluation, and the field that is searched from."""
        row = panel.h_stack("choices", gap=2, align_y="center", componentsProps=WRAPPED)
        fields = [name for name, labelled in state.label_fields(ctx).items() if labelled]
        view = types.DropdownView(label="Labels", space=4)
        row.enum("field", fields, default=shown.field, view=view, on_change=self.on_field)
        known = state.evaluations(ctx.dataset, shown.field)
        if known:
            view = types.DropdownView(label="Evaluation", space=4)
            default = shown.eval_key or state.NO_EVALUATION
            choices = [*known, state.NO_EVALUATION]
            row.enum(
                "evaluation", choices, default=default, view=view, on_change=self.on_evaluation
            )
            view = types.DropdownView(label="Colours", space=4)
            way = state.typed(ctx, "colours") or BY_BRANCH
            row.enum("colours", WAYS, default=way, view=view, on_change=self.on_colours)
        view = types.TextFieldView(label="Search by name", placeholder="Asteroidea", space=4)
        row.str("search", view=view, on_change=self.on_search)

    def _add_found(self, ctx: Any, panel: Any, tree: TaxonTree) -> None:
        """What a search has found: a button a name."""
        text = (state.typed(ctx, "search") or "").strip()
        if not text:
            return
        found = tree.find(text)
        called = [one for one in tree.find_common(text) if one[1] not in found]
        if not found and not called and len(text) < SHORTEST_PART:
            _add_text(panel, "absent", f"Type {SHORTEST_PART} letters of a name or more")
            return
        offered = [*((_titled(node), node) for node in found)]
        offered += [(f"{common}: {_titled(node)}", node) for common, node in called]
        for place, (title, node) in enumerate(offered[:FOUND]):
            self._add_button(panel, f"found_{place}", title, node.key, "outlined")
        if len(offered) > FOUND:
            _add_text(panel, "more", f"{len(offered) - FOUND:,} more: type more of the name")
        if not offered:
            self._add_suggestion(ctx, panel, tree, text)

    def _add_suggestion(self, ctx: Any, panel: Any, tree: TaxonTree, text: str) -> None:
        taxonomy = taxonomy_of(ctx.dataset)
        absent = taxonomy.canonical(text)
        if absent is not None:
            _add_text(panel, "absent", f"What the App shows has no boxes of {absent}")
            return
        near = tree.nearest(text)
        quoted = shortened(text, LETTERS)
        _add_text(
            panel, "absent", f"No name is like {quoted!r}" if near is None else "Did you mean"
        )
        if near is not None:
            self._add_button(panel, "found_0", _titled(near), near.key, "outlined")

    def _add_path(self, ctx: Any, panel: Any, shown: state.Shown) -> None:
        """Where one is: each name but the last leads back up."""
        path = shown.tree.path(shown.key) if shown.node else shown.tree.path(ALL)
        row = panel.h_stack("path", gap=0, align_y="center", componentsProps=WRAPPED)
        if opened := ctx.panel.state.opened:
            label = f"Back to {shortened(opened['name'], LETTERS)}"
            row.btn("back", label=label, variant="outlined", on_click=self.on_back, params=opened)
        above = path[:-1] if shown.node else path
        for place, node in enumerate(above):
            label = f"{shortened(node.name, LETTERS)} >"
            self._add_button(row, f"up_{place}", label, node.key)
        if shown.node:
            _add_text(row, "here", shortened(shown.node.name, LETTERS), bold=True)

    def _add_page(self, ctx: Any, panel: Any, shown: state.Shown, node: Node) -> None:
        """Pictures of a taxon, where it was seen, and what it is confused with."""
        links = " · ".join(f"[{words}]({url})" for words, url in links_to(node.name).items())
        panel.md(f"**{literal(shortened(node.name, LETTERS))}** at {links}", name="links")
        examples = state.examples(ctx, shown.field, node.key)
        if examples:
            pictures = pictures_figure(examples)
            panel.plot(
                "pictures",
                data=pictures.data,
                layout=pictures.layout,
                config={"displayModeBar": False, "scrollZoom": False},
                height=f"{pictures.layout['height']}px",
                on_click=self.on_picture,
            )
        else:
            words = "No picture: images are not at hand, or every label is doubted"
            _add_text(panel, "no_pictures", words)
        found = state.mistakes(ctx, shown.eval_key, node.name) if shown.eval_key else None
        if found is not None and found.scored:
            self._add_mistakes(panel, shown, found)
        ranks = ranks_of(shown.tree, node.key)
        _add_table(panel, "ranks", "By rank", ("Rank", "Names", "Boxes named so"), ranks)
        dives = dives_of(
            state.show(shown.base, shown.field, node.key, taxonomy_of(ctx.dataset)), shown.field
        )
        title = "By dive" + (f", {DIVES} of {len(dives):,}" if len(dives) > DIVES else "")
        _add_table(panel, "dives", title, ("Dive", "Images", "Boxes"), dives[:DIVES])

    def _add_mistakes(self, panel: Any, shown: state.Shown, found: Mistakes) -> None:
        """How often it is right in the evaluation, and what it is taken for."""
        right, inside = (
            f"{1 - count / found.scored:.0%}" for count in (len(found.wrong), found.outside)
        )
        boxes = counted(found.scored, "box", "boxes")
        _add_text(
            panel,
            "judged",
            f"{shown.eval_key}, all of it: of {boxes} {right} have the right name, {inside} one "
            "of this taxon",
        )
        if found.wrong:
            panel.btn(
                "wrong",
                label=f"Show wrong: {counted(len(found.wrong), 'box', 'boxes')}",
                variant="outlined",
                on_click=self.on_wrong,
            )
        for name, title in (("taken_for", "Taken for"), ("taken_for_it", "Taken for it")):
            rows = [(other, len(some)) for other, some in getattr(found, name).items()]
            columns = ("Name", "Boxes")
            _add_table(panel, name, title, columns, rows[:CONFUSED], self.on_confused)

    def _open_pairs(self, ctx: Any, pick: Callable[[Mistakes], Sequence[Sequence[int]]]) -> None:
        """Shows boxes of the evaluation, each with what was predicted for it."""
        shown = state.look(ctx)
        name, evaluation = named_by(shown.key), state.read(ctx, shown.eval_key)
        found = state.mistakes(ctx, shown.eval_key, name) if name and evaluation else None
        picked = pick(found) if found is not None else ()
        if not picked or evaluation is None:
            ctx.ops.notify("The evaluation cannot be read: evaluate again", variant="error")
            return
        positions = np.array(picked[0], np.intp)
        try:
            view = view_of_pairs(ctx.dataset, evaluation, positions, as_patches=True)
        except DatasetError as error:
            ctx.ops.notify(str(error), variant="error")
            return
        ctx.panel.set_state("opened", {"name": name, "stages": ctx.view._serialize()})
        state.draw_only(ctx, "")
        state.set_view(ctx, view)

    def _add_lists(self, panel: Any, tree: TaxonTree, node: Node) -> None:
        """The concepts at and below a node, those that the taxonomy does not know apart."""
        for name, nodes in _lists(tree, node).items():
            title = tree.nodes[OTHERS].name if outside(nodes[0]) else "Concepts"
            self._add_list(panel, name, title, nodes, scored=node.total.scored > 0)

    def _add_list(
        self, panel: Any, name: str, title: str, nodes: Sequence[Node], scored: bool
    ) -> None:
        """A table of concepts."""
        first = nodes[:ROWS]
        state.keep_list(name, tuple(node.key for node in first))
        rest = f"; the {ROWS} most frequent of {len(nodes):,}, search finds all"
        table = types.TableView(on_click_row=self.on_row, size="small", componentsProps=FITTING)
        columns = {"name": "Name", "rank": "Rank", "boxes": "Boxes"}
        if scored:
            columns |= {"right": "Right", "steps": "Mean distance"}
        for key, label in columns.items():
            table.add_column(key, label=label)
        _add_text(panel, f"{name}_title", title + (rest if len(nodes) > ROWS else ""), bold=True)
        rows = [
            {
                "id": node.key,
                "name": shortened(node.name, LETTERS),
                "rank": node.rank,
                "boxes": f"{node.own.boxes:,}",
                "right": right(node.own),
                "steps": distance(node.own),
            }
            for node in first
        ]
        panel.list(name, types.Object(), default=rows, view=table)

    def _add_button(self, panel: Any, name: str, label: str, key: str, variant: str = "") -> None:
        panel.btn(
            name, label=label, variant=variant or None, on_click=self.on_node, params={"key": key}
        )


def _choose(ctx: Any, key: str | None) -> bool:
    """Shows the boxes of a node in the App, in what it showed before one was chosen.

    Returns:
        Whether there is such a node.
    """
    shown = state.look(ctx)
    if key not in shown.tree.nodes:
        return False
    _close(ctx)
    state.set_view(ctx, state.show(shown.base, shown.field, str(key), taxonomy_of(ctx.dataset)))
    state.draw_only(ctx, "" if key == ALL else shown.field)
    return True


def _close(ctx: Any) -> None:
    """There are no boxes any more from which a button leads back."""
    # To change what the panel remembers has the App ask for the grid twice.
    if ctx.panel.state.opened:
        ctx.panel.set_state("opened", None)


def _lists(tree: TaxonTree, node: Node) -> dict[str, tuple[Node, ...]]:
    """The lists of concepts at and below a node, each under a name that tells its rows."""
    concepts = tree.concepts(node.key)
    lists = {
        "known": tuple(one for one in concepts if not outside(one)),
        "others": tuple(one for one in concepts if outside(one)),
    }
    return {f"{name}_{_mark(nodes)}": nodes for name, nodes in lists.items() if nodes}


def _mark(nodes: Sequence[Node]) -> str:
    return hashlib.sha256(repr([one.key for one in nodes]).encode()).hexdigest()[:8]


def _add_text(panel: Any, name: str, text: str, bold: bool = False) -> None:
    """Plain text, in which nothing is markup."""
    panel.view(name, types.TextView(title=text, bold=bold, padding="0.25rem", color="text.primary"))


def _add_table(
    panel: Any,
    name: str,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str | int]],
    on_click: Callable[[Any], None] | None = None,
) -> None:
    """A small table below its title; nothing where it has no rows."""
    if not rows:
        return
    table = types.TableView(on_click_row=on_click, size="small", componentsProps=FITTING)
    for place, column in enumerate(columns):
        table.add_column(f"c{place}", label=column)
    lines = [
        {
            f"c{place}": f"{value:,}" if isinstance(value, int) else shortened(value, LETTERS)
            for place, value in enumerate(row)
        }
        for row in rows
    ]
    _add_text(panel, f"{name}_title", title, bold=True)
    panel.list(name, types.Object(), default=lines, view=table)


def _described(shown: state.Shown, node: Node) -> str:
    """How many boxes there are, of how many, and how good an evaluation found them."""
    scope = "the whole dataset" if shown.is_whole else "what the App shows"
    rank = f", {node.rank}" if node.rank else ""
    whole = shown.tree.whole.total.boxes
    share = f"{node.total.boxes:,} of {whole:,}" if node.key != ALL else f"{whole:,}"
    concepts = len(shown.tree.concepts(node.key))
    parts = [f"{shortened(node.name, LETTERS)}{rank}: {share} boxes of {scope}"]
    if node.key != UNLABELLED:
        parts.append(f"{concepts:,} concept{'s' * (concepts != 1)}")
    if node.total.scored:
        parts.append(f"{right(node.total)} right of {node.total.scored:,} in {shown.eval_key}")
    return "; ".join(parts)


def _titled(node: Node) -> str:
    boxes = counted(node.total.boxes, "box", "boxes")
    return f"{shortened(node.name, LETTERS)}, {node.rank}: {boxes}"
