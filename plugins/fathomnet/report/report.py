"""Makes a data card: what a dataset holds, where it came from, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..dataset.columns import dataset_of
from ..dataset.records import reload_known
from ..errors import DatasetError, Fault, InputError
from ..files.places import CloudPath, Place, place
from ..files.writing import folder_problem, write_whole
from ..progress import Progress, portion, silent
from ..taxonomy import load_taxonomy
from .blocks import Card
from .content import read_content
from .counts import count_sections
from .crops import crop_section
from .provenance import provenance_sections
from .rendering import as_html, as_markdown
from .sources import source_section

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
    taxonomy = load_taxonomy()
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
