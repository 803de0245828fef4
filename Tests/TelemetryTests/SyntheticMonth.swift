import Inference
import Testing

@testable import Telemetry

/// A month of 20 models, made of a seed: more than a million requests by hours, with trouble planted in it.
struct SyntheticMonth {
    struct Planted {
        var model: Int
        var kind: Anomaly.Kind
        /// Hours since the month began, and how many.
        var hour: Int
        var hours: Int
        /// Times as slow or as much traffic; of errors the part that fails.
        var strength: Double
    }

    struct Shape {
        /// Requests in an average hour.
        var rate: Double
        /// How much of the day's rhythm it follows, 0...1.
        var rhythm: Double
        /// Whether it rests at weekends.
        var isOffice: Bool
        var errors: Double
        /// Median, in microseconds.
        var latency: Double
    }

    static let days = 30
    static let start = monday

    static let planted: [Planted] = [
        Planted(model: 0, kind: .latencySpike, hour: 24 * 2 + 14, hours: 2, strength: 3),
        Planted(model: 0, kind: .trafficSurge, hour: 24 * 17 + 10, hours: 3, strength: 5),
        Planted(model: 1, kind: .errorIncrease, hour: 24 * 9 + 11, hours: 3, strength: 0.3),
        Planted(model: 2, kind: .latencySpike, hour: 24 * 16 + 9, hours: 6, strength: 2.5),
        Planted(model: 2, kind: .errorIncrease, hour: 24 * 16 + 9, hours: 6, strength: 0.25),
        Planted(model: 3, kind: .trafficSurge, hour: 24 * 8 + 3, hours: 2, strength: 8),
        Planted(model: 4, kind: .errorIncrease, hour: 24 * 28 + 20, hours: 1, strength: 0.5),
        Planted(model: 13, kind: .latencySpike, hour: 24 * 22 + 12, hours: 24, strength: 3),
        Planted(model: 6, kind: .trafficSurge, hour: 24 * 24 + 13, hours: 1, strength: 4.5),
        Planted(model: 7, kind: .latencySpike, hour: 24 * 12 + 15, hours: 1, strength: 4),
        Planted(model: 8, kind: .errorIncrease, hour: 24 * 5 + 10, hours: 2, strength: 1),
        // Overload: more than it can take, and therefore slow and failing.
        Planted(model: 9, kind: .trafficSurge, hour: 24 * 20 + 12, hours: 2, strength: 6),
        Planted(model: 9, kind: .latencySpike, hour: 24 * 20 + 12, hours: 2, strength: 3.5),
        Planted(model: 9, kind: .errorIncrease, hour: 24 * 20 + 12, hours: 2, strength: 0.4),
        Planted(model: 10, kind: .latencySpike, hour: 24 * 29 + 22, hours: 2, strength: 3),
    ]

    static func shape(of model: Int) -> Shape {
        Shape(
            // The last three are dead or as good as: a request now and then.
            rate: model < 17 ? 60 + Double(model % 5) * 25 : 0.2, rhythm: [0.2, 0.5, 0.8][model % 3],
            isOffice: model % 4 == 1, errors: [0.001, 0.01, 0.03][model % 3], latency: 200_000 * Double(1 + model))
    }

    static func planted(_ model: Int, at hour: Int, _ kind: Anomaly.Kind) -> Double? {
        Self.planted.first { $0.model == model && $0.kind == kind && ($0.hour..<$0.hour + $0.hours).contains(hour) }?
            .strength
    }

    /// The expected figures of an hour, times the part of it that a bucket is.
    static func point(
        _ model: Int, _ hour: Int, start: Int64, length: Int64, _ random: inout SeededGenerator
    ) -> SeriesPoint {
        let shape = Self.shape(of: model)
        // A triangle over the day: least at 3, most at 15 o'clock.
        let distance = Double(abs((hour % 24 + 24 - 15 + 12) % 24 - 12)) / 12
        var rate = shape.rate * (1 + shape.rhythm * (1 - 2 * distance))
        if shape.isOffice && hour / 24 % 7 >= 5 { rate *= 0.4 }
        rate *= Self.planted(model, at: hour, .trafficSurge) ?? 1
        let mean = rate * Double(length) / Double(lengthOfHour)
        let requests = Self.count(mean, &random)
        let errors = Self.planted(model, at: hour, .errorIncrease) ?? shape.errors
        var failures: Int64 = 0
        for _ in 0..<requests where random.part() < errors { failures += 1 }
        let slow = Self.planted(model, at: hour, .latencySpike) ?? 1
        let noise = 1 + random.normal() * 0.6 / Double(max(requests, 1)).squareRoot() + random.normal() * 0.05
        return SeriesPoint(
            start: start, length: length, requests: requests, judged: requests, failures: failures,
            answers: requests - failures, medianLatency: shape.latency * slow * max(0.3, noise))
    }

    /// About Poisson, with a little more spread than chance has: traffic comes in swarms.
    private static func count(_ mean: Double, _ random: inout SeededGenerator) -> Int64 {
        if mean < 5 {
            var left = exponential(-mean)
            var count: Int64 = 0
            var term = left
            let part = random.part()
            while part > left, count < 60 {
                count += 1
                term *= mean / Double(count)
                left += term
            }
            return count
        }
        return max(0, Int64((mean + random.normal() * (mean.squareRoot() + mean * 0.08)).rounded()))
    }

    static func hours(of model: Int, seed: UInt64) -> [SeriesPoint] {
        var random = SeededGenerator(seed &* 1000 &+ UInt64(model))
        return (0..<Self.days * 24).compactMap { hour in
            let point = Self.point(
                model, hour, start: Self.start + Int64(hour) * lengthOfHour, length: lengthOfHour, &random)
            return point.requests > 0 ? point : nil
        }
    }
}

private let lengthOfHour = hour
