import Inference
import LocalEngines
import Testing

@testable import Roundhouse

@Suite("HealthChecker", .timeLimit(.minutes(1)))
struct HealthCheckerTests {
    private let machine = ScriptedMachine()

    private func checker(_ setup: HealthSetup) -> HealthChecker {
        HealthChecker(self.machine.probes(), clock: self.machine.time.clock) { setup }
    }

    private func setup() throws -> HealthSetup { try healthyFacts().setup }

    /// Everybody who is asked by a check of ``setup()``.
    private static let asked = 1 + 1 + 1 + LocalServer.allCases.count + 1

    @Test("What was seen is good for 30 s, then or on demand everybody is asked again")
    func cache() async throws {
        let checker = self.checker(try self.setup())
        #expect(await !checker.check().isCached)
        #expect(self.machine.now.asked.count == Self.asked)
        self.machine.time.advance(by: .seconds(29))
        let kept = await checker.check()
        #expect(kept.isCached && kept.checkedAt.microsecondsSince1970 == 7_000_000)
        #expect(self.machine.now.asked.count == Self.asked)
        #expect(await !checker.check(refresh: true).isCached)
        #expect(self.machine.now.asked.count == 2 * Self.asked)
        self.machine.time.advance(by: .seconds(30))
        #expect(await !checker.check().isCached)
        #expect(self.machine.now.asked.count == 3 * Self.asked)
        checker.forget()
        #expect(await !checker.check().isCached)
    }

    @Test("A provider that hangs is told within the limit, and asked by one task however often somebody looks")
    func hanging() async throws {
        let checker = self.checker(try self.setup())
        self.machine.edit { $0.hangs = ["cloud"] }
        async let report = checker.check()
        let machine = self.machine
        await machine.time.pass(.milliseconds(1500), hanging: 1) { machine.now.asked.count == Self.asked }
        #expect(await report.issues.map(\.subject) == ["cloud"])
        #expect(await checker.check(refresh: true).issues.map(\.subject) == ["cloud"], "still at it: told at once")
        #expect(self.machine.now.asked.filter { $0 == "cloud" }.count == 1)
        self.machine.edit { $0.hangs = [] }
        self.machine.time.release()
        // The probe ends by itself some time after its release.
        while await !checker.check(refresh: true).issues.isEmpty { await Task.yield() }
        #expect(self.machine.now.asked.filter { $0 == "cloud" }.count == 2)
    }

    @Test("Everything that hangs at once still leaves an answer within 2 s")
    func allHang() async throws {
        let checker = self.checker(try self.setup())
        self.machine.edit {
            $0.hangs = Set(["cloud", "python", "software", "disks"] + LocalServer.allCases.map(\.engine))
        }
        let machine = self.machine
        let began = machine.time.clock.now()
        async let report = checker.check()
        await machine.time.pass(.milliseconds(1500), hanging: Self.asked - 1) { true }
        let rest = { machine.now.asked.contains("software") }
        while !rest() { await Task.yield() }
        await machine.time.pass(.milliseconds(375), hanging: 1, others: Self.asked - 1, once: rest)
        let seen = await report
        #expect(began.duration(to: machine.time.clock.now()) < .seconds(2))
        #expect(seen.state == .degraded && Set(seen.issues.map(\.subject)) == ["cloud", "python", "disk"])
        machine.time.release()
    }

    @Test("Those who ask at the same time share one check")
    func shared() async throws {
        let checker = self.checker(try self.setup())
        self.machine.edit { $0.hangs = ["disks"] }
        let machine = self.machine
        async let one = checker.check(refresh: true)
        async let other = checker.check(refresh: true)
        await machine.time.pass(.milliseconds(1500), hanging: 1) { machine.now.asked.count == Self.asked }
        let subjects = [await one, await other].map { $0.issues.map(\.subject) }
        #expect(subjects == [["disk"], ["disk"]])
        #expect(self.machine.now.asked.count == Self.asked)
        machine.time.release()
    }
}
