import Dispatch
import Glibc

/// A TCP connection to loopback on which a test says what it likes, to the byte.
package final class RawConnection: Sendable {
    /// The system refused.
    package struct Failure: Error {
        package var call: String
        package var code: Int32
    }

    private let descriptor: Int32
    /// Of its own, since a thread of a shared one is scarce while others wait on it.
    private let waiting = DispatchQueue(label: "raw connection")

    package init(port: Int) throws {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard self.descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
        // What is not taken then stays with the peer, and not with the system.
        var room: Int32 = 16_384
        _ = unsafe setsockopt(
            self.descriptor, SOL_SOCKET, SO_RCVBUF, &room, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe connect(self.descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw Failure(call: "connect", code: errno) }
    }

    deinit {
        close(self.descriptor)
    }

    package func send(_ text: String) throws {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(self.descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(call: "send", code: errno) }
            bytes = bytes.dropFirst(count)
        }
    }

    /// Ends this side of the connection; what the peer sends can still be read.
    package func endSending() { shutdown(self.descriptor, Int32(SHUT_WR)) }

    /// The next bytes; empty when the peer has closed, `nil` when nothing came in time.
    package func receive(within limit: Duration) async -> [UInt8]? {
        let milliseconds = Int32(limit / .milliseconds(1))
        return await withCheckedContinuation { continuation in
            self.waiting.async {
                var entry = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
                guard unsafe poll(&entry, 1, milliseconds) > 0 else { return continuation.resume(returning: nil) }
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count = unsafe buffer.withUnsafeMutableBytes { room in
                    unsafe recv(self.descriptor, room.baseAddress, room.count, 0)
                }
                continuation.resume(returning: Array(buffer.prefix(max(0, count))))
            }
        }
    }

    /// Everything up to the peer's end; `nil` when that does not come in time.
    package func rest(within limit: Duration = .seconds(30)) async -> String? {
        var bytes: [UInt8] = []
        while let more = await self.receive(within: limit) {
            if more.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            bytes += more
        }
        return nil
    }
}

/// One HTTP/1.1 answer, as it came.
package struct RawAnswer: Sendable {
    package var status: Int
    /// Names in lower case.
    package var headers: [String: String]
    package var body: String
}

extension RawConnection {
    /// Sends a request and reads its answer; the connection stays open.
    ///
    /// - Returns: `nil` when none came in time.
    package func ask(
        _ path: String,
        method: String = "GET",
        headers: [String] = [],
        body: String = ""
    ) async throws -> RawAnswer? {
        let length = body.isEmpty ? [] : ["Content-Length: \(body.utf8.count)"]
        let head = ["\(method) \(path) HTTP/1.1", "Host: test"] + headers + length
        try self.send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        return await self.answer(hasBody: method != "HEAD")
    }

    package func answer(hasBody: Bool = true) async -> RawAnswer? {
        var bytes: [UInt8] = []
        var answer: RawAnswer?
        while true {
            if answer == nil, let end = Self.headEnd(of: bytes) {
                answer = RawAnswer(head: String(decoding: bytes[..<end], as: UTF8.self))
                bytes.removeSubrange(..<(end + 4))
            }
            if var answer {
                let length = hasBody ? Int(answer.headers["content-length"] ?? "0") ?? 0 : 0
                if bytes.count >= length {
                    answer.body = String(decoding: bytes, as: UTF8.self)
                    return answer
                }
            }
            guard let more = await self.receive(within: .seconds(30)), !more.isEmpty else { return nil }
            bytes += more
        }
    }

    private static func headEnd(of bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (0...(bytes.count - 4)).first { bytes[$0..<($0 + 4)].elementsEqual([13, 10, 13, 10]) }
    }
}

extension RawAnswer {
    fileprivate init(head: String) {
        let lines = head.split(separator: "\r\n")
        self.status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        self.headers = [:]
        self.body = ""
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            self.headers[line[..<colon].lowercased()] = String(value)
        }
    }
}
