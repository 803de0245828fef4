import FoundationEssentials
import Glibc

extension ModelInstaller {
    /// What was removed.
    package struct Removal: Sendable, Hashable {
        /// Absolute.
        package var deletedPaths: [String]
        package var freedBytes: Int64
    }

    /// Deletes installed files. A file that is gone already is no error.
    ///
    /// - Parameter paths: Of files that lie in ``folder`` itself.
    /// - Throws: ``ModelInstallError/Kind/invalidRequest`` when one of them does not, before any is deleted.
    package func uninstall(_ paths: [String]) async throws(ModelInstallError) -> Removal {
        let folder = self.folder
        return try await BlockingWork.shared.run { () throws(ModelInstallError) in
            for path in paths { try Self.checkInside(path, folder) }
            var removal = Removal(deletedPaths: [], freedBytes: 0)
            for path in paths {
                var information = stat()
                guard unsafe lstat(path, &information) == 0 else { continue }
                guard unsafe unlink(path) == 0 else {
                    throw .writing(path, POSIXProblem(number: errno))
                }
                removal.deletedPaths.append(path)
                if information.st_mode & S_IFMT == S_IFREG { removal.freedBytes += Int64(information.st_size) }
            }
            return removal
        }
    }

    /// Deletes what an interrupted installation of `name` left.
    ///
    /// - Throws: ``ModelInstallError/Kind/conflict`` while one is under way.
    package func discardPartial(_ name: String) async throws(ModelInstallError) {
        let request = try ModelInstallRequest(name: name, source: .path("/")).validated()
        let folder = self.folder
        try await BlockingWork.shared.run { () throws(ModelInstallError) in
            guard FileManager.default.fileExists(atPath: PartialFile.path(request.name, in: folder)) else { return }
            let partial = try PartialFile.open(request.name, in: folder)
            partial.discard()
            partial.close()
        }
    }

    /// Whether `path` names a file of the models folder; links in the way to either are followed, one at the end is not.
    private static func checkInside(_ path: String, _ folder: String) throws(ModelInstallError) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let name = path[slash...].dropFirst()
        let parent = slash == path.startIndex ? "/" : String(path[..<slash])
        guard path.hasPrefix("/"), !name.isEmpty, name != ".", name != "..",
            let place = Self.resolved(parent), place == Self.resolved(folder)
        else {
            throw ModelInstallError(
                .invalidRequest, "'\(path)' does not lie in the models folder \(folder): it is not deleted",
                field: "path")
        }
        var information = stat()
        if unsafe lstat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR {
            throw ModelInstallError(.invalidRequest, "'\(path)' is a folder: it is not deleted", field: "path")
        }
    }

    private static func resolved(_ path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}

/// An error number, with its words.
private struct POSIXProblem: Error, CustomStringConvertible {
    let number: Int32

    var description: String { unsafe String(cString: strerror(self.number)) }
}
