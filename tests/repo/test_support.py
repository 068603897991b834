"""What others take out of tests/support stands by itself."""

import subprocess
import sys

from dependencies import ROOT


def test_raw_peers_need_nothing_else():
    program = "import sys; sys.path[:] = [sys.argv[1], *sys.path[1:]]; import raw_rpc; raw_rpc.RawPeer"
    subprocess.run([sys.executable, "-c", program, str(ROOT / "tests" / "support")], check=True, cwd="/", timeout=60)
