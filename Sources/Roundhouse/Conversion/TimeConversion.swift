internal import SwiftProtobuf

extension Google_Protobuf_Timestamp {
    /// - Parameter microseconds: since 1970-01-01 UTC; before it they are negative.
    init(microseconds: Int64) {
        self.init()
        let (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        self.seconds = rest < 0 ? seconds - 1 : seconds
        self.nanos = Int32((rest < 0 ? rest + 1_000_000 : rest) * 1000)
    }

    init(_ time: WallTime) {
        self.init(microseconds: time.microsecondsSince1970)
    }
}

extension Google_Protobuf_Duration {
    /// Parts of a nanosecond are dropped.
    init(_ duration: Duration) {
        self.init()
        self.seconds = duration.components.seconds
        self.nanos = Int32(duration.components.attoseconds / 1_000_000_000)
    }
}

extension Duration {
    /// - Returns: `nil` for what is no duration by `duration.proto`: beyond 10,000 years, a nanosecond part of a second
    ///   or more, or one of the other sign.
    init?(_ message: Google_Protobuf_Duration) {
        guard (-315_576_000_000...315_576_000_000).contains(message.seconds),
            (-999_999_999...999_999_999).contains(message.nanos),
            message.seconds == 0 || message.nanos == 0 || (message.seconds < 0) == (message.nanos < 0)
        else { return nil }
        self = .seconds(message.seconds) + .nanoseconds(Int64(message.nanos))
    }

    /// From seconds as a number, for averages; what is no number is zero.
    init(secondsClamped seconds: Double) {
        self = seconds > 0 ? .nanoseconds(Int64(min(seconds, 9e9) * 1e9)) : .zero
    }
}
