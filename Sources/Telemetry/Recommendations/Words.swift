/// Figures as people read them.
package enum Words {
    /// `3 days`, `7 hours`, `12 minutes`: whole ones of the largest unit of which there are two or more.
    package static func time(_ microseconds: Int64) -> String {
        let minutes = microseconds / 60_000_000
        if minutes >= 2 * 24 * 60 { return "\(minutes / (24 * 60)) days" }
        if minutes >= 2 * 60 { return "\(minutes / 60) hours" }
        return minutes == 1 ? "1 minute" : "\(minutes) minutes"
    }

    package static func times(_ count: Int64) -> String {
        switch count {
        case 1: "once"
        case 2: "twice"
        default: "\(count) times"
        }
    }

    /// `42 %`; small ones with a digit after the point.
    package static func percent(_ part: Double) -> String {
        let percent = part * 100
        guard percent.isFinite, abs(percent) < 1e6 else { return "\(percent) %" }
        if abs(percent) >= 10 || percent == percent.rounded() { return "\(Int(percent.rounded())) %" }
        return "\((percent * 10).rounded() / 10) %"
    }

    /// To hundredths.
    package static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
