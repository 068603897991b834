"""Round trips and bytes: by the client's own count, and from outside by the clock over 50 ms of delay and by a proxy's
bytes.

A round trip over the delaying proxy takes 2 x 25 ms, whatever the client believes.  (Counting a proxy's changes of
direction would not do: a client says that it is done with an answer while the next one is on its way.)  Not covered:
TCP's own start-up behaviour (the proxy has none).
"""

import os
import time

import h5cap
import numpy as np
import pytest
from support.proxy import Proxy
from support.sample import frame

ROUND_TRIP_SECONDS = 0.050
SLACK = 0.6  # of a round trip: what the programs themselves may take on a loaded machine


@pytest.fixture(params=[0, 25], ids=["counted", "50 ms"])
def proxy(request, server):
    with Proxy(server.socket, delay_ms=request.param) as running:
        yield running


class Counted:
    """Counts the round trips of what happens inside."""

    def __init__(self, proxy):
        self.proxy, self.session = proxy, h5cap.connect(proxy.url())
        self.session.ping()

    def __enter__(self):
        settle(self.proxy)
        self.proxy.reset()
        self.before, self.start = round_trips(self.session), time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.start
        self.trips = round_trips(self.session) - self.before

    def were(self, count):
        assert self.trips == count, f"{self.trips} round trips by the client's count, not {count}"
        if self.proxy.delay:
            by_clock = self.seconds / (2 * self.proxy.delay)
            said = f"{by_clock:.2f} round trips by the clock, not {count}"
            assert count <= by_clock + 0.01, said
            # Where programs wait for a processor, the clock says more than there was.
            assert by_clock < count + SLACK or os.getloadavg()[0] > os.cpu_count(), said


def round_trips(session):
    return session.traffic()["round_trips"]


def settle(proxy):
    time.sleep(0.05 + 4 * proxy.delay)


def test_read_is_one_round_trip(proxy, server, folder):
    """`read` of a file that is not open, on a held connection."""
    (folder / "other.h5").write_bytes((folder / "sample.h5").read_bytes())
    h5cap.read(proxy.url("data/other.h5"), "/entry/title", ())
    with Counted(proxy) as counted:
        got = h5cap.read(proxy.url("data/sample.h5"), "/entry/raw", (5, slice(0, 64), slice(0, 64)))
    counted.were(1)
    np.testing.assert_array_equal(got, frame(5)[:64, :64])


def test_file_is_one_round_trip_and_browsing_none(proxy, server):
    with Counted(proxy) as counted:
        file = h5cap.File(proxy.url("data/sample.h5"))
    counted.were(1)
    with Counted(proxy) as counted:
        assert list(file) == ["entry"]
        entry = file["entry"]
        assert entry.attrs["NX_class"] == "NXentry"
        assert sorted(entry) == ["contiguous", "gzip", "lz4", "names", "raw", "soft", "title"]
        assert entry["raw"].shape == (200, 128, 128) and entry["gzip"].chunks == (1, 128, 128)
        assert entry["raw"].dtype == np.uint16
        assert "none" not in entry and isinstance(entry.get("soft", getlink=True), h5cap.SoftLink)
        assert entry["soft"].shape == (200, 128, 128)
    counted.were(0)
    assert proxy.up == 0
    for name in "raw", "gzip", "contiguous", "lz4", "soft":
        data = entry[name]
        with Counted(proxy) as counted:
            got = data[9]
        counted.were(1)
        np.testing.assert_array_equal(got, frame(9))


def test_a_large_read_is_not_a_chain(proxy, server):
    """6.5 MB: tiles are asked for side by side, so the delay counts once or twice and not per tile."""
    if not proxy.delay:
        pytest.skip("the clock counts here")
    data = h5cap.File(proxy.url("data/sample.h5"))["entry/raw"]
    with Counted(proxy) as counted:
        got = data[()]
    assert counted.seconds < 4 * ROUND_TRIP_SECONDS
    np.testing.assert_array_equal(got[150], frame(150))


@pytest.mark.parametrize("name", ["raw", "gzip", "lz4", "contiguous"])
def test_bytes_of_a_small_slice(name, server):
    """64 x 64 pixels of 16 bits are 8 KiB; 4 KiB more are allowed, in both directions together."""
    with Proxy(server.socket) as proxy:
        data = h5cap.File(proxy.url("data/sample.h5"))["entry"][name]
        settle(proxy)
        proxy.reset()
        got = data[17, 30:94, 40:104]
        settle(proxy)
        assert got.nbytes == 8192
        assert proxy.up + proxy.down <= 12288, f"{proxy.up} up, {proxy.down} down"
        np.testing.assert_array_equal(got, frame(17)[30:94, 40:104])


def test_bytes_of_a_small_slice_from_nothing(server):
    """The same on a held connection with the file not yet open."""
    with Proxy(server.socket) as proxy:
        session = h5cap.connect(proxy.url())
        session.listdir("")
        settle(proxy)
        proxy.reset()
        h5cap.read(proxy.url("data/sample.h5"), "/entry/gzip", (17, slice(30, 94), slice(40, 104)))
        settle(proxy)
        assert proxy.up + proxy.down <= 12288, f"{proxy.up} up, {proxy.down} down"


def test_composing_views_sends_nothing(server):
    with Proxy(server.socket) as proxy:
        file = h5cap.File(proxy.url("data/sample.h5"))
        settle(proxy)
        proxy.reset()
        data = file["entry/raw"]
        len(data), data.nbytes, data.size, data.ndim, data.maxshape, repr(data), data.name, data.parent
        settle(proxy)
        assert (proxy.up, proxy.down) == (0, 0)


def test_negative_control(server):
    """Both counts do see what they count: two dependent reads are two round trips, and 16 KiB are more than 12."""
    with Proxy(server.socket, delay_ms=25) as proxy:
        data = h5cap.File(proxy.url("data/sample.h5"))["entry/raw"]
        with Counted(proxy) as counted:
            data[1, :64, :64]
            data[2, :64, :64]
        assert counted.trips == 2 and counted.seconds >= 2 * ROUND_TRIP_SECONDS
        assert proxy.up + proxy.down > 12288
        with pytest.raises(AssertionError):
            counted.were(1)
