"""Measures what loading, warming, evicting and swapping cost, and that nothing is dropped meanwhile.

    scripts/bench-lifecycle [--swaps N] [--streams N] [--seconds N] [--rounds N] [--json FILE]

Starts the server itself, on a free loopback port with a data directory of its own, and ends it by its process id. The
models are the two that ship with Roundhouse, on the real llama.cpp.
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import grpc

from roundhouse.v1 import generation_pb2, generation_pb2_grpc
from roundhouse.v1 import lifecycle_pb2, lifecycle_pb2_grpc
from roundhouse.v1 import registry_pb2, registry_pb2_grpc

MODELS = ["local/small", "local/tiny"]
CAPITAL = "What is the capital of France?"
STORY = "Tell me a story about a fox named Max."


class Server:
    """A `roundhouse serve`, and clients of it."""

    def __init__(self, binary: str, directory: str, configuration: str) -> None:
        path = os.path.join(directory, "roundhouse.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(configuration)
        self.log = open(os.path.join(directory, "log"), "ab")
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [binary, "serve", "--grpc", "127.0.0.1:0", "--http", "off", "--data-dir", directory, "--config", path],
            stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the server did not start: see {self.log.name}")
        self.ready_after = time.perf_counter() - self.began
        self.address = json.loads(line)["grpc"]
        self.channel = grpc.insecure_channel(self.address)
        self.generation = generation_pb2_grpc.GenerationServiceStub(self.channel)
        self.lifecycle = lifecycle_pb2_grpc.LifecycleServiceStub(self.channel)
        self.registry = registry_pb2_grpc.RegistryServiceStub(self.channel)

    def stop(self) -> None:
        self.channel.close()
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            raise SystemExit(f"the server ended with status {self.process.returncode}")
        self.log.close()

    def wait_until_loaded(self, models: list[str]) -> float:
        """Seconds since the start of the process until all of them are ready."""
        while True:
            ready = {m.model for m in self.lifecycle.ListLoadedModels(lifecycle_pb2.ListLoadedModelsRequest()).models
                     if m.state == registry_pb2.MODEL_STATE_READY}
            if ready >= set(models):
                return time.perf_counter() - self.began
            time.sleep(0.005)

    def ask(self, model: str, text: str = CAPITAL, limit: int = 8) -> float:
        """Seconds until the whole answer was there."""
        began = time.perf_counter()
        self.generation.Generate(generation_pb2.GenerateRequest(
            model=model, messages=[message(text)], max_output_tokens=limit), timeout=120)
        return time.perf_counter() - began

    def first_token(self, model: str) -> float:
        began = time.perf_counter()
        for response in self.generation.StreamGenerate(generation_pb2.StreamGenerateRequest(
                model=model, messages=[message(CAPITAL)]), timeout=120):
            if response.WhichOneof("event") == "text_delta":
                return time.perf_counter() - began
        raise SystemExit("an answer without text")

    def warm_up(self) -> tuple[float, str]:
        began = time.perf_counter()
        *_, last = self.lifecycle.WarmUp(lifecycle_pb2.WarmUpRequest(), timeout=120)
        return time.perf_counter() - began, last.summary.status

    def events(self, kind: int) -> int:
        count, token = 0, ""
        while True:
            page = self.lifecycle.ListEvents(lifecycle_pb2.ListEventsRequest(
                page_size=1000, page_token=token, types=[kind]))
            count += len(page.events)
            token = page.next_page_token
            if not token:
                return count


def message(text: str) -> generation_pb2.Message:
    return generation_pb2.Message(role=generation_pb2.ROLE_USER, parts=[generation_pb2.Part(text=text)])


@contextlib.contextmanager
def running(binary: str, configuration: str):
    with tempfile.TemporaryDirectory(prefix="roundhouse-bench-") as directory:
        server = Server(binary, directory, configuration)
        try:
            yield server
        finally:
            server.stop()


def quantile(values: list[float], q: float) -> float:
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def start_up(binary: str, rounds: int) -> dict:
    figures: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        figures.setdefault(name, []).append(seconds * 1000)

    for _ in range(rounds):
        with running(binary, "local: { preload: true }\n") as server:
            note("start to port open, both eager", server.ready_after)
            note("start to both models ready, both eager", server.wait_until_loaded(MODELS))
            note("first request after that: first token", server.first_token("local/small"))
        with running(binary, "lifecycle: { lazy_load: true }\n") as server:
            note("start to port open, both lazy", server.ready_after)
            note("first request, not loaded: first token", server.first_token("local/small"))
            note("second request: first token", server.first_token("local/small"))
        with running(binary, "local: { preload: false }\n") as server:
            seconds, status = server.warm_up()
            assert status == "success", status
            note("warm-up of both", seconds)
            seconds, status = server.warm_up()
            assert status == "already_warm", status
            note("warm-up again", seconds)
            note("first request after the warm-up: first token", server.first_token("local/small"))
    return {name: {"unit": "ms", "median": statistics.median(values), "min": min(values), "max": max(values)}
            for name, values in figures.items()}


def room_for_one(binary: str) -> int:
    """Bytes that are enough for either model and too few for both."""
    sizes = []
    with running(binary, "local: { preload: false }\n") as server:
        for model in MODELS:
            sizes.append(server.lifecycle.PlanLoad(lifecycle_pb2.PlanLoadRequest(model=model)).plan.estimate.total_bytes)
            *_, last = server.lifecycle.LoadModel(lifecycle_pb2.LoadModelRequest(model=model))
            sizes.append(last.loaded.memory_bytes)
    return max(sizes) + min(sizes) // 2


def swaps(binary: str, count: int, streams: int, quota: int | None) -> dict:
    """Swaps an alias between the two models while streams run through it."""
    configuration = "local: { preload: false }\naliases: { app: [local/small], default: [local/small] }\n"
    if quota:
        configuration += f"lifecycle: {{ memory_quota: {{ cpu: {quota} }}, min_residency: 0s }}\n"
    over = threading.Event()
    answered, failures, lock = [0], [], threading.Lock()
    with running(binary, configuration) as server:
        server.ask("app")

        def work() -> None:
            while not over.is_set():
                whole = False
                try:
                    for response in server.generation.StreamGenerate(generation_pb2.StreamGenerateRequest(
                            model="app", messages=[message(STORY)], max_output_tokens=24), timeout=120):
                        whole = response.WhichOneof("event") == "completed"
                    problem = None if whole else "no completed"
                except grpc.RpcError as error:
                    problem = f"{error.code().name}: {error.details()}"
                with lock:
                    answered[0] += 1
                    if problem:
                        failures.append(problem)

        times, flips, strategies = [], [], set()
        with concurrent.futures.ThreadPoolExecutor(streams) as pool:
            workers = [pool.submit(work) for _ in range(streams)]
            try:
                for number in range(count):
                    began = time.perf_counter()
                    answer = server.registry.SwitchModel(registry_pb2.SwitchModelRequest(
                        alias="app", model=MODELS[(number + 1) % 2], reason="bench"), timeout=120)
                    times.append((time.perf_counter() - began) * 1000)
                    flips.append(answer.flip_duration.ToTimedelta().total_seconds() * 1000)
                    strategies.add(registry_pb2.SwitchStrategy.Name(answer.strategy))
            finally:
                over.set()
                concurrent.futures.wait(workers)
    return {
        "swaps": count, "streams at a time": streams, "streams in all": answered[0], "failed": len(failures),
        "failures": sorted(set(failures))[:5], "strategies": sorted(strategies),
        "swap ms p50": quantile(times, 0.5), "swap ms max": max(times),
        "flip ms p50": quantile(flips, 0.5), "flip ms max": max(flips),
    }


def eviction(binary: str, seconds: int, quota: int) -> dict:
    """Ten clients ask for both models in turns where one fits."""
    configuration = f"local: {{ preload: false }}\nlifecycle: {{ memory_quota: {{ cpu: {quota} }} }}\n"
    with running(binary, configuration) as server:
        over = time.monotonic() + seconds
        waits, failures, largest = [], [], [0]

        def client(turn: int) -> None:
            while time.monotonic() < over:
                try:
                    waits.append(server.ask(MODELS[turn % 2]) * 1000)
                except grpc.RpcError as error:
                    failures.append(f"{error.code().name}: {error.details()}")
                turn += 1

        def watch() -> None:
            while time.monotonic() < over:
                for device in server.lifecycle.ListLoadedModels(lifecycle_pb2.ListLoadedModelsRequest()).devices:
                    if device.device == "cpu":
                        held = device.predicted_bytes + device.actual_bytes + device.releasing_bytes
                        largest[0] = max(largest[0], held)
                time.sleep(0.02)

        with concurrent.futures.ThreadPoolExecutor(11) as pool:
            for job in [pool.submit(client, turn) for turn in range(10)] + [pool.submit(watch)]:
                job.result()
        evictions = server.events(lifecycle_pb2.EVENT_TYPE_MODEL_EVICTED)
    return {
        "seconds": seconds, "answered": len(waits), "failed": len(failures), "failures": sorted(set(failures))[:5],
        "evictions": evictions, "quota bytes": quota, "most bytes in the ledger": largest[0],
        "answer ms p50": quantile(waits, 0.5), "answer ms p99": quantile(waits, 0.99),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the lifecycle of local models.")
    parser.add_argument("--roundhouse", required=True, help="the binary")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--json", help="writes the figures to this file as well")
    arguments = parser.parse_args()
    quota = room_for_one(arguments.roundhouse)
    report = {
        "start-up": start_up(arguments.roundhouse, arguments.rounds),
        "swaps, room for both": swaps(arguments.roundhouse, arguments.swaps, arguments.streams, None),
        "swaps, room for one": swaps(arguments.roundhouse, max(1, arguments.swaps // 10), arguments.streams, quota),
        "eviction": eviction(arguments.roundhouse, arguments.seconds, quota),
    }
    for title, figures in report.items():
        print(f"\n{title}")
        for name, value in figures.items():
            if isinstance(value, dict):
                print(f"  {name:48} {value['median']:9.1f} ms  ({value['min']:.1f} to {value['max']:.1f})")
            else:
                print(f"  {name:48} {round(value, 2) if isinstance(value, float) else value}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
    failed = sum(section.get("failed", 0) for section in report.values())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
