#!/usr/bin/env python3
"""Measures Roundhouse against a mock upstream, next to the direct call and bare C++ servers in the same run.

Rounds are interleaved (every case once, then every case again, in the other direction), so that what the machine does
meanwhile hits all of them alike. Started by scripts/bench, which builds what is measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import signal
import sys
import tempfile
import time

import plan
import roundhouse
import table
from processes import BenchmarkError, Server
from results import QUIET_CORES, Results
from sampling import take

GROUPS = ("transport", "gateway", "telemetry", "footprint")
GATEWAY_GROUPS = {"gateway", "telemetry", "footprint"}
# Rows that ask a server of another name.
SERVERS = {"direct": "mock", "http": "roundhouse"}
CROWD_SECONDS = 30.0
SETTLE_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: float
    paced_seconds: float
    starts: int

    @staticmethod
    def chosen(quick: bool, rounds: int | None) -> Effort:
        effort = Effort(1, 1.0, 2.0, 3) if quick else Effort(5, 2.5, 4.0, 10)
        return dataclasses.replace(effort, rounds=rounds) if rounds else effort


class Bench:
    """One run: the servers it started, and what it found."""

    def __init__(self, options: argparse.Namespace, directory: pathlib.Path) -> None:
        self.tools: pathlib.Path = options.tools
        self.binary: pathlib.Path | None = options.roundhouse
        self.echo: pathlib.Path | None = options.transport_echo
        self.groups: list[str] = options.only
        self.effort = Effort.chosen(options.quick, options.rounds)
        self.directory = directory
        self.results = Results()
        self.servers: dict[str, Server] = {}

    def run(self) -> list[table.Line]:
        try:
            if self._gateway is not None:
                self._start("mock", [str(self.tools / "mock_upstream")])
            if self._gateway is not None and "footprint" in self.groups:
                self._measure_starts(self._gateway)
            cases = self._start_rows()
            self._warm_up(cases)
            for round_number in range(self.effort.rounds):
                self._say(f"round {round_number + 1} of {self.effort.rounds}")
                for case in cases if round_number % 2 == 0 else reversed(cases):
                    self._measure(case)
            if self._gateway is not None and "footprint" in self.groups:
                self._measure_crowd()
        finally:
            for server in self.servers.values():
                server.stop()
        return self._lines()

    @property
    def _gateway(self) -> pathlib.Path | None:
        return self.binary if GATEWAY_GROUPS & set(self.groups) else None

    def _start(self, row: str, command: list[str]) -> Server:
        self.servers[row] = Server(row, command, self.directory / f"{row}.log")
        return self.servers[row]

    def _start_rows(self) -> list[plan.Case]:
        """Starts the servers of the chosen groups and returns what to ask of them."""
        cases: list[plan.Case] = []
        if "transport" in self.groups:
            for kind in ("queue", "callback"):
                self._start(kind, [str(self.tools / "grpc_limit"), kind])
            rows = ["queue", "callback"]
            if self.echo is not None:
                self._start("transport", [str(self.echo)])
                rows.append("transport")
            cases += plan.transport_cases(rows)
        if {"gateway", "telemetry"} & set(self.groups) and self.binary is not None:
            self.servers["roundhouse"] = roundhouse.start(self.binary, self.directory, self._port("mock"))
            if "gateway" in self.groups:
                cases += plan.gateway_cases()
            if "telemetry" in self.groups:
                self.servers["unrecorded"] = roundhouse.start(
                    self.binary, self.directory, self._port("mock"), "unrecorded", telemetry=False
                )
                cases += [case for case in plan.telemetry_cases() if case not in cases]
        return cases

    def _port(self, row: str) -> int:
        if row in ("roundhouse", "unrecorded"):
            return roundhouse.port(self.servers[row])
        if row == "http":
            return roundhouse.port(self.servers["roundhouse"], "http")
        return int(str(self.servers["mock" if row == "direct" else row].ready["port"]))

    def _seconds(self, case: plan.Case) -> float:
        return self.effort.paced_seconds if case.long else self.effort.seconds

    def _measure(self, case: plan.Case, seconds: float | None = None, keep: bool = True) -> None:
        server = self.servers[SERVERS.get(case.row, case.row)]
        others = [self.servers["mock"]] if "mock" in self.servers else []
        arguments = [*case.arguments, "--port", str(self._port(case.row))]
        sample = take(self.tools / "load", arguments, seconds or self._seconds(case), server, others)
        if keep:
            self.results.add(case.key, sample)

    def _warm_up(self, cases: list[plan.Case]) -> None:
        for case in cases:
            if not case.long:
                self._measure(case, seconds=0.3, keep=False)

    def _measure_starts(self, binary: pathlib.Path) -> None:
        """Starts the gateway again and again: the first time makes its database and is not counted."""
        self._say(f"{self.effort.starts} starts")
        for attempt in range(self.effort.starts + 1):
            server = roundhouse.start(binary, self.directory, self._port("mock"))
            try:
                if attempt > 0:
                    self.results.start_seconds.append(server.start_seconds)
                    time.sleep(SETTLE_SECONDS)
                    self.results.idle_resident_bytes.append(server.resident_bytes())
            finally:
                server.stop()

    def _measure_crowd(self) -> None:
        """Memory under 512 streams: in a server that did nothing else before, once alone, once with a stuck client."""
        for case in plan.crowd_cases():
            self._say(case.scenario)
            if "roundhouse" in self.servers:
                self.servers.pop("roundhouse").stop()
            assert self.binary is not None
            self.servers["roundhouse"] = roundhouse.start(self.binary, self.directory, self._port("mock"))
            self._measure(case, seconds=CROWD_SECONDS)

    def _lines(self) -> list[table.Line]:
        lines: list[table.Line] = []
        if "transport" in self.groups:
            lines += table.transport_lines(self.results)
        if "gateway" in self.groups:
            lines += table.gateway_lines(self.results)
        if "telemetry" in self.groups:
            lines += table.telemetry_lines(self.results)
        if "footprint" in self.groups:
            lines += table.footprint_lines(self.results)
        return lines

    @staticmethod
    def _say(text: str) -> None:
        print(f"bench: {text}", file=sys.stderr, flush=True)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round: about a minute, good for a first look")
    parser.add_argument("--rounds", type=int, help="how many interleaved rounds (5; 1 with --quick)")
    parser.add_argument("--only", action="append", choices=GROUPS, help="measure this part; may be given again")
    parser.add_argument("--json", type=pathlib.Path, help="write every sample to this file")
    parser.add_argument("--tools", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--roundhouse", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--transport-echo", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.only = options.only or list(GROUPS)
    for name in ("tools", "roundhouse", "transport_echo"):
        path = getattr(options, name)
        setattr(options, name, path and path.resolve())
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds: expected 1 or more, got {options.rounds}")
    return options


def machine() -> str:
    """The processor and the kernel, in words."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}"


def report(bench: Bench, lines: list[table.Line]) -> int:
    """Prints the table; the exit code is 1 when an answer was wrong."""
    effort, results = bench.effort, bench.results
    print(f"{machine()}; {effort.rounds} round(s) of {effort.seconds:g} s; medians; CPU is the row's own process's")
    noise = results.noise()
    if noise > QUIET_CORES:
        print(f"The machine was not quiet: others used {noise:.1f} cores. Trust the ratios, not the times and rates.")
    print()
    print(table.render(lines))
    errors = results.errors()
    for text, count in errors.items():
        print(f"WRONG ANSWERS: {text} ({count})")
    stuck = [s.report["stuck"] for s in results.samples.get(("crowd beside a stuck client", "roundhouse"), [])]
    if stuck:
        print(f"The client that never read ended with: {'; '.join(status for ends in stuck for status in ends)}")
    return 1 if errors else 0


def main() -> int:
    options = parse(sys.argv[1:])
    # An orderly end on SIGTERM too: the exception passes through every `finally` that ends a process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="roundhouse-bench-") as directory:
        bench = Bench(options, pathlib.Path(directory))
        try:
            lines = bench.run()
        except BenchmarkError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130
    if options.json:
        options.json.write_text(json.dumps(bench.results.as_json(), indent=1) + "\n")
    return report(bench, lines)


if __name__ == "__main__":
    sys.exit(main())
