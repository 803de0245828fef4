import GRPCCore
import Inference
import ModelLifecycle
import ModelRegistry
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

@Suite("RegistryService: aliases")
struct AliasServiceTests {
    private func target(_ model: String, _ weight: Int32 = 0) -> Roundhouse_V1_AliasTarget {
        .with {
            $0.model = model
            $0.weight = weight
        }
    }

    @Test("Aliases are listed without their history and found with it")
    func reads() async throws {
        try await ServiceBench.with { bench in
            _ = try await bench.registry.updateAlias(
                .with {
                    $0.alias.name = "default"
                    $0.alias.targets = [target("cloud/x")]
                    $0.reason = "cheaper"
                })
            let listed = try await bench.registry.listAliases(.with { $0.pageSize = 1 })
            #expect(listed.aliases.map(\.name) == ["default"] && listed.nextPageToken == "default")
            #expect(listed.aliases[0].history.isEmpty)
            let rest = try await bench.registry.listAliases(.with { $0.pageToken = "default" })
            #expect(rest.aliases.map(\.name) == ["fixed"] && rest.nextPageToken.isEmpty)
            let alias = try await bench.registry.getAlias(.with { $0.alias = "default" }).alias
            #expect(alias.activeModel == "cloud/x" && alias.etag == "2")
            #expect(alias.history.map(\.reason) == ["cheaper"] && alias.history.map(\.etag) == ["1"])
            #expect(alias.history[0].targets.map(\.model) == ["local/a"])
        }
    }

    @Test("An alias is set by compare-and-set, made when that is allowed, and kept in its history")
    func updates() async throws {
        try await ServiceBench.with { bench in
            let made = try await bench.registry.updateAlias(
                .with {
                    $0.alias.name = "fast"
                    $0.alias.mode = .weighted
                    $0.alias.targets = [target("local/a", 9), target("cloud/x", 0)]
                    $0.allowMissing = true
                }
            ).alias
            #expect(made.targets.map(\.weight) == [9, 0] && made.mode == .weighted && made.source == .api)
            let ordered = try await bench.registry.updateAlias(
                .with {
                    $0.alias.name = "fast"
                    $0.alias.etag = made.etag
                    $0.alias.targets = [target("cloud/x")]
                }
            ).alias
            #expect(ordered.mode == .ordered && ordered.targets.map(\.weight) == [1])
            let stale = try await refusal {
                try await bench.registry.updateAlias(
                    .with {
                        $0.alias.name = "fast"
                        $0.alias.etag = made.etag
                        $0.alias.targets = [target("local/b")]
                    })
            }
            #expect(stale.code == .aborted && stale.reason == "ETAG_MISMATCH")
            #expect(stale.metadata["given"] == made.etag && stale.metadata["current"] == ordered.etag)
            let missing = try await refusal {
                try await bench.registry.updateAlias(
                    .with {
                        $0.alias.name = "nothing"
                        $0.alias.targets = [target("local/b")]
                    })
            }
            #expect(missing.code == .notFound && missing.reason == "ALIAS_NOT_FOUND")
            #expect(missing.resource == "roundhouse.v1.Alias")
        }
    }

    struct BadAlias: Sendable {
        var name = "a"
        var targets: [Roundhouse_V1_AliasTarget] = []
        var mode = Roundhouse_V1_AliasMode.ordered
        var fields: [String]

        init(
            _ targets: KeyValuePairs<String, Int32>, name: String = "a", mode: Roundhouse_V1_AliasMode = .ordered,
            fields: [String]
        ) {
            self.name = name
            self.mode = mode
            self.fields = fields
            self.targets = targets.map { model, weight in
                .with {
                    $0.model = model
                    $0.weight = weight
                }
            }
        }
    }

    static let badAliases: [BadAlias] = [
        BadAlias(["local/a": 1], name: "auto", fields: ["alias.name"]),
        BadAlias(["local/a": 1], name: "A", fields: ["alias.name"]),
        BadAlias([:], fields: ["alias.targets"]),
        BadAlias(["local/a": 1, "local/a": 2], fields: ["alias.targets[1].model"]),
        BadAlias(["local/a": 1001], fields: ["alias.targets[0].weight"]),
        BadAlias(["local/a": -1, "nope": 1], fields: ["alias.targets[0].weight", "alias.targets[1].model"]),
        BadAlias(["local/a": 0, "local/b": 0], mode: .weighted, fields: ["alias.targets"]),
        BadAlias(["local/a": 1], mode: .UNRECOGNIZED(9), fields: ["alias.mode"]),
        BadAlias(["local/a": 1, "local/gone": 1], fields: ["alias.targets[1].model"]),
    ]

    @Test("What no alias can be names its fields", arguments: badAliases.indices)
    func namesFields(index: Int) async throws {
        let bad = Self.badAliases[index]
        try await ServiceBench.with { bench in
            let refusal = try await refusal {
                try await bench.registry.updateAlias(
                    .with {
                        $0.alias.name = bad.name
                        $0.alias.mode = bad.mode
                        $0.alias.targets = bad.targets
                        $0.allowMissing = true
                    })
            }
            #expect(refusal.code == .invalidArgument)
            #expect(refusal.fields == bad.fields)
            #expect(bench.storage.changes.isEmpty)
        }
    }

    @Test("An alias is deleted unless the configuration file holds it or it was changed")
    func deletes() async throws {
        try await ServiceBench.with { bench in
            for (name, etag, code, reason) in [
                ("fixed", "", RPCError.Code.failedPrecondition, "CONFIG_OWNED"),
                ("default", "7", .aborted, "ETAG_MISMATCH"), ("nothing", "", .notFound, "ALIAS_NOT_FOUND"),
            ] {
                let refusal = try await refusal {
                    try await bench.registry.deleteAlias(
                        .with {
                            $0.alias = name
                            $0.etag = etag
                        })
                }
                #expect(refusal.code == code && refusal.reason == reason)
            }
            _ = try await bench.registry.deleteAlias(
                .with {
                    $0.alias = "default"
                    $0.etag = "1"
                })
            #expect(bench.base.snapshot.aliases.map(\.name) == ["fixed"])
        }
    }

    // MARK: - Switching

    @Test("A switch loads the new model, flips the alias, and lets go of the old one")
    func switches() async throws {
        try await ServiceBench.with { bench in
            try bench.setLoaded("local/a") { $0.key.version = "2" }
            let answer = try await bench.registry.switchModel(
                .with {
                    $0.alias = "default"
                    $0.model = "local/b"
                    $0.reason = "better"
                    $0.etag = "1"
                })
            #expect(answer.alias.activeModel == "local/b" && answer.alias.etag == "2")
            #expect(answer.alias.history.map(\.reason) == ["better"])
            #expect(answer.previousModel == "local/a" && answer.strategy == .loadFirst)
            #expect(answer.plan.feasible && answer.plan.model == "local/b" && answer.hasFlipDuration)
            let (a, b) = (try modelID("local/a"), try modelID("local/b"))
            #expect(bench.loading.loads == [.load(b, version: "1", warms: true)])
            let unload = await bench.loading.firstCall { if case .unload = $0 { true } else { false } }
            let reason = "replaced by \(InstanceKey(model: b, version: "1"))"
            #expect(unload == .unload(a, version: "2", grace: nil, reason: reason))
            #expect(bench.events.events.contains { $0.kind == .modelSwitched && $0.alias == "default" })
        }
    }

    @Test("A switch that is only asked about changes nothing")
    func plansSwitches() async throws {
        try await ServiceBench.with { bench in
            let answer = try await bench.registry.switchModel(
                .with {
                    $0.alias = "default"
                    $0.model = "local/b"
                    $0.validateOnly = true
                })
            #expect(answer.alias.activeModel == "local/a" && answer.alias.etag == "1")
            #expect(answer.plan.model == "local/b" && answer.previousModel == "local/a")
            #expect(bench.loading.loads.isEmpty && bench.storage.changes.isEmpty)
        }
    }

    @Test("A switch between cloud models has nothing to load")
    func switchesToCloud() async throws {
        try await ServiceBench.with { bench in
            let answer = try await bench.registry.switchModel(
                .with {
                    $0.alias = "default"
                    $0.model = "cloud/x"
                    $0.keepPreviousLoaded = true
                })
            #expect(answer.alias.activeModel == "cloud/x" && !answer.hasPlan && answer.loadDuration == .init())
            #expect(bench.loading.loads.isEmpty && bench.loading.unloads.isEmpty)
        }
    }

    @Test(
        "A switch that cannot be is refused, and nothing is loaded",
        arguments: [
            ("nothing", "local/b", "", RPCError.Code.notFound, "ALIAS_NOT_FOUND"),
            ("default", "local/zzz", "", .notFound, "MODEL_NOT_FOUND"),
            ("default", "fixed", "", .invalidArgument, "INVALID_REQUEST"),
            ("default", "local/b", "9", .aborted, "ETAG_MISMATCH"),
        ])
    func refusesSwitches(
        alias: String,
        model: String,
        etag: String,
        code: RPCError.Code,
        reason: String
    ) async throws {
        try await ServiceBench.with { bench in
            let refusal = try await refusal {
                try await bench.registry.switchModel(
                    .with {
                        $0.alias = alias
                        $0.model = model
                        $0.etag = etag
                    })
            }
            #expect(refusal.code == code && refusal.reason == reason)
            #expect(bench.loading.loads.isEmpty && bench.storage.changes.isEmpty)
        }
    }

    @Test("A switch to a disabled model, and to one that does not fit or load, leaves the alias as it is")
    func keepsAlias() async throws {
        try await ServiceBench.with { bench in
            let id = try modelID("local/b")
            func fails() async throws -> Refusal {
                try await refusal {
                    try await bench.registry.switchModel(
                        .with {
                            $0.alias = "default"
                            $0.model = "local/b"
                        })
                }
            }
            var plan = LoadPlan(key: InstanceKey(model: id, version: "1"), isFeasible: false)
            plan.estimate = MemoryEstimate(weightBytes: 500)
            plan.devices = [DeviceMemory(device: .cpu, totalBytes: 900, freeBytes: 300, quotaBytes: 400)]
            plan.reason = "it is too large"
            bench.loading.set(plan: plan)
            let tooLarge = try await fails()
            #expect(tooLarge.code == .failedPrecondition && tooLarge.reason == "INSUFFICIENT_MEMORY")
            #expect(tooLarge.metadata["needed_bytes"] == "500" && tooLarge.metadata["available_bytes"] == "300")
            bench.loading.set(plan: LoadPlan(key: InstanceKey(model: id, version: "1"), isFeasible: true))
            bench.loading.fail(with: .queueFull(id, limit: 4))
            let full = try await fails()
            #expect(full.code == .resourceExhausted && full.reason == "QUEUE_FULL" && full.metadata["limit"] == "4")
            bench.loading.fail(with: nil)
            _ = try await bench.registry.disableModel(.with { $0.model = "local/b" })
            let disabled = try await fails()
            #expect(disabled.code == .failedPrecondition && disabled.reason == "MODEL_DISABLED")
            #expect(bench.base.snapshot.alias("default")?.activeModel == (try modelID("local/a")))
        }
    }

    @Test("A rollback goes back to what was, newest first or by its etag")
    func rollsBack() async throws {
        try await ServiceBench.with { bench in
            for model in ["cloud/x", "local/b"] {
                _ = try await bench.registry.switchModel(
                    .with {
                        $0.alias = "default"
                        $0.model = model
                    })
            }
            let newest = try await bench.registry.rollbackAlias(
                .with {
                    $0.alias = "default"
                    $0.reason = "worse"
                })
            #expect(newest.alias.activeModel == "cloud/x" && newest.previousModel == "local/b")
            #expect(newest.alias.history.first?.reason == "worse")
            let first = try await bench.registry.rollbackAlias(
                .with {
                    $0.alias = "default"
                    $0.revision = "1"
                    $0.etag = newest.alias.etag
                })
            #expect(first.alias.activeModel == "local/a")
            let stale = try await refusal {
                try await bench.registry.rollbackAlias(
                    .with {
                        $0.alias = "default"
                        $0.etag = "1"
                    })
            }
            #expect(stale.code == .aborted && stale.reason == "ETAG_MISMATCH")
            let unknown = try await refusal {
                try await bench.registry.rollbackAlias(
                    .with {
                        $0.alias = "default"
                        $0.revision = "99"
                    })
            }
            #expect(unknown.code == .invalidArgument && unknown.fields == ["revision"])
            let never = try await refusal { try await bench.registry.rollbackAlias(.with { $0.alias = "fixed" }) }
            #expect(never.code == .failedPrecondition && never.reason == "NO_HISTORY")
        }
    }
}
