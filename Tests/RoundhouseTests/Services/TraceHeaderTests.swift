import GRPCCore
import Inference
import RoundhouseAPI
import SwiftProtobuf
import TestSupport
import Testing

@testable import Roundhouse

@Suite struct TraceHeaderTests {
    static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    static let parent = "00-\(Self.trace)-00f067aa0ba902b7-01"

    @Test func `A client's trace goes to upstreams and into the record`() async throws {
        let provider = ScriptedProvider(.local, saying: ["a"])
        try await Gateway.with(provider) { gateway in
            let metadata: Metadata = ["traceparent": "\(Self.parent)", "tracestate": "rojo=1", "Tracestate": "congo=2"]
            _ = try await gateway.generation.generate(.asking("hi"), metadata: metadata)
            try await gateway.generation.streamGenerate(.asking("hi"), metadata: metadata) { response in
                for try await _ in response.messages {}
            }
            let traces = provider.requests.map(\.inference.trace)
            #expect(traces.map { $0?.traceparent } == [Self.parent, Self.parent])
            #expect(traces.map { $0?.state?.description } == ["rojo=1,congo=2", "rojo=1,congo=2"])
            #expect(gateway.records.records.map { $0.traceID?.description } == [Self.trace, Self.trace])
        }
    }

    @Test(arguments: [[:], ["tracestate": "a=b"], ["traceparent": "00-1-2-3"]] as [Metadata])
    func `Without a trace that makes sense there is none`(metadata: Metadata) async throws {
        let provider = ScriptedProvider(.local, saying: ["a"])
        try await Gateway.with(provider) { gateway in
            _ = try await gateway.generation.generate(.asking("hi"), metadata: metadata)
            #expect(provider.requests.map(\.inference.trace) == [nil])
            #expect(gateway.records.records.map(\.traceID) == [nil])
        }
    }
}
