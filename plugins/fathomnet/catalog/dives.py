"""Reads the vehicle, dive and time of an image from the URL under which it was published.

MBARI publishes its frame grabs as ``.../framegrabs/<vehicle>/images/<dive>/<file>`` and older ones
as ``.../framegrabs/<vehicle>/stills/<year>/<day of year>/<file>``, where the vehicle is known and
the dive is not. A URL of any other shape tells nothing: no guess is made.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote

_ROOT = "framegrabs"
_PATH = re.compile(r"https?://[^/?#]+/([^?#]*)", re.IGNORECASE)
_ENCODED = re.compile(r"%2[efEF]")
"""A dot or a slash."""
_NOWHERE = frozenset(("", ".", ".."))
_VEHICLE = re.compile(r"[^\W_][\w .'()-]{0,63}")
_DIVE = re.compile(r"[0-9]{1,8}")
_STAMP = re.compile(r"([0-9]{8}T[0-9]{6})(?:\.([0-9]{1,9}))?Z(?=[-.]|$)")


@dataclass(frozen=True, slots=True)
class DiveOrigin:
    """Where an image was taken.

    Attributes:
        vehicle: name of the vehicle, for example ``Doc Ricketts``.
        dive: number of the vehicle's dive without leading zeros, or a date (``20200108``) where
            the vehicle's dives are named by date.
    """

    vehicle: str | None = None
    dive: str | None = None


UNKNOWN = DiveOrigin()

_OF_A_HOST = 2
"""Slashes of ``https://host``."""


def parse_dive(url: str | None) -> DiveOrigin:
    """The vehicle and dive that an image's URL names.

    Dive numbers are padded inconsistently at the source, so ``0443`` and ``443`` both give ``443``.
    The query and the fragment of the URL are ignored.

    Args:
        url: http(s) URL of the image, percent-encoded.

    Returns:
        The vehicle and the dive; each is None where the URL does not clearly name it.

    Examples:
        >>> parse_dive("https://host.org/framegrabs/Doc%20Ricketts/images/0443/07-03-27-40.png")
        DiveOrigin(vehicle='Doc Ricketts', dive='443')
        >>> parse_dive("https://host.org/framegrabs/Ventana/stills/1997/214/01-20-59.png")
        DiveOrigin(vehicle='Ventana', dive=None)
    """
    segments = _segments(url)
    if segments.count(_ROOT) != 1:
        return UNKNOWN
    match segments[segments.index(_ROOT) + 1 :]:
        case [encoded, "images" | "stills" as kind, folder, _, *_]:
            vehicle = _vehicle_name(encoded)
            if vehicle is None:
                return UNKNOWN
            is_numbered = kind == "images" and _DIVE.fullmatch(folder)
            return DiveOrigin(vehicle, (folder.lstrip("0") or None) if is_numbered else None)
        case _:
            return UNKNOWN


def parse_time(url: str | None) -> datetime | None:
    """The time at which an image was taken, if its file name carries an explicit UTC stamp.

    Names such as ``20200108T183901.101Z--<uuid>.png`` carry one. Tape time codes
    (``07-03-27-40.png``) have no date and give None.

    Args:
        url: http(s) URL of the image, percent-encoded.

    Returns:
        The time in UTC as a naive datetime, cut to whole microseconds.

    Examples:
        >>> parse_time("https://host.org/20200108/20200108T183901.101Z--0d84d2f3.png")
        datetime.datetime(2020, 1, 8, 18, 39, 1, 101000)
    """
    segments = _segments(url)
    stamp = _STAMP.match(segments[-1]) if segments else None
    if stamp is None:
        return None
    try:
        moment = datetime.strptime(stamp[1], "%Y%m%dT%H%M%S")
    except ValueError:
        return None
    return moment.replace(microsecond=int((stamp[2] or "").ljust(6, "0")[:6]))


@lru_cache(maxsize=4)  # of one image its dive and its time are asked
def _segments(url: str | None) -> tuple[str, ...]:
    """The segments of an http(s) URL's path, still encoded; none if they could mislead."""
    found = _PATH.match(url) if url and url.isprintable() else None
    if found is None or _ENCODED.search(found[1]):
        return ()
    segments = tuple(found[1].split("/"))
    return segments if _NOWHERE.isdisjoint(segments) else ()


def dive_name(vehicle: str | None, dive: str | None, source_url: str | None) -> str | None:
    """A name for the dive that an image is from.

    Two vehicles may use the same dive number, so a name takes both. If either is unknown, the name
    is the folder of the image's URL, which at MBARI holds one day of one vehicle; a host alone is
    none.

    Returns:
        The name; None where nothing is known.

    Examples:
        >>> dive_name("Tiburon", "1002", None)
        'Tiburon 1002'
        >>> dive_name(None, None, "https://host.org/frames/day-214/01.png")
        'https://host.org/frames/day-214'
    """
    if vehicle and dive:
        return f"{vehicle} {dive}"
    folder = (source_url or "").split("?", 1)[0].rpartition("/")[0]
    return (folder if folder.count("/") > _OF_A_HOST else "") or dive or None


@lru_cache(maxsize=256)
def _vehicle_name(segment: str) -> str | None:
    name = unquote(segment)
    return name if _VEHICLE.fullmatch(name) else None
