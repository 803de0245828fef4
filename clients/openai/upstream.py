"""An upstream that speaks OpenAI's format and does what the name of a model says. Part of the tests, on loopback."""

from __future__ import annotations

import http.server
import json
import threading
import time

WORDS = ["Paris", " is", " the", " capital", "."]
USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "prompt_tokens_details": {"cached_tokens": 4}}
ARGUMENTS = ['{"ci', 'ty": "Pa', 'ris"}']


class Upstream:
    """The server, and what it was asked."""

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.headers: list[dict] = []
        self.failures: dict[str, int] = {}
        self.hung_up = threading.Event()
        upstream = self

        class Handler(_Handler):
            world = upstream

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take_failure(self, model: str) -> bool:
        """Whether this call is one of those that the test wants to fail."""
        left = self.failures.get(model, 0)
        self.failures[model] = max(0, left - 1)
        return left > 0


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: Upstream

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.world.bodies.append(body)
        self.world.headers.append({name.lower(): value for name, value in self.headers.items()})
        model = body["model"]
        if self.world.take_failure(model):
            return self._json(429 if model == "limited" else 503, {"error": {"message": "not now"}}, {"retry-after": "1"})
        if model == "locked":
            return self._json(401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}})
        if model == "too-long":
            error = {"message": "maximum context length is 8 tokens", "code": "context_length_exceeded"}
            return self._json(400, {"error": error | {"type": "invalid_request_error"}})
        if self.path.endswith("/embeddings"):
            return self._embed(body)
        if body.get("stream"):
            return self._stream(body)
        message: dict = {"role": "assistant", "content": "".join(WORDS)}
        reason = "stop"
        if body.get("tools"):
            function = {"name": "weather", "arguments": "".join(ARGUMENTS)}
            call = {"id": "call_1", "type": "function", "function": function}
            message, reason = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        elif body.get("response_format", {}).get("type") == "json_schema":
            message["content"] = '{"city": "Paris", "people": 2100000}'
        choice: dict = {"index": 0, "message": message, "finish_reason": reason}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [self._logprob(word) for word in WORDS]}
        self._json(200, {"id": "x", "object": "chat.completion", "choices": [choice], "usage": USAGE})

    @staticmethod
    def _logprob(word: str) -> dict:
        top = [{"token": word, "logprob": -0.25, "bytes": list(word.encode())}]
        return {"token": word, "logprob": -0.25, "bytes": list(word.encode()), "top_logprobs": top}

    def _embed(self, body: dict) -> None:
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        size = body.get("dimensions", 4)
        data = [
            {"object": "embedding", "index": index, "embedding": [float(len(text))] + [0.5] * (size - 1)}
            for index, text in enumerate(inputs)
        ]
        self._json(200, {"object": "list", "data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}})

    def _stream(self, body: dict) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        model = body["model"]
        if body.get("tools"):
            function = {"name": "weather", "arguments": ""}
            self._delta({"role": "assistant", "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})
            for piece in ARGUMENTS:
                self._delta({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
            return self._end("tool_calls")
        if model == "endless":
            try:
                while True:
                    self._delta({"content": "on and on "})
                    time.sleep(0.01)
            except OSError:
                self.world.hung_up.set()
                return
        for number, word in enumerate(WORDS):
            if model == "cut" and number == 3:
                return  # No end, no [DONE]: what was said is not an answer.
            self._delta({"content": word}, [self._logprob(word)] if body.get("logprobs") else None)
        self._end("stop")

    def _delta(self, delta: dict, logprobs: list | None = None) -> None:
        choice: dict = {"index": 0, "delta": delta, "finish_reason": None}
        if logprobs:
            choice["logprobs"] = {"content": logprobs}
        self._event({"id": "x", "object": "chat.completion.chunk", "choices": [choice]})

    def _end(self, reason: str) -> None:
        self._event({"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        self._event({"id": "x", "choices": [], "usage": USAGE})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: dict) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
        self.wfile.flush()

    def _json(self, status: int, value: dict, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)
