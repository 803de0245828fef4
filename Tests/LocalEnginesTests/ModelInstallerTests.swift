import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import LocalEngines

/// An upstream that gives a file in pieces, and can be told to misbehave.
private final class FakeDownloader: FileDownloader {
    struct Plan: Sendable {
        var content: [UInt8]
        var validator: String? = "v1"
        var tellsSize = true
        /// The stream breaks after so many bytes of the file.
        var breaksAt: Int?
        /// The stream ends, as if whole, after so many bytes.
        var endsAt: Int?
        var resumes = true
        var refuses = false
        /// Never ends after its bytes.
        var hangs = false
    }

    struct Refusal: Error, CustomStringConvertible {
        let description = "HTTP 404"
    }

    struct Break: Error, CustomStringConvertible {
        let description = "the connection broke"
    }

    struct Asked: Sendable, Hashable {
        var offset: Int64
        var validator: String?
    }

    private let plan: Mutex<Plan>
    private let calls = Mutex<[Asked]>([])

    init(_ plan: Plan) { self.plan = Mutex(plan) }

    var asked: [Asked] { self.calls.withLock { $0 } }

    func change(_ body: (inout Plan) -> Void) { self.plan.withLock { body(&$0) } }

    func open(_ url: String, from offset: Int64, validator: String?) async throws -> FileDownload {
        self.calls.withLock { $0.append(Asked(offset: offset, validator: validator)) }
        let plan = self.plan.withLock { $0 }
        if plan.refuses { throw Refusal() }
        let isSame = plan.resumes && validator == plan.validator && validator != nil
        let start = isSame ? Int(offset) : 0
        let end = min(plan.breaksAt ?? .max, plan.endsAt ?? .max, plan.content.count)
        let (stream, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        for at in stride(from: start, to: max(start, end), by: 1000) {
            continuation.yield(Array(plan.content[at..<min(at + 1000, end)]))
        }
        if !plan.hangs { continuation.finish(throwing: plan.breaksAt == nil ? nil : Break()) }
        return FileDownload(
            totalBytes: plan.tellsSize ? Int64(plan.content.count) : nil,
            resumedFrom: Int64(start),
            validator: plan.validator,
            chunks: stream
        )
    }
}

@Suite struct ModelInstallerTests {
    private let directory: TemporaryDirectory
    private let content: [UInt8]
    private let sum: String
    private let url = "https://models.example/m.gguf?signature=secret"

    init() throws {
        self.directory = try TemporaryDirectory()
        self.content = GGUFBuilder.model().wholeFile()
        self.sum = SHA256.hex(of: self.content)
    }

    private var folder: String { "\(self.directory.path)/models" }
    private var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self.folder)) ?? []).sorted()
    }

    private func installer(
        _ downloader: FakeDownloader? = nil,
        free: Int64? = 1 << 40
    ) -> ModelInstaller {
        ModelInstaller(folder: self.folder, downloader: downloader, headroomBytes: 1000) { _ in free }
    }

    private func request(sha256: String? = nil, version: String? = nil) -> ModelInstallRequest {
        ModelInstallRequest(name: "m", source: .url(self.url), sha256: sha256, version: version)
    }

    private func problem(
        _ installer: ModelInstaller,
        _ request: ModelInstallRequest
    ) async -> ModelInstallError? {
        do throws(ModelInstallError) {
            _ = try await installer.install(request) { _ in }
            return nil
        } catch {
            #expect(!error.message.contains("secret"), "\(error.message)")
            return error
        }
    }

    private func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

    // MARK: - What goes well

    @Test func aDownloadIsInstalledUnderItsChecksum() async throws {
        let steps = Mutex<[ModelInstallProgress]>([])
        let installed = try await self.installer(FakeDownloader(.init(content: self.content)))
            .install(self.request(sha256: self.sum.uppercased())) { step in steps.withLock { $0.append(step) } }
        let version = String(self.sum.prefix(12))
        #expect(installed.path == "\(self.folder)/m-\(version).gguf" && installed.version == version)
        #expect(installed.sha256 == self.sum && installed.sizeBytes == Int64(self.content.count))
        #expect(installed.header.architecture == "llama" && !installed.wasPresent)
        #expect(try self.read(installed.path) == self.content)
        #expect(self.files == ["m-\(version).gguf"])
        let total = Int64(self.content.count)
        #expect(
            steps.withLock { $0 } == [
                .checking, .transferring(received: 0, total: total, resumed: 0),
                .transferring(received: total, total: total, resumed: 0), .verifying(checked: 0, total: total),
                .verifying(checked: total, total: total),
            ])
    }

    @Test func aFileIsCopiedAndItsSourceStays() async throws {
        let source = "\(self.directory.path)/source.gguf"
        try Data(self.content).write(to: URL(filePath: source))
        let installed = try await self.installer().install(
            ModelInstallRequest(name: "m", source: .path(source), sha256: self.sum, version: "1.0")
        ) { _ in }
        #expect(installed.path == "\(self.folder)/m-1.0.gguf")
        #expect(try self.read(installed.path) == self.content)
        #expect(try self.read(source) == self.content)
        #expect(self.files == ["m-1.0.gguf"])
    }

    @Test func aSecondInstallationOfTheSameChangesNothing() async throws {
        let downloader = FakeDownloader(.init(content: self.content))
        let installer = self.installer(downloader)
        let first = try await installer.install(self.request(sha256: self.sum)) { _ in }
        let second = try await installer.install(self.request(sha256: self.sum)) { _ in }
        #expect(second.wasPresent && second.path == first.path)
        #expect(downloader.asked.count == 1, "what is known to be there is not fetched")
        // Without a checksum only the content tells.
        let third = try await installer.install(self.request()) { _ in }
        #expect(third.wasPresent && third.path == first.path && downloader.asked.count == 2)
        #expect(self.files.count == 1)
    }

    // MARK: - Interrupted

    @Test(arguments: [0, 3, 4, 1000, 2500])
    func anInterruptedDownloadGoesOnWhereItStopped(at count: Int) async throws {
        let downloader = FakeDownloader(.init(content: self.content, breaksAt: count))
        let installer = self.installer(downloader)
        let error = await self.problem(installer, self.request(sha256: self.sum))
        #expect(error?.kind == .network && error?.message.contains("the connection broke") == true)
        #expect(self.files == ["m.part", "m.part.json"])
        #expect(try self.read("\(self.folder)/m.part").count == count)
        downloader.change { $0.breaksAt = nil }
        let steps = Mutex<[ModelInstallProgress]>([])
        // Another installer: the first one's server was ended.
        let installed = try await self.installer(downloader)
            .install(self.request(sha256: self.sum)) { step in steps.withLock { $0.append(step) } }
        #expect(try self.read(installed.path) == self.content)
        #expect(downloader.asked.last == .init(offset: Int64(count), validator: count > 0 ? "v1" : nil))
        let resumed = Int64(count)
        #expect(
            steps.withLock { $0 }.contains(
                .transferring(received: resumed, total: Int64(self.content.count), resumed: resumed)))
        #expect(self.files.count == 1)
    }

    @Test func aFileThatChangedMeanwhileIsFetchedAnew() async throws {
        let downloader = FakeDownloader(.init(content: GGUFBuilder.model("qwen3").wholeFile(), breaksAt: 2000))
        #expect(await self.problem(self.installer(downloader), self.request())?.kind == .network)
        downloader.change { $0 = .init(content: self.content, validator: "v2") }
        let installed = try await self.installer(downloader).install(self.request()) { _ in }
        #expect(installed.sha256 == self.sum)
    }

    @Test func aDownloadWithoutAValidatorBeginsAnew() async throws {
        let downloader = FakeDownloader(.init(content: self.content, validator: nil, breaksAt: 2000))
        #expect(await self.problem(self.installer(downloader), self.request())?.kind == .network)
        downloader.change { $0.breaksAt = nil }
        _ = try await self.installer(downloader).install(self.request()) { _ in }
        #expect(downloader.asked.map(\.offset) == [0, 0])
    }

    @Test func theSameNameFromElsewhereBeginsAnew() async throws {
        let downloader = FakeDownloader(.init(content: self.content, breaksAt: 2000))
        #expect(await self.problem(self.installer(downloader), self.request())?.kind == .network)
        downloader.change { $0.breaksAt = nil }
        let other = ModelInstallRequest(name: "m", source: .url("https://other.example/m.gguf"))
        _ = try await self.installer(downloader).install(other) { _ in }
        #expect(downloader.asked.last?.offset == 0)
    }

    @Test func aStreamThatEndsEarlyIsInterruptedNotWhole() async throws {
        let downloader = FakeDownloader(.init(content: self.content, endsAt: 2000))
        let error = await self.problem(self.installer(downloader), self.request())
        #expect(error?.kind == .network)
        #expect(error?.message.contains("ended after 2000 of \(self.content.count) bytes") == true)
        #expect(try self.read("\(self.folder)/m.part").count == 2000)
    }

    @Test func aWholeFileWhoseCheckWasInterruptedIsNotFetchedAgain() async throws {
        let downloader = FakeDownloader(.init(content: GGUFBuilder.model("gpt9").wholeFile()))
        // An architecture that the engine does not know keeps the file: a newer engine may.
        #expect(await self.problem(self.installer(downloader), self.request())?.kind == .unsupportedModel)
        #expect(self.files == ["m.part", "m.part.json"])
        #expect(await self.problem(self.installer(downloader), self.request())?.kind == .unsupportedModel)
        #expect(downloader.asked.count == 1)
    }

    @Test func cancellingKeepsWhatCame() async throws {
        let downloader = FakeDownloader(
            .init(content: self.content + [UInt8](repeating: 0, count: 3 << 20), hangs: true))
        let installer = self.installer(downloader)
        let request = self.request()
        let steps = AsyncStream<ModelInstallProgress>.makeStream()
        let error = await withTaskGroup(of: ModelInstallError?.self) { group in
            group.addTask {
                do throws(ModelInstallError) {
                    _ = try await installer.install(request) { steps.continuation.yield($0) }
                    return nil
                } catch {
                    return error
                }
            }
            for await step in steps.stream {
                if case .transferring(let received, _, _) = step, received > 2 << 20 { break }
            }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(error?.kind == .cancelled)
        #expect(try self.read("\(self.folder)/m.part").count > 2 << 20)
        // Nothing stays claimed.
        downloader.change { $0 = .init(content: self.content, validator: "v2") }
        _ = try await installer.install(request) { _ in }
    }

    // MARK: - What is refused

    @Test func aWrongChecksumDeletesTheFile() async throws {
        let wrong = String(repeating: "0", count: 64)
        let error = await self.problem(
            self.installer(FakeDownloader(.init(content: self.content))), self.request(sha256: wrong))
        #expect(error?.kind == .checksumMismatch && error?.field == "sha256")
        #expect(error?.message.contains(self.sum) == true && error?.message.contains(wrong) == true)
        #expect(self.files.isEmpty)
    }

    @Test func aPageInsteadOfAModelIsRefusedAtItsFirstBytes() async throws {
        let page = Array("<html>".utf8) + [UInt8](repeating: 0x20, count: 5000)
        let error = await self.problem(
            self.installer(FakeDownloader(.init(content: page, hangs: true))), self.request())
        #expect(error?.kind == .invalidModel && error?.message.contains("not a GGUF") == true)
        #expect(self.files.isEmpty)
    }

    @Test(arguments: [false, true])
    func aTruncatedModelIsRefused(byPath: Bool) async throws {
        let cut = Array(self.content.dropLast(77))
        let source = "\(self.directory.path)/cut.gguf"
        try Data(cut).write(to: URL(filePath: source))
        let request = byPath ? ModelInstallRequest(name: "m", source: .path(source)) : self.request()
        let error = await self.problem(self.installer(FakeDownloader(.init(content: cut))), request)
        #expect(error?.kind == .invalidModel && error?.field == (byPath ? "path" : "url"))
        #expect(error?.message.contains("77 bytes are missing") == true, "\(error?.message ?? "")")
        #expect(self.files.isEmpty)
    }

    @Test func whatIsMissingIsNamed() async throws {
        let missing = await self.problem(
            self.installer(), ModelInstallRequest(name: "m", source: .path("/nowhere/m.gguf")))
        #expect(missing?.kind == .notFound && missing?.message == "there is no file '/nowhere/m.gguf'")
        let folder = await self.problem(self.installer(), ModelInstallRequest(name: "m", source: .path("/tmp")))
        #expect(folder?.kind == .invalidRequest && folder?.field == "path")
        let refused = await self.problem(
            self.installer(FakeDownloader(.init(content: [], refuses: true))), self.request())
        #expect(refused?.kind == .network && refused?.message.contains("HTTP 404") == true)
        let none = await self.problem(self.installer(), self.request())
        #expect(none?.kind == .invalidRequest && none?.field == "url")
        #expect(self.files.filter { !$0.hasPrefix("m.part") }.isEmpty)
    }

    @Test(arguments: [false, true])
    func aFullDiskIsNoticedBeforeAnythingIsTransferred(byPath: Bool) async throws {
        let source = "\(self.directory.path)/source.gguf"
        try Data(self.content).write(to: URL(filePath: source))
        let request = byPath ? ModelInstallRequest(name: "m", source: .path(source)) : self.request()
        let downloader = FakeDownloader(.init(content: self.content))
        let needed = Int64(self.content.count) + 1000
        let error = await self.problem(self.installer(downloader, free: needed - 1), request)
        #expect(error?.kind == .diskFull)
        #expect(error?.message.contains("\(needed - 1) bytes free, and \(needed) are needed") == true)
        _ = try await self.installer(downloader, free: needed).install(request) { _ in }
    }

    @Test func anotherContentUnderTheSameVersionIsRefused() async throws {
        let downloader = FakeDownloader(.init(content: self.content))
        let installer = self.installer(downloader)
        let first = try await installer.install(self.request(version: "v")) { _ in }
        downloader.change { $0 = .init(content: GGUFBuilder.model("qwen3").wholeFile()) }
        #expect(await self.problem(installer, self.request(version: "v"))?.kind == .alreadyExists)
        #expect(try self.read(first.path) == self.content)
        let other = SHA256.hex(of: GGUFBuilder.model("qwen3").wholeFile())
        let error = await self.problem(installer, self.request(sha256: other, version: "v"))
        #expect(error?.kind == .alreadyExists && error?.field == "version")
    }

    @Test func twoInstallationsOfOneNameAreAConflict() async throws {
        let downloader = FakeDownloader(.init(content: self.content, hangs: true))
        let installer = self.installer(downloader)
        let request = self.request()
        await withTaskGroup { group in
            let steps = AsyncStream<Void>.makeStream()
            group.addTask {
                do throws(ModelInstallError) {
                    _ = try await installer.install(request) { step in
                        if case .transferring = step { steps.continuation.yield() }
                    }
                } catch {
                    #expect(error.kind == .cancelled)
                }
            }
            for await _ in steps.stream { break }
            #expect(await self.problem(installer, request)?.kind == .conflict)
            // Another process would see the lock.
            let other = await self.problem(self.installer(downloader), request)
            #expect(other?.kind == .conflict && other?.message.contains("another process") == true)
            group.cancelAll()
        }
    }

    @Test(
        arguments: [
            ("a/b", "/x", nil, nil, "name"), ("", "/x", nil, nil, "name"), (".m", "/x", nil, nil, "name"),
            (String(repeating: "m", count: 129), "/x", nil, nil, "name"), ("a b", "/x", nil, nil, "name"),
            ("m", "x", nil, nil, "path"), ("m", "/x", "12", nil, "sha256"), ("m", "/x", nil, "../v", "version"),
            ("m", "/x", String(repeating: "g", count: 64), nil, "sha256"),
            ("m", "http://models.example/m", nil, nil, "url"), ("m", "ftp://models.example/m", nil, nil, "url"),
            ("m", "https://user:secret@models.example/m", nil, nil, "url"), ("m", "https:///m.gguf", nil, nil, "url"),
            ("m", "http://127.0.0.1.example/m", nil, nil, "url"), ("m", "https://a b/m.gguf", nil, nil, "url"),
            ("m", "http://127.0.0.1@models.example/m", nil, nil, "url"), ("m", "file:///etc/passwd", nil, nil, "url"),
        ] as [(String, String, String?, String?, String)])
    func whatIsWrongInTheRequestIsNamed(
        name: String, source: String, sha256: String?, version: String?, field: String
    ) async throws {
        let request = ModelInstallRequest(
            name: name, source: source.contains("://") ? .url(source) : .path(source), sha256: sha256,
            version: version)
        let error = await self.problem(self.installer(FakeDownloader(.init(content: self.content))), request)
        #expect(error?.kind == .invalidRequest && error?.field == field, "\(error?.message ?? "it was installed")")
        #expect(self.files.isEmpty)
    }

    @Test(arguments: [
        "http://localhost:8/m", "http://127.0.0.1/m", "http://127.3.2.1:80/m", "http://[::1]:9/m", "HTTPS://x/m",
    ])
    func thisMachineMayBeAskedWithoutTLS(url: String) throws {
        try ModelURL.check(url)
    }

    @Test func anAddressIsShownWithoutItsSecrets() {
        #expect(ModelURL.printable("https://u:p@h/x?token=1#f") == "https://h/x")
        #expect(ModelURL.printable("https://h/x@y?token=1") == "https://h/x@y")
        #expect(ModelURL.printable("nonsense") == "nonsense")
    }

    @Test func thePartialFilesNoteIsForItsOwnerOnly() async throws {
        let downloader = FakeDownloader(.init(content: self.content, breaksAt: 100))
        _ = await self.problem(self.installer(downloader), self.request())
        for name in ["m.part", "m.part.json"] {
            var information = stat()
            let found = unsafe stat("\(self.folder)/\(name)", &information)
            #expect(found == 0 && information.st_mode & 0o077 == 0, "\(name)")
        }
    }

    // MARK: - Removal

    @Test func whatWasInstalledIsRemovedAndNothingElse() async throws {
        let installer = self.installer(FakeDownloader(.init(content: self.content)))
        let installed = try await installer.install(self.request()) { _ in }
        let outside = try self.directory.write("x", to: "outside.gguf")
        try FileManager.default.createDirectory(atPath: "\(self.folder)/sub", withIntermediateDirectories: true)
        for path in [
            outside, "\(self.folder)/../outside.gguf", "\(self.folder)/sub", "relative.gguf", "\(self.folder)/..",
            "/nowhere/x.gguf", "",
        ] {
            do throws(ModelInstallError) {
                _ = try await installer.uninstall([installed.path, path])
                Issue.record("\(path) was removed")
            } catch {
                #expect(error.kind == .invalidRequest)
            }
        }
        #expect(FileManager.default.fileExists(atPath: outside))
        // A link is removed, not what it leads to.
        let link = "\(self.folder)/link.gguf"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: outside)
        let removal = try await installer.uninstall([installed.path, link, "\(self.folder)/gone.gguf"])
        #expect(removal.deletedPaths == [installed.path, link])
        #expect(removal.freedBytes == Int64(self.content.count))
        #expect(FileManager.default.fileExists(atPath: outside) && self.files == ["sub"])
    }

    @Test func leftoversAreDiscarded() async throws {
        let installer = self.installer(FakeDownloader(.init(content: self.content, breaksAt: 100)))
        _ = await self.problem(installer, self.request())
        #expect(self.files.count == 2)
        try await installer.discardPartial("m")
        #expect(self.files.isEmpty)
        try await installer.discardPartial("m")
        #expect(self.files.isEmpty)
    }

    @Test func theDisksSpaceIsFoundForFoldersToBe() throws {
        let space = try #require(DiskSpace.available("\(self.directory.path)/not/yet/there"))
        #expect(space > 0)
    }
}
