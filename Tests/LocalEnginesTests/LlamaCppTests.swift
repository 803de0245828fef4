import FoundationEssentials
import Glibc
import Inference
import Synchronization
import Testing

@testable import LocalEngines

/// The real llama.cpp with the real tiny model.
@Suite(.serialized) struct LlamaCppTests {
    private let directory: TemporaryDirectory

    init() async throws {
        self.directory = try TemporaryDirectory()
        try await LlamaCppInstaller(directories: testEngines).install { _ in }
    }

    private var tiny: LocalModel { LocalModel(name: "tiny", path: "\(packageRoot)/models/tiny-q8_0.gguf") }

    private func supervisor(_ models: [LocalModel], path: String? = nil) -> EngineSupervisor {
        let engine =
            path.map { LlamaCppEngine(directories: testEngines, preference: .path, searchPath: $0) }
            ?? LlamaCppEngine(directories: testEngines)
        return EngineSupervisor(engine: engine, models: models, logger: silent)
    }

    /// Asks over plain HTTP, `count` times at once, and returns the statuses and the first answer's body.
    private func ask(_ endpoint: EngineEndpoint, key: String? = nil, count: Int = 1) async throws -> String {
        let script = """
            import http.client, json, sys, threading
            host, port, key, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
            body = json.dumps({"model": "x", "temperature": 0, "messages": [
                {"role": "user", "content": "What is the capital of France?"}]})
            answers = []
            def ask():
                connection = http.client.HTTPConnection(host, port, timeout=60)
                connection.request("POST", "/v1/chat/completions", body, {
                    "Authorization": "Bearer " + key, "Content-Type": "application/json"})
                answer = connection.getresponse()
                answers.append((answer.status, answer.read().decode()))
            threads = [threading.Thread(target=ask) for _ in range(count)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(sorted(set(status for status, _ in answers)), len(answers))
            print(answers[0][1])
            """
        let arguments = ["-c", script, endpoint.host, "\(endpoint.port)", key ?? endpoint.apiKey, "\(count)"]
        return try await output(of: python, arguments).text
    }

    @Test func itAnswersAndIsGoneAfterwards() async throws {
        let supervisor = self.supervisor([self.tiny])
        let endpoint = try await supervisor.whileRunning {
            let endpoint = try await supervisor.ensureReady("tiny")
            #expect(endpoint.contextLength == 1024)
            let answer = try await self.ask(endpoint)
            #expect(answer.hasPrefix("[200] 1\n") && answer.contains("Paris"), "\(answer)")
            return endpoint
        }
        #expect(kill(endpoint.pid, 0) != 0)
    }

    @Test func aBurstWaitsInLineAndNobodyIsRefused() async throws {
        let supervisor = self.supervisor([self.tiny])
        try await supervisor.whileRunning {
            let answer = try await self.ask(try await supervisor.ensureReady("tiny"), count: 64)
            #expect(answer.hasPrefix("[200] 64\n"), "\(answer)")
        }
    }

    @Test func aRequestWithoutTheKeyIsRefused() async throws {
        let supervisor = self.supervisor([self.tiny])
        try await supervisor.whileRunning {
            let answer = try await self.ask(try await supervisor.ensureReady("tiny"), key: "guess")
            #expect(answer.hasPrefix("[401] 1\n"), "\(answer)")
        }
    }

    @Test func theKeyStandsInNoArgumentAndNoVariable() async throws {
        let supervisor = self.supervisor([self.tiny])
        try await supervisor.whileRunning {
            let endpoint = try await supervisor.ensureReady("tiny")
            for file in ["cmdline", "environ"] {
                let data = try Data(contentsOf: URL(filePath: "/proc/\(endpoint.pid)/\(file)"))
                let text = String(decoding: data, as: UTF8.self)
                #expect(!text.isEmpty && !text.contains(endpoint.apiKey))
            }
        }
    }

    @Test func aFileThatIsNoModelIsExplainedWithoutAStart() async throws {
        let path = try self.directory.write("this is no model", to: "bad.gguf")
        let supervisor = self.supervisor([LocalModel(name: "bad", path: path), self.tiny])
        try await supervisor.whileRunning {
            do throws(UpstreamFault) {
                _ = try await supervisor.ensureReady("bad")
                Issue.record("it started")
            } catch {
                #expect(
                    error.message == "local/bad cannot be loaded from \(path): it is not a GGUF file: "
                        + "the first four bytes are not 'GGUF'")
            }
            _ = try await supervisor.ensureReady("tiny")
        }
    }

    @Test func aModelThatTheEngineCannotLoadFailsWithTheEnginesWords() async throws {
        // A header in good order with nothing behind it.
        let whole = try Data(contentsOf: URL(filePath: self.tiny.path))
        let path = "\(self.directory.path)/half.gguf"
        try whole.prefix(whole.count / 2).write(to: URL(filePath: path))
        let supervisor = self.supervisor([LocalModel(name: "half", path: path)])
        try await supervisor.whileRunning {
            do throws(UpstreamFault) {
                _ = try await supervisor.ensureReady("half")
                Issue.record("it started")
            } catch {
                #expect(error.kind == .unreachable)
                #expect(error.message.contains("llama.cpp could not load \(path)"), "\(error.message)")
                #expect(error.message.contains("corrupted or incomplete"), "\(error.message)")
            }
            #expect(supervisor.status(of: "half")?.state == .failed)
        }
    }

    @Test func aMissingEngineSaysHowToInstallIt() throws {
        let engine = LlamaCppEngine(directories: EngineDirectories(root: self.directory.path), searchPath: "/nowhere")
        do throws(RuntimeUnavailable) {
            _ = try engine.prepare(self.tiny)
            Issue.record("an engine was found")
        } catch {
            #expect(error.reason == "llama.cpp is not installed: run `roundhouse engines install llama.cpp`")
        }
    }

    /// A stand-in that takes llama-server's options and answers as it does.
    private static let fakeServer = """
        #!/usr/bin/env python3
        import argparse, http.server, json, os
        parser = argparse.ArgumentParser()
        for name in ("model", "alias", "host", "threads", "ctx-size", "parallel", "n-gpu-layers"):
            parser.add_argument("--" + name, required=True)
        parser.add_argument("--port", type=int, required=True)
        options = parser.parse_args()
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                allowed = self.headers.get("Authorization") == "Bearer " + os.environ["LLAMA_API_KEY"]
                bodies = {"/health": {"status": "ok"}, "/v1/models": {"data": [{"id": options.alias}]},
                          "/props": {"default_generation_settings": {"n_ctx": int(options.ctx_size)}}}
                self.send_response(200 if allowed or self.path == "/health" else 401)
                self.end_headers()
                self.wfile.write(json.dumps(bodies.get(self.path, {})).encode())
            def log_message(self, *arguments):
                pass
        http.server.ThreadingHTTPServer((options.host, options.port), Handler).serve_forever()
        """

    @Test func aLlamaServerOnThePathIsUsedAndEndsWithUs() async throws {
        _ = try self.directory.write(Self.fakeServer, to: "llama-server", executable: true)
        let path = "\(self.directory.path):\(ProcessInfo.processInfo.environment["PATH"] ?? "")"
        let supervisor = self.supervisor([self.tiny], path: path)
        let endpoint = try await supervisor.whileRunning {
            let endpoint = try await supervisor.ensureReady("tiny")
            #expect(endpoint.contextLength == 1024)
            #expect(isAlive(endpoint.pid))
            return endpoint
        }
        #expect(try await ends(endpoint.pid))
    }

    /// Starts the launcher below a process that is then killed, and waits for the engine's end.
    private func endWithParent(pipeHeldElsewhere: Bool, server: String?) async throws -> String {
        let script = try testEngines.launcherScript()
        let engine = try LlamaCppEngine(directories: testEngines).find()
        let specification = """
            {"model": "\(self.tiny.path)", "alias": "local/tiny", "api_key": "k", "threads": 1, "slots": 1, \
            "context_length": 256, "prompt_cache_mib": 8, "gpu_layers": 0, "mapped": true, "embedding": false, \
            "server": \(server.map { "\"\($0)\"" } ?? "null")}
            """
        let parent = """
            import os, subprocess, sys, time
            engine = subprocess.Popen([sys.argv[1], "-I", sys.argv[2], str(os.getpid()), "tiny"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            engine.stdin.write(sys.argv[3].encode() + b"\\n")
            engine.stdin.flush()
            if sys.argv[4] == "held":
                holder = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, pass_fds=[engine.stdin.fileno()])
                print(holder.pid, flush=True)
            else:
                print(0, flush=True)
            print(engine.stdout.readline().decode().strip(), flush=True)
            sys.stdin.read()
            """
        let test = """
            import json, os, select, signal, subprocess, sys
            parent = subprocess.Popen([sys.executable, "-c"] + sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            holder = int(parent.stdout.readline())
            ready = json.loads(parent.stdout.readline())
            assert ready["event"] == "ready", ready
            engine = os.pidfd_open(ready["pid"])
            parent.kill()
            gone, _, _ = select.select([engine], [], [], 15)
            if holder: os.kill(holder, signal.SIGKILL)
            print("gone" if gone else "the engine outlived its parent")
            if not gone: os.kill(ready["pid"], signal.SIGKILL)
            """
        let arguments = [
            "-c", test, parent, engine.python, script, specification, pipeHeldElsewhere ? "held" : "plain",
        ]
        return try await output(of: python, arguments).text
    }

    @Test(arguments: [false, true])
    func anEngineEndsWhenItsParentIsKilled(pipeHeldElsewhere: Bool) async throws {
        #expect(try await self.endWithParent(pipeHeldElsewhere: pipeHeldElsewhere, server: nil) == "gone\n")
    }

    @Test(arguments: [false, true])
    func aLlamaServerEndsWhenItsGrandparentIsKilled(pipeHeldElsewhere: Bool) async throws {
        let server = try self.directory.write(Self.fakeServer, to: "llama-server", executable: true)
        #expect(try await self.endWithParent(pipeHeldElsewhere: pipeHeldElsewhere, server: server) == "gone\n")
    }

    @Test func anEngineEndsWhenItsPipeIsClosedThoughItsParentLives() async throws {
        let script = try testEngines.launcherScript()
        let engine = try LlamaCppEngine(directories: testEngines).find()
        let test = """
            import json, os, subprocess, sys
            engine = subprocess.Popen([sys.argv[1], "-I", sys.argv[2], str(os.getpid()), "tiny"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            engine.stdin.write(json.dumps({"model": sys.argv[3], "alias": "a", "api_key": "k", "threads": 1, "slots": 1,
                "context_length": 256, "prompt_cache_mib": 8, "gpu_layers": 0, "mapped": True, "embedding": False}).encode() + b"\\n")
            engine.stdin.flush()
            assert json.loads(engine.stdout.readline())["event"] == "ready"
            engine.stdin.close()
            print(engine.wait(15))
            """
        #expect(try await output(of: python, ["-c", test, engine.python, script, self.tiny.path]).text == "0\n")
    }
}
