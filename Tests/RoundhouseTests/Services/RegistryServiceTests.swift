import GRPCCore
import GRPCProtobuf
import Inference
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

@testable import Roundhouse

@Suite("RegistryService and HealthService")
struct RegistryServiceTests {
    @Test("Pages of models are complete, without repeats, in order", arguments: [1, 2, 3, 4, 5, 100])
    func pages(size: Int32) async throws {
        let names = ["a-b", "a", "c", "b"]
        let providers = try names.map { name in try provider(name) { _ in .answer([]) } }
        try await Gateway.with(providers[0], providers[1], providers[2], providers[3]) { gateway in
            var seen: [String] = []
            var token = ""
            repeat {
                let page = try await gateway.registry.listModels(
                    .with {
                        $0.pageSize = size
                        $0.pageToken = token
                    })
                #expect(page.models.count <= size)
                seen += page.models.map(\.id)
                token = page.nextPageToken
            } while !token.isEmpty
            #expect(seen == ["a-b/m", "a/m", "b/m", "c/m"].sorted())
        }
    }

    @Test("A negative page size is named")
    func negativePage() async throws {
        try await Gateway.with(ScriptedProvider(.local, saying: [])) { gateway in
            let error = await #expect(throws: RPCError.self) {
                try await gateway.registry.listModels(.with { $0.pageSize = -1 })
            }
            let status = try #require(error)
            #expect(try status.details().details.compactMap(\.badRequest).first?.violations.first?.field == "page_size")
        }
    }

    @Test("A model is found by id and by alias, with its state")
    func getsModels() async throws {
        let first = ScriptedProvider(.local, saying: [])
        first.set(.unavailable(reason: "no engine"), of: "m")
        try await Gateway.with(first) { gateway in
            for name in ["local/m", "all"] {
                let model = try await gateway.registry.getModel(.with { $0.model = name }).model
                #expect(model.id == "local/m")
                #expect(model.aliases == ["all"])
                #expect(model.state == .failed)
                #expect(model.stateReason == "no engine")
                #expect(model.sizeBytes == 7)
            }
            for (name, code) in [
                ("local/x", RPCError.Code.notFound), ("nothing", .notFound), ("", .invalidArgument),
                ("a/", .invalidArgument),
            ] {
                let error = await #expect(throws: RPCError.self) {
                    try await gateway.registry.getModel(.with { $0.model = name })
                }
                #expect(error?.code == code)
            }
        }
    }

    @Test("Providers are listed with what they have")
    func listsProviders() async throws {
        try await Gateway.with(ScriptedProvider(.local, saying: [])) { gateway in
            let providers = try await gateway.registry.listProviders(.init()).providers
            #expect(providers.map(\.id) == ["local"])
            #expect(providers.map(\.modelCount) == [1])
        }
    }

    @Test("The status counts what runs and names what is wrong")
    func tellsStatus() async throws {
        let first = ScriptedProvider(.local, saying: ["x"])
        let second = try provider("b") { _ in .answer([]) }
        second.set(.unavailable(reason: "no engine"), of: "m")
        try await Gateway.with(first, second) { gateway in
            _ = try await gateway.generation.generate(.asking("hi"))
            _ = try? await gateway.generation.generate(.asking("hi", model: "b/m"))
            let status = try await gateway.health.getSystemStatus(.init())
            #expect(status.state == .degraded)
            #expect(status.version == "1.2.3")
            #expect(status.startTime.seconds == 1)
            #expect(status.startTime.nanos == 1000)
            #expect(status.grpcAddresses == ["127.0.0.1:1"])
            #expect(status.modelCount == 2)
            #expect(status.readyModelCount == 1)
            #expect(status.providerCount == 2)
            #expect(status.storage.path == "/db")
            #expect(status.storage.droppedRecordCount == 1)
            #expect(status.requests.succeeded == 1)
            #expect(status.requests.failed == 1)
            #expect(status.requests.active == 0)
            #expect(status.issues == ["model 'b/m' cannot answer: no engine"])
        }
    }
}
