"""Vehicle, dive and time, read from URLs: the real ones and misleading ones."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

import pytest
from fathomnet_voxel51.catalog.dives import DiveOrigin, dive_name, parse_dive, parse_time

from tests.conftest import SHARED_DATA

STILLS = "https://a.org/framegrabs/Ventana/stills/2000/123"

ROOT = "https://database.fathomnet.org/static/m3/framegrabs"


@pytest.fixture(scope="module")
def real_urls() -> list[str]:
    coco = json.loads((SHARED_DATA / "dataset_test.json").read_text())
    return [image["coco_url"] for image in coco["images"]]


def test_every_real_url_names_its_vehicle_and_306_of_325_their_dive(real_urls: list[str]) -> None:
    origins = [parse_dive(url) for url in real_urls]
    # Counted with grep over the URLs of the file.
    assert Counter(origin.vehicle for origin in origins) == {
        "Doc Ricketts": 230,
        "Ventana": 51,
        "Tiburon": 38,
        "Mini ROV": 4,
        "i2MAP": 2,
    }
    assert sum(origin.dive is not None for origin in origins) == 306
    assert all(
        (o.dive is None) == ("/stills/" in u) for o, u in zip(origins, real_urls, strict=True)
    )


def test_the_real_urls_name_178_dives_because_two_are_padded_in_two_ways(
    real_urls: list[str],
) -> None:
    folders = {tuple(url.split("/")[6:9]) for url in real_urls if "/images/" in url}
    dives = {parse_dive(url) for url in real_urls if "/images/" in url}
    assert (len(folders), len(dives)) == (180, 178)


def test_28_real_urls_carry_a_time(real_urls: list[str]) -> None:
    times = [time for url in real_urls if (time := parse_time(url))]
    assert len(times) == 28
    assert min(times) == datetime(2018, 10, 23, 19, 22, 5)


@pytest.mark.parametrize(
    ("path", "vehicle", "dive"),
    [
        ("Doc%20Ricketts/images/0443/00_00_22_14.png", "Doc Ricketts", "443"),
        ("Doc%20Ricketts/images/443/00_00_22_14.png", "Doc Ricketts", "443"),
        ("i2MAP/images/20200108/20200108T183901Z.png", "i2MAP", "20200108"),
        ("Tiburon/stills/2002/140/02_47_08_00.png", "Tiburon", None),
        ("Ventana/images/3980/deeper/x.png", "Ventana", "3980"),
        ("Ventana/images/3980/x.png?dive=12#framegrabs", "Ventana", "3980"),
        ("Ventana/images/unknown/x.png", "Ventana", None),
        ("Ventana/images/0000/x.png", "Ventana", None),
        ("Ventana/images/-12/x.png", "Ventana", None),
        ("Ventana/images/%D9%A3/x.png", "Ventana", None),
        ("Ventana/images/123456789/x.png", "Ventana", None),
        ("Ventana/images/x.png", None, None),
        ("Ventana/images/3980/", None, None),
        ("Ventana/images//x.png", None, None),
        ("Ventana/movies/3980/x.png", None, None),
        ("Ventana/images/../../images/12/x.png", None, None),
        ("Ventana/images/%2e%2e/12/x.png", None, None),
        ("Ventana%2Fimages/images/12/x.png", None, None),
        ("%00/images/12/x.png", None, None),
        ("%3Cscript%3E/images/12/x.png", None, None),
        ("a/framegrabs/Ventana/images/12/x.png", None, None),
        ("", None, None),
    ],
)
def test_a_path_says_this_and_nothing_more(
    path: str, vehicle: str | None, dive: str | None
) -> None:
    assert parse_dive(f"{ROOT}/{path}") == DiveOrigin(vehicle, dive)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "framegrabs/Ventana/images/12/x.png",
        "ftp://host/framegrabs/Ventana/images/12/x.png",
        "https://host/photos/images/12/x.png",
        "https://host/?q=/framegrabs/Ventana/images/12/x.png",
        "https://host/framegrabs/Ventana\n/images/12/x.png",
        "https://[broken/framegrabs",
    ],
)
def test_other_urls_say_nothing(url: str | None) -> None:
    assert parse_dive(url) == DiveOrigin(None, None)
    assert parse_time(url) is None


@pytest.mark.parametrize(
    ("file_name", "time"),
    [
        ("20190828T195235Z--f906d6d7.png", datetime(2019, 8, 28, 19, 52, 35)),
        ("20190828T195235Z-f906d6d7.png", datetime(2019, 8, 28, 19, 52, 35)),
        ("20200108T183901.101000Z--54f.png", datetime(2020, 1, 8, 18, 39, 1, 101000)),
        ("20200108T183901.5Z.png", datetime(2020, 1, 8, 18, 39, 1, 500000)),
        ("20200108T183901.123456789Z.png", datetime(2020, 1, 8, 18, 39, 1, 123456)),
        ("07-03-27-40.png", None),
        ("00_00_22_14.png", None),
        ("20191328T195235Z--month-13.png", None),
        ("20190828T195235--no-zone.png", None),
        ("120190828T195235Z.png", None),
        ("20190828T195235Zulu.png", None),
    ],
)
def test_only_a_whole_stamp_at_the_start_of_the_file_name_is_a_time(
    file_name: str, time: datetime | None
) -> None:
    assert parse_time(f"{ROOT}/Ventana/images/12/{file_name}") == time


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        (("Ventana", "12", "https://a.org/x/y.png"), "Ventana 12"),
        (("Ventana", None, f"{STILLS}/a.png?size=1/2"), STILLS),
        ((None, None, "https://a.org/frames/b.png"), "https://a.org/frames"),
        ((None, None, "https://a.org/b.png"), None),
        ((None, "12", "https://a.org/b.png"), "12"),
        ((None, "12", ""), "12"),
        ((None, None, None), None),
    ],
)
def test_an_image_without_a_dive_goes_with_the_folder_of_its_url(
    origin: tuple[str | None, str | None, str | None], name: str | None
) -> None:
    assert dive_name(*origin) == name
