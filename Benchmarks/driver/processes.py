"""Child processes of the benchmark: started with a ready line, measured through /proc, always ended by their id."""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import select
import signal
import subprocess
import time
from typing import BinaryIO

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class BenchmarkError(Exception):
    """The benchmark cannot go on; the text says why and what to do."""


def _end_with_parent() -> None:
    """In the child, before exec: it gets SIGKILL should this driver be killed before it can clean up."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start_process(command: list[str], errors: BinaryIO | int) -> subprocess.Popen[bytes]:
    """Starts a child whose stdout is a pipe and that cannot outlive this driver."""
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, preexec_fn=_end_with_parent
        )
    except OSError as error:
        raise BenchmarkError(f"cannot start {command[0]}: {error.strerror}") from error


class Server:
    """A process that prints one JSON line `{"event":"ready",...}` on stdout once it serves."""

    def __init__(self, name: str, command: list[str], log: pathlib.Path, ready_seconds: float = 30) -> None:
        self.name = name
        self.log = log
        started = time.monotonic()
        with log.open("wb") as errors:
            self.process = start_process(command, errors)
        try:
            self.ready = self._read_ready_line(started + ready_seconds)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - started

    def _read_ready_line(self, deadline: float) -> dict[str, object]:
        stdout = self.process.stdout
        assert stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise BenchmarkError(f"{self.name} is not ready in time\n{self.log_tail()}")
            piece = os.read(stdout.fileno(), 4096)
            if not piece:
                raise BenchmarkError(f"{self.name} ended before it was ready\n{self.log_tail()}")
            line += piece
        ready = json.loads(line)
        if ready.get("event") != "ready":
            raise BenchmarkError(f"{self.name}: expected a ready line, got {line!r}")
        return ready

    def log_tail(self) -> str:
        """The last lines of its stderr."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join(f"  {self.name}: {line}" for line in lines)

    def cpu_seconds(self) -> float:
        """User and system time of all its threads, those that ended included."""
        fields = self._proc("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        return int(self._proc("statm").split()[1]) * PAGE_BYTES

    def _proc(self, file: str) -> str:
        try:
            return pathlib.Path(f"/proc/{self.process.pid}/{file}").read_text()
        except OSError as error:
            raise BenchmarkError(f"{self.name} has ended\n{self.log_tail()}") from error

    def stop(self) -> int:
        """Ends it: SIGTERM, and SIGKILL after five seconds. Returns the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        code = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def machine_busy_seconds() -> float:
    """Processor time that anyone on this machine has used."""
    user, nice, system, _idle, _iowait, interrupts, soft, steal = (
        int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + interrupts + soft + steal) / TICKS_PER_SECOND
