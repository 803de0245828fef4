import FoundationEssentials
import Inference
import Testing

@testable import LocalEngines

@Suite struct GGUFFolderListerTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private func put(_ bytes: [UInt8], _ name: String) throws {
        let path = "\(self.directory.path)/\(name)"
        let folder = String(path[..<(try #require(path.lastIndex(of: "/")))])
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(filePath: path))
    }

    private func list(_ folders: [String]? = nil) async throws -> ModelListing {
        try await GGUFFolderLister(folders: folders ?? [self.directory.path]).listModels()
    }

    private let model = GGUFBuilder.model { builder in
        builder.text("general.name", "A model")
        builder.text("tokenizer.chat_template", "{{ tools }}")
    }.wholeFile()

    @Test func aModelIsListedWithWhatItsHeaderSays() async throws {
        try self.put(self.model, "deep/er/My model (1)_Q8.0.gguf")
        try self.put(GGUFBuilder.model("bert").wholeFile(), "bert.GGUF")
        let listing = try await self.list()
        #expect(listing.skipped.isEmpty)
        #expect(listing.models.map(\.name) == ["My-model-1-_Q8.0", "bert"])
        let first = try #require(listing.models.first)
        #expect(first.displayName == "A model" && first.category == .text && first.contextLength == 2048)
        #expect(first.capabilities == [.chat, .completion, .jsonSchema, .prefill, .streaming, .tools])
        #expect(first.sizeBytes == Int64(self.model.count))
        #expect(first.path == "\(self.directory.path)/deep/er/My model (1)_Q8.0.gguf")
        #expect(ModelID(provider: .local, name: first.name) != nil)
        #expect(listing.models.last?.category == .embedding && listing.models.last?.capabilities == [.embeddings])
    }

    @Test func whatIsNoModelIsNamedWithItsReason() async throws {
        try self.put(Array("nothing of the kind".utf8), "page.gguf")
        try self.put(Array(self.model.dropLast(100)), "sub/cut.gguf")
        try self.put(GGUFBuilder.model("clip").wholeFile(), "mmproj-x.gguf")
        try self.put(GGUFBuilder.model("gpt9").wholeFile(), "new.gguf")
        try self.put(self.model, "readme.txt")
        try self.put(self.model, ".hidden.gguf")
        try self.put(self.model, "half.gguf.part")
        let listing = try await self.list()
        #expect(listing.models.isEmpty)
        #expect(listing.skipped.count == 4)
        for (name, words) in [
            ("page.gguf: ", "not a GGUF file"), ("sub/cut.gguf: ", "100 bytes are missing"),
            ("mmproj-x.gguf: ", "projector"), ("new.gguf: ", "architecture is 'gpt9'"),
        ] {
            #expect(listing.skipped.contains { $0.hasPrefix(name) && $0.contains(words) }, "\(listing.skipped)")
        }
    }

    @Test func partsAreOneModel() async throws {
        for index in 0..<2 {
            let part = GGUFBuilder.model { builder in
                builder.number("split.no", UInt32(index))
                builder.number("split.count", 2)
            }.wholeFile()
            try self.put(part, "big-0000\(index + 1)-of-00002.gguf")
            try self.put(part, "lonely/alone-0000\(index + 2)-of-00003.gguf")
        }
        let listing = try await self.list()
        #expect(listing.models.map(\.name) == ["big"])
        #expect(listing.models.first?.path?.hasSuffix("/big-00001-of-00002.gguf") == true)
        #expect(listing.skipped.count == 2 && listing.skipped.allSatisfy { $0.hasPrefix("lonely/alone-") })
    }

    @Test func linksToFoldersAndWhatLiesDeeperAreLeftAlone() async throws {
        try self.put(self.model, "a/b/c/toodeep.gguf")
        try self.put(self.model, "elsewhere/m.gguf")
        let other = try TemporaryDirectory()
        let manager = FileManager.default
        try manager.createSymbolicLink(atPath: "\(other.path)/loop", withDestinationPath: other.path)
        try manager.createSymbolicLink(
            atPath: "\(other.path)/out", withDestinationPath: "\(self.directory.path)/elsewhere")
        try manager.createSymbolicLink(
            atPath: "\(other.path)/one.gguf", withDestinationPath: "\(self.directory.path)/elsewhere/m.gguf")
        try manager.createSymbolicLink(atPath: "\(other.path)/gone.gguf", withDestinationPath: "/nowhere.gguf")
        let listing = try await self.list([other.path])
        #expect(listing.models.map(\.name) == ["one"] && listing.skipped.isEmpty)
        #expect(try await self.list().models.map(\.name) == ["m"])
    }

    @Test func twoFilesOfOneNameAreOneModelAndAReason() async throws {
        try self.put(self.model, "a/m.gguf")
        try self.put(self.model, "b/m.gguf")
        let listing = try await self.list()
        #expect(listing.models.map(\.name) == ["m"])
        #expect(listing.skipped == ["b/m.gguf: the name 'm' is that of \(self.directory.path)/a/m.gguf already"])
        #expect(try await self.list([self.directory.path, self.directory.path]) == listing, "a folder twice is once")
    }

    @Test func aFolderThatIsMissingIsEmptyAndOneThatIsNoneIsAnError() async throws {
        #expect(try await self.list(["/nowhere/at/all"]).models.isEmpty)
        try self.put(self.model, "file")
        let path = "\(self.directory.path)/file"
        await #expect(throws: UpstreamFault.self) { try await self.list([path]) }
    }

    @Test(arguments: [
        ("a b", "a-b"), ("..x", "x"), ("é", "model"), ("", "model"), ("Llama-3.2_1B", "Llama-3.2_1B"), ("a/b", "a-b"),
        (String(repeating: "x", count: 300), String(repeating: "x", count: 128)),
    ])
    func namesAreMadeValid(file: String, name: String) {
        #expect(GGUFFolderLister.modelName(file) == name)
        #expect(ModelID(provider: .local, name: name) != nil)
    }
}
