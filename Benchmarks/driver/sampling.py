"""One sample: a run of the load client against one server, with what everybody's processors did meanwhile."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import time

from processes import BenchmarkError, Server, machine_busy_seconds, start_process

RESIDENT_POLL_SECONDS = 0.05
# Beyond its own time limit the client gets this long for what is in flight (it gives up after 30 seconds itself).
CLIENT_GRACE_SECONDS = 45.0


@dataclasses.dataclass
class Sample:
    """What one run showed."""

    report: dict
    """The load client's own report."""
    cpu_seconds: float
    """Processor time of the server under test."""
    wall_seconds: float
    noise: float
    """Cores in use by processes that have no part in the sample."""
    resident_bytes: int
    """The most memory that the server held."""

    @property
    def requests(self) -> int:
        return self.report["requests"]

    @property
    def errors(self) -> int:
        return self.report["errors"]

    @property
    def microseconds_per_request(self) -> float:
        return self.cpu_seconds * 1e6 / max(1, self.requests)

    @property
    def microseconds_per_token(self) -> float:
        return self.cpu_seconds * 1e6 / max(1, self.report["tokens"])

    def figure(self, name: str, part: str) -> float | None:
        """A percentile of one of the report's distributions, in microseconds."""
        distribution = self.report.get(name)
        return distribution[part] if distribution else None


def take(load: pathlib.Path, arguments: list[str], seconds: float, server: Server, others: list[Server]) -> Sample:
    """Runs the load client and measures `server`; the time of `others` counts as part of the sample, not as noise."""
    watched = [server, *(other for other in others if other is not server)]
    before = [process.cpu_seconds() for process in watched]
    busy, started = machine_busy_seconds(), time.monotonic()
    resident = server.resident_bytes()
    client = start_process([str(load), *arguments, "--seconds", str(seconds)], subprocess.PIPE)
    try:
        output, complaints, resident = _watch(client, server, resident, started + seconds + CLIENT_GRACE_SECONDS)
    finally:
        if client.poll() is None:
            client.kill()
            client.wait()
    wall = time.monotonic() - started
    used = [process.cpu_seconds() - earlier for process, earlier in zip(watched, before)]
    if client.returncode not in (0, 1):
        raise BenchmarkError(f"load {' '.join(arguments)}: {complaints.decode().strip()}\n{server.log_tail()}")
    report = json.loads(output)
    others_busy = machine_busy_seconds() - busy - sum(used) - report["client_cpu_seconds"]
    return Sample(report, used[0], wall, max(0.0, others_busy / wall), resident)


def _watch(
    client: subprocess.Popen[bytes], server: Server, resident: int, deadline: float
) -> tuple[bytes, bytes, int]:
    """Waits for the client and keeps an eye on the server's memory."""
    while True:
        try:
            output, complaints = client.communicate(timeout=RESIDENT_POLL_SECONDS)
            return output, complaints, resident
        except subprocess.TimeoutExpired:
            resident = max(resident, server.resident_bytes())
            if time.monotonic() > deadline:
                raise BenchmarkError("the load client does not end") from None
