"""Parameters that cannot be meant are named before anything moves."""

from __future__ import annotations

from pathlib import Path

import pytest
from fathomnet_voxel51.errors import InputError, SetupError
from fathomnet_voxel51.media.transfer import download_images, upload_images

from tests.media.jobs import write_coco
from tests.media.origin import Origin
from tests.media.sink import Sink
from tests.media.transfer.runs import counts, download, outcomes, upload


class TestWrongParameters:
    @pytest.mark.parametrize(
        ("values", "place"),
        [
            ({"split": "dev"}, "split"),
            ({"media_root": ""}, "media_root"),
            ({"media_root": "s3://bucket/x"}, "media_root"),
            ({"media_root": "gs://UPPER/x"}, "media_root"),
            ({"annotations": ""}, "annotations"),
            ({"limit": 0}, "limit"),
            ({"concurrency": 0}, "concurrency"),
            ({"shard": "5"}, "shard"),
            ({"shard": "5/4"}, "shard"),
            ({"shard": "a/b"}, "shard"),
        ],
    )
    def test_are_named_before_anything_moves(
        self, values: dict[str, object], place: str, catalog: str, tmp_path: Path
    ) -> None:
        given = {"annotations": catalog, "split": "train", "media_root": str(tmp_path / "m")}
        with pytest.raises(InputError, match=place):
            upload_images(**given | values)
        assert not (tmp_path / "m").exists()

    def test_a_bucket_is_no_destination_of_a_download(self, catalog: str) -> None:
        with pytest.raises(InputError, match="destination"):
            download_images(catalog, "train", "gs://bucket/x")

    def test_a_source_is_urls_or_a_bucket(self, catalog: str, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="source"):
            download_images(catalog, "train", str(tmp_path / "m"), source=str(tmp_path))

    def test_an_image_without_a_url_is_told(self, tmp_path: Path) -> None:
        catalog = write_coco(tmp_path / "coco.json", {"a.png": ""})
        result = download(catalog, tmp_path / "m")
        assert counts(result) == {"failed": 1}
        assert "URL" in str(outcomes(result)["a.png"]["reason"])

    def test_a_bucket_that_is_not_there_is_told_at_once(
        self, catalog: str, sink: Sink, origin: Origin
    ) -> None:
        with pytest.raises(SetupError, match="no-such-bucket"):
            upload(catalog, "gs://no-such-bucket/x")
        assert not origin.seen.requests
