internal import Inference

/// Writes protobuf's wire format by hand, for the few messages that every request and every token sends.
///
/// SwiftProtobuf goes over a message twice, by visitors that are not specialised for it: 28,000 instructions for the answer
/// of a small `Generate`, a twelfth of all that is spent on it. What is written here must be what SwiftProtobuf reads as the
/// same message; `WireWriterTests` has it compare. Fields with their default value are left out, as proto3 wants it.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 0) {
        self.bytes.reserveCapacity(capacity)
    }

    mutating func field(_ number: Int, _ value: Int64) {
        guard value != 0 else { return }
        self.varint(UInt64(number << 3))
        self.varint(UInt64(bitPattern: value))
    }

    mutating func field(_ number: Int, _ value: Bool) {
        self.field(number, value ? 1 : 0 as Int64)
    }

    mutating func field(_ number: Int, _ text: String) {
        if !text.isEmpty { self.member(number, text) }
    }

    /// A text of a `oneof`, which is sent also when it is empty.
    mutating func member(_ number: Int, _ text: String) {
        self.varint(UInt64(number << 3 | 2))
        self.varint(UInt64(text.utf8.count))
        self.bytes.append(contentsOf: text.utf8)
    }

    /// `provider/name`, as ``ModelID/description`` has it, without making that string.
    mutating func field(_ number: Int, _ model: ModelID) {
        self.varint(UInt64(number << 3 | 2))
        self.varint(UInt64(model.provider.rawValue.utf8.count + 1 + model.name.utf8.count))
        self.bytes.append(contentsOf: model.provider.rawValue.utf8)
        self.bytes.append(UInt8(ascii: "/"))
        self.bytes.append(contentsOf: model.name.utf8)
    }

    mutating func message(_ number: Int, _ body: (inout WireWriter) -> Void) {
        self.varint(UInt64(number << 3 | 2))
        // Its length stands before it and is known after it: one byte is kept, which most need.
        let place = self.bytes.count
        self.bytes.append(0)
        body(&self)
        let count = self.bytes.count - place - 1
        if count < 0x80 {
            self.bytes[place] = UInt8(count)
        } else {
            var length = WireWriter()
            length.varint(UInt64(count))
            self.bytes.replaceSubrange(place...place, with: length.bytes)
        }
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}

// MARK: - The messages

extension WireWriter {
    /// `google.protobuf.Duration`. Parts of a nanosecond are dropped.
    mutating func field(_ number: Int, _ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.message(number) {
            $0.field(1, seconds)
            $0.field(2, attoseconds / 1_000_000_000)
        }
    }

    /// `roundhouse.v1.Completed`.
    mutating func field(_ number: Int, _ completion: Completion) {
        self.message(number) {
            $0.field(1, Int64(completion.finishReason.wireValue))
            $0.field(2, completion.usage)
            for attempt in completion.attempts { $0.field(3, attempt) }
            if let latency = completion.firstTokenLatency { $0.field(4, latency) }
            $0.field(5, completion.latency)
            if let cost = completion.cost { $0.field(6, cost) }
            if let model = completion.model { $0.field(7, model) }
            $0.field(8, completion.isShared)
        }
    }

    private mutating func field(_ number: Int, _ usage: Usage) {
        self.message(number) {
            $0.field(1, Int64(usage.inputTokens))
            $0.field(2, Int64(usage.outputTokens))
            $0.field(3, Int64(usage.cachedInputTokens))
            $0.field(4, Int64(usage.reasoningTokens))
            $0.field(5, usage.isEstimated)
            $0.field(6, Int64(usage.audioInputTokens))
            $0.field(7, Int64(usage.audioOutputTokens))
            $0.field(8, Int64(usage.cacheWriteInputTokens))
        }
    }

    private mutating func field(_ number: Int, _ cost: Cost) {
        self.message(number) {
            $0.field(1, cost.nanoUSD)
            $0.field(2, cost.isEstimated)
        }
    }

    private mutating func field(_ number: Int, _ attempt: Attempt) {
        self.message(number) {
            $0.field(1, attempt.model)
            $0.field(2, attempt.model.provider.rawValue)
            if let fault = attempt.fault {
                $0.field(3, fault.reason)
                $0.field(4, fault.message)
            }
            $0.field(5, attempt.duration)
            if let usage = attempt.usage { $0.field(6, usage) }
            if let cost = attempt.cost { $0.field(7, cost) }
            $0.field(8, attempt.isHedge)
            if let fault = attempt.fault {
                $0.field(9, Int64(Int32(clamping: fault.httpStatus ?? 0)))
                $0.field(10, fault.disposition.name)
            }
        }
    }
}
