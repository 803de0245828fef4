import Inference
import ModelRegistry
import Testing

@testable import Roundhouse

@Suite struct ReadinessTests {
    private static let well = Readiness.Models(registered: 2, usable: 1)

    private func failures(_ readiness: Readiness) -> [Readiness.Check.Name] {
        readiness.checks.filter { !$0.isPassed }.map(\.name)
    }

    @Test func `A server that serves, with a database and a model, is ready`() {
        let readiness = Readiness(Readiness.Condition(), Self.well)
        #expect(readiness.isReady)
        #expect(readiness.checks.map(\.name) == Readiness.Check.Name.allCases)
    }

    @Test(arguments: [(Readiness.Phase.starting, "wait"), (.shuttingDown, "elsewhere")])
    func `While it starts or ends it is not`(_ phase: Readiness.Phase, _ advice: String) {
        let readiness = Readiness(Readiness.Condition(phase: phase), Self.well)
        #expect(!readiness.isReady && self.failures(readiness) == [.server])
        #expect(readiness.checks[0].message.contains(advice))
    }

    @Test func `A database that cannot be written says why`() {
        let failure = Readiness.DatabaseFailure(message: "/x.db: it is damaged; move it away")
        let readiness = Readiness(Readiness.Condition(databaseFailure: failure), Self.well)
        #expect(self.failures(readiness) == [.database])
        #expect(readiness.checks[1].message == "/x.db: it is damaged; move it away")
    }

    @Test func `A full disk is told of, and keeps nobody from being served`() {
        let failure = Readiness.DatabaseFailure(message: "the disk is full; free some space", isDiskFull: true)
        let readiness = Readiness(Readiness.Condition(databaseFailure: failure), Self.well)
        #expect(readiness.isReady)
        #expect(readiness.checks[1].message.contains("free some space"))
    }

    @Test func `Without a model that can answer it is not ready, and says what to do`() {
        let none = Readiness(Readiness.Condition(), Readiness.Models())
        #expect(self.failures(none) == [.models] && none.checks[2].message.contains("add a provider"))
        let unusable = Readiness.Models(registered: 2, example: "'a/m': the key is refused; correct it")
        let readiness = Readiness(Readiness.Condition(), unusable)
        #expect(self.failures(readiness) == [.models])
        #expect(readiness.checks[2].message == "none of 2 models can answer: 'a/m': the key is refused; correct it")
    }

    @Test func `A provider that takes any name is enough`() {
        #expect(Readiness(Readiness.Condition(), Readiness.Models(acceptsAny: true)).isReady)
    }

    @Test func `All that is wrong is told at once`() {
        let condition = Readiness.Condition(
            phase: .shuttingDown, databaseFailure: Readiness.DatabaseFailure(message: "gone"))
        #expect(self.failures(Readiness(condition, Readiness.Models())) == Readiness.Check.Name.allCases)
    }

    @Test(arguments: [
        (ProviderAvailability.available, true), (.loading, true), (.unloaded, true),
        (.unavailable(reason: "dead"), false),
    ])
    func `A model counts as usable when a request has a chance`(_ availability: ProviderAvailability, _ counts: Bool)
        throws
    {
        let models = Readiness.Models(try Self.snapshot()) { _ in availability }
        #expect(models.registered == 1 && models.canAnswer == counts)
        #expect((models.example == nil) == counts)
    }

    @Test func `Models that are switched off, or whose provider is, do not count`() throws {
        let modelOff = Readiness.Models(try Self.snapshot(modelIsEnabled: false)) { _ in .available }
        #expect(!modelOff.canAnswer && modelOff.registered == 0)
        let providerOff = Readiness.Models(try Self.snapshot(providerIsEnabled: false)) { _ in .available }
        #expect(!providerOff.canAnswer && providerOff.registered == 0)
    }

    private static func snapshot(
        modelIsEnabled: Bool = true, providerIsEnabled: Bool = true
    ) throws -> RegistrySnapshot {
        let provider = try #require(ProviderID("lab"))
        let model = try #require(ModelID(provider: provider, name: "m"))
        return try RegistrySnapshot(
            providers: [ProviderDescription(id: provider, kind: "custom", isEnabled: providerIsEnabled)],
            models: [ModelDescription(id: model, isEnabled: modelIsEnabled)],
            aliases: []
        )
    }
}
