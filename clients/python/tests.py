"""Drives a running server as its users do: with generated stubs, and by reflection alone. Run by clients/test.

The server's address comes in ROUNDHOUSE_ADDRESS; it must serve `local/small` and `local/tiny`.
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

import grpc
from grpc_reflection.v1alpha import reflection_pb2

from roundhouse.v1 import generation_pb2 as api
from roundhouse.v1 import generation_pb2_grpc as stubs

ADDRESS = os.environ["ROUNDHOUSE_ADDRESS"]
HERE = pathlib.Path(__file__).parent
CAPITAL = "What is the capital of France?"
STORY = "Tell me a story about a fox named Max."


def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(HERE / script), "--address", ADDRESS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def json_documents(text: str) -> list[dict]:
    """JSON objects that follow each other, as grpcurl prints a stream."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while position < len(text.rstrip()):
        document, position = decoder.raw_decode(text, position)
        found.append(document)
        position += len(text[position:]) - len(text[position:].lstrip())
    return found


class StreamingTests(unittest.TestCase):
    def test_an_answer_streams_to_its_end(self):
        result = run("stream.py", "--model", "local/small", "--temperature", "0", CAPITAL)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Paris", result.stdout)
        self.assertIn("[local/small, attempt 1]", result.stderr)
        self.assertIn("FINISH_REASON_STOP", result.stderr)

    def test_cancelling_ends_the_stream_at_once(self):
        result = run("stream.py", "--model", "local/tiny", "--cancel-after", "3", STORY)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("[cancelled after 3 deltas]", result.stderr)
        self.assertNotIn("FINISH_REASON", result.stderr)

    def test_a_field_out_of_range_is_named(self):
        result = run("stream.py", "--temperature", "3", CAPITAL)
        self.assertEqual(result.returncode, 1)
        self.assertIn("INVALID_ARGUMENT", result.stderr)
        self.assertIn("(roundhouse)", result.stderr)
        self.assertIn("field temperature:", result.stderr)

    def test_a_model_that_does_not_exist_is_not_found(self):
        result = run("stream.py", "--model", "nobody/none", CAPITAL)
        self.assertEqual(result.returncode, 1)
        self.assertIn("NOT_FOUND", result.stderr)
        self.assertIn("reason MODEL_NOT_FOUND (roundhouse)", result.stderr)

    def test_the_stream_starts_once_counts_without_gaps_and_completes_last(self):
        request = api.StreamGenerateRequest(
            model="local/small", temperature=0, request_id="python-test",
            messages=[api.Message(role=api.ROLE_USER, parts=[api.Part(text=CAPITAL)])],
        )
        with grpc.insecure_channel(ADDRESS) as channel:
            responses = list(stubs.GenerationServiceStub(channel).StreamGenerate(request, timeout=60))
        events = [response.WhichOneof("event") for response in responses]
        self.assertEqual([response.sequence for response in responses], list(range(len(responses))))
        self.assertEqual((events[0], events[-1]), ("started", "completed"))
        self.assertEqual((events.count("started"), events.count("completed")), (1, 1))
        self.assertEqual(responses[0].started.request_id, "python-test")
        self.assertGreater(responses[-1].completed.usage.output_tokens, 0)
        self.assertEqual(responses[-1].completed.attempts[-1].model, "local/small")


class ReflectionTests(unittest.TestCase):
    SERVED = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "roundhouse.v1.GenerationService",
        "roundhouse.v1.HealthService",
        "roundhouse.v1.RegistryService",
    ]

    def test_both_versions_list_every_service(self):
        for version in ("v1", "v1alpha"):
            with self.subTest(version=version):
                result = run("reflect.py", "--reflection", version, "list")
                self.assertEqual(result.returncode, 0, result.stderr)
                listed = result.stdout.split()
                self.assertEqual([name for name in self.SERVED if name not in listed], [])

    def test_every_service_is_described_with_comments_and_answers_reflection_alone(self):
        for service in self.SERVED:
            with self.subTest(service=service):
                result = run("reflect.py", "describe", service)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(f"{service} is a service:\n", result.stdout)
                self.assertIn("rpc ", result.stdout)

    def test_comments_come_along(self):
        message = run("reflect.py", "describe", "roundhouse.v1.GenerateRequest").stdout
        self.assertIn("  // Nucleus sampling, above 0 and up to 1.", message)
        self.assertIn("  optional double top_p = 4;", message)
        method = run("reflect.py", "describe", "roundhouse.v1.GenerationService.CountTokens").stdout
        self.assertIn("// Counts the input tokens that a request would take", method)

    def test_what_does_not_exist_is_an_answer(self):
        result = run("reflect.py", "describe", "roundhouse.v1.Nothing")
        self.assertEqual(result.returncode, 1)
        self.assertIn("does not know roundhouse.v1.Nothing", result.stderr)

    def test_a_unary_call_by_reflection_alone(self):
        request = {"model": "local/small", "temperature": 0, "messages": [
            {"role": "ROLE_USER", "parts": [{"text": CAPITAL}]}]}
        result = run("reflect.py", "call", "roundhouse.v1.GenerationService/Generate", json.dumps(request))
        self.assertEqual(result.returncode, 0, result.stderr)
        response = json.loads(result.stdout)
        self.assertIn("Paris", response["text"])
        self.assertEqual(response["completed"]["finishReason"], "FINISH_REASON_STOP")

    def test_a_streamed_call_by_reflection_alone(self):
        request = {"model": "local/small", "messages": [{"role": "ROLE_USER", "parts": [{"text": CAPITAL}]}]}
        result = run("reflect.py", "call", "roundhouse.v1.GenerationService/StreamGenerate", json.dumps(request))
        self.assertEqual(result.returncode, 0, result.stderr)
        responses = json_documents(result.stdout)
        self.assertIn("started", responses[0])
        self.assertIn("completed", responses[-1])

    def test_error_details_are_decoded_by_reflection_alone(self):
        result = run("reflect.py", "call", "roundhouse.v1.RegistryService/GetModel", '{"model": "nobody/none"}')
        self.assertEqual(result.returncode, 1)
        self.assertIn("Code: NotFound", result.stderr)
        self.assertIn('"reason": "MODEL_NOT_FOUND"', result.stderr)

    def test_health_of_the_server_a_service_and_a_model(self):
        for service in ("", "roundhouse.v1.GenerationService"):
            with self.subTest(service=service):
                result = run("reflect.py", "call", "grpc.health.v1.Health/Check", json.dumps({"service": service}))
                self.assertEqual(json.loads(result.stdout), {"status": "SERVING"})
        statuses = json.loads(run("reflect.py", "call", "grpc.health.v1.Health/List").stdout)["statuses"]
        self.assertIn("local/small", statuses)
        unknown = run("reflect.py", "call", "grpc.health.v1.Health/Check", '{"service": "nobody"}')
        self.assertIn("Code: NotFound", unknown.stderr)

    def test_a_stream_of_questions_survives_one_that_has_no_answer(self):
        questions = [
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Symbol"),
            reflection_pb2.ServerReflectionRequest(list_services=""),
        ]
        with grpc.insecure_channel(ADDRESS) as channel:
            for version in ("v1", "v1alpha"):
                ask = channel.stream_stream(
                    f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                    request_serializer=lambda message: message.SerializeToString(),
                    response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
                )
                answers = list(ask(iter(questions), timeout=30))
                self.assertEqual(answers[0].error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])
                self.assertGreater(len(answers[1].list_services_response.service), 3)


class WireTests(unittest.TestCase):
    """What a server must answer to calls that no generated stub would make."""

    def failure(self, method: str, body: bytes) -> grpc.RpcError:
        with grpc.insecure_channel(ADDRESS) as channel:
            with self.assertRaises(grpc.RpcError) as caught:
                channel.unary_unary(method)(body, timeout=30)
        return caught.exception

    def test_an_unknown_method_or_service_is_unimplemented(self):
        for method in ("/roundhouse.v1.GenerationService/Nothing", "/no.such.Service/Nothing"):
            with self.subTest(method=method):
                self.assertEqual(self.failure(method, b"").code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_bytes_that_are_no_message_are_an_invalid_argument(self):
        error = self.failure("/roundhouse.v1.GenerationService/Generate", b"\xff\xff\xff\xff")
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_a_deadline_that_has_passed_is_deadline_exceeded(self):
        request = api.StreamGenerateRequest(
            model="local/tiny", messages=[api.Message(role=api.ROLE_USER, parts=[api.Part(text=STORY)])])
        with grpc.insecure_channel(ADDRESS) as channel:
            with self.assertRaises(grpc.RpcError) as caught:
                list(stubs.GenerationServiceStub(channel).StreamGenerate(request, timeout=0.005))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)


if __name__ == "__main__":
    unittest.main(verbosity=2)
