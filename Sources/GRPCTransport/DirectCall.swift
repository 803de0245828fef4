public import GRPCCore

/// A call that is handled without the layers of `GRPCServer` between it and its handler.
///
/// `GRPCServer` hands a call through interceptors, type-erased sequences and writers that know neither their messages nor
/// their transport at compile time. Without them a `Generate` of a few tokens took 57,000 instructions less, an eighth. A method
/// whose cost counts may take its calls as they come. Everything else stays as it is: deadlines, cancellation of
/// the handler's task, backpressure, shutdown. Interceptors of the `GRPCServer` do not see the call, and
/// `withRPCCancellationHandler` knows nothing of it.
public struct DirectCall: Sendable {
    private let call: ServerCall
    /// What the client sent before its first message.
    public let metadata: Metadata
    /// When the client stops waiting, and who it is.
    public let details: CallDetails

    init(_ call: ServerCall, metadata: Metadata, details: CallDetails) {
        self.call = call
        self.metadata = metadata
        self.details = details
    }

    /// The next message of the request; nil after the last.
    ///
    /// - Throws: `RPCError` if the call ended early, `CancellationError` if the task was cancelled.
    public func nextMessage() async throws -> Bytes? {
        while let part = try await self.call.next() {
            if case .message(let message) = part { return message }
        }
        return nil
    }

    /// The one message of a unary request.
    ///
    /// - Throws: as ``nextMessage()``, and `RPCError` when there is none or more than one.
    public func message() async throws -> Bytes {
        guard let message = try await self.nextMessage() else {
            throw RPCError(code: .internalError, message: "Empty stream.")
        }
        guard try await self.nextMessage() == nil else {
            throw RPCError(code: .internalError, message: "Too many messages.")
        }
        return message
    }

    /// Sends a message of the response; returns when there is room for the next.
    ///
    /// - Throws: `RPCError` if the call has ended, `CancellationError` if the task was cancelled while it waited.
    public func send(_ message: Bytes) async throws {
        try await self.call.send(message)
    }

    /// Runs the handler's body and ends the call: OK, or the status of what it throws, as `GRPCServer` does it.
    func run(_ body: Server.DirectHandler.Body) async {
        do {
            try await body(self)
            self.call.finish(Status(code: .ok, message: ""), trailers: [:])
        } catch {
            let error =
                (error as? RPCError) ?? (error as? any RPCErrorConvertible).map { RPCError($0) }
                ?? RPCError(code: .unknown, message: "Service method threw an unknown error.", cause: error)
            self.call.finish(Status(code: Status.Code(error.code), message: error.message), trailers: error.metadata)
        }
    }
}

extension Server {
    /// Who takes the calls of a method as they come.
    public struct DirectHandler: Sendable {
        /// Answers a call. Returning is OK; an `RPCError`, or what converts to one, is its status.
        public typealias Body = @Sendable (DirectCall) async throws -> Void

        let method: MethodDescriptor
        let body: Body

        /// - Parameter method: one that is registered with the `GRPCServer` as well: reflection, the message shape and
        ///   other transports go by that.
        public init(_ method: MethodDescriptor, _ body: @escaping Body) {
            self.method = method
            self.body = body
        }
    }
}
