import Glibc
import Synchronization

/// An advisory lock on a file beside the database, held while the process lives.
///
/// SQLite itself lets two processes share a database. Two servers on one data directory would each prune, migrate and
/// report as if they were alone, so the second one is refused. The kernel drops the lock however the process ends.
final class StoreLock: Sendable {
    /// `nil` once it was released.
    private let file: Mutex<CInt?>

    /// - Throws: ``StoreError`` with code ``StoreError/Code/locked`` when another process has it.
    init(database path: String) throws(StoreError) {
        let lockPath = "\(path).lock"
        // Close-on-exec: an engine that inherited the file would hold the lock after its server died.
        let file = unsafe open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure(errno, path: path, doing: "make \(lockPath)") }
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            if code == EINTR { continue }
            let holder = Self.read(file)
            close(file)
            guard code == EWOULDBLOCK else { throw Self.failure(code, path: path, doing: "lock \(lockPath)") }
            let process = holder.map { " (process \($0))" } ?? ""
            throw StoreError(
                .locked,
                path: path,
                "another Roundhouse server\(process) uses this database; end it, or give this one a --data-dir of its "
                    + "own"
            )
        }
        self.file = Mutex(file)
        Self.write(getpid(), to: file)
    }

    deinit {
        self.release()
    }

    func release() {
        let file = self.file.withLock { file in
            defer { file = nil }
            return file
        }
        guard let file else { return }
        // Closing alone is not enough: a child between fork and exec holds a copy, and with it the lock.
        flock(file, LOCK_UN)
        close(file)
    }

    /// The process id is there for people and for the message above; the lock does not depend on it.
    private static func write(_ process: pid_t, to file: CInt) {
        guard ftruncate(file, 0) == 0 else { return }
        let bytes = Array("\(process)\n".utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, 0) }
    }

    private static func read(_ file: CInt) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, $0.count, 0) }
        let digits = bytes.prefix(max(count, 0)).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self))
    }

    static func failure(_ code: CInt, path: String, doing what: String) -> StoreError {
        let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
        switch code {
        case ENOSPC, EDQUOT: return StoreError(.diskFull, path: path, "cannot \(what): \(reason); free some space")
        case EROFS, EACCES, EPERM:
            return StoreError(.readOnly, path: path, "cannot \(what): \(reason); \(StoreError.permissions)")
        default: return StoreError(.cannotOpen, path: path, "cannot \(what): \(reason)")
        }
    }
}

/// The directory and the file, made so that other users cannot read what clients said about themselves.
enum StoreFiles {
    static func prepare(_ path: String) throws(StoreError) {
        try Self.makeDirectory(Self.directory(of: path), for: path)
        let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        // What is wrong with an existing file is told better by SQLite's own code, except for these.
        guard file >= 0 else { throw StoreLock.failure(errno, path: path, doing: "open the database") }
        close(file)
    }

    /// Makes every missing part.
    private static func makeDirectory(_ directory: String, for path: String) throws(StoreError) {
        guard unsafe mkdir(directory, 0o700) != 0 else { return Self.synchronize(Self.directory(of: directory)) }
        switch errno {
        case EEXIST: return
        case ENOENT where directory != "/" && directory != ".":
            try Self.makeDirectory(Self.directory(of: directory), for: path)
            guard unsafe mkdir(directory, 0o700) == 0 || errno == EEXIST else {
                throw StoreLock.failure(errno, path: path, doing: "make the directory \(directory)")
            }
            Self.synchronize(Self.directory(of: directory))
        case let code: throw StoreLock.failure(code, path: path, doing: "make the directory \(directory)")
        }
    }

    /// A directory that was just made has a name only once its parent is on the disk; SQLite looks after its own
    /// directory and no other. Where that cannot be done, it is left to the file system.
    private static func synchronize(_ parent: String) {
        let file = unsafe open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { return }
        fsync(file)
        close(file)
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
