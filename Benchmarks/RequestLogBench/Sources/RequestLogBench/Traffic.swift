import Inference

/// A month of requests over 20 models, evenly in time: the same ones in every run.
///
/// One in 20 falls back to another model, one in 50 fails, half are streamed, one in 4 has labels and tags, and ids are as
/// long as those that the server makes.
struct Traffic {
    let count: Int64
    private let span: Int64
    private let models: [ModelID]

    /// 2026-01-01.
    private static let origin: Int64 = 1_767_225_600_000_000

    init(count: Int64, over span: Int64) {
        self.count = count
        self.span = span
        self.models = (0..<20).compactMap { ModelID("provider-\($0 % 5)/model-\($0)") }
    }

    var end: Int64 { Self.origin + self.span }

    func start(of index: Int64) -> Int64 { Self.origin + self.span / self.count * index }

    func record(_ index: Int64) -> RequestRecord {
        let noise = Self.mixed(UInt64(index))
        let model = self.models[Int(noise % 20)]
        let input = Int(noise >> 8 & 0xFFFF) % 4000
        let output = Int(noise >> 24 & 0xFFFF) % 800
        let usage = Usage(
            inputTokens: input, outputTokens: output, cachedInputTokens: noise % 3 == 0 ? input / 2 : 0,
            reasoningTokens: noise % 5 == 0 ? output / 3 : 0)
        let cost = Cost(nanoUSD: Int64(input * 150 + output * 600))
        let latency = Duration.microseconds(Int64(noise >> 32 & 0xFFFF_FFFF) % 60_000_000)
        var record = RequestRecord(
            id: Self.id(noise),
            requestedModel: noise % 3 == 0 ? model.description : "default",
            model: model,
            startedAtMicroseconds: self.start(of: index),
            latency: latency,
            firstTokenLatency: noise % 2 == 0 ? latency / 10 : nil,
            usage: usage,
            cost: cost,
            finishReason: .stop,
            attempts: [Attempt(model: model, duration: latency, usage: usage, cost: cost)],
            status: "OK",
            isStreamed: noise % 2 == 0
        )
        if noise % 4 == 0 {
            record.metadata = ["team": "team-\(noise % 7)"]
            record.tags = ["batch"]
            record.client = "service-\(noise % 9).example.com"
        }
        let fault = UpstreamFault(.overloaded(retryAfter: nil), "the upstream is busy, try again", httpStatus: 529)
        let other = self.models[Int(noise % 19)]
        if noise % 20 == 7 {
            record.attempts.insert(Attempt(model: other, duration: .milliseconds(80), fault: fault), at: 0)
        }
        if noise % 50 == 9 {
            record.status = "UNAVAILABLE"
            record.errorMessage = "no model could answer: the last one said that it is busy"
            record.usage = nil
            record.cost = nil
            record.finishReason = nil
            record.attempts = [model, other].map { Attempt(model: $0, duration: .milliseconds(80), fault: fault) }
        }
        return record
    }

    /// RFC 3339; the month has one name only.
    func text(of time: Int64) -> String {
        let seconds = (time - Self.origin) / 1_000_000
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map(two).joined(separator: ":")
        return "2026-01-\(two(seconds / 86_400 + 1))T\(clock)Z"
    }

    /// As long as the UUIDs that the server makes.
    private static func id(_ noise: UInt64) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let words = [noise, Self.mixed(noise)]
        var text: [UInt8] = []
        for nibble in 0..<32 {
            if [8, 12, 16, 20].contains(nibble) { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(words[nibble / 16] >> UInt64(nibble % 16 * 4) & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func mixed(_ number: UInt64) -> UInt64 {
        var value = (number &+ 1) &* 0x9E37_79B9_7F4A_7C15
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
