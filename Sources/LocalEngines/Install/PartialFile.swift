import FoundationEssentials
import Glibc
import SystemPackage

/// A file on its way into the models folder, `NAME.part`, with a note beside it of where it comes from, so that an
/// interrupted transfer can go on. Everything here blocks.
struct PartialFile: Sendable {
    /// What the bytes are that are there.
    struct Note: Codable, Sendable, Hashable {
        /// The address or the path.
        var source: String
        /// See ``FileDownload/validator``.
        var validator: String?
        var totalBytes: Int64?

        enum CodingKeys: String, CodingKey {
            case source, validator
            case totalBytes = "total_bytes"
        }
    }

    let path: String
    let file: FileDescriptor

    private var notePath: String { "\(self.path).json" }

    static func path(_ name: String, in folder: String) -> String { "\(folder)/\(name).part" }

    /// Opens the file, or makes it, and locks it against other processes.
    static func open(_ name: String, in folder: String) throws(ModelInstallError) -> PartialFile {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let path = Self.path(name, in: folder)
            let file = try FileDescriptor.open(
                FilePath(path), .readWrite, options: [.create, .closeOnExec, .noFollow], permissions: [.ownerReadWrite])
            guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
                try? file.close()
                throw ModelInstallError(
                    .conflict, "'\(name)' is being installed by another process; wait until it has ended", field: "name"
                )
            }
            return PartialFile(path: path, file: file)
        } catch let error as ModelInstallError {
            throw error
        } catch {
            throw .writing(folder, error)
        }
    }

    func size() throws(ModelInstallError) -> Int64 {
        do { return try self.file.seek(offset: 0, from: .end) } catch { throw .writing(self.path, error) }
    }

    func note() -> Note? {
        guard let data = try? Data(contentsOf: URL(filePath: self.notePath)) else { return nil }
        return try? JSONDecoder().decode(Note.self, from: data)
    }

    /// Keeps the first `bytes` bytes and says what they are.
    func begin(_ note: Note, at bytes: Int64) throws(ModelInstallError) {
        do {
            guard ftruncate(self.file.rawValue, Int(bytes)) == 0 else { throw Errno(rawValue: errno) }
            try JSONEncoder().encode(note).write(to: URL(filePath: self.notePath), options: .atomic)
            // An address may hold a signature.
            guard unsafe chmod(self.notePath, 0o600) == 0 else { throw Errno(rawValue: errno) }
            try self.file.seek(offset: bytes, from: .start)
        } catch {
            throw .writing(self.path, error)
        }
    }

    func append(_ bytes: [UInt8]) throws(ModelInstallError) {
        do { try self.file.writeAll(bytes) } catch { throw .writing(self.path, error) }
    }

    func close() {
        // By name: a process that is being started may hold a copy of the descriptor for a moment.
        flock(self.file.rawValue, LOCK_UN)
        try? self.file.close()
    }

    /// Deletes the file and the note.
    func discard() {
        _ = unsafe unlink(self.path)
        _ = unsafe unlink(self.notePath)
    }

    /// Gives the file its final name, once it is on the disk for good.
    func publish(as target: String) throws(ModelInstallError) {
        do {
            guard fchmod(self.file.rawValue, 0o644) == 0, fsync(self.file.rawValue) == 0,
                unsafe rename(self.path, target) == 0
            else { throw Errno(rawValue: errno) }
            _ = unsafe unlink(self.notePath)
            // The name is on the disk when its folder is.
            let parent = String(target[..<(target.lastIndex(of: "/") ?? target.startIndex)])
            let folder = try FileDescriptor.open(FilePath(parent), .readOnly, options: [.directory, .closeOnExec])
            defer { try? folder.close() }
            guard fsync(folder.rawValue) == 0 else { throw Errno(rawValue: errno) }
        } catch {
            throw .writing(target, error)
        }
    }
}

extension ModelInstallError {
    /// A failure of the file system at `path`.
    static func writing(_ path: String, _ error: any Error) -> ModelInstallError {
        if let errno = error as? Errno, errno == .noSpace || errno.rawValue == EDQUOT {
            return ModelInstallError(.diskFull, "\(path): the disk is full (\(errno)); what came so far is kept")
        }
        return ModelInstallError(.notWritable, "\(path) cannot be written: \(error)")
    }
}

/// Room on the disk that a folder lies on.
package enum DiskSpace {
    /// Bytes that we may still write below `folder`, or where it would be made; `nil` when that cannot be found out.
    package static func available(_ folder: String) -> Int64? {
        var path = folder
        while true {
            var information = statvfs()
            if unsafe statvfs(path, &information) == 0 {
                return Int64(clamping: UInt64(information.f_bavail).saturatingMultiply(UInt64(information.f_frsize)))
            }
            guard let slash = path.lastIndex(of: "/"), path != "/" else { return nil }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }
}
