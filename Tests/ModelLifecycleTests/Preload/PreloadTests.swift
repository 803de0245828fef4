import Inference
import ModelRegistry
import Synchronization
import Testing

@testable import ModelLifecycle

private let hour: Int64 = 3_600_000_000
/// 2024-01-01 00:00 UTC, a Monday.
private let monday: Int64 = 1_704_067_200_000_000

private func pattern(_ uses: [Int: Double], updatedAt: Int64 = monday) -> WeeklyPattern {
    var pattern = WeeklyPattern()
    for (hour, count) in uses { pattern.uses[hour] = count }
    pattern.updatedAtMicroseconds = updatedAt
    return pattern
}

@Suite("Preload policy")
struct PreloadPolicyTests {
    @Test("Hours of the week begin on Monday in UTC")
    func hours() {
        #expect(PreloadPolicy.hour(at: monday).ofWeek == 0)
        #expect(PreloadPolicy.hour(at: monday - 1).ofWeek == 167)
        #expect(PreloadPolicy.hour(at: monday + 25 * hour + 59).ofWeek == 25)
        #expect(PreloadPolicy.hour(at: 0).ofWeek == 72)
        #expect(PreloadPolicy.hour(at: -1).ofWeek == 71)
    }

    @Test("One use in every week is expected to come again; counts that nobody updates fade")
    func expected() {
        // 1 + f + f^2 + ... with f = 2^(-1/4).
        let settled = pattern([9: 6.285_213])
        let at = PreloadPolicy.hour(at: monday + 9 * hour)
        #expect(abs(PreloadPolicy.expectedUses(settled, in: at, at: monday) - 1) < 1e-4)
        let later = monday + 4 * 168 * hour
        #expect(abs(PreloadPolicy.expectedUses(settled, in: at, at: later) - 0.5) < 1e-4)
        #expect(PreloadPolicy.expectedUses(settled, in: PreloadPolicy.hour(at: monday), at: monday) == 0)
    }

    @Test("Models of the coming hour come, the most used first, ten minutes ahead and not before")
    func coming() {
        let policy = PreloadPolicy()
        let (a, b, c, lazy) = (ModelID.local("a"), ModelID.local("b"), ModelID.local("c"), ModelID.local("lazy"))
        let patterns = [
            a: pattern([9: 6]), b: pattern([9: 12]), c: pattern([9: 1, 8: 9]), lazy: pattern([9: 99]),
        ]
        let eligible: Set = [a, b, c]
        let nine = monday + 9 * hour
        #expect(policy.comingModels(patterns, eligible: eligible, at: nine - 600_000_000) == [b, a])
        #expect(policy.comingModels(patterns, eligible: eligible, at: nine + 1) == [b, a])
        #expect(policy.comingModels(patterns, eligible: eligible, at: nine - 600_000_001) == [c])
        #expect(policy.comingModels([:], eligible: eligible, at: nine).isEmpty)
    }

    @Test("The most used of the week, ties by id; never one that was not used")
    func mostUsed() {
        let (a, b, c) = (ModelID.local("a"), ModelID.local("b"), ModelID.local("c"))
        let patterns = [a: pattern([1: 2, 99: 2]), b: pattern([5: 4]), c: pattern([:])]
        let eligible: Set = [a, b, c]
        #expect(PreloadPolicy.mostUsed(2, patterns, eligible: eligible, at: monday) == [a, b])
        #expect(PreloadPolicy.mostUsed(9, patterns, eligible: eligible, at: monday) == [a, b])
        #expect(PreloadPolicy.mostUsed(9, patterns, eligible: [b], at: monday) == [b])
        #expect(PreloadPolicy.mostUsed(0, patterns, eligible: eligible, at: monday).isEmpty)
    }
}

@Suite("Preloader", .timeLimit(.minutes(1)))
struct PreloaderTests {
    private func withPreloader(
        _ loading: LoadingDouble,
        _ settings: PreloadSettings,
        _ patterns: [ModelID: WeeklyPattern] = [:],
        time: SteppedTime,
        lines: LogLines = LogLines(),
        _ body: () async -> Void
    ) async {
        let preloader = Preloader(
            loading: loading, settings: settings, patterns: { patterns }, time: time.time, logger: lines.logger)
        await withTaskGroup { group in
            group.addTask { await preloader.run() }
            await body()
            group.cancelAll()
        }
    }

    @Test("Eager models are loaded at the start, in order, and nothing is evicted for them")
    func start() async {
        let loading = LoadingDouble(capacity: 100)
        let lines = LogLines()
        loading.add("there", size: 50, isLoaded: true)
        let eager = [
            loading.add("b", size: 20), loading.add("big", size: 90), loading.add("a", size: 20, isLazy: true),
        ]
        let preloader = Preloader(
            loading: loading, settings: PreloadSettings(atStart: { eager }), patterns: { [:] }, logger: lines.logger)
        // Without a pattern there is nothing to wait for.
        await preloader.run()
        #expect(loading.calls("load") == ["local/b", "local/a"])
        #expect(loading.loadedModels().map(\.key.model.name) == ["a", "b", "there"])
        #expect(
            lines.texts.sorted() == [
                "info: Model preloaded", "info: Model preloaded", "notice: Model not preloaded: there is no room",
            ])
    }

    @Test("A model is loaded ahead of its hour, once: when it went for being idle it stays away")
    func ahead() async {
        let loading = LoadingDouble()
        let model = loading.add("a")
        let time = SteppedTime(wallMicroseconds: monday + 8 * hour + 48 * 60_000_000)
        await self.withPreloader(
            loading, PreloadSettings(pattern: true), [model: pattern([9: 10, 10: 10])], time: time
        ) {
            func minute() async {
                await Turns.until { time.sleeperCount == 1 }
                time.advance(by: .seconds(60))
                await Turns.until { time.sleeperCount == 1 }
            }
            await minute()
            #expect(loading.calls.isEmpty)
            await minute()
            #expect(loading.calls("load") == ["local/a"])
            _ = try? await loading.unload(model, version: nil, grace: nil, reason: "idle")
            for _ in 0..<59 { await minute() }
            #expect(loading.calls("load").count == 1)
            await minute()
            #expect(loading.calls("load").count == 2)
        }
    }

    @Test("The most used are loaded again whenever they went; lazy, failed and disabled ones are left alone")
    func keepWarm() async {
        let loading = LoadingDouble()
        let model = loading.add("a")
        let (lazy, off, failed) = (
            loading.add("lazy", isLazy: true), loading.add("off", isEnabled: false), loading.add("failed")
        )
        loading.put(InstanceKey(model: failed), state: .failed)
        let uses = Dictionary(uniqueKeysWithValues: [model, lazy, off, failed].map { ($0, pattern([1: 5])) })
        let time = SteppedTime(wallMicroseconds: monday)
        await self.withPreloader(loading, PreloadSettings(keepWarm: 3), uses, time: time) {
            for round in 1...3 {
                await Turns.until { time.sleeperCount == 1 }
                #expect(loading.calls("load") == [String](repeating: "local/a", count: round))
                _ = try? await loading.unload(model, version: nil, grace: nil, reason: "idle")
                time.advance(by: .seconds(60))
            }
        }
    }
}
