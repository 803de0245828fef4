import GRPCCore
import GRPCTransport
import Glibc

/// `transport-echo [--queues N]`: serves ``EchoService`` on a free loopback port and prints one JSON line with it.
///
/// One queue by default, as the bare C++ server has, so that the two differ in the bridge alone.
@main
struct TransportEcho {
    static func main() async {
        do {
            try await Self.serve(queues: Self.queues(CommandLine.arguments.dropFirst()))
        } catch {
            // Not through `stderr`: a global variable of C is not safe to share between threads.
            let message = Array("transport-echo: \(error)\n".utf8)
            _ = unsafe write(STDERR_FILENO, message, message.count)
            exit(1)
        }
    }

    private static func serve(queues: Int) async throws {
        var configuration = Server.Configuration.defaults(address: .hostPort(host: "127.0.0.1", port: 0))
        configuration.queues = queues
        let transport = Server(configuration)
        let server = GRPCServer(transport: transport, services: [EchoService()])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.serve() }
            guard case .hostPort(_, let port)? = try await transport.listeningAddresses.first else {
                throw UsageError(description: "the server has no port")
            }
            print(#"{"event":"ready","port":\#(port)}"#)
            // The reader waits at the other end of a pipe, which is buffered.
            fflush(nil)
            try await group.waitForAll()
        }
    }

    private static func queues(_ arguments: ArraySlice<String>) throws -> Int {
        guard let first = arguments.first else { return 1 }
        guard first == "--queues", arguments.count == 2, let number = arguments.last.flatMap({ Int($0) }),
            (1...64).contains(number)
        else {
            throw UsageError(description: "expected `--queues N` with N from 1 to 64, or nothing")
        }
        return number
    }
}

/// A command line that cannot be used, or a server that cannot be reached.
struct UsageError: Error, CustomStringConvertible {
    let description: String
}
