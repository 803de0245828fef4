import Dispatch
import GRPCCore
import GRPCTransport
import Testing

/// Runs tasks on one dispatch queue and knows when it is on it.
private final class SerialExecutor: TaskExecutor {
    private static let key = DispatchSpecificKey<Bool>()
    private let queue = DispatchQueue(label: "test.handler-executor")

    init() {
        self.queue.setSpecific(key: Self.key, value: true)
    }

    static var isCurrent: Bool { DispatchQueue.getSpecific(key: Self.key) == true }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

@Suite("Handlers on an executor of their own", .timeLimit(.minutes(1)))
struct HandlerExecutorTests {
    private var service: TestService {
        var service = TestService()
        service.add("Elsewhere", .serverStreaming) { request, _ in
            let count = try await ServerRequest(stream: request).message.count
            return Response { writer in
                for index in 0..<count { try await writer.write("\(SerialExecutor.isCurrent) \(index)".bytes) }
                return [:]
            }
        }
        service.add("Here", .unary) { _, _ in single("\(SerialExecutor.isCurrent)".bytes) }
        service.add("Fail", .unary) { _, _ in throw RPCError(code: .aborted, message: "as asked") }
        return service
    }

    private var configuration: Server.Configuration {
        let executor = SerialExecutor()
        var configuration = Server.Configuration.forTest
        configuration.handlerExecutor = { $0.method == "Here" ? nil : executor }
        return configuration
    }

    @Test("a method's handler runs where the configuration says, others on the call's queue")
    func runsThere() async throws {
        try await withPair(self.service, self.configuration) { _, client in
            let here = try await client.call("Here")
            #expect(here == "false".bytes)
            let elsewhere = try await client.collect("Elsewhere", [0])
            #expect(elsewhere == ["true 0".bytes])
        }
    }

    @Test("what is written from another thread arrives whole and in order", arguments: [1, 2, 1000])
    func keepsOrder(count: Int) async throws {
        try await withPair(self.service, self.configuration) { _, client in
            try await withThrowingTaskGroup(of: [[UInt8]].self) { group in
                for _ in 0..<8 {
                    group.addTask { try await client.collect("Elsewhere", Array(repeating: 0, count: count)) }
                }
                for try await messages in group {
                    #expect(messages == (0..<count).map { "true \($0)".bytes })
                }
            }
        }
    }

    @Test("a status reaches the client from another thread")
    func fails() async throws {
        try await withPair(self.service, self.configuration) { _, client in
            let error = try await error { try await client.call("Fail") }
            #expect(error.code == .aborted)
        }
    }
}
