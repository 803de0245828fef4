"""Starts the gateway under test: one provider, the mock; no local models."""

from __future__ import annotations

import pathlib

from processes import Server

CONFIGURATION = """\
# Written by scripts/bench.
providers:
  - id: mock
    kind: openai
    base_url: http://127.0.0.1:{port}/v1
"""


def start(binary: pathlib.Path, directory: pathlib.Path, mock_port: int, name: str = "roundhouse") -> Server:
    """Starts `roundhouse serve` with its data in `directory`, on a port of its own choice."""
    configuration = directory / "roundhouse.yaml"
    configuration.write_text(CONFIGURATION.format(port=mock_port))
    data = directory / "data"
    data.mkdir(exist_ok=True)
    command = [
        *(str(binary), "serve", "--grpc", "127.0.0.1:0"),
        *("--data-dir", str(data), "--config", str(configuration)),
    ]
    return Server(name, command, directory / f"{name}.log")


def port(server: Server) -> int:
    """The port of its gRPC address, as the ready line says."""
    return int(str(server.ready["grpc"]).rsplit(":", 1)[1])
