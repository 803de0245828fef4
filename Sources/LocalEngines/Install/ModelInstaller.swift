import FoundationEssentials
import Glibc
import Inference
import Synchronization
import SystemPackage

/// Brings model files into the models folder, and takes them out of it again.
///
/// A file is `NAME.part` while it comes, and gets its name `NAME-VERSION.gguf` in one step once it is whole, has the
/// checksum that was asked for, and is a model that the engine knows. Whatever fails leaves what a later attempt can go
/// on from; only content that is known to be wrong is deleted.
package final class ModelInstaller: Sendable {
    /// Where models are installed; absolute.
    package let folder: String
    private let downloader: (any FileDownloader)?
    private let recipes: RecipeMaker?
    private let headroomBytes: Int64
    private let availableBytes: @Sendable (String) -> Int64?
    private let underWay = Mutex<Set<String>>([])
    /// Copies and checksums take minutes and shall not keep other files waiting.
    private let work = BlockingWork("roundhouse.install", concurrent: true)

    /// - Parameters:
    ///   - downloader: For addresses; without it only files of this machine can be installed.
    ///   - recipes: For models that are made here; without it they cannot be.
    ///   - headroomBytes: What must stay free on the disk: logs and the database live there, too.
    ///   - availableBytes: Room below a folder; see ``DiskSpace``.
    package init(
        folder: String,
        downloader: (any FileDownloader)?,
        recipes: RecipeMaker? = nil,
        headroomBytes: Int64 = 512 << 20,
        availableBytes: @escaping @Sendable (String) -> Int64? = DiskSpace.available
    ) {
        self.folder = folder
        self.downloader = downloader
        self.recipes = recipes
        self.headroomBytes = headroomBytes
        self.availableBytes = availableBytes
    }

    /// Installs a file. The same call again goes on where an interrupted one stopped, and changes nothing when the very
    /// file is there.
    ///
    /// - Parameter progress: Called from the task that installs, or one beside it, never at the same time. The last is a
    ///   ``ModelInstallProgress/verifying``.
    package func install(
        _ request: ModelInstallRequest,
        progress: @escaping @Sendable (ModelInstallProgress) -> Void
    ) async throws(ModelInstallError) -> InstalledModel {
        let request = try request.validated()
        guard self.underWay.withLock({ $0.insert(request.name).inserted }) else {
            throw ModelInstallError(
                .conflict, "'\(request.name)' is being installed already; wait until that has ended", field: "name")
        }
        defer { _ = self.underWay.withLock { $0.remove(request.name) } }
        progress(.checking)
        if let present = try await self.findPresent(request, progress) { return present }
        let folder = self.folder
        let partial = try await self.work.run { () throws(ModelInstallError) in
            try PartialFile.open(request.name, in: folder)
        }
        defer { partial.close() }
        switch request.source {
        case .path(let path): try await self.copy(path, request, into: partial, progress)
        case .url(let url): try await self.download(url, into: partial, progress)
        case .recipe(let recipe): try await self.make(recipe, request.name, into: partial, progress)
        }
        return try await self.verifyAndPublish(partial, request, progress)
    }

    // MARK: - What is there already

    /// The file that would be installed, if it is known beforehand which one that is and it is there.
    private func findPresent(
        _ request: ModelInstallRequest,
        _ progress: @Sendable (ModelInstallProgress) -> Void
    ) async throws(ModelInstallError) -> InstalledModel? {
        guard let version = request.version ?? request.sha256.map({ String($0.prefix(12)) }) else { return nil }
        let path = self.path(request.name, version)
        guard await self.work.run({ FileManager.default.fileExists(atPath: path) }) else { return nil }
        let sum = try await self.checksum(path, progress)
        // Without a checksum to compare with, the content of the source decides, once it is here.
        guard let wanted = request.sha256 else { return nil }
        guard sum == wanted else { throw Self.exists(path, sum) }
        return try await self.installed(request.name, version, path, sum, wasPresent: true)
    }

    private static func exists(_ path: String, _ sum: String) -> ModelInstallError {
        ModelInstallError(
            .alreadyExists,
            "\(path) exists with another content (SHA-256 \(sum)); name another version, or uninstall that one first",
            field: "version"
        )
    }

    package func path(_ name: String, _ version: String) -> String { "\(self.folder)/\(name)-\(version).gguf" }

    // MARK: - Transfer

    private func checkSpace(_ missing: Int64) async throws(ModelInstallError) {
        let folder = self.folder
        let availableBytes = self.availableBytes
        guard let free = await self.work.run({ availableBytes(folder) }) else { return }
        let needed = max(0, missing).saturatingAdd(self.headroomBytes)
        guard free < needed else { return }
        throw ModelInstallError(
            .diskFull,
            """
            \(folder) has \(free) bytes free, and \(needed) are needed: \(max(0, missing)) for the file and \
            \(self.headroomBytes) to spare
            """,
            metadata: ["needed_bytes": "\(needed)", "available_bytes": "\(free)"]
        )
    }

    private func copy(
        _ path: String,
        _ request: ModelInstallRequest,
        into partial: PartialFile,
        _ progress: @Sendable (ModelInstallProgress) -> Void
    ) async throws(ModelInstallError) {
        let (source, resumed) = try await self.work.run { () throws(ModelInstallError) -> (FileCopy, Int64) in
            do throws(ModelInstallError) {
                return try Self.openSource(path, partial)
            } catch {
                // Nothing came: a name that was only tried leaves no file.
                if try partial.size() == 0 { partial.discard() }
                throw error
            }
        }
        defer { source.close() }
        try await self.checkSpace(source.sizeBytes - resumed)
        let note = PartialFile.Note(source: path, validator: source.validator, totalBytes: source.sizeBytes)
        var received = try await self.work.run { () throws(ModelInstallError) -> Int64 in
            try partial.begin(note, at: resumed)
            return source.clone(to: partial.file) ? source.sizeBytes : resumed
        }
        progress(.transferring(received: received, total: source.sizeBytes, resumed: resumed))
        while received < source.sizeBytes {
            if Task.isCancelled { throw Self.cancelled }
            let offset = received
            let count = try await self.work.run { () throws(ModelInstallError) -> Int64 in
                do { return try source.copyPiece(at: offset, to: partial.file) } catch {
                    throw .writing(partial.path, error)
                }
            }
            guard count > 0 else {
                throw ModelInstallError(
                    .invalidRequest, "path '\(path)' became shorter while it was copied", field: "path")
            }
            received += count
            progress(.transferring(received: received, total: source.sizeBytes, resumed: resumed))
        }
    }

    /// The file to copy, and how much of it is there.
    private static func openSource(
        _ path: String,
        _ partial: PartialFile
    ) throws(ModelInstallError) -> (FileCopy, Int64) {
        let source = try FileCopy.open(path)
        do throws(ModelInstallError) {
            // What cannot become a model is not worth a copy.
            try self.check(path, "path")
            return (source, try self.resumable(partial, path, source.validator, source.sizeBytes))
        } catch {
            source.close()
            throw error
        }
    }

    /// How much of a file is there from an earlier attempt at the same source.
    private static func resumable(
        _ partial: PartialFile,
        _ source: String,
        _ validator: String?,
        _ totalBytes: Int64?
    ) throws(ModelInstallError) -> Int64 {
        guard let note = partial.note(), note.source == source, let known = note.validator,
            validator == nil || validator == known
        else { return 0 }
        let size = try partial.size()
        return size <= totalBytes ?? note.totalBytes ?? .max ? size : 0
    }

    private func download(
        _ url: String,
        into partial: PartialFile,
        _ progress: @Sendable (ModelInstallProgress) -> Void
    ) async throws(ModelInstallError) {
        guard let downloader else {
            throw ModelInstallError(
                .invalidRequest, "this server cannot fetch addresses; give the path of a file", field: "url")
        }
        let (offset, note) = try await self.work.run { () throws(ModelInstallError) in
            (try Self.resumable(partial, url, nil, nil), partial.note())
        }
        if offset > 0, offset == note?.totalBytes {
            // It came whole, and the check behind it was interrupted.
            return progress(.transferring(received: offset, total: offset, resumed: offset))
        }
        let download: FileDownload
        do {
            download = try await downloader.open(url, from: offset, validator: offset > 0 ? note?.validator : nil)
        } catch {
            try await self.work.run { () throws(ModelInstallError) in
                if try partial.size() == 0 { partial.discard() }
            }
            throw Self.network(url, error)
        }
        guard download.resumedFrom == 0 || download.resumedFrom == offset else {
            throw ModelInstallError(
                .network,
                "\(ModelURL.printable(url)) was asked for from byte \(offset) and came from \(download.resumedFrom)")
        }
        if let total = download.totalBytes { try await self.checkSpace(total - download.resumedFrom) }
        let note2 = PartialFile.Note(source: url, validator: download.validator, totalBytes: download.totalBytes)
        try await self.work.run { () throws(ModelInstallError) in
            try partial.begin(note2, at: download.resumedFrom)
        }
        try await self.receive(download, url, into: partial, progress)
    }

    /// How much is gathered before it is written.
    private static let pieceBytes = 1 << 20

    private func receive(
        _ download: FileDownload,
        _ url: String,
        into partial: PartialFile,
        _ progress: @Sendable (ModelInstallProgress) -> Void
    ) async throws(ModelInstallError) {
        var received = download.resumedFrom
        var isChecked = received > 0
        func tell(_ received: Int64) {
            progress(.transferring(received: received, total: download.totalBytes, resumed: download.resumedFrom))
        }
        tell(received)
        var pending: [UInt8] = []
        var failure: ModelInstallError?
        do {
            for try await chunk in download.chunks {
                pending += chunk
                if !isChecked, pending.count >= 4 {
                    // A page that says "not found" is noticed before it is forty gigabytes long.
                    guard pending.starts(with: "GGUF".utf8) else { throw Self.notAModel(url, .notGGUF, "url") }
                    isChecked = true
                }
                guard pending.count >= Self.pieceBytes else { continue }
                received += try await self.write(&pending, to: partial)
                if let total = download.totalBytes, received > total { break }
                tell(received)
            }
        } catch let error as ModelInstallError {
            failure = error
        } catch {
            failure = Self.network(url, error)
        }
        if failure?.kind == .invalidModel {
            await self.work.run { partial.discard() }
        } else if !pending.isEmpty, failure?.kind != .diskFull {
            received += try await self.write(&pending, to: partial)
            tell(received)
        }
        // Reading ends without an error when the task is cancelled.
        if Task.isCancelled { throw Self.cancelled }
        if let failure { throw failure }
        guard let total = download.totalBytes, received != total else { return }
        if received > total { await self.work.run { partial.discard() } }
        throw ModelInstallError(
            .network,
            """
            \(ModelURL.printable(url)) ended after \(received) of \(total) bytes; the same call again goes on from there
            """
        )
    }

    /// Makes the file by a recipe, always anew: what was downloaded for it, pip keeps.
    private func make(
        _ recipe: ModelRecipe,
        _ name: String,
        into partial: PartialFile,
        _ progress: @escaping @Sendable (ModelInstallProgress) -> Void
    ) async throws(ModelInstallError) {
        guard let recipes else {
            throw ModelInstallError(
                .invalidRequest, "this server cannot make models; give the path of a file", field: "url")
        }
        do throws(ModelInstallError) {
            try await self.checkSpace(recipe.workBytes)
            try await self.work.run { () throws(ModelInstallError) in
                try partial.begin(PartialFile.Note(source: "recipe:\(recipe.name)"), at: 0)
            }
            // Hidden from discovery. Nobody else is at work there: the name is ours until the end.
            let workplace = "\(self.folder)/.\(name).recipe"
            try await recipes.make(recipe, at: partial.path, in: workplace, progress)
        } catch {
            await self.work.run { partial.discard() }
            throw error
        }
    }

    private func write(_ pending: inout [UInt8], to partial: PartialFile) async throws(ModelInstallError) -> Int64 {
        let bytes = pending
        pending = []
        try await self.work.run { () throws(ModelInstallError) in try partial.append(bytes) }
        return Int64(bytes.count)
    }

    private static func network(_ url: String, _ error: any Error) -> ModelInstallError {
        if Task.isCancelled || error is CancellationError { return self.cancelled }
        let fault = error as? UpstreamFault
        if let status = fault?.httpStatus, status == 404 || status == 410 {
            return ModelInstallError(
                .notFound, "\(ModelURL.printable(url)) does not exist: its server answers HTTP \(status)", field: "url")
        }
        let reason = fault?.message ?? "\(error)"
        return ModelInstallError(
            .network, "\(ModelURL.printable(url)) cannot be fetched: \(reason); what came so far is kept")
    }

    private static let cancelled = ModelInstallError(
        .cancelled, "the installation was cancelled; what came so far is kept, and the same call goes on from there")

    // MARK: - Check

    private func verifyAndPublish(
        _ partial: PartialFile,
        _ request: ModelInstallRequest,
        _ progress: @Sendable (ModelInstallProgress) -> Void
    ) async throws(ModelInstallError) -> InstalledModel {
        let sum = try await self.checksum(partial.path, progress)
        if let wanted = request.sha256, wanted != sum {
            await self.work.run { partial.discard() }
            throw ModelInstallError(
                .checksumMismatch,
                "the file's SHA-256 is \(sum), and \(wanted) was expected: it was deleted",
                field: "sha256",
                metadata: ["expected": wanted, "actual": sum]
            )
        }
        let field = if case .path = request.source { "path" } else { "url" }
        do throws(ModelInstallError) {
            try await self.work.run { () throws(ModelInstallError) in try Self.check(partial.path, field) }
        } catch {
            // A newer engine may know the architecture; nothing makes a model of what is none.
            if error.kind == .invalidModel { await self.work.run { partial.discard() } }
            throw error
        }
        let version = request.version ?? String(sum.prefix(12))
        let target = self.path(request.name, version)
        if await self.work.run({ FileManager.default.fileExists(atPath: target) }) {
            let present = try await self.checksum(target) { _ in }
            guard present == sum else { throw Self.exists(target, present) }
            await self.work.run { partial.discard() }
            return try await self.installed(request.name, version, target, sum, wasPresent: true)
        }
        try await self.work.run { () throws(ModelInstallError) in try partial.publish(as: target) }
        return try await self.installed(request.name, version, target, sum, wasPresent: false)
    }

    private func installed(
        _ name: String,
        _ version: String,
        _ path: String,
        _ sum: String,
        wasPresent: Bool
    ) async throws(ModelInstallError) -> InstalledModel {
        let header = try await self.work.run { () throws(ModelInstallError) in
            do throws(GGUFError) {
                return try GGUFHeader.readOne(path: path)
            } catch {
                throw Self.notAModel(path, error, "")
            }
        }
        return InstalledModel(
            name: name, version: version, path: path, sha256: sum, sizeBytes: header.sizeBytes, header: header,
            wasPresent: wasPresent)
    }

    /// Makes sure that the file at `path` is a whole model which the engine knows. Blocks.
    private static func check(_ path: String, _ field: String) throws(ModelInstallError) {
        let header: GGUFHeader
        do {
            header = try GGUFHeader.readOne(path: path)
            try header.checkComplete()
        } catch {
            throw Self.notAModel(path, error, field)
        }
        guard header.partCount == 1 else {
            throw ModelInstallError(
                .unsupportedModel,
                """
                the model is split into \(header.partCount) files, and one is installed at a time; join them with \
                llama-gguf-split --merge, or put all of them into a model folder
                """,
                field: field
            )
        }
        if let unfitness = header.unfitness {
            let kind: ModelInstallError.Kind =
                LlamaCppArchitectures.knows(header.architecture) || header.architecture == "clip"
                ? .invalidModel : .unsupportedModel
            throw ModelInstallError(
                kind,
                "the file cannot be served: \(unfitness)",
                field: field,
                metadata: ["architecture": header.architecture]
            )
        }
    }

    private static func notAModel(_ place: String, _ error: GGUFError, _ field: String) -> ModelInstallError {
        if case .unreadable = error {
            return ModelInstallError(.notWritable, "\(place) cannot be checked: \(error)", field: field)
        }
        return ModelInstallError(
            .invalidModel, "\(ModelURL.printable(place)) is no model: \(error)", field: field, file: error)
    }

    /// SHA-256 of the file at `path`, in hexadecimal.
    private func checksum(
        _ path: String,
        _ progress: @Sendable (ModelInstallProgress) -> Void
    ) async throws(ModelInstallError) -> String {
        let opened = try await self.work.run { () throws(ModelInstallError) in try FileCopy.open(path) }
        defer { opened.close() }
        var hash = SHA256()
        var checked: Int64 = 0
        progress(.verifying(checked: 0, total: opened.sizeBytes))
        while true {
            if Task.isCancelled { throw Self.cancelled }
            let (offset, before) = (checked, hash)
            let (count, after) = try await self.work.run { () throws(ModelInstallError) -> (Int64, SHA256) in
                try opened.hashPiece(at: offset, before)
            }
            hash = after
            checked += count
            progress(.verifying(checked: checked, total: opened.sizeBytes))
            if count == 0 || checked >= opened.sizeBytes { return SHA256.hex(hash.finish()) }
        }
    }
}

extension FileCopy {
    /// Adds the next piece to `hash`.
    fileprivate func hashPiece(at offset: Int64, _ hash: SHA256) throws(ModelInstallError) -> (Int64, SHA256) {
        var hash = hash
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        var done: Int64 = 0
        do {
            while done < Self.pieceBytes {
                let at = offset + done
                let count = try unsafe piece.withUnsafeMutableBytes { buffer in
                    try unsafe self.file.read(fromAbsoluteOffset: at, into: buffer)
                }
                if count == 0 { break }
                hash.update(piece[..<count])
                done += Int64(count)
            }
        } catch {
            throw ModelInstallError(.notWritable, "a file cannot be read while its checksum is computed: \(error)")
        }
        return (done, hash)
    }
}
