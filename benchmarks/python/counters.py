"""What another process spends: processor time by its clock, instructions in user space by perf_event_open(2)."""

import ctypes
import errno
import os
import platform
import struct
import time

INSTRUCTIONS = (0, 1)  # PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS
SYSTEM_CALLS = {"x86_64": 298, "aarch64": 241}  # numbers of perf_event_open
ATTRIBUTE_BYTES = 64  # PERF_ATTR_SIZE_VER0
READ_FORMAT = 1 | 2  # with the times that the counter was enabled and running
INHERIT, EXCLUDE_KERNEL, EXCLUDE_HYPERVISOR, INHERIT_THREAD = 1 << 1, 1 << 5, 1 << 6, 1 << 35
CLOSE_ON_EXEC = 8
STEADY_SECONDS = 0.002  # a process that spent nothing for so long is idle
IDLE_SECONDS = 2.0  # and is waited for so long at most

libc = ctypes.CDLL(None, use_errno=True)


class NotCounted(Exception):
    """The kernel or the machine has no such counter for us; says why."""


def opened_counter(thread, event, flags):
    if platform.machine() not in SYSTEM_CALLS:
        raise NotCounted(f"the number of perf_event_open on {platform.machine()} is not known here")
    kind, config = event
    attributes = struct.pack("=IIQQQQQ16x", kind, ATTRIBUTE_BYTES, config, 0, 0, READ_FORMAT, flags)
    descriptor = libc.syscall(SYSTEM_CALLS[platform.machine()], attributes, thread, -1, -1, CLOSE_ON_EXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "perf_event_open")
    return descriptor


def threads(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


class Counter:
    """An event on the threads that a process has and on those that they start; with `below`, also on processes that
    they start.  `NotCounted` where that is not possible."""

    def __init__(self, pid, below=False, event=INSTRUCTIONS):
        flags = INHERIT | EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR | (0 if below else INHERIT_THREAD)
        self.descriptors = []
        for thread in threads(pid):
            try:
                self.descriptors.append(opened_counter(thread, event, flags))
            except OSError as error:
                if error.errno == errno.ESRCH:  # a thread that has ended since
                    continue
                self.close()
                name = errno.errorcode.get(error.errno, error.errno)
                raise NotCounted(f"perf_event_open: {name}, {os.strerror(error.errno)}") from error

    def value(self):
        """So far.  Where the kernel had to share the counter with others it is scaled to all of the time."""
        total = 0
        for descriptor in self.descriptors:
            count, enabled, running = struct.unpack("=QQQ", os.read(descriptor, 24))
            total += count * enabled // running if running else 0
        return total

    def close(self):
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


def cpu_nanoseconds(pid):
    """All threads of a process, ended ones included: its clock, the sum of what schedstat has of each thread."""
    return time.clock_gettime_ns(~pid << 3 | 2)  # as clock_getcpuclockid(3) makes it, of CPUCLOCK_SCHED


class Meter:
    """What a server's front and, apart, its zygote and planners have spent.  Made when the server has started."""

    def __init__(self, server):
        self.server = server
        self.of_planners = {}  # pid: nanoseconds when last seen, kept when the planner has gone
        self.why_not = None
        self.counters = []
        try:
            self.counters.append(Counter(server.pid))
            self.counters += [Counter(pid, below=True) for pid in server.pids()[1:]]
        except NotCounted as error:
            self.why_not = str(error)
            self.close()

    def read(self):
        front = cpu_nanoseconds(self.server.pid)
        for pid in self.server.pids()[1:]:
            try:
                self.of_planners[pid] = cpu_nanoseconds(pid)
            except OSError:  # it has just ended
                pass
        spent = {"cpu": front / 1e9, "planner_cpu": sum(self.of_planners.values()) / 1e9}
        if self.counters:
            first, *others = [counter.value() for counter in self.counters]
            spent.update(instructions=first, planner_instructions=sum(others))
        return spent

    def settled(self):
        """`read` once the front has nothing left to do of what it was asked before."""
        end = time.monotonic() + IDLE_SECONDS
        before = cpu_nanoseconds(self.server.pid)
        while time.monotonic() < end:
            time.sleep(STEADY_SECONDS)
            now = cpu_nanoseconds(self.server.pid)
            if now == before:
                break
            before = now
        return self.read()

    def close(self):
        for counter in self.counters:
            counter.close()
        self.counters = []
