"""The one table that scripts/bench prints: what was measured, beside the budget and the limits of the same run."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable

from results import Results

MEBIBYTE = 1 << 20


@dataclasses.dataclass
class Line:
    """A row of the table. Budgets are upper bounds in the value's own unit."""

    what: str
    unit: str
    value: float | None
    budget: float | None = None
    goal: float | None = None
    beside: str = ""
    """The limits or the direct call, measured in the same rounds."""

    def cells(self) -> list[str]:
        budget = "-" if self.budget is None else f"<= {self.budget:g}"
        if self.goal is not None:
            budget += f" (goal {self.goal:g})"
        return [self.what, f"{number(self.value)} {self.unit}".rstrip(), budget, self.verdict(), self.beside]

    def verdict(self) -> str:
        if self.value is None or self.budget is None:
            return "-"
        if self.value < 0:
            return "noise"  # No gateway is faster than none: the direct call had the worse luck.
        if self.goal is not None and self.value <= self.goal:
            return "goal met"
        return "met" if self.value <= self.budget else "**missed**"


def number(value: float | None) -> str:
    """Three digits that matter, thousands apart; `-` for what was not measured."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def ratio(value: float | None, to: float | None) -> float | None:
    return value / to if value is not None and to else None


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _mebibytes(value: float | None) -> float | None:
    return None if value is None else value / MEBIBYTE


def transport_lines(results: Results) -> list[Line]:
    """GRPCTransport against bare C++, bytes only."""
    one, echo, stream, hinted = "echo c1", "echo c32", "echo stream c32", "echo stream hinted c32"
    ours, queue, callback = (results.cpu_per_request(echo, row) for row in ("transport", "queue", "callback"))
    message, least = results.cpu_per_token(stream, "transport"), results.cpu_per_token(hinted, "queue")

    def limits(figure: Callable[[str], float | None]) -> str:
        return f"C++ queue {number(figure('queue'))}, callback {number(figure('callback'))}"

    def messages(row: str) -> str:
        return "/".join(number(results.cpu_per_token(scenario, row)) for scenario in (hinted, stream))

    streamed = f"hinted/plain: C++ queue {messages('queue')}, callback {messages('callback')}"

    return [
        Line("echo through GRPCTransport, CPU", "us", ours, beside=limits(lambda r: results.cpu_per_request(echo, r))),
        Line("- ratio to the C++ queue server", "x", ratio(ours, queue), budget=1.6),
        Line("- ratio to the C++ callback server", "x", ratio(ours, callback), budget=1.0),
        Line("streamed message through GRPCTransport, CPU", "us", message, beside=streamed),
        Line("- ratio to the C++ queue server, hinted", "x", ratio(message, least), budget=1.5),
        *(
            Line(
                f"echo at concurrency 1, {part}",
                "us",
                results.latency(one, "transport", part),
                beside=limits(lambda r, part=part: results.latency(one, r, part)),
            )
            for part in ("p50", "p99")
        ),
        Line(
            "echo at concurrency 32",
            "/s",
            results.rate(echo, "transport", "requests"),
            beside=limits(lambda r: results.rate(echo, r, "requests")),
        ),
    ]


@dataclasses.dataclass(frozen=True)
class Added:
    """A latency of the gateway less that of the direct call, with budget and goal for each percentile."""

    what: str
    scenario: str
    of: str = "latency_us"
    p50: tuple[float | None, float | None] = (None, None)
    p99: tuple[float | None, float | None] = (None, None)
    row: str = "roundhouse"

    def lines(self, results: Results) -> list[Line]:
        return [
            Line(
                f"{self.what}, {part}",
                "us",
                results.added(self.scenario, part, self.of, self.row),
                *bounds,
                beside=f"direct {number(results.latency(self.scenario, 'direct', part, self.of))}",
            )
            for part, bounds in (("p50", self.p50), ("p99", self.p99))
        ]


ADDED = (
    Added("added latency at concurrency 1", "unary c1", p50=(110, 80), p99=(230, 150)),
    Added("added latency at concurrency 32", "unary c32"),
    Added("added to the first token, 50 streams", "paced c50", "first_token_us", p50=(390, 200), p99=(580, 400)),
    Added("added latency at concurrency 1, /v1", "unary c1", row="http"),
    Added("added latency at concurrency 32, /v1", "unary c32", row="http"),
    Added("added to the first token, 50 streams, /v1", "paced c50", "first_token_us", row="http"),
)


def gateway_lines(results: Results) -> list[Line]:
    """The whole gateway against the direct call."""
    unary, stream = "unary c32", "stream c32"
    request, token = results.cpu_per_request(unary, "roundhouse"), results.cpu_per_token(stream, "roundhouse")
    echo = results.cpu_per_request("echo c32", "queue")
    message = results.cpu_per_token("echo stream hinted c32", "queue")
    times_echo, times_message = number(ratio(request, echo)), number(ratio(token, message))

    def rate(scenario: str, of: str) -> Line:
        direct = number(results.rate(scenario, "direct", of))
        return Line(f"{of}, 32 at a time", "/s", results.rate(scenario, "roundhouse", of), beside=f"direct {direct}")

    return [
        Line("Generate, concurrency 32, CPU", "us", request, 120, 80, f"{times_echo}x C++ queue echo"),
        Line("one token, fast, 32 streams, CPU", "us", token, 9, 7, f"{times_message}x C++ queue message, hinted"),
        Line("one token, 10 ms apart, 50 streams, CPU", "us", results.cpu_per_token("paced c50", "roundhouse")),
        Line(
            "/v1 chat completion, concurrency 32, CPU",
            "us",
            results.cpu_per_request(unary, "http"),
            300,
            beside=f"Generate {number(request)}",
        ),
        Line(
            "/v1 token, fast, 32 streams, CPU",
            "us",
            results.cpu_per_token(stream, "http"),
            12,
            beside=f"StreamGenerate {number(token)}",
        ),
        Line("/v1 token, 10 ms apart, 50 streams, CPU", "us", results.cpu_per_token("paced c50", "http")),
        *(line for added in ADDED for line in added.lines(results)),
        rate(unary, "requests"),
        rate(stream, "tokens"),
    ]


def telemetry_lines(results: Results) -> list[Line]:
    """What recording costs: the gateway with telemetry less the one without."""

    def line(what: str, scenario: str, per: str) -> Line:
        figure = {"request": results.cpu_per_request, "token": results.cpu_per_token}[per]
        beside = f"on {number(figure(scenario, 'roundhouse'))}, off {number(figure(scenario, 'unrecorded'))}"
        return Line(what, "us", results.cpu_difference(scenario, "roundhouse", "unrecorded", per), beside=beside)

    return [
        line("telemetry of a request, 32 at a time, CPU", "unary c32", "request"),
        line("telemetry of a token, 32 streams, CPU", "stream c32", "token"),
    ]


def footprint_lines(results: Results) -> list[Line]:
    """Memory and start-up."""

    def crowd(what: str, scenario: str) -> Line:
        p50, p99 = (number(results.latency(scenario, "roundhouse", part, "token_delay_us")) for part in ("p50", "p99"))
        resident = _mebibytes(results.resident_bytes(scenario))
        return Line(what, "MiB", resident, 120, beside=f"token delay p50/p99: {p50}/{p99} us")

    start = _median(results.start_seconds)
    idle = _median([float(count) for count in results.idle_resident_bytes])
    return [
        Line("start to ready", "ms", None if start is None else start * 1000, 100),
        Line("resident memory, idle", "MiB", _mebibytes(idle), 40),
        crowd("resident memory, 512 streams", "crowd"),
        crowd("- beside a client that never reads", "crowd beside a stuck client"),
    ]


def render(lines: list[Line]) -> str:
    """A Markdown table, padded so that a terminal shows it well."""
    rows = [["measure", "Roundhouse", "budget", "verdict", "beside it, same run"], *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows
    )
