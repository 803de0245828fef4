"""The official `openai` package against the real server. Run by clients/test.

ROUNDHOUSE names the binary. The server is started here, on free ports, with an upstream that does what the tests say.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

import openai
import pydantic

from upstream import ARGUMENTS, Upstream, WORDS

ANSWER = "".join(WORDS)
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CONFIGURATION = """\
log: {{ level: warning }}
http: {{ address: "127.0.0.1:0" }}
grpc: {{ address: "127.0.0.1:0" }}
local: {{ enabled: false }}
routing: {{ fallback: {{ max_attempts: 1 }} }}
providers:
  - id: scripted
    kind: custom
    base_url: {url}
    models:
{models}
aliases: {{ default: [scripted/plain] }}
"""
CHAT = ("plain", "flaky", "limited", "locked", "too-long", "cut", "endless")


class City(pydantic.BaseModel):
    city: str
    people: int


class GatewayTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.upstream = Upstream()
        cls.addClassCleanup(cls.upstream.close)
        scratch = tempfile.TemporaryDirectory(prefix="roundhouse-openai-")
        cls.addClassCleanup(scratch.cleanup)
        folder = pathlib.Path(scratch.name)
        capabilities = "[chat, streaming, tools, json_schema, vision]"
        models = [f"      - {{ name: {name}, capabilities: {capabilities} }}" for name in CHAT]
        models.append("      - { name: vectors, category: embedding }")
        configuration = folder / "roundhouse.yaml"
        configuration.write_text(CONFIGURATION.format(url=cls.upstream.url, models="\n".join(models)))
        command = [os.environ["ROUNDHOUSE"], "serve", "--config", str(configuration), "--data-dir", str(folder)]
        cls.log = open(folder / "log", "w+")
        cls.addClassCleanup(cls.log.close)
        cls.server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=cls.log, text=True)
        cls.addClassCleanup(cls._stop)
        line = cls.server.stdout.readline()
        if not line:
            raise AssertionError(pathlib.Path(cls.log.name).read_text())
        cls.url = f"http://{json.loads(line)['http']}/v1"
        cls.client = openai.OpenAI(base_url=cls.url, api_key="none", max_retries=0)

    @classmethod
    def _stop(cls) -> None:
        cls.server.send_signal(signal.SIGTERM)
        status = cls.server.wait(60)
        cls.server.stdout.close()
        if status != 0:
            raise AssertionError(f"the server ended with {status}: {pathlib.Path(cls.log.name).read_text()}")

    def chat(self, model: str = "scripted/plain", **options: object):
        options.setdefault("messages", QUESTION)
        return self.client.chat.completions.create(model=model, **options)


class AnswerTests(GatewayTestCase):
    def test_a_whole_answer(self):
        answer = self.chat(temperature=0)
        self.assertEqual(answer.object, "chat.completion")
        self.assertEqual((answer.choices[0].message.role, answer.choices[0].message.content), ("assistant", ANSWER))
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual((answer.usage.prompt_tokens, answer.usage.completion_tokens), (9, 5))
        self.assertEqual(answer.usage.prompt_tokens_details.cached_tokens, 4)
        self.assertTrue(answer._request_id)

    def test_a_streamed_answer_with_its_usage_last(self):
        chunks = list(self.chat(stream=True, stream_options={"include_usage": True}))
        self.assertEqual({chunk.id for chunk in chunks}, {chunks[0].id})
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertEqual(text, ANSWER)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices][-1], "stop")
        self.assertEqual((chunks[-1].choices, chunks[-1].usage.total_tokens), ([], 14))
        self.assertTrue(all(chunk.usage is None for chunk in chunks[:-1]))

    def test_no_usage_unless_it_was_asked_for(self):
        self.assertTrue(all(chunk.usage is None and chunk.choices for chunk in self.chat(stream=True)))

    def test_the_default_model_and_the_headers(self):
        raw = self.client.chat.completions.with_raw_response.create(
            model="default", messages=QUESTION, extra_headers={"x-request-id": "from-python-1"})
        self.assertEqual(raw.parse().choices[0].message.content, ANSWER)
        self.assertEqual(raw.headers["x-request-id"], "from-python-1")
        self.assertEqual(raw.headers["x-roundhouse-model"], "scripted/plain")
        self.assertEqual(raw.headers["x-roundhouse-attempts"], "1")

    def test_tools_in_a_whole_answer_and_back(self):
        message = self.chat(tools=[WEATHER], tool_choice="required", parallel_tool_calls=False).choices[0].message
        self.assertEqual(message.tool_calls[0].function.name, "weather")
        self.assertEqual(json.loads(message.tool_calls[0].function.arguments), {"city": "Paris"})
        sent = self.upstream.bodies[-1]
        self.assertEqual((sent["tool_choice"], sent["parallel_tool_calls"]), ("required", False))
        self.assertEqual(sent["tools"][0]["function"]["parameters"], WEATHER["function"]["parameters"])
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
        self.chat(messages=[*QUESTION, message.model_dump(exclude_none=True), result])
        self.assertEqual([m["role"] for m in self.upstream.bodies[-1]["messages"]], ["user", "assistant", "tool"])

    def test_tools_in_a_stream(self):
        name, arguments, reason = "", "", None
        for chunk in self.chat(tools=[WEATHER], stream=True):
            for call in chunk.choices[0].delta.tool_calls or []:
                self.assertEqual(call.index, 0)
                name += call.function.name or ""
                arguments += call.function.arguments or ""
            reason = chunk.choices[0].finish_reason or reason
        self.assertEqual((name, arguments, reason), ("weather", "".join(ARGUMENTS), "tool_calls"))

    def test_the_stream_helper_puts_everything_together(self):
        with self.client.chat.completions.stream(model="scripted/plain", messages=QUESTION) as stream:
            final = stream.get_final_completion()
        self.assertEqual(final.choices[0].message.content, ANSWER)

    def test_a_schema_is_parsed(self):
        answer = self.client.chat.completions.parse(model="scripted/plain", messages=QUESTION, response_format=City)
        self.assertEqual(answer.choices[0].message.parsed, City(city="Paris", people=2_100_000))
        self.assertEqual(self.upstream.bodies[-1]["response_format"]["json_schema"]["name"], "City")

    def test_images(self):
        parts = [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
        ]
        self.chat(messages=[{"role": "user", "content": parts}])
        self.assertIn("iVBORw0KGgo=", json.dumps(self.upstream.bodies[-1]["messages"]))

    def test_logprobs_whole_and_streamed(self):
        whole = self.chat(logprobs=True, top_logprobs=1).choices[0].logprobs.content
        self.assertEqual([entry.token for entry in whole], WORDS)
        streamed = [
            entry
            for chunk in self.chat(logprobs=True, top_logprobs=1, stream=True)
            for entry in (chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else [])
        ]
        self.assertEqual([(e.token, e.logprob, e.top_logprobs[0].token) for e in streamed], [(w, -0.25, w) for w in WORDS])

    def test_unknown_fields_reach_the_upstream(self):
        self.chat(extra_body={"min_p": 0.05, "chat_template_kwargs": {"thinking": False}}, user="u-1", seed=7)
        sent = self.upstream.bodies[-1]
        self.assertEqual((sent["min_p"], sent["chat_template_kwargs"]), (0.05, {"thinking": False}))
        self.assertEqual((sent["user"], sent["seed"]), ("u-1", 7))

    def test_the_older_completions(self):
        answer = self.client.completions.create(model="scripted/plain", prompt="The capital of France?", max_tokens=16)
        self.assertEqual((answer.object, answer.choices[0].text), ("text_completion", ANSWER))
        streamed = self.client.completions.create(model="scripted/plain", prompt="The capital?", stream=True)
        self.assertEqual("".join(chunk.choices[0].text for chunk in streamed), ANSWER)

    def test_embeddings_as_base64_and_as_numbers(self):
        for options in ({}, {"encoding_format": "float"}):
            with self.subTest(**options):
                answer = self.client.embeddings.create(model="scripted/vectors", input=["a", "bcd"], **options)
                self.assertEqual([entry.embedding for entry in answer.data], [[1, 0.5, 0.5, 0.5], [3, 0.5, 0.5, 0.5]])
                self.assertEqual(answer.usage.prompt_tokens, 3)
        short = self.client.embeddings.create(model="scripted/vectors", input="ab", dimensions=2)
        self.assertEqual(short.data[0].embedding, [2, 0.5])

    def test_models(self):
        ids = [model.id for model in self.client.models.list()]
        self.assertIn("scripted/plain", ids)
        self.assertIn("default", ids)
        self.assertEqual(self.client.models.retrieve("scripted/plain").owned_by, "scripted")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("nobody/none")

    def test_the_asynchronous_client(self):
        async def ask() -> str:
            async with openai.AsyncOpenAI(base_url=self.url, api_key="none") as client:
                stream = await client.chat.completions.create(model="default", messages=QUESTION, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        self.assertEqual(asyncio.run(ask()), ANSWER)


class FailureTests(GatewayTestCase):
    def test_a_field_out_of_range_is_named(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(temperature=9)
        self.assertEqual((caught.exception.param, caught.exception.type), ("temperature", "invalid_request_error"))

    def test_a_wrong_type_is_named_by_its_path(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(messages=[QUESTION[0], {"role": "user", "content": 7}])
        self.assertEqual(caught.exception.param, "messages[1].content")

    def test_a_model_that_does_not_exist(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.chat("nobody/none")
        self.assertEqual(caught.exception.code, "model_not_found")

    def test_a_prompt_that_is_too_long(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat("scripted/too-long")
        self.assertEqual(caught.exception.code, "context_length_exceeded")

    def test_a_limit_is_told_with_the_time_and_retried(self):
        self.upstream.failures["limited"] = 1
        with self.assertRaises(openai.RateLimitError) as caught:
            self.chat("scripted/limited")
        self.assertGreaterEqual(int(caught.exception.response.headers["retry-after"]), 1)

    def test_the_client_retries_what_may_be_retried(self):
        self.upstream.failures["flaky"] = 1
        self.assertEqual(
            self.client.with_options(max_retries=3).chat.completions.create(
                model="scripted/flaky", messages=QUESTION).choices[0].message.content,
            ANSWER)

    def test_our_own_wrong_key_is_not_the_clients_fault(self):
        with self.assertRaises(openai.InternalServerError):
            self.chat("scripted/locked")

    def test_a_stream_that_is_cut_raises_and_never_looks_complete(self):
        text, reasons = "", []
        with self.assertRaises(openai.APIError):
            for chunk in self.chat("scripted/cut", stream=True):
                text += chunk.choices[0].delta.content or ""
                reasons.append(chunk.choices[0].finish_reason)
        self.assertTrue(ANSWER.startswith(text))
        self.assertEqual(set(reasons) - {None}, set())

    def test_whoever_leaves_ends_the_upstreams_work(self):
        self.upstream.hung_up.clear()
        stream = self.chat("scripted/endless", stream=True)
        next(iter(stream))
        stream.close()
        self.assertTrue(self.upstream.hung_up.wait(5))

    def test_a_timeout_of_the_client(self):
        with self.assertRaises(openai.APITimeoutError):
            self.client.with_options(timeout=0.001).chat.completions.create(model="default", messages=QUESTION)


if __name__ == "__main__":
    unittest.main(verbosity=2)
