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

    private static let tinyPath = "\(packageRoot)/models/tiny-q8_0.gguf"

    private var tiny: RuntimeModel {
        get throws { RuntimeModel(id: try localID("tiny"), path: Self.tinyPath, threads: 1) }
    }

    private func runtime(path: String? = nil) -> LlamaCppRuntime {
        let engine =
            path.map { LlamaCppEngine(directories: testEngines, preference: .path, searchPath: $0) }
            ?? LlamaCppEngine(directories: testEngines)
        return LlamaCppRuntime(
            engine: engine,
            records: EngineRecords(directory: "\(self.directory.path)/notes", logger: silent),
            healthCheck: Self.isHealthy,
            logger: silent
        )
    }

    /// `GET /health`, by a program that ends when the task is cancelled.
    @Sendable private static func isHealthy(_ host: String, _ port: Int, _ apiKey: String) async -> Bool {
        let script = """
            import sys, urllib.request
            print(urllib.request.urlopen("http://%s:%s/health" % tuple(sys.argv[1:])).status)
            """
        return (try? await output(of: python, ["-c", script, host, "\(port)"]).text) == "200\n"
    }

    /// Asks over plain HTTP, `count` times at once, and returns the statuses and the first answer's body.
    ///
    /// - Parameter words: Put before the question, other ones for each request.
    private func ask(
        _ endpoint: EngineEndpoint, key: String? = nil, count: Int = 1, words: Int = 0
    ) async throws -> String {
        let script = """
            import http.client, json, sys, threading
            host, port, key, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
            words = int(sys.argv[5])
            answers = []
            def ask(number):
                filler = "".join("%d cats " % (number * 7 + word) for word in range(words))
                body = json.dumps({"model": "x", "temperature": 0, "max_tokens": 60, "messages": [
                    {"role": "user", "content": filler + "What is the capital of France?"}]})
                connection = http.client.HTTPConnection(host, port, timeout=60)
                connection.request("POST", "/v1/chat/completions", body, {
                    "Authorization": "Bearer " + key, "Content-Type": "application/json"})
                answer = connection.getresponse()
                answers.append((answer.status, answer.read().decode()))
            threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(sorted(set(status for status, _ in answers)), len(answers))
            print(answers[0][1])
            """
        let arguments = [
            "-c", script, endpoint.host, "\(endpoint.port)", key ?? endpoint.apiKey, "\(count)", "\(words)",
        ]
        return try await output(of: python, arguments).text
    }

    @Test func itAnswersAndIsGoneAfterwards() async throws {
        var processID: Int32 = 0
        let reports = Reports()
        let exit = try await self.runtime().whileReady(try self.tiny, reports: reports) { instance, endpoint in
            #expect(instance.contextLength == 1024 && endpoint.contextLength == 1024)
            let answer = try await self.ask(endpoint)
            #expect(answer.hasPrefix("[200] 1\n") && answer.contains("Paris"), "\(answer)")
            processID = endpoint.pid
        }
        #expect(exit == .stopped)
        #expect(kill(processID, 0) != 0)
        let weights = try GGUFHeader.read(path: Self.tinyPath).weightBytes
        #expect(reports.all.first == .started(processID: processID))
        #expect(reports.all.contains(.loading(loadedBytes: weights, totalBytes: weights)))
    }

    @Test func aBurstWaitsInLineAndNobodyIsRefused() async throws {
        try await self.runtime().whileReady(try self.tiny) { _, endpoint in
            let answer = try await self.ask(endpoint, count: 64)
            #expect(answer.hasPrefix("[200] 64\n"), "\(answer)")
        }
    }

    @Test func aRequestWithoutTheKeyIsRefused() async throws {
        try await self.runtime().whileReady(try self.tiny) { _, endpoint in
            let answer = try await self.ask(endpoint, key: "guess")
            #expect(answer.hasPrefix("[401] 1\n"), "\(answer)")
        }
    }

    @Test func theKeyStandsInNoArgumentVariableOrNote() async throws {
        try await self.runtime().whileReady(try self.tiny) { _, endpoint in
            let notes = "\(self.directory.path)/notes"
            let note = try #require(try FileManager.default.contentsOfDirectory(atPath: notes).first)
            for file in ["/proc/\(endpoint.pid)/cmdline", "/proc/\(endpoint.pid)/environ", "\(notes)/\(note)"] {
                let data = try Data(contentsOf: URL(filePath: file))
                let text = String(decoding: data, as: UTF8.self)
                #expect(!text.isEmpty && !text.contains(endpoint.apiKey))
            }
        }
    }

    @Test func anEngineThatIsStoppedInItsTracksFailsItsProbe() async throws {
        let runtime = self.runtime()
        try await runtime.whileReady(try self.tiny) { instance, endpoint in
            #expect(await runtime.probe(instance))
            kill(endpoint.pid, SIGSTOP)
            let start = ContinuousClock.now
            #expect(await !runtime.probe(instance))
            #expect(ContinuousClock.now - start < .seconds(8))
            kill(endpoint.pid, SIGCONT)
            #expect(await runtime.probe(instance))
        }
    }

    @Test(arguments: [10, 100_000])
    func aFileThatIsNoModelIsExplainedWithoutAStart(missing: Int) async throws {
        let path = "\(self.directory.path)/bad.gguf"
        let whole = try Data(contentsOf: URL(filePath: Self.tinyPath))
        try whole.dropLast(missing).write(to: URL(filePath: path))
        let reports = Reports()
        let exit = await self.runtime().exit(of: RuntimeModel(id: try localID("bad"), path: path), reports: reports)
        let reason =
            "local/bad cannot be loaded from \(path): it is truncated: \(missing) bytes are missing of the "
            + "\(whole.count) that its header promises; was the download complete?"
        #expect(exit == .unavailable(reason: reason))
        #expect(reports.all.isEmpty)
    }

    @Test func aModelThatTheEngineCannotLoadFailsWithTheEnginesWords() async throws {
        // A header in good order, with tensors that no llama has.
        let path = "\(self.directory.path)/odd.gguf"
        try Data(GGUFBuilder.model().wholeFile()).write(to: URL(filePath: path))
        let reports = Reports()
        let exit = await self.runtime().exit(of: RuntimeModel(id: try localID("odd"), path: path), reports: reports)
        guard case .refused(let reason) = exit else {
            Issue.record("\(exit)")
            return
        }
        #expect(reason.hasPrefix("llama.cpp for local/odd could not start: llama.cpp could not load \(path)"))
        #expect(reason.contains("key not found in model"), "\(reason)")
        guard case .started(let processID?) = reports.all.first else {
            Issue.record("\(reports.all)")
            return
        }
        #expect(kill(processID, 0) != 0)
    }

    /// The figures that the estimate must hold to: no engine may take more than was planned for it, and what is planned
    /// must not keep out a model that would fit.
    @Test(arguments: [("tiny", 1024, 1), ("small", 1024, 1), ("small", 4096, 3)])
    func theEstimateHoldsForRunningEngines(name: String, context: Int, parallel: Int) async throws {
        let model = RuntimeModel(
            id: try localID(name), path: "\(packageRoot)/models/\(name)-q8_0.gguf", contextLength: context, threads: 1,
            parallel: parallel)
        let runtime = self.runtime()
        let estimate = try await runtime.prepare(model)
        try await runtime.whileReady(model) { instance, endpoint in
            let loaded = try #require(instance.memory[.cpu])
            let answers = try await self.ask(endpoint, count: 24, words: context / 16 / parallel)
            #expect(answers.hasPrefix("[200] 24\n"), "\(answers.prefix(300))")
            let used = try #require(ProcessMemory.bytes(endpoint.pid))
            let factor = Double(estimate.totalBytes) / Double(used)
            print(
                "memory of \(name), \(context) tokens, \(parallel) at a time: estimated \(estimate.totalBytes >> 10) KiB,"
                    + " loaded \(loaded >> 10) KiB, after 24 answers \(used >> 10) KiB: factor \(factor)")
            // Most of what is planned for such small models is the cache of prompts, which fills later.
            #expect((1.0...2.25).contains(factor))
        }
    }

    /// Asks the engine itself, see `LlamaCppArchitectures`.
    @Test func theEngineKnowsTheArchitecturesThatWeSayItKnows() async throws {
        let engine = try LlamaCppEngine(directories: testEngines).find()
        let script = """
            import os, struct, sys, xllamacpp
            def text(value): return struct.pack("<Q", len(value)) + value.encode()
            def knows(name):
                # A fork of a busy process with threads now and then says nothing at all.
                for _ in range(10):
                    said = ask(name)
                    if b"unknown model architecture" in said: return False
                    if b"load" in said: return True
                return False
            def ask(name):
                path = sys.argv[1] + "/a.gguf"
                with open(path, "wb") as file:
                    file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("general.architecture")
                        + struct.pack("<I", 8) + text(name) + bytes(64))
                read, write = os.pipe()
                child = os.fork()
                if child == 0:
                    os.dup2(write, 1); os.dup2(write, 2); os.close(read)
                    params = xllamacpp.CommonParams()
                    params.model.path = path
                    params.hostnames = ["127.0.0.1"]; params.port = 0; params.fit_params = False; params.verbosity = 2
                    try: xllamacpp.Server(params)
                    except BaseException as error: print(error)
                    os._exit(0)
                os.close(write)
                with os.fdopen(read, "rb") as output: said = output.read()
                os.waitpid(child, 0)
                return said
            print("unknown:", *[name for name in sys.argv[2:] if not knows(name)])
            """
        let names = LlamaCppArchitectures.all.sorted()
        let answer = try await output(
            of: engine.python, ["-c", script, self.directory.path, "nobody-knows-this"] + names)
        #expect(answer.text == "unknown: nobody-knows-this\n", "\(answer.text.suffix(2000))")
    }

    @Test func aMissingEngineSaysHowToInstallIt() throws {
        let tiny = try self.tiny
        let engine = LlamaCppEngine(directories: EngineDirectories(root: self.directory.path), searchPath: "/nowhere")
        do throws(RuntimeUnavailable) {
            _ = try engine.prepare(tiny)
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
        for name in ("model", "alias", "host", "threads", "threads-http", "ctx-size", "parallel", "n-gpu-layers"):
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
        var processID: Int32 = 0
        var model = try self.tiny
        model.gpuLayers = 3
        let runtime = self.runtime(path: path)
        #expect(try await runtime.prepare(model).devices.keys.sorted() == [.cpu, .cuda(0)])
        try await runtime.whileReady(model) { instance, endpoint in
            #expect(endpoint.contextLength == 1024)
            #expect(isAlive(endpoint.pid))
            let arguments = try Data(contentsOf: URL(filePath: "/proc/\(endpoint.pid)/cmdline"))
            #expect(String(decoding: arguments, as: UTF8.self).contains("--n-gpu-layers\u{0}3\u{0}"))
            // Two Python interpreters: the launcher's child counts, too.
            let own = try #require(ProcessMemory.bytes(endpoint.pid))
            #expect(try #require(instance.memory[.cpu]) > own)
            processID = endpoint.pid
        }
        #expect(try await ends(processID))
    }

    /// Starts the launcher below a process that is then killed, and waits for the engine's end.
    private func endWithParent(pipeHeldElsewhere: Bool, server: String?) async throws -> String {
        let script = try testEngines.launcherScript()
        let engine = try LlamaCppEngine(directories: testEngines).find()
        let specification = """
            {"model": "\(Self.tinyPath)", "alias": "local/tiny", "api_key": "k", "threads": 1, "http_threads": 4, "slots": 1, \
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
            engine.stdin.write(json.dumps({"model": sys.argv[3], "alias": "a", "api_key": "k", "threads": 1, "http_threads": 4, "slots": 1,
                "context_length": 256, "prompt_cache_mib": 8, "gpu_layers": 0, "mapped": True, "embedding": False}).encode() + b"\\n")
            engine.stdin.flush()
            assert json.loads(engine.stdout.readline())["event"] == "ready"
            engine.stdin.close()
            print(engine.wait(15))
            """
        #expect(try await output(of: python, ["-c", test, engine.python, script, Self.tinyPath]).text == "0\n")
    }
}
