import Inference
import LocalEngines
import Testing

@testable import Roundhouse

/// What a healthy server knows, to be changed by each test.
func healthyFacts(_ change: (inout HealthFacts) -> Void = { _ in }) throws -> HealthFacts {
    let machine = ScriptedMachine.Values()
    let cloud = try #require(ProviderID("cloud"))
    let (own, remote) = (try modelID("local/a"), try modelID("cloud/x"))
    var facts = HealthFacts(
        setup: HealthSetup(
            isLocalEnabled: true,
            providers: [.init(id: cloud, kind: "openai", address: "https://example.com/v1", hasKey: true)],
            models: [.init(id: own, isLoaded: true), .init(id: remote)],
            isEngineRunning: true,
            engineDirectory: "/engines/llama.cpp/1"
        ),
        looks: HealthLooks(
            libraries: machine.libraries,
            python: .seen(machine.python, latency: .milliseconds(20)),
            software: .seen(machine.software, latency: .milliseconds(5)),
            servers: [.ollama: .seen(ServerSighting(isRunning: false), latency: .zero)],
            services: [cloud: .seen(.listed(models: 3), latency: .milliseconds(80))],
            disks: .seen(machine.disks, latency: .zero)
        ),
        limit: .milliseconds(1500)
    )
    change(&facts)
    return facts
}

func judged(_ facts: HealthFacts) -> HealthReport {
    HealthRules(facts: facts).report(checkedAt: WallTime(microsecondsSince1970: 1), isCached: false)
}

@Suite("HealthRules")
struct HealthRulesTests {
    private let cloud = ProviderID("cloud") ?? .local

    private func expectIssue(
        _ report: HealthReport, _ subject: String, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> HealthReport.Finding {
        let finding = try #require(report.issues.first { $0.subject == subject }, sourceLocation: sourceLocation)
        for word in words {
            #expect(finding.sentence.contains(word), "\(finding.sentence)", sourceLocation: sourceLocation)
        }
        return finding
    }

    @Test("A server that has all it needs is healthy, and says so without a word more")
    func healthy() throws {
        let report = judged(try healthyFacts())
        #expect(report.state == .healthy && report.findings.isEmpty)
        let service = try #require(report.dependencies.first { $0.name == "cloud" })
        #expect(service.status == .ok && service.isReachable && service.credentials == .accepted)
        #expect(service.latency == .milliseconds(80) && service.need == .core && service.kind == .service)
        let python = try #require(report.dependencies.first { $0.name == "python" })
        #expect(python.version == "3.11.2" && python.path == "/usr/bin/python3" && python.need == .engines)
        #expect(report.categories.map(\.category) == ModelCategory.allCases)
        #expect(report.categories[0] == .init(category: .text, loaded: 1, total: 2, available: 2))
        #expect(report.engines.map(\.name) == EngineSurvey.names)
        let engine = report.engines[0]
        #expect(engine.isInstalled && engine.isRunning && engine.version == "1" && !engine.directory.isEmpty)
        #expect(report.engines.dropFirst().allSatisfy { !$0.isInstalled && !$0.advice.isEmpty })
    }

    @Test("Without an engine for local models the command that installs one is named, and other reasons are left out")
    func noEngine() throws {
        let own = try modelID("local/a")
        let facts = try healthyFacts {
            $0.setup.isEngineRunning = false
            $0.setup.models[0] = .init(id: own, availability: .unavailable(reason: "llama.cpp is not installed"))
            $0.looks.software = .seen(.init(), latency: .zero)
        }
        let report = judged(facts)
        #expect(report.state == .degraded, "the cloud answers")
        #expect(report.issues.count == 1)
        let issue = try expectIssue(report, "llama.cpp", "no engine", "roundhouse engines install llama.cpp")
        #expect(issue.command == "roundhouse engines install llama.cpp")
        var alone = facts
        alone.setup.providers = []
        alone.setup.models.removeLast()
        #expect(judged(alone).state == .unhealthy)
        alone.setup.isLocalEnabled = false
        #expect(!judged(alone).issues.contains { $0.subject == "llama.cpp" }, "nobody wants one")
    }

    @Test("A provider that hangs is told as such, with the limit, and is not counted on")
    func hanging() throws {
        let facts = try healthyFacts { $0.looks.services[cloud] = .hung }
        let report = judged(facts)
        #expect(report.state == .degraded)
        _ = try expectIssue(report, "cloud", "did not answer within 1.5 s", "https://example.com/v1")
        let service = try #require(report.dependencies.first { $0.name == "cloud" })
        #expect(service.status == .timedOut && service.latency == nil && !service.isReachable)
        #expect(report.categories[0].available == 1)
        var alone = facts
        alone.setup.models.removeFirst()
        #expect(judged(alone).state == .unhealthy, "nobody else could answer")
    }

    @Test("A key that is refused is told with the place where a valid one belongs")
    func wrongKey() throws {
        let fault = UpstreamFault(.authenticationFailed, "GET /v1/models: 401: invalid key", httpStatus: 401)
        let facts = try healthyFacts {
            $0.looks.services[cloud] = .seen(.fault(fault), latency: .milliseconds(9))
            $0.setup.providers[0].keyPlace = "the environment variable CLOUD_KEY"
        }
        let report = judged(facts)
        #expect(report.state == .degraded)
        _ = try expectIssue(report, "cloud", "refuses our key", "401", "environment variable CLOUD_KEY")
        let service = try #require(report.dependencies.first { $0.name == "cloud" })
        #expect(service.status == .unauthenticated && service.isReachable && service.credentials == .refused)
        var keyless = facts
        keyless.setup.providers[0].hasKey = false
        _ = try expectIssue(judged(keyless), "cloud", "wants a key and has none", "api_key_file")
    }

    @Test(
        "Every fault of a listing becomes a status, and an issue only where requests would fail as well",
        arguments: [
            (UpstreamFault.Kind.unreachable, HealthReport.Dependency.Status.failed, false, true),
            (.timedOut(.connect), .timedOut, false, true), (.serverError, .failed, true, true),
            (.rateLimited(retryAfter: nil), .ok, true, false), (.malformed, .failed, true, false),
            (.modelNotFound, .failed, true, false), (.unsupported, .notChecked, false, false),
        ])
    func faults(kind: UpstreamFault.Kind, status: HealthReport.Dependency.Status, reached: Bool, isIssue: Bool) throws {
        let report = judged(
            try healthyFacts { $0.looks.services[cloud] = .seen(.fault(UpstreamFault(kind, "so")), latency: .zero) })
        let service = try #require(report.dependencies.first { $0.name == "cloud" })
        #expect(service.status == status && service.isReachable == reached)
        #expect(report.issues.isEmpty != isIssue)
        #expect(report.state == (isIssue ? .degraded : .healthy))
        #expect(report.categories[0].available == (isIssue ? 1 : 2))
        for finding in report.findings { #expect(!finding.fix.isEmpty) }
    }

    @Test("A full disk is an issue, a nearly full one a warning; requests are still answered")
    func disks() throws {
        func report(_ free: Int64) throws -> HealthReport {
            judged(
                try healthyFacts {
                    $0.looks.disks = .seen(
                        [DiskSighting(path: "/data", availableBytes: free, totalBytes: 100 << 30)], latency: .zero)
                })
        }
        let full = try report(10 << 20)
        #expect(full.state == .degraded)
        _ = try expectIssue(full, "/data", "is full: 10.0 MiB of 100.0 GiB left", "free some space")
        let short = try report(500 << 20)
        #expect(short.state == .healthy && short.warnings.map(\.subject) == ["/data"])
        #expect(try report(2 << 30).findings.isEmpty)
        let hung = judged(try healthyFacts { $0.looks.disks = .hung })
        _ = try expectIssue(hung, "disk", "did not answer within 1.5 s")
    }

    @Test("A Python that is missing, old, broken or hanging is an issue where local models need it, and nowhere else")
    func python() throws {
        let cases: [(Look<PythonInstallation?>, HealthReport.Dependency.Status, String)] = [
            (.seen(nil, latency: .zero), .missing, "apt-get install python3 python3-venv"),
            (.seen(.init(path: "/p", version: "3.9.2"), latency: .zero), .outdated, "engines need 3.10"),
            (.seen(.init(path: "/p", problem: "Segmentation fault"), latency: .zero), .failed, "Segmentation fault"),
            (.hung, .timedOut, "did not answer within 1.5 s"),
        ]
        for (look, status, words) in cases {
            var facts = try healthyFacts { $0.looks.python = look }
            let report = judged(facts)
            #expect(report.dependencies.first { $0.name == "python" }?.status == status)
            #expect(report.state == .degraded)
            _ = try expectIssue(report, "python", words)
            facts.setup.isLocalEnabled = false
            #expect(judged(facts).state == .healthy)
            #expect(judged(facts).dependencies.first { $0.name == "python" }?.need == .nothing)
        }
    }

    @Test("An old SQLite is told with its version, the one that is needed and the package that brings it")
    func oldSQLite() throws {
        let report = judged(try healthyFacts { $0.looks.libraries[0].version = "3.34.1" })
        #expect(report.state == .degraded)
        _ = try expectIssue(report, "sqlite", "sqlite 3.34.1 is older than 3.37", "libsqlite3-0")
        #expect(report.dependencies.first?.status == .outdated)
        #expect(judged(try healthyFacts { $0.looks.libraries[0].version = "" }).state == .healthy, "it does not tell")
    }

    @Test("Without a model nothing can be answered, whatever else works")
    func noModels() throws {
        let report = judged(try healthyFacts { $0.setup.models = [] })
        #expect(report.state == .unhealthy)
        _ = try expectIssue(report, "server", "no model is registered", "roundhouse models install")
        let open = judged(
            try healthyFacts {
                $0.setup.models = []
                $0.setup.providers[0].acceptsAnyModel = true
            })
        #expect(open.state == .healthy)
    }

    @Test("Models that cannot answer are told by the reason, however many they are")
    func manyModels() throws {
        let report = judged(
            try healthyFacts { facts in
                for number in 1...5 {
                    guard let id = ModelID("cloud/m\(number)") else { continue }
                    facts.setup.models.append(.init(id: id, availability: .unavailable(reason: "its breaker is open")))
                }
            })
        #expect(report.issues.count == 1)
        _ = try expectIssue(
            report, "cloud/m1",
            "models 'cloud/m1', 'cloud/m2', 'cloud/m3' and 2 more cannot answer: its breaker is open")
    }

    @Test("A provider that is switched off, or of which nothing can be made, is told as such")
    func unusable() throws {
        var facts = try healthyFacts {
            $0.looks.services[cloud] = .seen(.unusable("api_key_file: none"), latency: .zero)
        }
        _ = try expectIssue(judged(facts), "cloud", "cannot be used, api_key_file: none")
        facts.setup.providers[0].isEnabled = false
        #expect(judged(facts).state == .healthy)
        #expect(judged(facts).dependencies.first { $0.name == "cloud" }?.status == .notChecked)
    }

    @Test("A key is called accepted only by those whose listing asks for one")
    func openListings() throws {
        let report = judged(try healthyFacts { $0.setup.providers[0].kind = "openrouter" })
        #expect(report.dependencies.first { $0.name == "cloud" }?.credentials == .unknown)
    }

    @Test("An engine of somebody else that runs tells where and its version")
    func servers() throws {
        let report = judged(
            try healthyFacts {
                $0.looks.servers[.ollama] = .seen(.init(isRunning: true, version: "0.5.1"), latency: .zero)
                $0.looks.servers[.comfyUI] = .hung
            })
        let ollama = try #require(report.engines.first { $0.name == "Ollama" })
        #expect(ollama.isRunning && ollama.version == "0.5.1" && ollama.address == "http://127.0.0.1:11434")
        #expect(report.warnings.map(\.subject) == ["ComfyUI"] && report.state == .healthy)
    }

    @Test(
        "Versions are compared by their numbers",
        arguments: [
            ("3.9", "3.10", true), ("3.10.0", "3.10", false), ("3.10-rc1", "3.10", false), ("4", "3.37", false),
            ("2.5.1+cu124", "2.5.2", true), ("", "1", false), ("unknown", "1", false), ("1.51.1", "1.51", false),
        ])
    func versions(version: String, minimum: String, isOlder: Bool) {
        #expect(VersionNumber.isOlder(version, than: minimum) == isOlder)
    }
}
