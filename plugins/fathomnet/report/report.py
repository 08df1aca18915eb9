"""Makes a data card: what a dataset holds, where it came from, and what is wrong with it.

It is written as Markdown, and as one HTML file that holds its pictures.
Names with signs of Markdown or HTML stay what they are, and the page asks nobody for anything.
"""

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from ..dataset.columns import dataset_of
from ..dataset.label_map import taxonomy_of
from ..dataset.records import reload_known
from ..errors import DatasetError, Fault, InputError
from ..files.places import CloudPath, Place, place
from ..files.writing import folder_problem, write_whole
from ..progress import Progress, portion, silent
from ..text import counted, literal, shortened
from .blocks import Bars, Card, Cell, Crops, Hash, Note, Table, in_words, read_content
from .counts import count_sections, crop_section
from .provenance import provenance_sections
from .sources import source_section

_LONGEST_BAR: Final = 30
"""Characters."""


def as_markdown(card: Card) -> str:
    """The card as text; bars are drawn with characters, and crops are only counted."""
    lines = [f"# {_literal(in_words(card.title))}"]
    for section in card.sections:
        lines += ["", f"## {_literal(in_words(section.heading))}"]
        for block in section.blocks:
            lines.append("")
            if isinstance(block, Note):
                lines.append(_literal(in_words(block.text)))
            elif isinstance(block, Table):
                lines += _table(block)
            elif isinstance(block, Bars):
                most = max((count for _, count in block.counts), default=1) or 1
                rows = tuple(
                    (name, count, "█" * round(_LONGEST_BAR * count / most))
                    for name, count in block.counts
                )
                lines += _table(Table((block.what, block.unit, ""), rows))
            elif isinstance(block, Crops):
                crops = counted(len(block.pictures), "example crop", "example crops")
                lines.append(f"In the HTML beside this file: {crops}.")
    return "\n".join(lines) + "\n"


def _table(table: Table) -> Iterator[str]:
    rules = ["---:" if is_numeric else "---" for is_numeric in table.numeric]
    heading, *rows = (
        [_literal(in_words(cell)) for cell in row] for row in (table.headings, *table.rows)
    )
    yield from (f"| {' | '.join(cells)} |" for cells in (heading, rules, *rows))


def _literal(text: str) -> str:
    """Escapes a text; some viewers would turn an address with escaped signs into a link."""
    return literal(text).replace("://", r"\://")


_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #16232b; background: #fff; overflow-wrap: anywhere; }
h1, h2 { color: #0b4f6c; line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; margin: .7rem 0; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #d8e2e7; }
th { white-space: nowrap; } td { min-width: 4.5rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.hash { font: 12px ui-monospace, monospace; }
.axis { margin: .7rem 0 .2rem; font-size: 13px; }
svg { max-width: 100%; height: auto; } svg text { font: 13px system-ui, sans-serif; }
.concepts { display: flex; flex-wrap: wrap; gap: .8rem; }
figure { margin: 0; } figcaption { font-size: 13px; }
figure img { height: 96px; border-radius: 3px; margin-right: 2px; }
"""
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_RIGHT: Final = ' class="number"'
_ROW: Final = 20
_NAMES, _BAR, _WIDTH = 260, 420, 760
"""Pixels: where the bars begin, how long the longest is, and the whole drawing."""
_LONGEST_NAME: Final = 36
"""Characters of a name that are drawn; the bar's title has the whole name."""


def as_html(card: Card) -> str:
    """The card as an HTML page."""
    title = escape(in_words(card.title))
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
    ]
    for section in card.sections:
        lines.append(f"<h2>{escape(in_words(section.heading))}</h2>")
        for block in section.blocks:
            if isinstance(block, Note):
                lines.append(f"<p>{escape(in_words(block.text))}</p>")
            elif isinstance(block, Table):
                rows = [_html_row("td", row, block.numeric) for row in block.rows]
                heading = _html_row("th", block.headings, block.numeric)
                lines += ["<table>", heading, *rows, "</table>"]
            elif isinstance(block, Bars):
                lines += _drawn(block, section.heading)
            elif isinstance(block, Crops):
                lines.append('<div class="concepts">')
                for concept, pictures in groupby(block.pictures, key=lambda crop: crop.concept):
                    name = escape(in_words(concept))
                    shown = "".join(
                        f'<img alt="{name}" src="data:image/jpeg;base64,'
                        f'{base64.b64encode(picture.jpeg).decode()}">'
                        for picture in pictures
                    )
                    lines.append(f"<figure>{shown}<figcaption>{name}</figcaption></figure>")
                lines.append("</div>")
    return "\n".join([*lines, "</body></html>", ""])


def _html_row(tag: str, cells: tuple[Cell, ...], numeric: tuple[bool, ...]) -> str:
    row = ""
    for cell, is_numeric in zip(cells, numeric, strict=True):
        text = escape(in_words(cell))
        shown = f'<span class="hash">{text}</span>' if isinstance(cell, Hash) else text
        row += f"<{tag}{_RIGHT if is_numeric else ''}>{shown}</{tag}>"
    return f"<tr>{row}</tr>"


def _drawn(bars: Bars, heading: str) -> Iterator[str]:
    most = max((count for _, count in bars.counts), default=1) or 1
    height = _ROW * len(bars.counts)
    label = escape(in_words(f"{bars.unit} by {bars.what}"))
    if label.casefold() != heading.casefold():
        yield f'<p class="axis">{label}</p>'
    yield f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}">'
    for number, (name, count) in enumerate(bars.counts):
        whole = in_words(name)
        short = shortened(whole, _LONGEST_NAME)
        top, length = number * _ROW, max(count > 0, round(_BAR * count / most))
        yield (
            f"<g><title>{escape(whole)}: {count:,}</title>"
            f'<text x="{_NAMES - 8}" y="{top + 14}" text-anchor="end">{escape(short)}</text>'
            f'<rect x="{_NAMES}" y="{top + 3}" width="{length}" height="14" fill="#2a9dc4"/>'
            f'<text x="{_NAMES + length + 6}" y="{top + 14}">{count:,}</text></g>'
        )
    yield "</svg>"


STEM: Final = "data-card"
"""Name of the files in a folder, without their suffixes."""
ENDINGS: Final = (".md", ".html")


@dataclass(frozen=True, slots=True)
class ReportResult:
    """A data card.

    Attributes:
        markdown: the card.
        files: paths of the files that were written; none if only the text was requested.
    """

    markdown: str
    files: tuple[str, ...]


def report_dataset(
    dataset: Any, path: str | Place = "", progress: Progress = silent
) -> ReportResult:
    """Describes a dataset in Markdown and, if a path is given, also on a page with pictures.

    The same dataset gives the same bytes. The dataset itself is not changed.

    Args:
        dataset: a FiftyOne dataset.
        path: a folder, or ``gs://bucket/prefix``, for ``data-card.md`` and ``data-card.html``,
            created if it does not exist; or a file name with either suffix, beside which the other
            file is written; empty to write nothing. Existing files of these names are replaced.
        progress: called with the share done and a label.

    Raises:
        InputError: the path is none of these; nothing was written.
        DatasetError: the files cannot be written.
    """
    files = report_files(path)
    dataset = dataset_of(dataset)
    reload_known(dataset)
    progress(0.0, "reading images and boxes")
    content = read_content(dataset)
    taxonomy = taxonomy_of(dataset)
    overview, *counted = count_sections(content, taxonomy)
    progress(0.2, "reading what was made of them")
    sources = source_section(dataset, Counter(content.columns["split"]))
    sections = [overview, sources, *counted, *provenance_sections(dataset, taxonomy)]
    if files:
        sections.append(crop_section(dataset, content, portion(progress, 0.3, 0.95)))
    card = Card(f"Data card: {dataset.name}", tuple(sections))
    try:
        for file, form in zip(files, (as_markdown, as_html), strict=False):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, form(card).encode("utf-8", "replace"))
    except OSError as error:
        folder = files[0].parent
        raise DatasetError(f"{folder} cannot be written: {error.strerror}") from error
    progress(1.0, f"{len(content.ids):,} images are described")
    return ReportResult(as_markdown(card), tuple(str(file) for file in files))


def report_files(path: str | Place) -> tuple[Place, ...]:
    """The two files for which a path stands, Markdown first; none for an empty path.

    Raises:
        InputError: it is neither a folder nor ends in .md or .html.
        DatasetError: the folder cannot be written.
    """
    if not str(path):
        return ()
    target = place(path)
    if isinstance(target, CloudPath) and (unreached := target.problem()):
        raise DatasetError(unreached)
    if isinstance(target, Path) and "://" in str(path):
        problem = f"{path} is neither a place on this machine nor in a bucket; name a folder"
        raise InputError("report_dataset", [Fault("path", problem)])
    if target.is_dir() or not (target.suffix or target.exists()):
        files: tuple[Place, ...] = tuple(target / f"{STEM}{ending}" for ending in ENDINGS)
    elif target.suffix in ENDINGS:
        files = tuple(target.with_suffix(ending) for ending in ENDINGS)
    else:
        problem = f"{path} is no folder and ends neither in .md nor in .html"
        raise InputError("report_dataset", [Fault("path", problem)])
    if unwritable := folder_problem(files[0].parent):
        raise DatasetError(unwritable)
    return files
