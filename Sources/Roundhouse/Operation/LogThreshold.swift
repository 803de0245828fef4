package import Logging
internal import Synchronization

/// The least serious level that is logged. May be moved while loggers are in use.
package final class LogThreshold: Sendable {
    private let place: Atomic<Int>

    package init(_ level: RoundhouseConfiguration.Log.Level) {
        self.place = Atomic(Self.place(of: level))
    }

    package var level: Logger.Level {
        let place = self.place.load(ordering: .relaxed)
        return Logger.Level.allCases.indices.contains(place) ? Logger.Level.allCases[place] : .info
    }

    func set(_ level: RoundhouseConfiguration.Log.Level) {
        self.place.store(Self.place(of: level), ordering: .relaxed)
    }

    private static func place(of level: RoundhouseConfiguration.Log.Level) -> Int {
        Logger.Level.allCases.firstIndex { $0.rawValue == level.rawValue } ?? 0
    }
}
