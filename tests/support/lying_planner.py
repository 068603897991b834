"""A planner that says what it is told.  A file holds the name of a folder of answers, one for each kind of question.

    lies = Lies(tmp_path)
    lies.file(folder / "lie.h5", {"storage": "(storage = (contiguous = (address = 0, size = 8)))"})
    Server(..., environment=lies.environment)

Answers are in the notation of the `capnp` tool; `{"chunks": b"..."}` is sent as it is.  What a lie does not say is said
as `HONEST` says it.  It speaks the protocol of capnp/h5cap/planner.capnp and server/planner-pool/zygote-protocol.h.
"""

import array
import hashlib
import os
import re
import socket
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = ["-I/usr/include", f"-I{ROOT}/capnp", f"{ROOT}/capnp/h5cap/planner.capnp"]
KINDS = ("open snapshot resolve describe links attributes attribute storage chunks elements refresh "
         "dereference").split()


def node(**changes):
    """/x: 4 bytes, as they are in the file from byte 64 on."""
    fields = {"id": "77", "kind": "dataset", "attributesComplete": "true", "referenceCount": "1",
              "dataset": dataset(), **changes}
    return "(" + ", ".join(f"{name} = {value}" for name, value in fields.items() if value is not None) + ")"


def dataset(**changes):
    fields = {"type": "(size = 1, integer = (precision = 8))", "space": "(simple = [4])", "layout": "contiguous",
              **changes}
    return "(" + ", ".join(f"{name} = {value}" for name, value in fields.items() if value is not None) + ")"


ROOT_NODE = '(id = 1, kind = group, linkCount = 1, linksComplete = true, attributesComplete = true, ' \
            'links = [(name = "x", hard = 77, kind = dataset)])'
LINK = '(name = "x", hard = 77, kind = dataset)'
ATTRIBUTE = '(name = "a", type = (size = 1, integer = (precision = 8)), space = (simple = [2]), ' \
            'value = (elements = "ab"))'
HONEST = {
    "open": "(opened = (rootId = 1, size = 1000))",
    "snapshot": f"(snapshot = (nodes = [{ROOT_NODE}, {node()}]))",
    "resolve": f"(resolved = (node = {node()}))",
    "describe": f"(node = {node()})",
    "links": f"(links = (page = [{LINK}], total = 1))",
    "attributes": f"(attributes = (attributePage = [{ATTRIBUTE}], attributeTotal = 1))",
    "attribute": f"(attribute = {ATTRIBUTE})",
    "storage": "(storage = (contiguous = (address = 64, size = 4)))",
    "chunks": "(chunks = [(address = 64, size = 4)])",
    "elements": '(elements = (packed = "abcd"))',
    "refresh": "(refreshed = true)",
    "dereference": f'(dereferenced = (target = {node()}, path = "/x", stored = (none = void)))',
}


class Lies:
    def __init__(self, folder):
        self.folder, self.encoded = folder, {}
        described = subprocess.run(["capnp", "compile", *SCHEMA[:2], "-ocapnp", SCHEMA[2]], stdout=subprocess.PIPE,
                                   text=True, check=True).stdout
        tag = int(re.search(r"struct PlannerRequest.*?tag bits \[(\d+)", described, re.S)[1]) // 8
        planner = folder / "planner"
        planner.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{os.path.abspath(__file__)}' {tag}\n")
        planner.chmod(0o755)
        self.environment = {"H5CAP_PLANNER": str(planner)}

    def file(self, path, answers, size=1000):
        """A file of which planners say this."""
        answers = {**HONEST, **answers}
        named = self.folder / hashlib.sha256(repr(sorted(answers.items())).encode()).hexdigest()[:16]
        if not named.exists():
            named.mkdir()
            for kind, answer in answers.items():
                (named / kind).write_bytes(answer if isinstance(answer, bytes) else self.encode(answer))
        path.write_bytes(str(named).encode().ljust(size, b"\0"))

    def encode(self, text):
        if text not in self.encoded:
            done = subprocess.run(["capnp", "encode", *SCHEMA, "PlannerReply"], input=text.encode(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert done.returncode == 0, done.stderr.decode()
            self.encoded[text] = done.stdout
        return self.encoded[text]


def serve(channel, where, tag):
    with channel.makefile("rb") as asked:
        while head := asked.read(4):
            segments = struct.unpack("<I", head)[0] + 1
            sizes = asked.read(4 * segments + (0 if segments % 2 else 4))
            body = asked.read(8 * sum(struct.unpack(f"<{segments}I", sizes[:4 * segments])))
            at = 8 + 8 * (struct.unpack_from("<i", body)[0] >> 2) + tag
            with open(os.path.join(where, KINDS[struct.unpack_from("<H", body, at)[0]]), "rb") as answer:
                channel.sendall(answer.read())


def main(tag):
    front = socket.socket(fileno=3)
    front.send(b"1.10.8-liar".ljust(32, b"\0"))
    while True:
        asked, extra, _, _ = front.recvmsg(64, socket.CMSG_SPACE(8))
        if not asked:
            return
        given = array.array("i")
        given.frombytes(extra[0][2][:8])
        pid = os.fork()
        if pid == 0:
            front.close()
            try:
                where = os.pread(given[0], 4096, 0).rstrip(b"\0").decode()
                serve(socket.socket(fileno=given[1]), where, tag)
            finally:
                os._exit(0)
        handle = os.pidfd_open(pid)
        front.sendmsg([struct.pack("<ii", 0, pid)],
                      [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [handle]))])
        for descriptor in (handle, *given):
            os.close(descriptor)


if __name__ == "__main__":
    main(int(sys.argv[1]))
