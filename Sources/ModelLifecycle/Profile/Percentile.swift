extension Collection where Element: Comparable {
    /// The nearest-rank percentile: the smallest element that at least `percent` of a hundred elements do not exceed. It is
    /// always one that was measured; of few samples, high percentiles are the largest one.
    ///
    /// - Parameter percent: Above 0, at most 100.
    /// - Returns: `nil` when there are no elements.
    func percentile(_ percent: Int) -> Element? {
        let sorted = self.sorted()
        guard !sorted.isEmpty else { return nil }
        let rank = (percent * sorted.count + 99) / 100
        return sorted[Swift.min(Swift.max(rank, 1), sorted.count) - 1]
    }
}
