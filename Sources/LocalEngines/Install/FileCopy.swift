import Glibc
import SystemPackage

/// A file on this machine that is copied into the models folder, in pieces. Everything here blocks.
struct FileCopy: Sendable {
    let file: FileDescriptor
    let sizeBytes: Int64
    /// Tells this content from another under the same path: file, size and time of its last change.
    let validator: String

    /// How much is copied at a time, so that progress is told and cancellation heeded.
    static let pieceBytes = 32 << 20

    static func open(_ path: String) throws(ModelInstallError) -> FileCopy {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec])
            var information = stat()
            guard unsafe fstat(file.rawValue, &information) == 0 else { throw Errno(rawValue: errno) }
            guard information.st_mode & S_IFMT == S_IFREG else {
                try? file.close()
                throw ModelInstallError(.invalidRequest, "path '\(path)' is not a file", field: "path")
            }
            let time = information.st_mtim
            return FileCopy(
                file: file,
                sizeBytes: Int64(information.st_size),
                validator: "\(information.st_dev):\(information.st_ino):\(time.tv_sec).\(time.tv_nsec)"
            )
        } catch let error as ModelInstallError {
            throw error
        } catch Errno.noSuchFileOrDirectory {
            throw ModelInstallError(.notFound, "there is no file '\(path)'", field: "path")
        } catch {
            throw ModelInstallError(.invalidRequest, "path '\(path)' cannot be read: \(error)", field: "path")
        }
    }

    func close() { try? self.file.close() }

    /// Has `target` share the blocks of the whole file, where the file system can do that (btrfs, XFS): no time and no
    /// space.
    func clone(to target: FileDescriptor) -> Bool {
        // FICLONE of linux/fs.h: _IOW(0x94, 9, int).
        ioctl(target.rawValue, 0x4004_9409, self.file.rawValue) == 0
    }

    /// Copies the next piece.
    ///
    /// - Returns: How much it was; 0 at the end.
    func copyPiece(at offset: Int64, to target: FileDescriptor) throws -> Int64 {
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        var done: Int64 = 0
        while done < Self.pieceBytes {
            let at = offset + done
            let count = try unsafe piece.withUnsafeMutableBytes { buffer in
                try unsafe self.file.read(fromAbsoluteOffset: at, into: buffer)
            }
            if count == 0 { break }
            _ = try target.writeAll(toAbsoluteOffset: at, piece[..<count])
            done += Int64(count)
        }
        return done
    }
}
