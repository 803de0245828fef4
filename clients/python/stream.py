#!/usr/bin/env python3
"""Streams an answer to the terminal: a whole client for roundhouse.v1 in one file.

    stream.py "What is the capital of France?"
    stream.py --model local/tiny --cancel-after 5 "Tell me a story about a fox named Max."

Exit status: 0 the answer is whole (or was cancelled as asked), 1 the server said no, 2 the command line is wrong.
"""
import argparse
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from roundhouse.v1 import generation_pb2 as api
from roundhouse.v1 import generation_pb2_grpc as stubs


def explain(error: grpc.RpcError) -> None:
    """Prints a failed call's status and the google.rpc details that came with it."""
    print(f"{error.code().name}: {error.details()}", file=sys.stderr)
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            message = kind()
            if not detail.Unpack(message):
                continue
            match message:
                case error_details_pb2.ErrorInfo():
                    print(f"  reason {message.reason} ({message.domain}) {dict(message.metadata)}", file=sys.stderr)
                case error_details_pb2.BadRequest():
                    for violation in message.field_violations:
                        print(f"  field {violation.field}: {violation.description}", file=sys.stderr)
                case error_details_pb2.RetryInfo():
                    print(f"  try again in {message.retry_delay.ToTimedelta()}", file=sys.stderr)


def stream(stub: stubs.GenerationServiceStub, arguments: argparse.Namespace) -> int:
    request = api.StreamGenerateRequest(
        model=arguments.model,
        messages=[api.Message(role=api.ROLE_USER, parts=[api.Part(text=arguments.prompt)])],
    )
    # Unset and 0 are different things: an optional field is set by assigning to it.
    if arguments.temperature is not None:
        request.temperature = arguments.temperature
    if arguments.max_output_tokens is not None:
        request.max_output_tokens = arguments.max_output_tokens

    deltas = 0
    cancelled = False
    call = stub.StreamGenerate(request, timeout=arguments.timeout)
    try:
        for response in call:
            match response.WhichOneof("event"):
                case "started":
                    print(f"[{response.started.model}, attempt {response.started.attempt}]", file=sys.stderr)
                case "text_delta":
                    print(response.text_delta.text, end="", flush=True)
                    deltas += 1
                    if deltas == arguments.cancel_after:
                        cancelled = True
                        call.cancel()  # reaches the model: it stops, and is not paid for what nobody reads
                case "completed":
                    completed = response.completed
                    print()
                    print(
                        f"[{api.FinishReason.Name(completed.finish_reason)}, {completed.usage.output_tokens} tokens, "
                        f"{completed.latency.ToTimedelta().total_seconds():.3f} s]",
                        file=sys.stderr,
                    )
    except grpc.RpcError as error:
        if cancelled and error.code() == grpc.StatusCode.CANCELLED:
            print(f"\n[cancelled after {deltas} deltas]", file=sys.stderr)
            return 0
        explain(error)
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Streams an answer from Roundhouse.")
    parser.add_argument("prompt")
    parser.add_argument("--address", default="127.0.0.1:50051", help="host:port of the server (default: %(default)s)")
    parser.add_argument("--model", default="", help="an id, an alias, or nothing to let the gateway choose")
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--max-output-tokens", type=int)
    parser.add_argument("--cancel-after", type=int, default=0, metavar="N", help="cancel after N pieces of text")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="deadline (default: %(default)s)")
    arguments = parser.parse_args()
    with grpc.insecure_channel(arguments.address) as channel:
        return stream(stubs.GenerationServiceStub(channel), arguments)


if __name__ == "__main__":
    sys.exit(main())
