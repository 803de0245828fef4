import FoundationEssentials

/// A directory that is removed with its owner. Its path is short enough for UNIX-domain sockets.
final class TemporaryDirectory: Sendable {
    let path: String

    convenience init() throws {
        try self.init(at: "/tmp/roundhouse-e2e-\(UInt32.random(in: 0 ... .max))")
    }

    init(at path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    var database: String { "\(self.path)/roundhouse.db" }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let file = "\(self.path)/\(name)"
        try Data(text.utf8).write(to: URL(filePath: file))
        return file
    }
}
