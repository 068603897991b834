"""Makes the n-th call of a system function fail, stall or fall short in programs that run with `environment`.

    with NthCall() as calls, Server(..., environment=calls.environment):
        for trial in calls.trials("pread", "h5capd", FAIL, errno.EIO):
            ...                                   # until a trial passes in which nothing was done
"""

import mmap
import os
import shutil
import struct
import subprocess
import tempfile

from support.served import preloaded

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nth-call.c")
FAIL, STALL, SHORTEN = range(3)
LAYOUT = struct.Struct("<16s32s32sIIQQQQ")
NOTHING = LAYOUT.pack(b"", b"", b"", 0, 0, 0, 0, 0, 0)
MOST_TRIALS = 400


class NthCall:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="h5cap-nth-")
        library, control = (os.path.join(self.folder, name) for name in ("nth-call.so", "control"))
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
        with open(control, "w+b") as file:
            file.write(NOTHING)
            file.flush()
            self.control = mmap.mmap(file.fileno(), LAYOUT.size)
        self.environment = {"LD_PRELOAD": preloaded(library), "H5CAP_NTH_CALL": control}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.forget()
        self.control.close()
        shutil.rmtree(self.folder)

    def arm(self, call, program, way, error, n, caller=""):
        self.control[:] = LAYOUT.pack(b"", program.encode(), caller.encode(), way, error, n, 0, 0, 0)
        self.control[:16] = call.encode().ljust(16, b"\0")

    def forget(self):
        """Nothing happens any more, and what stalls goes on; what was counted stays."""
        self.control[:16] = bytes(16)

    def _counted(self, index):
        return LAYOUT.unpack(self.control[:])[index]

    seen = property(lambda self: self._counted(6))
    fired = property(lambda self: self._counted(7))
    stalled = property(lambda self: self._counted(8))

    def trials(self, call, program, way, error=0, caller="", most=MOST_TRIALS):
        """Numbers from one on, each armed while the loop's body runs, until nothing was done in one."""
        for n in range(1, most + 1):
            self.arm(call, program, way, error, n, caller)
            try:
                yield n
            finally:
                self.forget()
            if not self.fired:
                return
        raise AssertionError(f"{call} was called more than {most} times")
