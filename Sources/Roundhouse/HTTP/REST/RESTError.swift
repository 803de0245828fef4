internal import GRPCCore
internal import Hummingbird
internal import NIOCore

/// An error in the shape of AIP-193: `{"error":{"code":404,"status":"NOT_FOUND","message":"…","details":[…]}}`. It is a
/// `google.rpc.Status`, with the status of HTTP for its code and the name of gRPC's beside it.
struct RESTError: Error {
    let status: HTTPResponse.Status
    /// One line.
    let text: [UInt8]
    var headers: HTTPFields = [:]

    /// What a service said.
    init(_ status: Status, _ metadata: Metadata, _ pool: DescriptorPool) {
        let code = RPCError.Code(status.code) ?? .unknown
        self.init(code.httpStatus, code.name, status.message, details: Self.details(of: metadata, pool))
        self.headers = Self.retry(metadata)
    }

    /// What could not be done before a service was asked.
    init(_ error: any RPCErrorConvertible, _ pool: DescriptorPool) {
        self.init(
            Status(code: Status.Code(error.rpcErrorCode), message: error.rpcErrorMessage), error.rpcErrorMetadata, pool)
    }

    /// What HTTP alone has a status for.
    init(_ problem: HTTPProblem) {
        self.init(problem.status, problem.status.rpcCode.name, problem.message, details: Array("[]".utf8))
        self.headers = problem.headers
    }

    private init(_ status: HTTPResponse.Status, _ name: String, _ message: String, details: [UInt8]) {
        self.status = status
        var text = Array("{\"error\":{\"code\":\(status.code),\"status\":\"\(name)\",\"message\":".utf8)
        text += ProtoJSON.text(of: message)
        text += Array(",\"details\":".utf8)
        text += details
        text += Array("}}".utf8)
        self.text = text
    }

    var response: Response {
        var response = Response(
            status: self.status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: self.text + [UInt8(ascii: "\n")])))
        for header in self.headers { response.headers[header.name] = header.value }
        return response
    }

    /// The details of a `google.rpc.Status`, each with its type.
    private static func details(of metadata: Metadata, _ pool: DescriptorPool) -> [UInt8] {
        var details: [UInt8]?
        for bytes in metadata[binaryValues: "grpc-status-details-bin"] {
            guard let type = pool.message("google.rpc.Status"), let field = type.field(named: "details") else { break }
            details = try? ProtoJSON.text(of: field, in: bytes, type, pool)
        }
        return details ?? Array("[]".utf8)
    }

    /// Of what gRPC's clients obey: whole seconds, since HTTP has no shorter ones.
    private static func retry(_ metadata: Metadata) -> HTTPFields {
        var fields: HTTPFields = [:]
        for text in metadata[stringValues: "grpc-retry-pushback-ms"] {
            guard let milliseconds = Int64(text), milliseconds >= 0 else { continue }
            fields[.retryAfter] = "\(max(1, (milliseconds + 999) / 1000))"
        }
        return fields
    }
}

extension RPCError.Code {
    /// As google/rpc/code.proto has it.
    var httpStatus: HTTPResponse.Status {
        switch self {
        case .cancelled: HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
        case .invalidArgument, .failedPrecondition, .outOfRange: .badRequest
        case .deadlineExceeded: .gatewayTimeout
        case .notFound: .notFound
        case .alreadyExists, .aborted: .conflict
        case .permissionDenied: .forbidden
        case .unauthenticated: .unauthorized
        case .resourceExhausted: .tooManyRequests
        case .unimplemented: .notImplemented
        case .unavailable: .serviceUnavailable
        default: .internalServerError
        }
    }
}

extension HTTPResponse.Status {
    /// The nearest there is, for what gRPC has no status.
    fileprivate var rpcCode: RPCError.Code {
        switch self.code {
        case 403: .permissionDenied
        case 404: .notFound
        case 405: .unimplemented
        case 408: .deadlineExceeded
        case 413: .resourceExhausted
        case 503: .unavailable
        case 400..<500: .invalidArgument
        default: .internalError
        }
    }
}
