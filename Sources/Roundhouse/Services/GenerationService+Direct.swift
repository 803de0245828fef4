internal import GRPCCore
internal import GRPCProtobuf
internal import GRPCTransport
internal import Inference
internal import RoundhouseAPI

// The two calls that services make all day do without GRPCCore's layers. What they do is the same to the letter.
extension GenerationService {
    /// Who answers `Generate` and `StreamGenerate` on our own transport.
    var directHandlers: [GRPCTransport.Server.DirectHandler] {
        [
            .init(Roundhouse_V1_GenerationService.Method.Generate.descriptor) { call in
                let request = try ProtobufDeserializer<Roundhouse_V1_GenerateRequest>()
                    .deserialize(try await call.message())
                let answer = try await self.generate(
                    request, for: call.details, TraceContext(call.metadata), AnswerEncoder.self)
                let begin = ContinuousClock.now
                try await call.send(answer.encoded())
                self.pipeline.phases.add(begin.duration(to: .now), to: .encode)
            },
            .init(Roundhouse_V1_GenerationService.Method.StreamGenerate.descriptor) { call in
                let request = try ProtobufDeserializer<Roundhouse_V1_StreamGenerateRequest>()
                    .deserialize(try await call.message())
                try await self.streamGenerate(
                    request, for: call.details, TraceContext(call.metadata)
                ) { writer, outputs in
                    for output in outputs { try await call.send(writer.encoded(output)) }
                }
            },
        ]
    }
}
