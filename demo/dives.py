"""Vehicles, dives and the shape of the URLs that their frames have in FathomNet."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import Final
from urllib.parse import quote

from demo.coco import Frame

ROOT: Final = "https://database.fathomnet.org/static/m3/framegrabs"
HOURS_BEFORE_DESCENT: Final = 14
UNKNOWN_DATES: Final = 10 / 325
"""Share of the images of the real test split whose ``date_captured`` is null."""

HD: Final = ((1920, 1080),) * 40 + ((1920, 1079), (1892, 1080))
SD: Final = ((720, 486),) * 6 + ((720, 368),) * 4 + ((714, 486),) * 3 + ((714, 368),)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A remotely operated vehicle with the years and the number of its dives.

    ``frequency`` is its share of the frames, about that of the real test split.
    """

    name: str
    dives: int
    first: date
    last: date
    frequency: float
    high_definition_since: int


VEHICLES: Final = (
    Vehicle("Doc Ricketts", 1400, date(2009, 2, 1), date(2021, 9, 1), 0.70, 2011),
    Vehicle("Ventana", 4300, date(1990, 3, 1), date(2022, 6, 1), 0.16, 2005),
    Vehicle("Tiburon", 1160, date(1997, 1, 15), date(2008, 1, 15), 0.12, 2009),
    Vehicle("Mini ROV", 150, date(2014, 5, 1), date(2022, 5, 1), 0.015, 2014),
    Vehicle("i2MAP", 90, date(2018, 1, 15), date(2022, 11, 1), 0.005, 2018),
)


@dataclass(frozen=True, slots=True)
class Dive:
    """One dive; its date follows from its number, so equal dives agree wherever they are used.

    ``stills`` dives are filed by year and day of the year, and so say no number.
    """

    vehicle: Vehicle
    number: int
    day: date
    stills: bool
    size: tuple[int, int]

    def folder(self, padded: bool) -> str:
        """The path below the vehicle; ``443`` and ``0443`` both name dive 443."""
        if self.stills:
            return f"stills/{self.day.year}/{self.day.timetuple().tm_yday:03d}"
        if self.vehicle.name == "i2MAP":
            return f"images/{self.day:%Y%m%d}"
        return f"images/{self.number:04d}" if padded else f"images/{self.number}"


def make_dive(vehicle: Vehicle, number: int) -> Dive:
    """The dive of that number, with the picture size that the vehicle had at the time."""
    span = (vehicle.last - vehicle.first).days
    day = vehicle.first + timedelta(days=span * number // vehicle.dives)
    if vehicle.name == "i2MAP":
        return Dive(vehicle, number, day, False, (2048, 1080))
    if day.year >= vehicle.high_definition_since:
        return Dive(vehicle, number, day, False, HD[number % len(HD)])
    stills = 2000 <= day.year <= 2004
    size = (640, 366) if stills and vehicle.name == "Ventana" else SD[number % len(SD)]
    return Dive(vehicle, number, day, stills, size)


def draw_dive(rng: Random) -> Dive:
    """A dive drawn at random: the vehicle by its frequency, the number evenly."""
    (vehicle,) = rng.choices(VEHICLES, [vehicle.frequency for vehicle in VEHICLES])
    return make_dive(vehicle, rng.randint(1, vehicle.dives))


def random_uuid(rng: Random) -> str:
    """A version-4 UUID that the generator's seed decides."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def take_frame(dive: Dive, seconds: float, rng: Random) -> Frame:
    """A frame of ``dive``, ``seconds`` after its recording began.

    Args:
        dive: where the frame was taken.
        seconds: time since the start of the recording.
        rng: decides the identifiers, the padding of the dive's number and the file's style.
    """
    start = datetime(
        dive.day.year, dive.day.month, dive.day.day, HOURS_BEFORE_DESCENT, tzinfo=timezone.utc
    )
    moment = start + timedelta(seconds=seconds)
    undated = rng.random() < UNKNOWN_DATES
    folder = dive.folder(padded=not undated and rng.random() < 0.85)
    name = _frame_name(dive, moment, seconds, undated, rng)
    return Frame(
        width=dive.size[0],
        height=dive.size[1],
        file_name=f"{random_uuid(rng)}.png",
        url=f"{ROOT}/{quote(dive.vehicle.name)}/{folder}/{name}.png",
        captured=None if undated else f"{moment:%Y-%m-%d %H:%M:%S}",
    )


def _frame_name(dive: Dive, moment: datetime, seconds: float, undated: bool, rng: Random) -> str:
    """The three styles of FathomNet: a time code, a time of day, a running number."""
    if not undated and dive.day.year >= 2019:
        if dive.vehicle.name == "i2MAP":
            return f"{moment:%Y%m%dT%H%M%S.%f}Z--{random_uuid(rng)}"
        if rng.random() < 0.5:
            return f"{moment:%Y%m%dT%H%M%S}Z--{random_uuid(rng)}"
        return f"{int(seconds * 30)}--{random_uuid(rng)}"
    whole = int(seconds)
    parts = (whole // 3600, whole // 60 % 60, whole % 60, int((seconds - whole) * 30))
    return ("-" if undated else "_").join(f"{part:02d}" for part in parts)
