import GRPCCore
import SwiftProtobuf

/// How a scripted server answers requests of one type.
struct Script: Sendable {
    struct Unary<Request: Message, Response: Message>: Sendable {
        let body: @Sendable (Request) throws -> Response
    }

    struct Stream<Request: Message, Response: Message>: Sendable {
        let body: @Sendable (Request, RPCWriter<Response>, ServerContext) async throws -> Void
    }

    let request: ObjectIdentifier
    let body: any Sendable

    static func answer<Request: Message, Response: Message>(
        _ body: @escaping @Sendable (Request) throws -> Response
    ) -> Script {
        Script(request: ObjectIdentifier(Request.self), body: Unary(body: body))
    }

    /// The same answer to every request of a type.
    static func answer<Request: Message, Response: Message>(_: Request.Type, with response: Response) -> Script {
        .answer { (_: Request) in response }
    }

    static func stream<Request: Message, Response: Message>(
        _ body: @escaping @Sendable (Request, RPCWriter<Response>, ServerContext) async throws -> Void
    ) -> Script {
        Script(request: ObjectIdentifier(Request.self), body: Stream(body: body))
    }

    /// The same messages for every request of a type, and OK.
    static func stream<Request: Message, Response: Message>(_: Request.Type, of responses: [Response]) -> Script {
        .stream { (_: Request, writer: RPCWriter<Response>, _) in
            for response in responses {
                try await writer.write(response)
            }
        }
    }
}
