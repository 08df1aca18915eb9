"""Makes texts safe in tables that a person may open in a spreadsheet."""

from __future__ import annotations

from typing import Any, Final

_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""owasp.org/www-community/attacks/CSV_Injection"""


def spreadsheet_cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet takes for a formula.

    A text that would be a formula gets an apostrophe in front, which marks it as text to a
    spreadsheet; any other value is returned unchanged.

    Examples:
        >>> spreadsheet_cell("=1+1"), spreadsheet_cell("Sebastes"), spreadsheet_cell(-1)
        ("'=1+1", 'Sebastes', -1)
    """
    is_formula = isinstance(value, str) and value.startswith(_BEGINS_A_FORMULA)
    return f"'{value}" if is_formula else value
