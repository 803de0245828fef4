internal import ArgumentParser
internal import Glibc
internal import Synchronization
internal import TestSupport

/// An upstream on a loopback port that fails as it is told.
@main
struct FaultServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "FaultServer",
        abstract: "An upstream on a free loopback port that fails as it is told.",
        discussion: """
            It prints its base URL and serves until it is interrupted. A provider of the kind of the wire format, with \
            that base URL, speaks to it. With --every N it fails each Nth request and answers the others, as an upstream \
            does that flaps.
            """
    )

    @Flag(help: "Prints the faults and ends.")
    var list = false

    @Option(help: "The wire format: openai, anthropic, gemini or ollama.")
    var wire = "openai"

    @Option(help: "The fault, as --list prints it. Without one, every answer is healthy.")
    var fault: String?

    @Option(help: "Fails each Nth request only.")
    var every = 1

    @Option(help: "How many tokens an answer has.")
    var tokens = 20

    func validate() throws {
        guard WireSample.all.contains(where: { $0.name == self.wire }) else {
            let names = WireSample.all.map(\.name).joined(separator: ", ")
            throw ValidationError("--wire is '\(self.wire)', expected one of \(names)")
        }
        if let fault, Fault(rawValue: fault) == nil {
            throw ValidationError("--fault is '\(fault)', expected one of those that --list prints")
        }
        guard self.every >= 1, (2...100_000).contains(self.tokens) else {
            throw ValidationError("--every must be 1 at least, --tokens from 2 to 100000")
        }
    }

    func run() async throws {
        if self.list {
            for fault in Fault.allCases { print(fault.rawValue) }
            return
        }
        guard let wire = WireSample.all.first(where: { $0.name == self.wire }) else { return }
        let words = (0..<self.tokens).map { "word\($0) " }
        let half = Array(words.prefix(self.tokens / 2))
        let rest = Array(words.dropFirst(self.tokens / 2))
        let fault = self.fault.flatMap(Fault.init)
        let every = self.every
        let count = Atomic<Int>(0)
        let never = Gate()
        try await FaultUpstream.run { request in
            let number = count.add(1, ordering: .relaxed).newValue
            if let fault, number % every == 0 { return fault.steps(wire, half: half, rest: rest, never: never) }
            let isStreamed =
                request.text.contains(#""stream":true"#) || request.path.contains("streamGenerateContent")
                || (wire == .ollama && !request.text.contains(#""stream":false"#))
            return Fault.healthy(wire, words, isStreamed: isStreamed)
        } _: { upstream in
            print(upstream.baseURL)
            // Whoever reads it from a pipe waits for it.
            _ = fflush(nil)
            try? await Task.sleep(for: .seconds(86_400))
        }
    }
}
