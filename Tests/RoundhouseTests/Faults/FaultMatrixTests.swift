import FoundationEssentials
import Inference
import TestSupport
import Testing

@testable import Roundhouse

extension FaultTests {
    @Suite("Every fault on every wire with every recovery")
    struct FaultMatrixTests {
        /// Once for both tests. Most of them wait most of the time.
        private static let outcomes = Task {
            try await inParallel(24, FaultCell.all(WireSample.all)) { try await $0.outcome() }
        }

        @Test(
            "No fault hangs a request, loses or doubles text, passes for an answer, or is forgotten",
            arguments: WireSample.all)
        func invariants(_ wire: WireSample) async throws {
            let outcomes = try await Self.outcomes.value.filter { $0.cell.wire == wire }
            #expect(outcomes.count == Fault.allCases.count * RecoveryMode.allCases.count)
            let violations = outcomes.flatMap(\.violations)
            #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
        }

        @Test("The table in docs/Reliability.md is what happens")
        func docs() async throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            let file = root.appending(path: "docs/Reliability.md")
            let page = String(decoding: try Data(contentsOf: file), as: UTF8.self)
            let table = FaultTable(
                outcomes: try await Self.outcomes.value, doorOutcomes: try await DoorFaultTests.outcomes.value)
            let expected = try #require(table.placed(in: page), "docs/Reliability.md lacks the markers of the table")
            if ProcessInfo.processInfo.environment["ROUNDHOUSE_WRITE_DOCS"] == "1" {
                try Data(expected.utf8).write(to: file)
            } else {
                #expect(
                    page == expected,
                    "docs/Reliability.md should hold (ROUNDHOUSE_WRITE_DOCS=1 writes it):\n\(table.markdown)")
            }
        }
    }
}
