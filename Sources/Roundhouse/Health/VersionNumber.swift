/// A version as programs write theirs, for comparing: the numbers in front, separated by dots.
///
/// What follows the numbers (`-rc1`, `+cu124`, `.post1`) does not count: for "is it at least that old", a release
/// candidate is as good as its release.
struct VersionNumber: Sendable, Hashable, Comparable {
    private let numbers: [Int]

    /// - Returns: `nil` for a text that does not begin with a number.
    init?(_ text: String) {
        var numbers: [Int] = []
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            let digits = part.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int(digits) else { break }
            numbers.append(number)
            if digits.count < part.count { break }
        }
        while numbers.count > 1, numbers.last == 0 { numbers.removeLast() }
        guard !numbers.isEmpty else { return nil }
        self.numbers = numbers
    }

    static func < (one: VersionNumber, other: VersionNumber) -> Bool {
        one.numbers.lexicographicallyPrecedes(other.numbers)
    }

    /// Whether `version` is known to be older than `minimum`. What cannot be read is not.
    static func isOlder(_ version: String, than minimum: String) -> Bool {
        guard let version = VersionNumber(version), let minimum = VersionNumber(minimum) else { return false }
        return version < minimum
    }
}
