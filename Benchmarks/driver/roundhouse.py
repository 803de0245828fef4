"""Starts the gateway under test: one provider, the mock; no local models."""

from __future__ import annotations

import pathlib

from plan import CROWD_MODEL
from processes import Server

# The crowd needs a connection for each stream.
CONFIGURATION = """\
# Written by scripts/bench.
log:
  level: warning
local:
  enabled: false
telemetry:
  enabled: {telemetry}
providers:
  - id: mock
    kind: custom
    base_url: http://127.0.0.1:{port}/v1
    max_connections: 1000
    models:
{models}
"""
MODELS = ("mock-8", "mock-64", "mock-64-10ms", CROWD_MODEL, "mock-endless")


def start(
    binary: pathlib.Path, directory: pathlib.Path, mock_port: int, name: str = "roundhouse", telemetry: bool = True
) -> Server:
    """Starts `roundhouse serve` with its data in `directory`, on ports of its own choice."""
    configuration = directory / f"{name}.yaml"
    models = "\n".join(f"      - name: {name}" for name in MODELS)
    configuration.write_text(CONFIGURATION.format(port=mock_port, models=models, telemetry=str(telemetry).lower()))
    data = directory / f"{name}-data"
    data.mkdir(exist_ok=True)
    command = [
        *(str(binary), "serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"),
        *("--data-dir", str(data), "--config", str(configuration)),
    ]
    return Server(name, command, directory / f"{name}.log")


def port(server: Server, of: str = "grpc") -> int:
    """The port of its address for `grpc` or `http`, as the ready line says."""
    return int(str(server.ready[of]).rsplit(":", 1)[1])
