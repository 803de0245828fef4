import FoundationEssentials
import Glibc
import Testing

/// The checker of Prometheus, which `scripts/install-dependencies test` brings.
enum Promtool {
    /// The repository.
    static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
        .joined(separator: "/")

    /// Runs it with `input` on its standard input.
    static func run(_ arguments: String, input: [UInt8]) throws -> (status: Int32, text: String) {
        let file = "\(FileManager.default.temporaryDirectory.path)/promtool-\(UUID().uuidString)"
        try Data(input).write(to: URL(filePath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        let path = "PATH=\"$PATH:\(self.root)/.build/tools/usr/bin\""
        let pipe = unsafe try #require(popen("\(path) promtool \(arguments) <\(file) 2>&1", "r"))
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, pipe) }
            guard count > 0 else { break }
            text += chunk[..<count]
        }
        let status = unsafe pclose(pipe)
        try #require(status >> 8 != 127, "promtool is missing: run scripts/install-dependencies test")
        return (status >> 8, String(decoding: text, as: UTF8.self))
    }
}
