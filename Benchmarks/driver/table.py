"""The one table that scripts/bench prints: what was measured, beside the budget and the limits of the same run."""

from __future__ import annotations

import dataclasses
import statistics

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
    echo, stream = "echo c32", "echo stream c32"
    ours, queue, callback = (results.cpu_per_request(echo, row) for row in ("transport", "queue", "callback"))
    message = results.cpu_per_token(stream, "transport")
    plain, hinted = (results.cpu_per_token(name, "queue") for name in (stream, "echo stream hinted c32"))
    other_plain, other_hinted = (
        results.cpu_per_token(name, "callback") for name in (stream, "echo stream hinted c32")
    )
    idle = ", ".join(
        f"{row} {number(results.latency('echo c1', row, 'p50'))}/{number(results.latency('echo c1', row, 'p99'))}"
        for row in ("queue", "callback")
    )
    rates = ", ".join(f"{row} {number(results.rate(echo, row, 'requests'))}" for row in ("queue", "callback"))
    return [
        Line("echo through GRPCTransport, CPU", "us", ours, beside=f"C++ queue {number(queue)}, callback {number(callback)}"),
        Line("- ratio to the C++ queue server", "x", ratio(ours, queue), budget=1.6),
        Line("- ratio to the C++ callback server", "x", ratio(ours, callback), budget=1.0),
        Line(
            "streamed message through GRPCTransport, CPU",
            "us",
            message,
            beside=f"C++ queue {number(hinted)} hinted, {number(plain)} plain; "
            f"callback {number(other_hinted)}, {number(other_plain)}",
        ),
        Line("- ratio to the C++ queue server, hinted", "x", ratio(message, hinted), budget=1.5),
        Line("echo at concurrency 1, p50", "us", results.latency("echo c1", "transport", "p50"), beside=f"p50/p99: {idle}"),
        Line("echo at concurrency 1, p99", "us", results.latency("echo c1", "transport", "p99")),
        Line("echo at concurrency 32", "/s", results.rate(echo, "transport", "requests"), beside=rates),
    ]


def gateway_lines(results: Results) -> list[Line]:
    """The whole gateway against the direct call."""
    unary, stream, paced = "unary c32", "stream c32", "paced c50"
    request, token = results.cpu_per_request(unary, "roundhouse"), results.cpu_per_token(stream, "roundhouse")
    queue = results.cpu_per_request("echo c32", "queue")
    message = results.cpu_per_token("echo stream hinted c32", "queue")

    def direct(scenario: str, of: str = "latency_us") -> str:
        p50, p99 = (number(results.latency(scenario, "direct", part, of)) for part in ("p50", "p99"))
        return f"direct p50/p99: {p50}/{p99}"

    first = "first_token_us"
    return [
        Line("Generate, concurrency 32, CPU", "us", request, 120, 80, f"{number(ratio(request, queue))}x C++ queue echo"),
        Line("one token, fast, 32 streams, CPU", "us", token, 9, 7, f"{number(ratio(token, message))}x C++ queue message"),
        Line("one token, 10 ms apart, 50 streams, CPU", "us", results.cpu_per_token(paced, "roundhouse")),
        Line("added latency at concurrency 1, p50", "us", results.added("unary c1", "p50"), 110, 80, direct("unary c1")),
        Line("added latency at concurrency 1, p99", "us", results.added("unary c1", "p99"), 230, 150),
        Line("added latency at concurrency 32, p50", "us", results.added(unary, "p50"), beside=direct(unary)),
        Line("added latency at concurrency 32, p99", "us", results.added(unary, "p99")),
        Line("added to the first token, 50 streams, p50", "us", results.added(paced, "p50", first), 390, 200, direct(paced, first)),
        Line("added to the first token, 50 streams, p99", "us", results.added(paced, "p99", first), 580, 400),
        Line(
            "requests at concurrency 32",
            "/s",
            results.rate(unary, "roundhouse", "requests"),
            beside=f"direct {number(results.rate(unary, 'direct', 'requests'))}",
        ),
        Line(
            "tokens, fast, 32 streams",
            "/s",
            results.rate(stream, "roundhouse", "tokens"),
            beside=f"direct {number(results.rate(stream, 'direct', 'tokens'))}",
        ),
    ]


def footprint_lines(results: Results) -> list[Line]:
    """Memory and start-up."""
    alone, beside = "crowd", "crowd beside a stuck client"
    delay = "token_delay_us"

    def delays(scenario: str) -> str:
        p50, p99 = (number(results.latency(scenario, "roundhouse", part, delay)) for part in ("p50", "p99"))
        return f"token delay p50/p99: {p50}/{p99} us"

    start = _median(results.start_seconds)
    return [
        Line("start to ready", "ms", None if start is None else start * 1000, 100),
        Line("resident memory, idle", "MiB", _mebibytes(_median([float(b) for b in results.idle_resident_bytes])), 40),
        Line("resident memory, 512 streams", "MiB", _mebibytes(results.resident_bytes(alone)), 120, beside=delays(alone)),
        Line("- beside a client that never reads", "MiB", _mebibytes(results.resident_bytes(beside)), 120, beside=delays(beside)),
    ]


def render(lines: list[Line]) -> str:
    """A Markdown table, padded so that a terminal shows it well."""
    rows = [["measure", "Roundhouse", "budget", "verdict", "beside it, same run"], *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows
    )
