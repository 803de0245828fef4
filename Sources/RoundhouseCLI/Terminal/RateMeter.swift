internal import Glibc

/// How fast a number grows: a moving average that forgets what was before about five seconds.
struct RateMeter: Sendable {
    /// After so long a change of speed shows by two thirds.
    private static let memory = Duration.seconds(5)
    /// Closer together, the clock's and the sender's jitter would be measured.
    private static let shortest = Duration.milliseconds(100)

    private var last: (count: Int64, at: Duration)?
    private var weighted = 0.0
    private var weight = 0.0

    /// Notes that `count` was reached at `now`. A count below the last one begins the measurement anew.
    mutating func take(_ count: Int64, at now: Duration) {
        guard let last = self.last, count >= last.count else {
            self = RateMeter()
            self.last = (count, now)
            return
        }
        let span = now - last.at
        guard span >= Self.shortest else { return }
        let kept = exp(-span.inSeconds / Self.memory.inSeconds)
        // Divided by the weight of what was seen, so that the first seconds do not start from zero.
        self.weighted = self.weighted * kept + (1 - kept) * Double(count - last.count) / span.inSeconds
        self.weight = self.weight * kept + (1 - kept)
        self.last = (count, now)
    }

    /// Nil: too little was seen.
    var perSecond: Double? {
        self.weight > 0 ? self.weighted / self.weight : nil
    }
}
