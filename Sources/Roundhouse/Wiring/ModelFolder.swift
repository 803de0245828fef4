internal import FoundationEssentials
internal import Inference
internal import LocalEngines
internal import Providers

/// The model folder, as `RegistryService` asks for it.
struct ModelFolder: ModelFiles {
    let installer: ModelInstaller

    func inspect(_ path: String) async throws(ModelFileError) -> ModelFileFacts {
        let header: GGUFHeader
        do throws(GGUFError) {
            header = try await GGUFHeader.inspect(path: path)
        } catch {
            throw ModelFileError(error, path: path)
        }
        if let unfitness = header.unfitness {
            throw ModelFileError(
                kind: .unsupportedArchitecture,
                message: "\(path) cannot be served: \(unfitness)",
                metadata: ["architecture": header.architecture]
            )
        }
        return ModelFileFacts(header, path: path)
    }

    func install(
        _ request: ModelFileRequest,
        report: @escaping @Sendable (InstallProgress) -> Void
    ) async throws(ModelFileError) -> InstalledFile {
        let source: ModelInstallRequest.Source
        switch request.source {
        case .path(let path): source = .path(path)
        case .url(let url): source = .url(url)
        case .recipe(let name):
            guard let recipe = ModelRecipe.named(name) else {
                throw ModelFileError(kind: .notFound, message: "there is no recipe '\(name)'", field: "url")
            }
            source = .recipe(recipe)
        }
        let order = ModelInstallRequest(
            name: request.name, source: source, sha256: request.sha256, version: request.version)
        do throws(ModelInstallError) {
            let installed = try await self.installer.install(order) { report(InstallProgress($0)) }
            return InstalledFile(
                facts: ModelFileFacts(installed.header, path: installed.path),
                sha256: installed.sha256,
                version: installed.version
            )
        } catch {
            throw ModelFileError(error)
        }
    }

    func remove(_ path: String) async throws(ModelFileError) -> Int64 {
        do throws(ModelInstallError) {
            return try await self.installer.uninstall([path]).freedBytes
        } catch {
            throw ModelFileError(error)
        }
    }
}

/// Downloads for installers: the HTTP client's, in the shape that LocalEngines asks for.
struct ModelDownloader: FileDownloader {
    let downloader: HTTPDownloader

    func open(_ url: String, from offset: Int64, validator: String?) async throws -> FileDownload {
        let download = try await self.downloader.open(url, from: offset, validator: validator)
        // Pulled piece by piece: the socket is read no faster than the file is written.
        let chunks = AsyncThrowingStream { try await download.chunks.next() }
        return FileDownload(
            totalBytes: download.totalBytes,
            resumedFrom: download.resumedFrom,
            validator: download.validator,
            chunks: chunks
        )
    }
}

extension ModelFileFacts {
    init(_ header: GGUFHeader, path: String) {
        self.init(
            path: path,
            sizeBytes: header.sizeBytes,
            architecture: header.architecture,
            contextLength: header.contextLength,
            capabilities: header.capabilities,
            category: header.category
        )
    }
}

extension InstallProgress {
    fileprivate init(_ progress: ModelInstallProgress) {
        switch progress {
        case .checking:
            self.init(phase: .checking)
        case .transferring(let received, let total, let resumed):
            self.init(
                phase: .transferring, receivedBytes: received, totalBytes: total ?? 0, resumedBytes: resumed)
        case .converting(let done, let total):
            self.init(phase: .converting, receivedBytes: done, totalBytes: total)
        case .verifying(let done, let total):
            self.init(phase: .verifying, receivedBytes: done, totalBytes: total)
        }
    }
}

extension ModelFileError {
    /// What is wrong with a file of this machine.
    fileprivate init(_ error: GGUFError, path: String) {
        var metadata: [String: String] = [:]
        let kind: Kind
        switch error {
        case .unreadable, .partsMissing: kind = .notFound
        case .notGGUF, .unsupportedVersion, .malformed: kind = .notGGUF
        case .truncated(let size):
            kind = .truncated
            metadata = ["actual_bytes": "\(size)"]
        case .incomplete(let size, let promised):
            kind = .truncated
            metadata = ["actual_bytes": "\(size)", "expected_bytes": "\(promised)"]
        }
        self.init(kind: kind, message: "\(path) cannot be used: \(error)", metadata: metadata)
    }

    fileprivate init(_ error: ModelInstallError) {
        if let file = error.file {
            let inner = ModelFileError(file, path: "")
            self.init(kind: inner.kind, message: error.message, metadata: inner.metadata, field: error.field)
            return
        }
        let kind: Kind =
            switch error.kind {
            case .invalidRequest: .invalidRequest
            case .conflict: .busy
            case .alreadyExists: .alreadyExists
            case .notFound: .notFound
            case .network: .unreachable
            case .diskFull: .insufficientDisk
            case .notWritable: .notWritable
            case .checksumMismatch: .checksumMismatch
            case .invalidModel: .notGGUF
            case .unsupportedModel: .unsupportedArchitecture
            case .toolMissing: .toolMissing
            case .cancelled: .cancelled
            }
        self.init(kind: kind, message: error.message, metadata: error.metadata, field: error.field)
    }
}
