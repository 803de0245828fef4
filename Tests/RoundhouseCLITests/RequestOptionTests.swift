import FoundationEssentials
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite("Command line: what requests ask for", .timeLimit(.minutes(1)))
struct RequestOptionTests {
    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00]

    /// Runs `body` with the path of a file that holds `bytes`.
    private func withFile(_ bytes: [UInt8], _ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "roundhouse-\(UUID())").path
        try Data(bytes).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    @Test("routing, recovery, reasoning, form and sharing reach the server")
    func options() async throws {
        try await self.withFile(Array(#"{"type":"object"}"#.utf8)) { schema in
            let server = ScriptedServer()
            let arguments = [
                "hi", "-q", "--recovery", "continue", "--strategy", "cost_optimized", "--require", "tools", "--require",
                "vision", "--free-only", "--local-only", "--tag", "batch", "--tag", "team-a", "--priority", "high",
                "--reasoning", "none", "--json-schema", schema, "--share",
            ]
            let ended1 = try await server.run(["chat"] + arguments, console: RecordingConsole())
            #expect(ended1 == .success)
            let ended2 = try await server.run(["generate"] + arguments, console: RecordingConsole())
            #expect(ended2 == .success)
            let expected = Roundhouse_V1_StreamGenerateRequest.with {
                $0.messages = [.saying("hi", as: .user)]
                $0.recovery = .continue
                $0.strategy = "cost_optimized"
                $0.requirements.capabilities = ["tools", "vision"]
                $0.requirements.freeOnly = true
                $0.requirements.localOnly = true
                $0.tags = ["batch", "team-a"]
                $0.priority = .high
                $0.reasoning.effort = .none
                $0.responseFormat.jsonSchema.schemaJson = #"{"type":"object"}"#
                $0.shareIdentical = true
            }
            #expect(server.streamRequests == [expected])
            #expect(server.generateRequests.map(\.requirements) == [expected.requirements])
            #expect(server.generateRequests.map(\.recovery) == [.continue])
        }
    }

    @Test("--no-share is said, since it differs from leaving it to the server")
    func noShare() async throws {
        let server = ScriptedServer()
        _ = try await server.run(["chat", "hi", "--no-share"], console: RecordingConsole())
        #expect(server.streamRequests.map(\.hasShareIdentical) == [true])
        #expect(server.streamRequests.map(\.shareIdentical) == [false])
    }

    @Test("pictures go with the first question, and stay in the conversation")
    func pictures() async throws {
        try await self.withFile(Self.png) { path in
            let server = ScriptedServer()
            let console = RecordingConsole(input: ["what is it?", "and now?"])
            let arguments = ["chat", "-q", "--image", path, "--image", "https://pictures.example/a.jpg"]
            let ended3 = try await server.run(arguments, console: console)
            #expect(ended3 == .success)
            let question = Roundhouse_V1_Message.with {
                $0.role = .user
                $0.parts = [
                    .with { $0.text = "what is it?" },
                    .with {
                        $0.image.data = Data(Self.png)
                        $0.image.mediaType = "image/png"
                    },
                    .with { $0.image.url = "https://pictures.example/a.jpg" },
                ]
            }
            #expect(server.streamRequests.map(\.messages.first) == [question, question])
            #expect(server.streamRequests.last?.messages.last == .saying("and now?", as: .user))
        }
    }

    @Test(
        "a picture is known by its first bytes",
        arguments: [
            (Self.png, "image/png"), ([0xFF, 0xD8, 0xFF, 0xE0], "image/jpeg"), (Array("GIF89a;".utf8), "image/gif"),
            (Array("RIFFxxxxWEBPVP8 ".utf8), "image/webp"), (Array("RIFFxxxxWAVE".utf8), nil), ([], nil),
        ]
    )
    func mediaTypes(bytes: [UInt8], mediaType: String?) {
        #expect(PictureArgument.mediaType(of: bytes) == mediaType)
    }

    @Test(
        "a file that cannot be sent is a usage error and asks nobody",
        arguments: [
            ["--image", "/there/is/none.png"], ["--image", "/dev/zero"], ["--image", "/tmp"],
            ["--json-schema", "/there/is/none.json"],
        ]
    )
    func unreadable(arguments: [String]) async throws {
        let server = ScriptedServer()
        let console = RecordingConsole()
        #expect(try await server.run(["generate", "hi"] + arguments, console: console) == .usage)
        #expect(console.transcript.errors.contains("\(arguments[0]): the file '\(arguments[1])' is not there"))
        #expect(server.generateRequests.isEmpty)
    }

    @Test("a file that is no picture is refused by its content")
    func noPicture() async throws {
        try await self.withFile(Array("hello".utf8)) { path in
            let console = RecordingConsole()
            let status = try await ScriptedServer().run(["chat", "hi", "--image", path], console: console)
            #expect(status == .usage)
            #expect(console.transcript.errors.contains("is no PNG, JPEG, GIF or WebP picture"))
        }
    }
}
