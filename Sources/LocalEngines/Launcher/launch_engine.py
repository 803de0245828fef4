"""Runs one llama.cpp server as a child of Roundhouse.

Started as `python3 -I launch_engine.py PARENT_PID MODEL_NAME`. The first line of standard input is a JSON object
(`LaunchSpecification` of `LlamaCppEngine.swift`): where the model is, how to run it, and the key that requests must carry; it comes this
way because arguments are visible to every user of the machine. The rest of standard input is a lifeline: nothing is
ever written to it, and its end means that Roundhouse is gone.

On standard output goes exactly one line of JSON:

    {"event": "ready", "port": 40123, "pid": 4711, "context_length": 1024}
    {"event": "error", "message": "..."}

Ready means: the health endpoint of the port answers, asks for the key, and serves the model under our name, so that
the port is known to be this engine's and nobody else's. Everything else the engine says goes to standard error.
"""

import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
HOST = "127.0.0.1"


class LaunchError(Exception):
    """The engine cannot be started, and the message says why in words for the user."""


def die_with_parent(parent):
    """Has the kernel kill this process when its parent dies, even by SIGKILL."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)


def read_spec():
    """Reads the first line of standard input byte by byte, so that nothing of the lifeline is buffered away."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(0)
        line += byte
    return json.loads(line)


def end_with_stdin(on_end):
    """Calls `on_end` and exits once standard input ends; a raw read, a buffered one aborts the interpreter."""

    def watch():
        while os.read(0, 4096):
            pass
        on_end()
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def request(port, path, key=None, timeout=5):
    """One GET to the engine: status and body."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        headers = {"Authorization": "Bearer " + key} if key else {}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def is_healthy(port):
    try:
        return request(port, "/health")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def check_identity(port, alias, key):
    """Makes sure that the server on `port` is the one that we started.

    llama.cpp answers whatever model a request names, so the name alone proves nothing: the key does.
    """
    if request(port, "/v1/models")[0] == 200:
        raise LaunchError("the server on port %d answers without our key, so it is not the engine" % port)
    status, body = request(port, "/v1/models", key)
    if status != 200:
        raise LaunchError("the server on port %d refuses our key (HTTP %d), so it is not the engine" % (port, status))
    names = [entry.get("id") for entry in json.loads(body).get("data", [])]
    if alias not in names:
        raise LaunchError("the engine on port %d serves %s instead of %s" % (port, names, alias))


def context_length(port, key):
    """Tokens that one request may take, as the engine sees it; `None` when it does not say."""
    status, body = request(port, "/props", key)
    if status != 200:
        return None
    settings = json.loads(body).get("default_generation_settings", {})
    length = settings.get("n_ctx")
    return length if isinstance(length, int) else None


def announce(event):
    os.write(1, json.dumps(event).encode() + b"\n")


def announce_ready(port, pid, spec):
    check_identity(port, spec["alias"], spec["api_key"])
    announce({
        "event": "ready",
        "port": port,
        "pid": pid,
        "context_length": context_length(port, spec["api_key"]),
    })


def run_in_process(spec):
    """llama.cpp's server inside this process, from the wheel `xllamacpp`; ends with standard input or by a signal."""
    try:
        import xllamacpp
    except ImportError as error:
        raise LaunchError("xllamacpp cannot be imported: %s" % error) from error

    params = xllamacpp.CommonParams()
    params.model.path = spec["model"]
    params.model_alias = {spec["alias"]}
    params.api_keys = [spec["api_key"]]
    params.hostnames = [HOST]
    params.port = 0
    params.n_ctx = spec["context_length"]
    params.n_parallel = spec["slots"]
    params.kv_unified = spec["slots"] > 1
    params.n_gpu_layers = spec["gpu_layers"]
    if spec["embedding"]:
        params.embedding = True
        # A text is embedded whole or not at all: the engine must take one that fills the context in one batch.
        params.n_batch = params.n_ubatch = spec["batch"]
        if spec.get("pooling") == "mean":
            params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if not spec["mapped"]:
        params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    params.cpuparams.n_threads = spec["threads"]
    params.n_threads_http = spec["http_threads"]
    params.cpuparams_batch.n_threads = spec["threads"]
    params.cors_origins = ""
    params.endpoint_props = True
    params.endpoint_slots = False
    params.ui = False
    params.fit_params = False
    params.cache_ram_mib = spec["prompt_cache_mib"]
    params.verbosity = 1
    try:
        server = xllamacpp.Server(params)
    except Exception as error:  # the binding raises bare RuntimeErrors
        raise LaunchError("llama.cpp could not load %s: %s" % (spec["model"], error)) from error

    port = int(server.listening_address.rsplit(":", 1)[1])
    while not is_healthy(port):
        time.sleep(0.02)
    announce_ready(port, os.getpid(), spec)
    while True:
        signal.pause()


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def run_server(spec):
    """The command `llama-server`, supervised: it neither watches a pipe nor asks to die with its parent."""
    parent = os.getpid()
    port = free_port()
    # Without a shared cache, whose option changed its name over time, the slots divide the context among them.
    context = spec["context_length"] * spec["slots"]
    command = [
        spec["server"], "--model", spec["model"], "--alias", spec["alias"], "--host", HOST, "--port", str(port),
        "--threads", str(spec["threads"]), "--threads-http", str(spec["http_threads"]), "--ctx-size", str(context), "--parallel", str(spec["slots"]),
        "--n-gpu-layers", str(spec["gpu_layers"]),
    ]
    if spec["embedding"]:
        command += ["--embedding", "--batch-size", str(spec["batch"]), "--ubatch-size", str(spec["batch"])]
        if spec.get("pooling"):
            command += ["--pooling", spec["pooling"]]
    environment = dict(os.environ, LLAMA_API_KEY=spec["api_key"])
    try:
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=2, preexec_fn=lambda: die_with_parent(parent))
    except OSError as error:
        raise LaunchError("%s cannot be started: %s" % (spec["server"], error)) from error
    end_with_stdin(child.kill)
    while not is_healthy(port):
        if child.poll() is not None:
            raise LaunchError("%s ended with status %s before it was ready" % (spec["server"], child.returncode))
        time.sleep(0.02)
    announce_ready(port, child.pid, spec)
    sys.exit(child.wait() or 0)


def main():
    die_with_parent(int(sys.argv[1]))
    spec = read_spec()
    try:
        if spec.get("server"):
            run_server(spec)
        else:
            end_with_stdin(lambda: None)
            run_in_process(spec)
    except LaunchError as error:
        announce({"event": "error", "message": str(error)})
        os._exit(1)


main()
