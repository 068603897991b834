"""The roads: each is a line, and has the whole of suite.py.  Those that combine others are where limits meet.

Some originals of every simple road are read in CI, of a few roads with `tools/test --fast`, and all with `--long`.
"""

import layouts
import pytest
import ways
from suite import ValuesSuite, scene  # noqa: F401  (the fixture)


class TestDirect(ValuesSuite):
    """The file that has them."""


@pytest.mark.slow
class TestVirtual(layouts.Virtual, ValuesSuite):
    pass


class TestVirtualPieces(layouts.VirtualPieces, ValuesSuite):
    pass


@pytest.mark.slow
class TestVirtualInterleaved(layouts.VirtualInterleaved, ValuesSuite):
    pass


@pytest.mark.slow
class TestVirtualReshaped(layouts.VirtualReshaped, ValuesSuite):
    pass


@pytest.mark.slow
class TestNestedVirtual(layouts.NestedVirtual, ValuesSuite):
    pass


@pytest.mark.slow
class TestConvertedVirtual(layouts.ConvertedVirtual, ValuesSuite):
    pass


@pytest.mark.slow
class TestExternalLink(layouts.ExternalLink, ValuesSuite):
    pass


class TestExternalRaw(layouts.ExternalRaw, ValuesSuite):
    pass


@pytest.mark.slow
class TestDiskCached(ways.DiskCached, ValuesSuite):
    pass


@pytest.mark.slow
class TestDiskCacheLoses(ways.DiskCacheLoses, ValuesSuite):
    pass


@pytest.mark.slow
class TestServerCacheTiny(ways.ServerCacheTiny, ValuesSuite):
    pass


@pytest.mark.slow
class TestMasked(ways.Masked, ValuesSuite):
    pass


@pytest.mark.slow
class TestCut(ways.Cut, ValuesSuite):
    pass


@pytest.mark.slow
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
