"""Reading a data card's page back."""

from __future__ import annotations

from pathlib import Path

from bs4 import BeautifulSoup


def read_page(path: str) -> BeautifulSoup:
    return BeautifulSoup(Path(path).read_text(encoding="utf-8"), "html.parser")


def section(page: BeautifulSoup, heading: str) -> BeautifulSoup:
    """What stands between a heading and the next one."""
    inside = []
    for one in page.find("h2", string=heading).next_siblings:
        if one.name == "h2":
            break
        inside.append(str(one))
    return BeautifulSoup("".join(inside), "html.parser")


def bars(part: BeautifulSoup) -> dict[str, int]:
    titles = [one.text.rsplit(": ", 1) for one in part.find_all("title")]
    return {name: int(count.replace(",", "")) for name, count in titles}


def rows(part: BeautifulSoup) -> list[list[str]]:
    return [[cell.text for cell in row.find_all(["td", "th"])] for row in part.find_all("tr")]


def notes(part: BeautifulSoup) -> list[str]:
    return [one.text for one in part.find_all("p")]
