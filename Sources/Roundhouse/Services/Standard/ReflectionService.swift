import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf

/// `grpc.reflection.v1.ServerReflection` and its older name `v1alpha`: what lets grpcurl and its kind list, describe
/// and call the API without any files.
///
/// Both versions have the same messages under different names and so the same bytes; one handler serves both.
/// A question that cannot be answered gets an `error_response`, and the stream stays open for the next one.
struct ReflectionService: RegistrableRPCService {
    private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    /// The names under which the service is served.
    static let names = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]

    private let index: DescriptorIndex
    private let services: [String]

    /// - Parameters:
    ///   - methods: Everything else that the server serves, as its router knows it; only services that really answer
    ///     are listed. Reflection adds itself.
    ///   - descriptorSet: A serialized `FileDescriptorSet` that describes them.
    init(
        methods: [MethodDescriptor],
        descriptorSet: [UInt8] = DescriptorSet.serializedBytes
    ) throws(WireReader.Malformed) {
        index = try DescriptorIndex(descriptorSet: descriptorSet)
        services = Set(methods.map(\.service.fullyQualifiedService)).union(Self.names).sorted()
    }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        for name in Self.names {
            router.registerHandler(
                forMethod: MethodDescriptor(
                    fullyQualifiedService: name, method: "ServerReflectionInfo", type: .bidirectionalStreaming),
                deserializer: ProtobufDeserializer<Request>(),
                serializer: ProtobufSerializer<Response>()
            ) { request, _ in
                StreamingServerResponse { writer in
                    for try await question in request.messages {
                        try await writer.write(answer(question))
                    }
                    return [:]
                }
            }
        }
    }

    private func answer(_ request: Request) -> Response {
        var response = Response()
        response.validHost = request.host
        response.originalRequest = request
        response.messageResponse = find(request.messageRequest)
        return response
    }

    private func find(_ question: Request.OneOf_MessageRequest?) -> Response.OneOf_MessageResponse {
        switch question {
        case .fileByFilename(let name):
            return file(index.file(named: name), or: "no file \(name)")
        case .fileContainingSymbol(let symbol):
            return file(index.file(declaring: symbol), or: "no symbol \(symbol)")
        case .fileContainingExtension(let wanted):
            return file(
                index.file(extending: wanted.containingType, number: wanted.extensionNumber),
                or: "no extension \(wanted.extensionNumber) of \(wanted.containingType)"
            )
        case .allExtensionNumbersOfType(let message):
            guard let numbers = index.extensionNumbers(of: message) else {
                return failure(.notFound, "no message \(message)")
            }
            return .allExtensionNumbersResponse(
                .with {
                    $0.baseTypeName = message
                    $0.extensionNumber = numbers
                })
        case .listServices:
            return .listServicesResponse(
                .with { list in
                    list.service = services.map { name in .with { $0.name = name } }
                })
        case nil:
            return failure(.invalidArgument, "message_request is not set")
        }
    }

    private func file(_ name: String?, or problem: String) -> Response.OneOf_MessageResponse {
        guard let name else { return failure(.notFound, problem) }
        return .fileDescriptorResponse(.with { $0.fileDescriptorProto = index.contents(of: name) })
    }

    private func failure(_ code: RPCError.Code, _ message: String) -> Response.OneOf_MessageResponse {
        .errorResponse(
            .with {
                $0.errorCode = Int32(code.rawValue)
                $0.errorMessage = message
            })
    }
}
