"""A listing is complete or says who lacks which role."""

from __future__ import annotations

import pytest
from fathomnet_voxel51.errors import SetupError

from tests.media.gcs.jobs import SMALL, do
from tests.media.server import Fault
from tests.media.sink import Sink
from tests.media.sink_faults import EXPIRED, LISTING, RESET, answer


@pytest.mark.parametrize(
    "faults",
    [
        (answer(503, "0"), answer(500), answer(429), answer(408)),
        (RESET, RESET, RESET),
        (EXPIRED,),
    ],
)
def test_a_page_that_fails_is_asked_for_again(sink: Sink, faults: tuple[Fault, ...]) -> None:
    sink.add("fathomnet/x/a.png", SMALL)
    sink.faults[LISTING] = list(faults)
    assert list(do(sink, lambda store: store.listing("x"))) == ["a.png"]


def test_a_bucket_that_may_not_be_listed_says_who_lacks_which_role(guarded: Sink) -> None:
    guarded.refused.add("storage.objects.list")
    with pytest.raises(SetupError) as raised:
        do(guarded, lambda store: store.listing("x"))
    account = "uploader@deep-sea-tests.iam.gserviceaccount.com"
    assert f"{account} may not list the bucket deep-sea" in str(raised.value)
    assert f"--member=serviceAccount:{account} --role=roles/storage.objectAdmin" in str(
        raised.value
    )
