"""Writes a data card as Markdown; markup in names is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..plain import counted, literal
from .blocks import Bars, Block, Card, Cell, Crops, Note, Table, in_words

_LONGEST_BAR: Final = 30
"""Characters."""


def as_markdown(card: Card) -> str:
    """The card as text; bars are drawn with characters, and crops are only counted."""
    lines = [f"# {_literal(in_words(card.title))}"]
    for section in card.sections:
        lines += ["", f"## {_literal(in_words(section.heading))}"]
        for block in section.blocks:
            lines += ["", *_lines(block)]
    return "\n".join(lines) + "\n"


def _lines(block: Block) -> Iterator[str]:
    if isinstance(block, Note):
        yield _literal(in_words(block.text))
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Bars):
        most = max((count for _, count in block.counts), default=1) or 1
        rows = tuple(
            (name, count, "█" * round(_LONGEST_BAR * count / most)) for name, count in block.counts
        )
        yield from _table(Table((block.what, block.unit, ""), rows))
    elif isinstance(block, Crops):
        crops = counted(len(block.pictures), "example crop", "example crops")
        yield f"In the HTML beside this file: {crops}."


def _table(table: Table) -> Iterator[str]:
    yield _row(table.headings)
    yield _row_of(["---:" if is_numeric else "---" for is_numeric in table.numeric])
    for row in table.rows:
        yield _row(row)


def _row(cells: tuple[Cell, ...]) -> str:
    return _row_of([_literal(in_words(cell)) for cell in cells])


def _row_of(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _literal(text: str) -> str:
    """Escapes a text; some viewers would turn an address with escaped signs into a link."""
    return literal(text).replace("://", r"\://")
