"""Runs programs in control groups with a limit on memory, for the scripts that show what a limit does (Linux, both versions)."""

import collections
import contextlib
import os
import pathlib
import subprocess
import tempfile
import time

from load_memory import memory

# How a process ends that its group had no memory for.
KILLED = (-9, 137)

Run = collections.namedtuple("Run", "code output errors usage seconds peak anonymous")


class Group:
    """A control group with a limit on memory, of whichever version can be made."""

    def __init__(self, limit):
        self.throttled = []
        name = f"vptq-{os.getpid()}"
        trials = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
        for root, file in trials:
            path = pathlib.Path(root) / name
            with contextlib.suppress(OSError):
                path.mkdir()
                if (path / file).exists():
                    (path / file).write_text(str(limit))
                    self.path = path
                    return
                path.rmdir()
        raise SystemExit("no control group for memory can be made here; run this as root, or with `systemd-run --scope`")

    def enter(self):
        for path in [self.path, *self.throttled]:
            (path / "cgroup.procs").write_text(str(os.getpid()))

    def throttle(self, folder, bandwidth):
        """Limits what is read of the folder's device."""
        number = os.stat(folder).st_dev
        path = pathlib.Path("/sys/fs/cgroup/blkio") / self.path.name
        path.mkdir()
        self.throttled.append(path)
        (path / "blkio.throttle.read_bps_device").write_text(f"{os.major(number)}:{os.minor(number)} {bandwidth * 1_000_000}")

    def remove(self):
        for path in [self.path, *self.throttled]:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    path.rmdir()
                    break
                time.sleep(0.05)

    @property
    def peak(self):
        for name in ["memory.max_usage_in_bytes", "memory.peak"]:
            if (self.path / name).exists():
                return int((self.path / name).read_text())
        return 0


def empty_cache(folder):
    os.sync()
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def run(command, limit=None, throttle=None):
    """Runs a command to its end, in a group with a limit in bytes if one is given; `throttle` is a folder and how many megabytes a second
    are read of its device. `peak` is the most memory of the group, with pages of files, or without one of the process; `anonymous`
    is what it made itself of that, as samples saw it."""
    group = Group(limit) if limit else None
    if group and throttle:
        group.throttle(*throttle)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        process = subprocess.Popen(
            list(map(str, command)), stdout=output, stderr=errors, preexec_fn=group.enter if group else None)
        anonymous, ended = 0, 0
        while not ended:
            anonymous = max(anonymous, memory(process)[0])
            time.sleep(0.01)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = group.peak if group else usage.ru_maxrss * 1024
        if group:
            group.remove()
        output.seek(0)
        errors.seek(0)
        return Run(process.returncode, output.read().decode(), errors.read().decode().strip(), usage, seconds, peak, anonymous)
