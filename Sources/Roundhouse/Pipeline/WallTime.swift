internal import Glibc

/// A moment of the calendar, for records and status.
struct WallTime: Sendable, Hashable {
    /// Since 1970-01-01 UTC.
    var microsecondsSince1970: Int64

    static func now() -> WallTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(microsecondsSince1970: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
