"""What is measured: rows (who answers) and scenarios (what is asked of them)."""

from __future__ import annotations

import dataclasses

CONNECTIONS = 32
PACED_STREAMS = 50
CROWD = 512
# 512 streams of one token in 40 ms are 12,800 tokens a second: a crowd that two cores can serve, so that what shows is
# what a stream costs and not a queue.
CROWD_MODEL = "mock-64-40ms"


@dataclasses.dataclass(frozen=True)
class Case:
    """One scenario asked of one row."""

    scenario: str
    row: str
    """`direct`, `roundhouse`, `http`, `unrecorded`, `queue`, `callback` or `transport`.

    `http` is the gateway asked through `/v1` by the client that asks the upstream in the row `direct`; `unrecorded` is a
    gateway of its own without telemetry.
    """
    arguments: tuple[str, ...]
    """For the load client, without port and time."""
    long: bool = False
    """Paced streams, which need seconds to be worth counting."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.scenario, self.row)


def _concurrency(count: int) -> tuple[str, ...]:
    return ("--concurrency", str(count))


def _through_gateway(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The gateway's name for the model of the mock."""
    return tuple(f"mock/{word}" if word.startswith("mock-") else word for word in arguments)


def gateway_cases() -> list[Case]:
    """The gateway beside the direct call, over the same mock."""
    cases = []
    for count in (1, CONNECTIONS):
        short = ("--model", "mock-8", "--tokens", "8", *_concurrency(count))
        cases.append(Case(f"unary c{count}", "direct", ("direct-unary", *short)))
        cases.append(Case(f"unary c{count}", "roundhouse", ("generate", *short)))
        cases.append(Case(f"unary c{count}", "http", ("direct-unary", *_through_gateway(short))))
    fast = ("--model", "mock-64", *_concurrency(CONNECTIONS))
    cases.append(Case("stream c32", "direct", ("direct-stream", *fast)))
    cases.append(Case("stream c32", "roundhouse", ("stream-generate", *fast)))
    cases.append(Case("stream c32", "http", ("direct-stream", *_through_gateway(fast))))
    paced = ("--model", "mock-64-10ms", "--ramp-ms", "640", *_concurrency(PACED_STREAMS))
    cases.append(Case("paced c50", "direct", ("direct-stream", *paced), long=True))
    cases.append(Case("paced c50", "roundhouse", ("stream-generate", *paced), long=True))
    cases.append(Case("paced c50", "http", ("direct-stream", *_through_gateway(paced)), long=True))
    return cases


def telemetry_cases() -> list[Case]:
    """The gateway with telemetry beside one without."""
    short = ("--model", "mock-8", "--tokens", "8", *_concurrency(CONNECTIONS))
    fast = ("--model", "mock-64", *_concurrency(CONNECTIONS))
    return [
        Case(scenario, row, arguments)
        for scenario, arguments in (("unary c32", ("generate", *short)), ("stream c32", ("stream-generate", *fast)))
        for row in ("roundhouse", "unrecorded")
    ]


def transport_cases(rows: list[str]) -> list[Case]:
    """Echo servers that only move bytes: the bare C++ ones, and the Swift one over GRPCTransport."""
    cases = []
    for row in rows:
        for count in (1, CONNECTIONS):
            cases.append(Case(f"echo c{count}", row, ("echo", *_concurrency(count))))
        cases.append(Case("echo stream c32", row, ("echo-stream", *_concurrency(CONNECTIONS))))
        if row != "transport":  # GRPCTransport decides on the hint itself.
            cases.append(Case("echo stream hinted c32", row, ("echo-stream-hinted", *_concurrency(CONNECTIONS))))
    return cases


def crowd_cases() -> list[Case]:
    """512 paced streams over 16 connections, alone and beside a client that never reads."""
    crowd = (
        *("stream-generate", "--model", CROWD_MODEL, "--ramp-ms", "2560"),
        *("--connections", "16", "--requests", str(2 * CROWD), *_concurrency(CROWD)),
    )
    return [
        Case("crowd", "roundhouse", crowd, long=True),
        Case("crowd beside a stuck client", "roundhouse", (*crowd, "--stuck", "1"), long=True),
    ]
