internal import Glibc

/// The files in which the kernel tells about memory; tests put a directory of their own in the place of `/`.
package struct SystemFiles: Sendable {
    /// Without a slash at its end: empty for the machine's own.
    private let root: String

    package init(root: String = "") {
        self.root = root.hasSuffix("/") ? String(root.dropLast()) : root
    }

    /// Files in `/proc` say that their length is 0, so this reads to the end.
    ///
    /// - Parameter path: Absolute.
    /// - Returns: `nil` when the file cannot be read, is no UTF-8, or is larger than a MiB, which none of these is.
    func text(_ path: String) -> String? {
        let file = unsafe open(self.root + path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= 1 << 20 {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
            if count == 0 { return String(validating: bytes, as: UTF8.self) }
            if count < 0 {
                guard errno == EINTR else { return nil }
                continue
            }
            bytes += chunk[..<count]
        }
        return nil
    }

    /// A file that holds one number of bytes. `nil` also for `max`.
    func number(_ path: String) -> Int64? {
        self.text(path).flatMap { text in
            let digits = text.split { $0 == "\n" || $0 == " " }.first ?? ""
            // Version 1 writes "no limit" as a number near 2^63.
            return Int64(digits).flatMap { $0 >= 0 && $0 < 1 << 60 ? $0 : nil }
        }
    }
}
