internal import FoundationEssentials
import Glibc
import ModelRegistry

/// The configuration file as bytes: read whole, written in one step.
struct ConfigurationFile: Sendable {
    /// Absolute.
    let path: String

    /// Why it was not written.
    struct WriteFailure: Error, CustomStringConvertible {
        var description: String
    }

    /// - Returns: `nil` when there is no file.
    func read() throws(Paths.ReadFailure) -> String? {
        do throws(Paths.ReadFailure) {
            return try Paths.read(self.path, limit: ConfigurationLoader.longest)
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    /// Changes with the file; the same for the same bytes.
    static func etag(of text: String?) -> String {
        guard let text else { return "0" }
        var fingerprint = Fingerprint()
        fingerprint.add(text)
        return fingerprint.text
    }

    /// Puts a text in the place of the file: whoever reads it, also after a power failure, finds the old or the new one,
    /// whole. Rights and owner stay; a new file is its owner's alone. A link is followed.
    ///
    /// - Parameter text: `nil`: there shall be no file.
    func write(_ text: String?) throws(WriteFailure) {
        let target = Self.followed(self.path)
        guard let text else {
            guard unsafe unlink(target) == 0 || errno == ENOENT else { throw Self.failure("remove", target) }
            return
        }
        let directory = Paths.directory(of: target)
        let temporary = "\(target).\(UInt64.random(in: 0 ... .max)).new"
        if Paths.reasonNoDirectory(directory)?.isMissing == true {
            try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure("write", temporary) }
        do throws(WriteFailure) {
            defer { close(file) }
            self.keepRights(of: target, on: file)
            try Self.write(Array(text.utf8), to: file, temporary)
            guard fsync(file) == 0 else { throw Self.failure("write", temporary) }
            guard unsafe rename(temporary, target) == 0 else { throw Self.failure("replace", target) }
        } catch {
            _ = unsafe unlink(temporary)
            throw error
        }
        // The name is on the disk when its directory is.
        let folder = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    private func keepRights(of target: String, on file: CInt) {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target) else { return }
        func number(_ key: FileAttributeKey) -> UInt32? {
            // As which type it comes depends on what else is linked.
            (attributes[key] as? Int).map { UInt32(truncatingIfNeeded: $0) } ?? attributes[key] as? UInt32
                ?? (attributes[key] as? UInt).map { UInt32(truncatingIfNeeded: $0) }
                ?? (attributes[key] as? UInt16).map { UInt32($0) }
        }
        if let owner = number(.ownerAccountID), let group = number(.groupOwnerAccountID) { fchown(file, owner, group) }
        if let rights = number(.posixPermissions) { fchmod(file, rights & 0o7777) }
    }

    private static func write(_ bytes: [UInt8], to file: CInt, _ name: String) throws(WriteFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write", name) }
            rest = rest.dropFirst(count)
        }
    }

    private static func followed(_ path: String) -> String {
        guard let real = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    private static func failure(_ verb: String, _ path: String) -> WriteFailure {
        let code = errno
        let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
        return WriteFailure(description: "cannot \(verb) '\(path)' (\(reason))")
    }
}
