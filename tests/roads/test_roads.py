"""The roads: each is a line, and has the whole of suite.py.  Those that combine others are where limits meet."""

import layouts
import pytest
import ways
from suite import ValuesSuite, scene  # noqa: F401  (the fixture)


class TestDirect(ValuesSuite):
    """The file that has them."""


class TestVirtual(layouts.Virtual, ValuesSuite):
    pass


class TestVirtualPieces(layouts.VirtualPieces, ValuesSuite):
    pass


class TestVirtualInterleaved(layouts.VirtualInterleaved, ValuesSuite):
    pass


class TestVirtualReshaped(layouts.VirtualReshaped, ValuesSuite):
    pass


class TestNestedVirtual(layouts.NestedVirtual, ValuesSuite):
    pass


class TestConvertedVirtual(layouts.ConvertedVirtual, ValuesSuite):
    pass


class TestExternalLink(layouts.ExternalLink, ValuesSuite):
    pass


class TestExternalRaw(layouts.ExternalRaw, ValuesSuite):
    pass


class TestDiskCached(ways.DiskCached, ValuesSuite):
    pass


class TestDiskCacheLoses(ways.DiskCacheLoses, ValuesSuite):
    pass


class TestServerCacheTiny(ways.ServerCacheTiny, ValuesSuite):
    pass


class TestMasked(ways.Masked, ValuesSuite):
    pass


class TestCut(ways.Cut, ValuesSuite):
    pass


class TestRestarted(ways.Restarted, ValuesSuite):
    pass


@pytest.mark.long
class TestCutVirtualPieces(ways.Cut, layouts.VirtualPieces, ValuesSuite):
    pass


@pytest.mark.long
class TestMaskedNestedVirtual(ways.Masked, layouts.NestedVirtual, ValuesSuite):
    pass


@pytest.mark.long
class TestDiskCachedConvertedVirtual(ways.DiskCached, layouts.ConvertedVirtual, ValuesSuite):
    pass


@pytest.mark.long
class TestRestartedExternalLink(ways.Restarted, layouts.ExternalLink, ValuesSuite):
    pass
