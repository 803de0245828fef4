internal import GRPCCore
internal import GRPCProtobuf
internal import GRPCTransport
internal import Inference
internal import RoundhouseAPI

// The calls that services make all day do without GRPCCore's layers. What they do is the same to the letter.
extension GenerationService {
    /// Who answers `Generate`, `StreamGenerate` and `Embed` on our own transport.
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
            .init(Roundhouse_V1_GenerationService.Method.Embed.descriptor) { call in
                let request = try ProtobufDeserializer<Roundhouse_V1_EmbedRequest>()
                    .deserialize(try await call.message())
                let (outcome, id) = try await self.embed(
                    request, for: call.details, TraceContext(call.metadata))
                let begin = ContinuousClock.now
                let message = Roundhouse_V1_EmbedResponse(outcome, requestID: id)
                try await call.send(ProtobufSerializer().serialize(message))
                self.pipeline.phases.add(begin.duration(to: .now), to: .encode)
            },
        ]
    }
}
