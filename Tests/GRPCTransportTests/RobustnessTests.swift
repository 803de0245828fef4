import GRPCCore
import GRPCTransport
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("Robustness", .timeLimit(.minutes(1)))
struct RobustnessTests {
    @Test("a C++ exception inside the bridge ends its call with INTERNAL and nothing else")
    func exception() async throws {
        var service = TestService()
        service.add("Unary", .unary) { _, _ in single("ok".bytes) }
        service.add("Fault", .unary) { _, _ in single([]) }
        var configuration = Server.Configuration.forTest
        configuration.faultMethod = "/test.Test/Fault"
        try await withPair(service, configuration) { server, client in
            let error = try await error { try await client.call("Fault") }
            #expect(error.code == .internalError)
            #expect(error.message.contains("fault injected"))
            let answer = try await client.call("Unary")
            #expect(answer == "ok".bytes)
            #expect(server.counters.connectionsAccepted == 1)
        }
    }

    @Test("a handler that blocks its queue's thread is reported while it does")
    func blockedQueue() async throws {
        let events = Box<Server.Event>()
        var service = TestService()
        service.add("Block", .unary) { _, _ in
            usleep(600_000)
            return single([])
        }
        var configuration = Server.Configuration.forTest
        configuration.stuckQueueThreshold = .milliseconds(150)
        configuration.onEvent = { event in Task { await events.set(event) } }
        try await withPair(service, configuration) { server, client in
            _ = try await client.call("Block")
            let event = await events.get()
            guard case .queueBlocked(_, let duration) = event else {
                Issue.record("unexpected event \(event)")
                return
            }
            #expect(duration >= .milliseconds(150) && duration < .milliseconds(600))
            #expect(server.counters.queuesBlocked == 1)
        }
    }

    @Test("handlers run on the queues' threads, and so do their child tasks")
    func executor() async throws {
        var service = TestService()
        service.add("Threads", .unary) { request, _ in
            let before = threadID()
            _ = try await ServerRequest(stream: request)
            async let child = threadID()
            await Task.yield()
            let threads = [before, await child, threadID()]
            return single(threads.map(String.init).joined(separator: " ").bytes)
        }
        var configuration = Server.Configuration.forTest
        configuration.queues = 1
        try await withPair(service, configuration) { _, client in
            let first = String(decoding: try await client.call("Threads"), as: UTF8.self)
            let second = String(decoding: try await client.call("Threads"), as: UTF8.self)
            #expect(Set((first + " " + second).split(separator: " ")).count == 1)
        }
    }

    @Test("a handler that is busy yielding does not keep others from being served")
    func busyHandler() async throws {
        let stop = Box<Void>()
        let isRunning = Box<Void>()
        var service = TestService()
        service.add("Spin", .unary) { _, context in
            await isRunning.set(())
            while !context.cancellation.isCancelled { await Task.yield() }
            return single([])
        }
        service.add("Unary", .unary) { _, _ in single("ok".bytes) }
        var configuration = Server.Configuration.forTest
        configuration.queues = 1
        try await withPair(service, configuration) { _, client in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await client.call("Spin") }
                await isRunning.get()
                for _ in 0..<10 { #expect((try? await client.call("Unary")) == "ok".bytes) }
                group.cancelAll()
            }
        }
        await stop.set(())
    }

    @Test("a handler may hop to other executors and write from there")
    func foreignThreads() async throws {
        actor Elsewhere {
            func write(_ index: Int, to writer: RPCWriter<[UInt8]>) async throws {
                try await writer.write("\(index)".bytes)
            }
        }
        var service = TestService()
        service.add("Hop", .serverStreaming) { _, _ in
            Response { writer in
                let elsewhere = Elsewhere()
                for index in 0..<200 {
                    if index.isMultiple(of: 2) {
                        try await elsewhere.write(index, to: writer)
                    } else {
                        try await Task.detached { try await writer.write("\(index)".bytes) }.value
                    }
                }
                return [:]
            }
        }
        try await withPair(service) { _, client in
            let messages = try await client.collect("Hop")
            #expect(messages == (0..<200).map { "\($0)".bytes })
        }
    }

    @Test("several tasks may write to one stream at once, also while it is full")
    func concurrentWriters() async throws {
        var service = TestService()
        service.add("Many", .serverStreaming) { _, _ in
            Response { writer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<8 {
                        group.addTask {
                            for _ in 0..<50 { try await writer.write(Array(repeating: UInt8(index), count: 8192)) }
                        }
                    }
                    try await group.waitForAll()
                }
                return [:]
            }
        }
        try await withPair(service) { _, client in
            let messages = try await client.collect("Many")
            #expect(messages.count == 400)
            #expect(messages.allSatisfy { Set($0).count == 1 && $0.count == 8192 })
        }
    }

    @Test("a handler that returns early, with its request unread and its task's children cancelled, leaves no trace")
    func abandonedRequests() async throws {
        var service = TestService()
        service.add("Half", .bidirectionalStreaming) { request, _ in
            Response { writer in
                for try await message in request.messages {
                    try await writer.write(message)
                    return ["half": "way"]
                }
                return [:]
            }
        }
        try await withPair(service) { server, client in
            for _ in 0..<50 {
                try await client.bidirectionalStreaming(
                    request: StreamingClientRequest<[UInt8]> { writer in
                        for _ in 0..<3 { try await writer.write("x".bytes) }
                    },
                    descriptor: .test("Half", .bidirectionalStreaming),
                    serializer: RawSerializer(),
                    deserializer: RawDeserializer(),
                    options: .defaults
                ) { response in
                    var count = 0
                    for try await _ in response.messages { count += 1 }
                    #expect(count == 1)
                }
            }
            try await within(.seconds(10)) {
                while server.counters.callsOpen > 0 { try await Task.sleep(for: .milliseconds(5)) }
            }
        }
    }

    @Test("bytes that are no HTTP/2 close their own connection only")
    func nonsense() async throws {
        var service = TestService()
        service.add("Unary", .unary) { _, _ in single("ok".bytes) }
        try await withPair(service) { _, client in
            _ = try await client.call("Unary")
        }
        try await withServer(service) { _, address in
            guard case .hostPort(_, let port) = address else { return }
            let socket = try connectedSocket(port: port)
            defer { close(socket) }
            let text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            _ = unsafe text.withCString { unsafe send(socket, $0, text.utf8.count, 0) }
            try await withClient(address) { client in
                let answer = try await client.call("Unary")
                #expect(answer == "ok".bytes)
            }
        }
    }

    @Test("when descriptors run out, waiting clients are turned away, and the server goes on when there are some again")
    func descriptorsRunOut() async throws {
        // In a process of its own, whose descriptors are few.
        await #expect(processExitsWith: .success) {
            var service = TestService()
            service.add("Unary", .unary) { _, _ in single("ok".bytes) }
            try await withServer(service) { server, address in
                guard case .hostPort(_, let port) = address else { exit(2) }
                try await withClient(address) { client in
                    _ = try await client.call("Unary")
                    // Use up what is left.
                    var limit = rlimit()
                    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                    limit.rlim_cur = 256
                    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                    let mine = try connectedSocket(port: port, connect: false)
                    var hoard: [Int32] = []
                    while true {
                        let fd = dup(0)
                        if fd < 0 { break }
                        hoard.append(fd)
                    }
                    // The server cannot accept this one: it is closed, not left to hang.
                    try connect(mine, port: port)
                    var byte: UInt8 = 0
                    guard unsafe recv(mine, &byte, 1, 0) <= 0 else { exit(3) }
                    guard server.counters.connectionsRefused > 0 else { exit(4) }
                    // Those who are connected notice nothing.
                    guard try await client.call("Unary") == "ok".bytes else { exit(5) }
                    for fd in hoard { close(fd) }
                    close(mine)
                }
                try await untilAnswered(address, "Unary")
            }
        }
    }
}

private func threadID() -> Int { Int(pthread_self()) }

/// A TCP socket to a port of this machine.
private func connectedSocket(port: Int, connect wanted: Bool = true) throws -> Int32 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(socket >= 0)
    if wanted { try connect(socket, port: port) }
    return socket
}

private func connect(_ socket: Int32, port: Int) throws {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = in_port_t(port).bigEndian
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let result = unsafe withUnsafePointer(to: name) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    try #require(result == 0)
}
