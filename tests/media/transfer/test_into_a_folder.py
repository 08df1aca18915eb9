"""Images move into a folder from their URLs or from the bucket, and what is there is kept."""

from __future__ import annotations

from pathlib import Path

from tests.media import origin as replies
from tests.media.origin import Origin
from tests.media.sink import Sink
from tests.media.transfer.runs import ROOT, counts, download, in_folder, upload


class TestIntoAFolder:
    def test_from_urls_byte_for_byte_and_not_again(
        self, catalog: str, tmp_path: Path, origin: Origin, images: dict[str, bytes]
    ) -> None:
        assert counts(download(catalog, tmp_path / "m")) == {"stored": len(images)}
        assert in_folder(tmp_path / "m") == images
        asked = origin.seen.requests.copy()
        assert counts(download(catalog, tmp_path / "m")) == {"present": len(images)}
        assert counts(upload(catalog, str(tmp_path / "m"))) == {"present": len(images)}
        assert origin.seen.requests == asked

    def test_from_the_bucket(
        self, catalog: str, sink: Sink, tmp_path: Path, origin: Origin, images: dict[str, bytes]
    ) -> None:
        origin.script["05.png"] = [replies.status(404)]
        upload(catalog)
        asked = origin.seen.requests.copy()
        result = download(catalog, tmp_path / "m", source=ROOT)
        assert counts(result) == {"stored": len(images) - 1, "missing": 1}
        assert in_folder(tmp_path / "m") == {n: c for n, c in images.items() if n != "05.png"}
        assert origin.seen.requests == asked
        again = download(catalog, tmp_path / "m", source=ROOT)
        assert counts(again) == {"present": len(images) - 1, "missing": 1}

    def test_what_somebody_downloaded_before_is_compared_and_kept(
        self, catalog: str, tmp_path: Path, images: dict[str, bytes]
    ) -> None:
        folder = tmp_path / "m" / "train_images"
        folder.mkdir(parents=True)
        (folder / "00.png").write_bytes(images["00.png"])
        (folder / "01.png").write_bytes(images["01.png"][:5_000])
        before = (folder / "00.png").stat().st_ino
        result = download(catalog, tmp_path / "m")
        assert counts(result) == {"present": 1, "stored": len(images) - 1}
        assert in_folder(tmp_path / "m") == images
        assert (folder / "00.png").stat().st_ino == before
