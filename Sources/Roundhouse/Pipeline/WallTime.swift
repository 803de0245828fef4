internal import Persistence

/// A moment of the calendar, for records and status.
struct WallTime: Sendable, Hashable {
    /// Since 1970-01-01 UTC.
    var microsecondsSince1970: Int64

    static func now() -> WallTime {
        WallTime(microsecondsSince1970: WallClock.microseconds())
    }
}
