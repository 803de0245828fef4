import Foundation
import GRPCCore
import GRPCInProcessTransport
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import Roundhouse

private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

@Suite struct ReflectionServiceTests {
    /// Asks on one stream, in order, and gives the answers.
    private func ask(
        _ questions: [Request.OneOf_MessageRequest?],
        service: String = "grpc.reflection.v1.ServerReflection",
        over carrier: Carrier = .inProcess
    ) async throws -> [Response] {
        let reflection = try ReflectionService(methods: [
            Roundhouse_V1_GenerationService.Method.Generate.descriptor,
            Roundhouse_V1_GenerationService.Method.StreamGenerate.descriptor,
            Grpc_Health_V1_Health.Method.Check.descriptor,
        ])
        return try await carrier.serve([reflection]) { client in
            try await client.caller.bidirectionalStreaming(
                request: StreamingClientRequest { writer in
                    for question in questions {
                        try await writer.write(
                            .with {
                                $0.host = "here"
                                $0.messageRequest = question
                            })
                    }
                },
                descriptor: MethodDescriptor(fullyQualifiedService: service, method: "ServerReflectionInfo"),
                serializer: ProtobufSerializer<Request>(),
                deserializer: ProtobufDeserializer<Response>(),
                options: .defaults
            ) { response in
                try await response.messages.reduce(into: [Response]()) { $0.append($1) }
            }
        }
    }

    private func files(_ response: Response) throws -> [Google_Protobuf_FileDescriptorProto] {
        try response.fileDescriptorResponse.fileDescriptorProto.map {
            try Google_Protobuf_FileDescriptorProto(serializedBytes: $0)
        }
    }

    @Test(
        arguments: ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"],
        Carrier.allCases
    )
    func `Lists exactly the services that are served, under both names of reflection`(
        service: String,
        carrier: Carrier
    ) async throws {
        let answers = try await ask([.listServices("")], service: service, over: carrier)
        #expect(
            answers.map { $0.listServicesResponse.service.map(\.name) } == [
                [
                    "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                    "grpc.reflection.v1alpha.ServerReflection", "roundhouse.v1.GenerationService",
                ]
            ])
        #expect(answers[0].validHost == "here")
        #expect(answers[0].originalRequest.messageRequest == .listServices(""))
    }

    @Test func `Lists the services of registry, lifecycle, statistics and operators`() async throws {
        var router = RPCRouter<InProcessTransport.Server>()
        for service in try ServiceBench().services { service.registerMethods(with: &router) }
        let reflection = try ReflectionService(methods: router.methods)
        let names = try await Carrier.inProcess.serve([reflection]) { client in
            try await client.caller.bidirectionalStreaming(
                request: StreamingClientRequest { writer in
                    try await writer.write(.with { $0.messageRequest = .listServices("") })
                },
                descriptor: MethodDescriptor(
                    fullyQualifiedService: "grpc.reflection.v1.ServerReflection", method: "ServerReflectionInfo"),
                serializer: ProtobufSerializer<Request>(),
                deserializer: ProtobufDeserializer<Response>(),
                options: .defaults
            ) { response in
                try await response.messages.reduce(into: [String]()) {
                    $0 += $1.listServicesResponse.service.map(\.name)
                }
            }
        }
        let expected = ["AdminService", "HealthService", "LifecycleService", "RegistryService", "TelemetryService"]
        #expect(names.filter { $0.hasPrefix("roundhouse.") } == expected.map { "roundhouse.v1.\($0)" })
        #expect(router.methods.count == 56)
    }

    @Test(arguments: [
        ("roundhouse.v1.GenerationService", "roundhouse/v1/generation.proto"),
        ("roundhouse.v1.GenerationService.StreamGenerate", "roundhouse/v1/generation.proto"),
        ("roundhouse.v1.GenerateRequest", "roundhouse/v1/generation.proto"),
        ("roundhouse.v1.GenerateRequest.MetadataEntry", "roundhouse/v1/generation.proto"),
        ("roundhouse.v1.GenerateRequest.temperature", "roundhouse/v1/generation.proto"),
        ("roundhouse.v1.Part.content", "roundhouse/v1/generation.proto"),
        ("roundhouse.v1.Role", "roundhouse/v1/generation.proto"),
        ("roundhouse.v1.ROLE_USER", "roundhouse/v1/generation.proto"),
        ("grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"),
        ("grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"),
        ("grpc.reflection.v1alpha.ServerReflection", "grpc/reflection/v1alpha/reflection.proto"),
        ("google.api.http", "google/api/annotations.proto"),
        ("google.rpc.ErrorInfo", "google/rpc/error_details.proto"),
        ("google.protobuf.FieldDescriptorProto.Type", "google/protobuf/descriptor.proto"),
    ])
    func `Finds the file that declares a symbol of any kind`(symbol: String, file: String) async throws {
        let answers = try await ask([.fileContainingSymbol(symbol)])
        #expect(try files(answers[0]).first?.name == file)
    }

    @Test func `A file comes first, then all that it imports, each once`() async throws {
        let answers = try await ask([.fileByFilename("roundhouse/v1/health.proto")])
        let names = try files(answers[0]).map(\.name)
        #expect(names.first == "roundhouse/v1/health.proto")
        #expect(
            names.sorted() == [
                "google/api/annotations.proto", "google/api/http.proto", "google/protobuf/descriptor.proto",
                "google/protobuf/duration.proto", "google/protobuf/field_mask.proto", "google/protobuf/timestamp.proto",
                "roundhouse/v1/health.proto", "roundhouse/v1/registry.proto",
            ])
    }

    @Test func `A file is the compiler's bytes, comments and options included`() async throws {
        let answers = try await ask([.fileByFilename("roundhouse/v1/generation.proto")])
        let served = try #require(answers[0].fileDescriptorResponse.fileDescriptorProto.first)
        #expect(Data(DescriptorSet.serializedBytes).range(of: served) != nil)

        let file = try Google_Protobuf_FileDescriptorProto(serializedBytes: served)
        #expect(
            file.sourceCodeInfo.location.contains { $0.leadingComments.contains("Counts the input tokens") })
        let generate = try #require(file.service.first?.method.first)
        // google.api.http: no Swift type knows it, so it must come through as it is.
        #expect(generate.options.unknownFields.data.range(of: Data("/v1/generate".utf8)) != nil)
    }

    @Test func `Finds extensions by message and number`() async throws {
        let answers = try await ask([
            .fileContainingExtension(
                .with {
                    $0.containingType = "google.protobuf.MethodOptions"
                    $0.extensionNumber = 72_295_728
                }),
            .allExtensionNumbersOfType("google.protobuf.MethodOptions"),
            .allExtensionNumbersOfType("roundhouse.v1.Model"),
        ])
        #expect(try files(answers[0]).first?.name == "google/api/annotations.proto")
        #expect(answers[1].allExtensionNumbersResponse.baseTypeName == "google.protobuf.MethodOptions")
        #expect(answers[1].allExtensionNumbersResponse.extensionNumber == [72_295_728])
        #expect(answers[2].allExtensionNumbersResponse.extensionNumber == [])
        #expect(answers[2].messageResponse != nil)
    }

    @Test(arguments: Carrier.allCases)
    func `What is not known is an answer of its own, and the stream goes on`(carrier: Carrier) async throws {
        let questions: [Request.OneOf_MessageRequest?] = [
            .fileByFilename("nothing.proto"),
            .fileContainingSymbol("roundhouse.v1.Nothing"),
            .fileContainingExtension(.with { $0.containingType = "roundhouse.v1.Model" }),
            .allExtensionNumbersOfType("roundhouse.v1.Nothing"),
            nil,
            .fileByFilename("roundhouse/v1/registry.proto"),
        ]
        let answers = try await ask(questions, over: carrier)
        let notFound = Int32(RPCError.Code.notFound.rawValue)
        #expect(answers.prefix(4).map(\.errorResponse.errorCode) == Array(repeating: notFound, count: 4))
        #expect(answers[1].errorResponse.errorMessage == "no symbol roundhouse.v1.Nothing")
        #expect(answers[4].errorResponse.errorCode == Int32(RPCError.Code.invalidArgument.rawValue))
        #expect(try files(answers[5]).first?.name == "roundhouse/v1/registry.proto")
    }

    @Test func `The embedded descriptor set describes every method that has Swift code`() throws {
        let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: DescriptorSet.serializedBytes)
        let described = Set(
            set.file.flatMap { file in
                file.service.flatMap { service in
                    service.method.map { "\(file.package).\(service.name)/\($0.name)" }
                }
            })
        let generated =
            Roundhouse_V1_GenerationService.Method.descriptors + Roundhouse_V1_RegistryService.Method.descriptors
            + Roundhouse_V1_HealthService.Method.descriptors + Grpc_Health_V1_Health.Method.descriptors
            + Grpc_Reflection_V1_ServerReflection.Method.descriptors
        #expect(Set(generated.map(\.fullyQualifiedMethod)).isSubset(of: described))
    }
}

@Suite struct DescriptorIndexTests {
    @Test func `A descriptor set cut anywhere is malformed or shorter, and never a crash`() throws {
        let whole = DescriptorSet.serializedBytes
        let lengths = Array(0..<600) + Array(stride(from: 600, to: whole.count, by: 3989))
        for length in lengths {
            do {
                _ = try DescriptorIndex(descriptorSet: Array(whole[..<length]))
            } catch {
                #expect(error.offset <= length)
            }
        }
    }

    @Test(
        arguments: [
            [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            [0x0a, 0x02, 0x22, 0x00],
            [0x0b],
            [0x09, 0x00],
            Array(repeating: 0x80, count: 11),
        ] as [[UInt8]])
    func `Bytes that are no descriptor set are refused`(bytes: [UInt8]) {
        #expect(throws: WireReader.Malformed.self) { try DescriptorIndex(descriptorSet: bytes) }
    }
}
