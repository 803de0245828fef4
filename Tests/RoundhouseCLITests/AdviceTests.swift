import GRPCCore
import GRPCProtobuf
import RoundhouseAPI
import SwiftProtobuf
import Testing

@testable import RoundhouseCLI

@Suite(.timeLimit(.minutes(1)))
struct AdviceTests {
    private static func error(_ code: RPCError.Code, _ reason: String, _ metadata: [String: String]) -> RPCError {
        RPCError(
            GoogleRPCStatus(
                code: code,
                message: "no",
                details: [.errorInfo(reason: reason, domain: "roundhouse", metadata: metadata)]
            )
        )
    }

    @Test(
        "the figures behind a reason are shown, and what to do",
        arguments: [
            (
                "INSUFFICIENT_MEMORY",
                [
                    "model": "local/big", "device": "cuda:0", "needed_bytes": "\(4 << 30)",
                    "available_bytes": "\(1 << 30)", "evictable_bytes": "0",
                ],
                [
                    "4.0 GiB needed, 1.0 GiB available, 0 B could be evicted on cuda:0",
                    "'roundhouse models plan local/big' shows",
                ]
            ),
            (
                "INSUFFICIENT_DISK", ["needed_bytes": "2048", "available_bytes": "1024"],
                ["2.0 KiB needed, 1.0 KiB available"]
            ),
            ("TRUNCATED", ["expected_bytes": "2048", "actual_bytes": "1024"], ["2.0 KiB expected, 1.0 KiB there"]),
            ("ETAG_MISMATCH", ["given": "a", "current": "b"], ["the current etag is b", "repeat it"]),
            (
                "CHECKSUM_MISMATCH", ["expected": "aa", "actual": "bb"],
                ["expected aa", "found bb", "correct the digest"]
            ),
            ("OPERATION_CONFLICT", [:], ["then try again"]), ("EVENTS_EXPIRED", ["first_kept": "9"], ["'--after 0'"]),
            ("WATCH_LAGGED", ["last_sequence": "7"], ["--after 7"]),
            ("MODEL_DISABLED", ["model": "a/b"], ["'roundhouse models enable a/b'"]),
            ("PROVIDER_NOT_FOUND", [:], ["'roundhouse providers list'"]),
            ("ALIAS_NOT_FOUND", [:], ["'roundhouse aliases list'"]),
            // Figures that cannot be read are left out.
            ("INSUFFICIENT_MEMORY", ["needed_bytes": "much"], ["'roundhouse models plan MODEL'"]),
        ] as [(String, [String: String], [String])]
    )
    func facts(reason: String, metadata: [String: String], lines: [String]) {
        let text = FailureReport(Self.error(.failedPrecondition, reason, metadata)).text
        #expect(text.hasPrefix("no (FAILED_PRECONDITION, \(reason))\n"))
        for line in lines {
            #expect(text.contains(line))
        }
        #expect(text.filter { $0 == "\n" }.count == lines.count + 1)
    }

    @Test("a filter that is wrong is shown with a mark under the place, and the status is 65")
    func caret() async throws {
        let server = ScriptedServer(scripts: [
            .answer { (_: Roundhouse_V1_ListModelsRequest) -> Roundhouse_V1_ListModelsResponse in
                throw Self.error(.invalidArgument, "INVALID_FILTER", ["field": "filter", "position": "12"])
            }
        ])
        let console = RecordingConsole()
        let status = try await server.run(["models", "list", "--filter", "provider = = 3"], console: console)
        #expect(status == .invalidArgument)
        #expect(
            console.transcript.errors == """
                roundhouse: no (INVALID_ARGUMENT, INVALID_FILTER)
                  provider = = 3
                             ^
                  'roundhouse help models list' shows an example

                """
        )
        // The place is of another field.
        let other = RecordingConsole()
        _ = try await server.run(["models", "list", "--order-by", "provider = = 3"], console: other)
        #expect(!other.transcript.errors.contains("^"))
    }

    @Test(
        "the mark stands under the character, whatever is before it",
        arguments: [
            ("a = ", 5, ["a = ", "    ^"]), ("日本 = x", 4, ["日本 = x", "     ^"]), ("a\nb", 3, ["a b", "  ^"]),
            ("", 1, ["", "^"]),
            (
                String(repeating: "x", count: 100), 50,
                [
                    "…" + String(repeating: "x", count: 70) + "…",
                    String(repeating: " ", count: 41) + "^",
                ]
            ),
        ]
    )
    func excerpt(expression: String, position: Int, lines: [String]) {
        #expect(ExpressionExcerpt(expression, position: position)?.lines == lines)
    }

    @Test("a place outside the expression is not marked", arguments: [0, -1, 4, Int.max])
    func noExcerpt(position: Int) {
        #expect(ExpressionExcerpt("ab", position: position) == nil)
    }
}
