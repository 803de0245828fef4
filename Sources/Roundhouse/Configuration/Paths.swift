import Glibc

/// Paths and small files, without Foundation.
enum Paths {
    /// `path` made absolute and free of `.` parts. `~` and `~/…` stand for `home`.
    static func absolute(_ path: String, from directory: String, home: String?) -> String {
        if path == "~" || path.hasPrefix("~/"), let home, !home.isEmpty {
            return Self.join(home, String(path.dropFirst(2)))
        }
        return path.hasPrefix("/") ? path : Self.join(directory, path)
    }

    static func join(_ directory: String, _ path: String) -> String {
        var rest = path[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
        if rest.isEmpty || rest == "." { return directory }
        return directory.hasSuffix("/") ? directory + rest : "\(directory)/\(rest)"
    }

    /// Everything in front of the last slash.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func workingDirectory() -> String {
        guard let buffer = unsafe getcwd(nil, 0) else { return "/" }
        defer { unsafe free(buffer) }
        return unsafe String(cString: buffer)
    }

    /// Why a file cannot be read.
    struct ReadFailure: Error {
        /// Such as "No such file or directory".
        var reason: String
        var isMissing: Bool
    }

    /// The whole of a text file.
    ///
    /// - Parameter limit: The most bytes that are taken; a longer file is a failure.
    static func read(_ path: String, limit: Int) throws(ReadFailure) -> String {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Self.failure(errno) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure(errno) }
            if count == 0 { break }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                throw ReadFailure(reason: "it is larger than \(ByteSize.render(limit))", isMissing: false)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ReadFailure(reason: "it is not UTF-8 text", isMissing: false)
        }
        return text
    }

    /// Why a file cannot be opened for reading, or `nil` when it can. A directory cannot.
    static func reasonUnreadable(_ path: String) -> String? {
        // Without waiting: opening a pipe would otherwise block until somebody writes.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return Self.failure(errno).reason }
        close(file)
        // Not by `stat`, whose fields belong to another module as soon as Hummingbird is imported.
        let folder = unsafe open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard folder >= 0 else { return nil }
        close(folder)
        return Self.failure(EISDIR).reason
    }

    /// Why a path is no directory, or `nil` when it is one.
    static func reasonNoDirectory(_ path: String) -> ReadFailure? {
        unsafe access("\(path)/.", F_OK) == 0 ? nil : Self.failure(errno)
    }

    private static func failure(_ code: CInt) -> ReadFailure {
        let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
        return ReadFailure(reason: reason, isMissing: code == ENOENT)
    }
}
