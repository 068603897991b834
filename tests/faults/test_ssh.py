"""`h5cap+ssh://` against a real sshd on loopback, with keys and configuration of its own.

Not covered: passwords, agents, other people's ssh configuration.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time

import h5cap
import numpy as np
import pytest
from support.sample import frame
from support.sanitizers import options_of_a_login
from support.served import children, client_python, program, quoted, wait_until

SSHD = shutil.which("sshd") or (os.access("/usr/sbin/sshd", os.X_OK) and "/usr/sbin/sshd")
pytestmark = pytest.mark.skipif(not SSHD or not shutil.which("ssh"), reason="no sshd on this machine")


class Sshd:
    def __init__(self, folder):
        for name in "host", "user":
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        shutil.copy(folder / "user.pub", folder / "authorized_keys")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {"PATH": f"{os.path.dirname(program('h5capd'))}:/usr/bin:/bin", **options_of_a_login()}
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {folder}/host\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\n"
            f"PidFile {folder}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
            f"LogLevel ERROR\n"
            f"SetEnv {' '.join(f'{name}={value}' for name, value in environment.items())}\n")
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {(folder / 'host.pub').read_text()}")
        # The client's ssh finds key and host key through a wrapper, as a user's ~/.ssh/config would let it.
        wrapper = folder / "bin" / "ssh"
        wrapper.parent.mkdir()
        wrapper.write_text(f"#!/bin/sh\nexec {shutil.which('ssh')} -F none -i {folder}/user -o IdentitiesOnly=yes "
                           f"-o UserKnownHostsFile={folder}/known_hosts -o BatchMode=yes \"$@\"\n")
        wrapper.chmod(0o755)
        self.path = str(wrapper.parent)
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")],
                                        stderr=open(folder / "log", "w"))
        assert wait_until(self.accepts, 10), (folder / "log").read_text()

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def url(self, path):
        return f"h5cap+ssh://{getpass.getuser()}@127.0.0.1:{self.port}" + quoted(str(path))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def sshd(tmp_path, monkeypatch):
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    running = Sshd(folder)
    monkeypatch.setenv("PATH", running.path + os.pathsep + os.environ["PATH"])
    yield running
    running.stop()


def test_reading_over_ssh(sshd, sample):
    url = sshd.url(sample)
    np.testing.assert_array_equal(h5cap.read(url, "/entry/gzip", (12,)), frame(12))
    with h5cap.File(url) as file:
        assert file["entry/title"][()] == b"a title"
        np.testing.assert_array_equal(file["entry/lz4"][40:43, 5], np.stack([frame(i)[5] for i in range(40, 43)]))
        np.testing.assert_array_equal(file["entry/raw"][()][199], frame(199))


def test_absent_over_ssh(sshd, tmp_path):
    with pytest.raises(FileNotFoundError):
        h5cap.File(sshd.url(tmp_path / "none.h5"))


def test_odd_name_over_ssh(sshd, sample, tmp_path):
    odd = tmp_path / "a b#[é]$(touch pwned);'\".h5"
    shutil.copy(sample, odd)
    assert h5cap.read(sshd.url(odd), "/entry/title", ()) == b"a title"
    assert not (tmp_path / "pwned").exists() and not os.path.exists("pwned")


def test_refused_key(sshd, sample, tmp_path):
    (tmp_path / "ssh" / "authorized_keys").write_text("")
    with pytest.raises(ConnectionError):
        h5cap.File(sshd.url(sample), timeout=20)


def test_hosts_that_look_like_options(tmp_path):
    """An address cannot smuggle options into the command line of ssh."""
    marker = tmp_path / "marker"
    command = f"-oProxyCommand=touch%20{marker}"
    for address in f"h5cap+ssh://{command}/x.h5", f"h5cap+ssh://{command}@host/x.h5":
        with pytest.raises((ValueError, OSError)):
            h5cap.File(address, timeout=5)
    time.sleep(0.2)
    assert not marker.exists()


def test_sessions_end(sshd, sample):
    """The remote h5capd ends with its client, also when that is killed."""
    client = subprocess.Popen([client_python(), "-c",
                               "import sys, h5cap; f = h5cap.File(sys.argv[1]); print(list(f), flush=True); "
                               "sys.stdin.read()",
                               sshd.url(sample)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "['entry']\n"
    assert remote_servers(sshd)
    client.kill()
    client.wait()
    assert wait_until(lambda: not remote_servers(sshd), 10)


def remote_servers(sshd):
    return [pid for pid in children(sshd.process.pid) if "h5capd" in command(pid)]


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as words:
            return words.read()
    except OSError:
        return ""
