import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct LoadCommandTests {
    private typealias Progress = Roundhouse_V1_LoadProgress

    private static func progress(
        _ phase: Roundhouse_V1_LoadPhase,
        _ done: Int64 = 0,
        of total: Int64 = 0,
        place: Int32 = 0
    ) -> Progress {
        .with {
            $0.model = "local/small"
            $0.phase = phase
            $0.loadedBytes = done
            $0.totalBytes = total
            $0.queuePosition = place
        }
    }

    private static let loaded = Roundhouse_V1_LoadedModel.with {
        $0.model = "local/small"
        $0.state = .ready
        $0.device = "cpu"
        $0.engine = "llama.cpp"
        $0.memoryBytes = 350 << 20
        $0.memoryMeasured = true
        $0.processID = 4711
        $0.loadDuration = .with { $0.nanos = 850_000_000 }
    }

    private static let load: [Roundhouse_V1_LoadModelResponse] =
        [
            Self.progress(.queued, place: 2), Self.progress(.queued, place: 1), Self.progress(.starting),
            Self.progress(.loading, 0, of: 1000), Self.progress(.loading, 50, of: 1000),
            Self.progress(.loading, 1000, of: 1000), Self.progress(.warming),
        ].map { progress in .with { $0.progress = progress } }
        + [
            .with {
                $0.progress = Self.progress(.ready)
                $0.loaded = Self.loaded
            }
        ]

    private let server = ScriptedServer(scripts: [.stream(Roundhouse_V1_LoadModelRequest.self, of: Self.load)])

    @Test("a load nobody watches says each phase and each tenth")
    func plain() async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run(["models", "load", "small", "--pin"], console: console) == .success)
        #expect(
            console.transcript.errors == """
                local/small waits in place 2
                local/small waits in place 1
                starting local/small
                loading local/small: 0 %, 0 B of 1000 B
                loading local/small: 100 %, 1000 B of 1000 B
                warming up local/small

                """
        )
        #expect(
            console.transcript.output == "local/small is ready: 350.0 MiB on cpu, process 4711, loaded in 850 ms\n"
        )
        let asked = server.requests(Roundhouse_V1_LoadModelRequest.self)
        #expect(asked.map(\.model) == ["small"] && asked.allSatisfy(\.pin))
    }

    @Test("on a terminal the progress is one line, which is gone in the end")
    func terminal() async throws {
        let console = RecordingConsole(traits: .init(isTerminal: true, columns: 60, isStyled: false))
        #expect(try await self.server.run(["models", "load", "small"], console: console) == .success)
        let shown = console.transcript.errors
        #expect(!shown.contains("\n"))
        #expect(shown.contains("loading local/small  [======]  100 %  1000 B of 1000 B"))
        #expect(shown.hasSuffix("\r\u{1B}[K"))
        for line in shown.split(separator: "\r\u{1B}[K") {
            #expect(TerminalText.width(String(line)) < 60)
        }
    }

    @Test("with --json every message is a line and nothing else is said")
    func json() async throws {
        let console = RecordingConsole()
        #expect(try await self.server.run(["models", "load", "small", "--json"], console: console) == .success)
        let lines = try console.transcript.output.split(separator: "\n")
            .map { try Roundhouse_V1_LoadModelResponse(jsonString: String($0)) }
        #expect(lines == Self.load)
        #expect(console.transcript.errors.isEmpty)
    }

    @Test("a stream that ends with OK before the model is ready is the server's fault")
    func brokenPromise() async throws {
        let server = ScriptedServer(scripts: [
            .stream(Roundhouse_V1_LoadModelRequest.self, of: Array(Self.load.prefix(3)))
        ])
        for arguments in [[], ["--json"]] {
            let console = RecordingConsole()
            #expect(try await server.run(["models", "load", "small"] + arguments, console: console) == .failure)
            #expect(console.transcript.errors.contains("without the loaded model"))
        }
    }

    @Test("Ctrl-C leaves the load to the server, and says so")
    func interrupted() async throws {
        let (interruptions, interrupt) = AsyncStream.makeStream(of: Void.self)
        let server = ScriptedServer(scripts: [
            .stream {
                (_: Roundhouse_V1_LoadModelRequest, writer: RPCWriter<Roundhouse_V1_LoadModelResponse>, context) in
                try await writer.write(Self.load[2])
                interrupt.yield()
                try await context.cancellation.cancelled
            }
        ])
        let console = RecordingConsole()
        let status = try await server.run(["models", "load", "local/small"], console: console, until: interruptions)
        #expect(status == .interrupted)
        #expect(console.transcript.errors.contains("the load of local/small goes on in the server"))
        #expect(console.transcript.output.isEmpty)
    }

    @Test("unload sends force and grace, and says what it freed")
    func unload() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (request: Roundhouse_V1_UnloadModelRequest) in
                Roundhouse_V1_UnloadModelResponse.with {
                    $0.model = "local/small"
                    $0.unloaded = request.force
                    $0.freedBytes = 1 << 20
                    $0.drainedLeaseCount = 2
                    $0.cutLeaseCount = 1
                    $0.elapsed = .with { $0.seconds = 3 }
                }
            }
        ])
        let console = RecordingConsole()
        let arguments = ["models", "unload", "small", "--force", "--grace", "1m30s"]
        #expect(try await server.run(arguments, console: console) == .success)
        #expect(try await server.run(["models", "unload", "small"], console: console) == .success)
        #expect(
            console.transcript.output == """
                local/small is unloaded: 1.0 MiB freed, 2 requests ended first, 1 request cut, in 3.00 s
                local/small was not loaded

                """
        )
        let asked = server.requests(Roundhouse_V1_UnloadModelRequest.self)
        #expect(asked.map(\.grace.seconds) == [90, 0])
        #expect(asked.map(\.hasGrace) == [true, false])
    }

    private static let devices: [Roundhouse_V1_DeviceMemory] = [
        .with {
            $0.device = "cpu"
            $0.totalBytes = 8 << 30
            $0.freeBytes = 5 << 30
            $0.quotaBytes = 6 << 30
            $0.actualBytes = 350 << 20
        }
    ]

    @Test("what is loaded is shown with the memories, from every page", arguments: ["loaded", "ps"])
    func loaded(command: String) async throws {
        let server = ScriptedServer(scripts: [
            .answer { (request: Roundhouse_V1_ListLoadedModelsRequest) in
                Roundhouse_V1_ListLoadedModelsResponse.with {
                    $0.models =
                        request.pageToken.isEmpty
                        ? [Self.loaded]
                        : [
                            .with {
                                $0.model = "local/big"
                                $0.version = "v2"
                                $0.state = .loading
                                $0.device = "cuda:0"
                                $0.engine = "llama.cpp"
                                $0.memoryBytes = 2 << 30
                                $0.waiterCount = 3
                                $0.pinned = true
                                $0.restartCount = 1
                            }
                        ]
                    $0.nextPageToken = request.pageToken.isEmpty ? "2" : ""
                    $0.devices = Self.devices
                }
            }
        ])
        let console = RecordingConsole()
        #expect(try await server.run(["models", command], console: console) == .success)
        #expect(
            console.transcript.output == """
                MODEL                   STATE       MEMORY  DEVICE  ENGINE      PID  REQUESTS  WAITING  IDLE  UNLOADED AT  REMARK
                local/small             ready    350.0 MiB  cpu     llama.cpp  4711         0        0     -  -
                local/big (version v2)  loading   ~2.0 GiB  cuda:0  llama.cpp     -         0        3     -  -            pinned; 1 restart

                MEMORY    TOTAL     FREE    QUOTA     LOADED  LOADING  RELEASING
                cpu     8.0 GiB  5.0 GiB  6.0 GiB  350.0 MiB      0 B        0 B

                """
        )
    }

    @Test("what is loaded fits a terminal of 80 columns")
    func narrow() async throws {
        let server = ScriptedServer(scripts: [
            .answer(
                Roundhouse_V1_ListLoadedModelsRequest.self,
                with: Roundhouse_V1_ListLoadedModelsResponse.with {
                    $0.models = [Self.loaded]
                    $0.models[0].expireTime = .with { $0.seconds = 1_700_000_000 }
                    $0.models[0].idleDuration = .with { $0.seconds = 3599 }
                    $0.models[0].stateReason = "a reason that goes on for much longer than there is room in the line"
                    $0.devices = Self.devices
                }
            )
        ])
        let console = RecordingConsole(traits: .init(isTerminal: true, columns: 80, isStyled: false))
        #expect(try await server.run(["models", "loaded"], console: console) == .success)
        let lines = console.transcript.output.split(separator: "\n")
        #expect(lines.allSatisfy { TerminalText.width(String($0)) <= 80 })
        #expect(lines.dropFirst().first?.hasPrefix("local/small  ready  350.0 MiB  cpu") == true)
    }

    @Test("pin and unpin say how the model stands")
    func pin() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (_: Roundhouse_V1_PinModelRequest) in
                Roundhouse_V1_PinModelResponse.with {
                    $0.model.id = "local/small"
                    $0.model.state = .ready
                }
            }
        ])
        let console = RecordingConsole()
        _ = try await server.run(["models", "pin", "small"], console: console)
        _ = try await server.run(["models", "pin", "small", "--unpin"], console: console)
        #expect(
            console.transcript.output
                == "local/small is pinned; it is ready\nlocal/small is no longer pinned; it is ready\n"
        )
        #expect(server.requests(Roundhouse_V1_PinModelRequest.self).map(\.unpin) == [false, true])
    }

    private static func plan(feasible: Bool) -> Roundhouse_V1_PlanLoadResponse {
        .with {
            $0.plan = .with {
                $0.model = "local/big"
                $0.feasible = feasible
                $0.reason = feasible ? "" : "2.0 GiB are missing"
                $0.estimate = .with {
                    $0.weightBytes = 1 << 30
                    $0.totalBytes = 1 << 30
                    $0.deviceBytes = ["cpu": 1 << 30]
                }
                $0.evictions = [
                    .with {
                        $0.model = "local/small"
                        $0.freedBytes = 350 << 20
                        $0.idleDuration = .with { $0.seconds = 95 }
                        $0.busy = true
                    }
                ]
                $0.blockers = feasible ? [] : ["local/other: it is pinned"]
                $0.devices = Self.devices
            }
        }
    }

    @Test("a plan says who goes and what stands in the way; --check makes it a status", arguments: [true, false])
    func plan(feasible: Bool) async throws {
        let server = ScriptedServer(scripts: [
            .answer(Roundhouse_V1_PlanLoadRequest.self, with: Self.plan(feasible: feasible))
        ])
        let console = RecordingConsole()
        let arguments = ["models", "plan", "big", "--context-length", "4096", "--check"]
        #expect(try await server.run(arguments, console: console) == (feasible ? .success : .failure))
        let verdict =
            feasible
            ? "local/big can be loaded after local/small was unloaded"
            : "local/big cannot be loaded: 2.0 GiB are missing"
        #expect(
            console.transcript.output.hasPrefix(
                """
                \(verdict)
                  weights    1.0 GiB
                  KV cache   0 B
                  computing  0 B
                  together   1.0 GiB (1.0 GiB on cpu)

                UNLOADED         FREES        IDLE  REMARK
                local/small  350.0 MiB  1 min 35 s  its requests end first

                """
            )
        )
        #expect(console.transcript.output.contains("What stays\n  - local/other: it is pinned\n") == !feasible)
        #expect(server.requests(Roundhouse_V1_PlanLoadRequest.self).map(\.contextLength) == [4096])
        #expect(try await server.run(["models", "plan", "big"], console: RecordingConsole()) == .success)
    }
}
