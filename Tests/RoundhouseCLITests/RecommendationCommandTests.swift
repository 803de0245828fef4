import ArgumentParser
import GRPCCore
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import Testing

@testable import RoundhouseCLI

@Suite("Command line: recommendations", .timeLimit(.minutes(1)))
struct RecommendationCommandTests {
    private typealias Asked = Roundhouse_V1_ListRecommendationsRequest
    private typealias Answer = Roundhouse_V1_ListRecommendationsResponse
    private typealias Recommendation = Roundhouse_V1_Recommendation
    private typealias Unload = Roundhouse_V1_UnloadModelRequest

    private static func unload(_ model: String) -> Recommendation {
        .with {
            $0.id = "unload-unused:\(model)"
            $0.kind = .unloadUnused
            $0.model = model
            $0.reason = "it was not used for 7 hours and takes 340.0 MiB"
            $0.evidence = [
                .with { ($0.name, $0.value, $0.unit) = ("uses", 0, "count") },
                .with { ($0.name, $0.value, $0.unit) = ("idle", 25_200_000_000, "microseconds") },
            ]
            $0.freedBytes = 356_515_840
            $0.action = .with {
                $0.method = "roundhouse.v1.LifecycleService/UnloadModel"
                $0.requestJson = #"{"model":"\#(model)"}"#
                $0.instruction = "roundhouse models unload \(model)"
            }
        }
    }

    private static let share: Recommendation = .with {
        $0.id = "raise-memory-share"
        $0.kind = .raiseMemoryShare
        $0.reason = "models were evicted 12 times while memory was free"
        $0.sparedTime = .with { $0.seconds = 90 }
        $0.action = .with { $0.instruction = "lifecycle.memory_share: 0.7" }
    }

    private static let both = [Self.share, Self.unload("local/tiny")]

    /// Each list is given once, the last one again and again.
    private func server(_ lists: [[Recommendation]]) -> ScriptedServer {
        let count = Mutex(0)
        return ScriptedServer(scripts: [
            .answer { (_: Asked) -> Answer in
                let index = count.withLock { count in
                    defer { count += 1 }
                    return count
                }
                return .with { $0.recommendations = lists[min(index, lists.count - 1)] }
            },
            .answer { (request: Unload) -> Roundhouse_V1_UnloadModelResponse in
                .with {
                    $0.model = request.model
                    $0.unloaded = true
                    $0.freedBytes = 356_515_840
                }
            },
        ])
    }

    @Test("they are a numbered list with reason, gain, evidence and what to do")
    func list() async throws {
        let console = RecordingConsole()
        let server = self.server([Self.both])
        #expect(try await server.run(["recommendations", "--range", "30d"], console: console) == .success)
        #expect(
            console.transcript.output == """
                1. let models take more of the memory
                   models were evicted 12 times while memory was free
                   Brings: 1 min 30 s less to wait
                   To do: lifecycle.memory_share: 0.7

                2. unload local/tiny, which is not used
                   it was not used for 7 hours and takes 340.0 MiB
                   Brings: 340.0 MiB of free memory
                   Evidence: uses 0, idle 7 h 0 min
                   To do: roundhouse models unload local/tiny
                     $ roundhouse recommendations --apply unload-unused:local/tiny

                """
        )
        #expect(server.requests(Asked.self).map(\.range) == [.thirtyDays])
        let json = RecordingConsole()
        _ = try await server.run(["recommendations", "--json"], console: json)
        #expect(try Answer(jsonString: json.transcript.output).recommendations == Self.both)
        let none = RecordingConsole()
        #expect(try await self.server([[]]).run(["recommendations"], console: none) == .success)
        #expect(none.transcript.output.isEmpty && none.transcript.errors == "there is nothing to recommend\n")
    }

    @Test("one is applied by number or id once it was agreed to", arguments: ["2", "unload-unused:local/tiny"])
    func apply(name: String) async throws {
        let server = self.server([Self.both])
        let console = RecordingConsole(input: ["y"], isInputTerminal: true)
        #expect(try await server.run(["recommendations", "--apply", name], console: console) == .success)
        #expect(server.requests(Unload.self).map(\.model) == ["local/tiny"])
        #expect(console.transcript.output == "local/tiny is unloaded: 340.0 MiB freed\n")
        #expect(
            console.transcript.errors.hasPrefix(
                """
                2. unload local/tiny, which is not used
                   it was not used for 7 hours and takes 340.0 MiB
                   Calls: roundhouse.v1.LifecycleService/UnloadModel {"model":"local/tiny"}
                do it? [y/N]
                """))
        let json = RecordingConsole()
        let arguments = ["recommendations", "--apply", name, "--yes", "--json"]
        #expect(try await server.run(arguments, console: json) == .success)
        #expect(try Roundhouse_V1_UnloadModelResponse(jsonString: json.transcript.output).freedBytes == 356_515_840)
        #expect(json.transcript.errors.isEmpty)
    }

    @Test("anything but a yes is a no", arguments: [["n"], [""], [], ["yeah"]])
    func declined(input: [String]) async throws {
        let server = self.server([Self.both])
        let console = RecordingConsole(input: input, isInputTerminal: true)
        #expect(try await server.run(["recommendations", "--apply", "2"], console: console) == .failure)
        #expect(server.requests(Unload.self).isEmpty)
        #expect(console.transcript.errors.contains("nothing was done"))
    }

    @Test("a list that changed meanwhile applies what was agreed to, or nothing")
    func changed() async throws {
        let moved = self.server([Self.both, [Self.unload("local/other"), Self.unload("local/tiny")]])
        let console = RecordingConsole(input: ["yes"], isInputTerminal: true)
        #expect(try await moved.run(["recommendations", "--apply", "2"], console: console) == .success)
        #expect(moved.requests(Unload.self).map(\.model) == ["local/tiny"])

        var other = Self.unload("local/tiny")
        other.action.requestJson = #"{"model":"local/tiny","force":true}"#
        for (list, words) in [
            ([Self.share], "not recommended any more"), ([Self.share, other], "has become another one"),
        ] {
            let server = self.server([Self.both, list])
            let console = RecordingConsole(input: ["y"], isInputTerminal: true)
            #expect(try await server.run(["recommendations", "--apply", "2"], console: console) == .failure)
            #expect(server.requests(Unload.self).isEmpty && console.transcript.errors.contains(words))
        }
    }

    @Test("numbers of one command are those of one list, though what is done changes it")
    func several() async throws {
        let list = ["a", "b", "c"].map { Self.unload("local/\($0)") }
        let server = self.server([list, Array(list.dropFirst())])
        let arguments = ["recommendations", "--apply", "1", "--apply", "2", "--yes"]
        #expect(try await server.run(arguments, console: RecordingConsole()) == .success)
        #expect(server.requests(Unload.self).map(\.model) == ["local/a", "local/b"])
    }

    @Test("what is no call is told, with exit status 3")
    func byHand() async throws {
        #expect(RoundhouseCLI.ExitStatus.byHand.rawValue == 3)
        let console = RecordingConsole()
        #expect(
            try await self.server([Self.both]).run(["recommendations", "--apply", "1"], console: console) == .byHand)
        #expect(console.transcript.output.contains("   To do: lifecycle.memory_share: 0.7\n"))
        let json = RecordingConsole()
        let arguments = ["recommendations", "--apply", "1", "--json"]
        #expect(try await self.server([Self.both]).run(arguments, console: json) == .byHand)
        #expect(try Recommendation(jsonString: json.transcript.output) == Self.share)
    }

    @Test("what nobody recommends, or cannot be asked about, does nothing")
    func refused() async throws {
        for (arguments, status, words) in [
            (
                ["--apply", "3", "--yes"], RoundhouseCLI.ExitStatus.notFound,
                "there is no recommendation 3: there are 2"
            ),
            (["--apply", "0", "--yes"], .notFound, "there is no recommendation 0"),
            (["--apply", "2", "--apply", "pin:x", "--yes"], .notFound, "nobody recommends 'pin:x' now"),
            (["--apply", "2"], .usage, "add --yes"),
        ] as [([String], RoundhouseCLI.ExitStatus, String)] {
            let server = self.server([Self.both])
            let console = RecordingConsole()
            #expect(try await server.run(["recommendations"] + arguments, console: console) == status)
            #expect(console.transcript.errors.contains(words), "\(console.transcript.errors)")
            #expect(server.requests(Unload.self).isEmpty)
        }
        let error = #expect(throws: (any Error).self) {
            try RoundhouseCommand.parseAsRoot(["recommendations", "--yes"])
        }
        if let error { #expect(RoundhouseCommand.exitCode(for: error).rawValue == ExitStatus.usage.rawValue) }
    }

    @Test(
        "only calls that are known are made, with requests that are theirs",
        arguments: [
            ("UnloadModel", "LifecycleService", #"{"model":"x"}"#, true),
            ("LoadModel", "LifecycleService", #"{"model":"x"}"#, true),
            ("PinModel", "LifecycleService", #"{"model":"x"}"#, true),
            ("DisableModel", "RegistryService", #"{"model":"x"}"#, true),
            ("UpdateModel", "RegistryService", #"{"model":{"id":"x","lazy":true},"updateMask":"lazy"}"#, true),
            ("SwitchModel", "RegistryService", #"{"alias":"a","model":"x"}"#, true),
            ("DeleteModel", "RegistryService", #"{"model":"x"}"#, false),
            ("UnloadModel", "RegistryService", #"{"model":"x"}"#, false),
            ("UnloadModel", "LifecycleService", #"{"model":"x","all":true}"#, false),
            ("UnloadModel", "LifecycleService", "x", false),
        ] as [(String, String, String, Bool)])
    func calls(method: String, service: String, json: String, isKnown: Bool) {
        let action = Roundhouse_V1_RecommendedAction.with {
            $0.method = "roundhouse.v1.\(service)/\(method)"
            $0.requestJson = json
        }
        if isKnown {
            #expect(throws: Never.self) { try RecommendedCall(action) }
        } else {
            #expect(throws: CommandFailure.self) { try RecommendedCall(action) }
        }
    }
}
