import Inference
import TestSupport
import Testing

@testable import Roundhouse

extension FaultTests {
    @Suite("A stream cut at every byte")
    struct CutAnywhereTests {
        /// How a connection ends, and what the response had said of its length.
        enum End: String, Sendable, CaseIterable {
            /// Before the chunk that would have been the last.
            case closed
            case reset
            /// Of a response without a length, whose end the close would rightly be.
            case closedWithoutLength

            func steps(_ wire: WireSample, _ body: ArraySlice<UInt8>) -> [FaultUpstream.Step] {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: \(wire.streamType)\r\n"
                switch self {
                case .closed: return [.send(Self.chunked(head, body)), .close]
                case .reset: return [.send(Self.chunked(head, body)), .reset]
                case .closedWithoutLength:
                    return [.send(Array("\(head)connection: close\r\n\r\n".utf8) + body), .close]
                }
            }

            private static func chunked(_ head: String, _ body: ArraySlice<UInt8>) -> [UInt8] {
                let head = Array("\(head)transfer-encoding: chunked\r\n\r\n".utf8)
                guard !body.isEmpty else { return head }
                return head + Array("\(String(body.count, radix: 16))\r\n".utf8) + body + Array("\r\n".utf8)
            }
        }

        private struct Cut: Sendable {
            let end: End
            let place: Int

            /// Asks for itself: the upstream reads it in the prompt.
            var prompt: String { "cut=\(self.end.rawValue)=\(self.place)=" }

            init(_ end: End, at place: Int) {
                self.end = end
                self.place = place
            }

            init?(promptIn text: String) {
                guard let start = text.firstRange(of: "cut=") else { return nil }
                let words = text[start.upperBound...].split(separator: "=", maxSplits: 2)
                guard words.count == 3, let end = End(rawValue: String(words[0])), let place = Int(words[1]) else {
                    return nil
                }
                self.init(end, at: place)
            }
        }

        @Test("is never taken for whole, and gives a client what came before", arguments: WireSample.all)
        func everyByte(_ wire: WireSample) async throws {
            let words = ["Grüße", ", world"]
            let body = Array(wire.stream(words).joined().utf8)
            let cuts = End.allCases.flatMap { end in (0...body.count).map { Cut(end, at: $0) } }
            let records = RecordKeeper()
            let problems = try await FaultUpstream.run { request in
                Cut(promptIn: request.text).map { $0.end.steps(wire, body.prefix($0.place)) } ?? [.close]
            } _: { upstream in
                let gateway = try FaultyGateway(wire, [.init(baseURL: upstream.baseURL("first"))], recorder: records)
                let problems = try await inParallel(8, cuts) { cut in
                    let told = await gateway.ask(cut.prompt)
                    return Self.problems(told, cut, wire, words)
                }
                gateway.shutdown()
                #expect(gateway.inFlight == 0)
                #expect(await upstream.settle(to: 0) == 0)
                return problems
            }
            #expect(records.records.count == cuts.count)
            let found = problems.flatMap(\.self)
            #expect(found.isEmpty, "\(found.prefix(10).joined(separator: "\n"))")
        }

        private static func problems(_ told: Told, _ cut: Cut, _ wire: WireSample, _ words: [String]) -> [String] {
            var found: [String] = []
            func check(_ isRight: Bool, _ what: String) {
                if !isRight { found.append("\(wire.name), \(cut.end.rawValue) after \(cut.place) bytes: \(what)") }
            }
            let frames = wire.stream(words)
            let ends = frames.indices.map { place in frames[...place].reduce(0) { $0 + $1.utf8.count } }
            let whole = words.joined()
            // The last frame without which the answer is not whole; what is left out of it may be white space at its end.
            let needed = wire.opening.count + words.count + wire.neededClosing - 1
            let least = ends[needed] - frames[needed].utf8.reversed().prefix { $0 == 0x0A || $0 == 0x0D }.count
            let isCertain = cut.end != .reset && cut.place >= ends[needed]
            check(!told.isOK || (cut.place >= least && told.text == whole), "OK with '\(told.text)'")
            check(told.isOK || !isCertain, "all that is needed came: \(told.failure?.message ?? "")")
            check(told.completions.count == (told.isOK ? 1 : 0), "\(told.completions.count) times completed")
            check(whole.hasPrefix(told.text), "no beginning of the answer: '\(told.text)'")
            if let usage = told.completions.first?.usage {
                check(usage.isEstimated || usage.outputTokens == 7, "usage \(usage)")
            }
            if case .interrupted(let attempt, _) = told.failure?.cause {
                check(attempt.fault?.kind == .truncated, "\(attempt.fault?.reason ?? "")")
            }
            if cut.end != .reset {
                // What came in whole frames was not lost.
                let count = words.indices.count { ends[wire.opening.count + $0] <= cut.place }
                check(told.text.hasPrefix(words.prefix(count).joined()), "text was lost: '\(told.text)'")
            }
            return found
        }
    }
}

extension WireSample {
    /// How many of ``closing`` an answer cannot do without: after its reason OpenAI's needs no usage and no `[DONE]`.
    fileprivate var neededClosing: Int { self.name == "openai" ? 1 : self.closing.count }
}
