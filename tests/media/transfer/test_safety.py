"""No name, link or URL leads a transfer where it may not go, and no signature is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from fathomnet_voxel51.errors import InputError

from tests.media import origin as replies
from tests.media.jobs import write_coco
from tests.media.origin import Origin
from tests.media.transfer.runs import counts, download, outcomes


class TestSafety:
    def test_private_hosts_are_refused_unless_allowed(
        self, catalog: str, tmp_path: Path, origin: Origin, images: dict[str, bytes]
    ) -> None:
        result = download(catalog, tmp_path / "m", allow_private_hosts=False)
        assert counts(result) == {"rejected": len(images)}
        assert "public internet" in str(outcomes(result)["00.png"]["reason"])
        assert not origin.seen.requests
        assert outcomes(result)["00.png"]["attempts"] == 1

    def test_no_signature_is_written_down(
        self, origin: Origin, images: dict[str, bytes], tmp_path: Path
    ) -> None:
        urls = {
            name: f"{origin.url(name)}?X-Goog-Signature=secret{n}" for n, name in enumerate(images)
        }
        origin.script["05.png"] = [replies.html()] * 20
        catalog = write_coco(tmp_path / "coco.json", urls)
        labels: list[str] = []
        download(catalog, tmp_path / "m", progress=lambda share, label: labels.append(label))
        written = [path.read_bytes() for path in (tmp_path / "m" / "ledgers").iterdir()]
        assert not any(b"secret" in text for text in written)
        assert not any("secret" in label for label in labels)

    @pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png", "..\\x.png"])
    def test_names_that_would_leave_the_folder_are_refused_before_anything_moves(
        self, name: str, origin: Origin, tmp_path: Path
    ) -> None:
        catalog = write_coco(tmp_path / "coco.json", {name: origin.url("00.png")})
        with pytest.raises(InputError, match="file_name"):
            download(catalog, tmp_path / "m")
        assert not (tmp_path / "m").exists() and not origin.seen.requests

    def test_a_link_that_leads_out_of_the_folder_is_not_followed(
        self, catalog: str, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (tmp_path / "m" / "train_images").mkdir(parents=True)
        (tmp_path / "m" / "train_images" / "deep").symlink_to(outside)
        assert counts(download(catalog, tmp_path / "m")) == {"stored": 12, "rejected": 1}
        assert not list(outside.iterdir())
