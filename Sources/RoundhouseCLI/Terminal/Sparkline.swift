/// A row of bars, one for each step of time.
struct Sparkline: Sendable, Hashable {
    private static let blocks: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    /// For locales that have no blocks, from low to high.
    private static let marks: [Character] = ["_", ".", ":", "-", "=", "+", "*", "#"]

    /// At least 0. Nil: nothing is known of this step, and a gap shows it.
    var values: [Double?]
    /// What the highest bar stands for; the lowest stands for 0.
    let top: Double

    /// - Parameter top: nil: the largest value.
    init(_ values: [Double?], top: Double? = nil) {
        self.values = values.map { $0.flatMap { $0.isFinite ? max(0, $0) : nil } }
        self.top = top ?? self.values.compactMap { $0 }.max() ?? 0
    }

    /// One character a step, without the frame.
    func bars(isUnicode: Bool) -> String {
        let heights = isUnicode ? Self.blocks : Self.marks
        return String(
            self.values.map { value in
                guard let value else { return " " }
                guard value > 0, self.top > 0 else { return heights[0] }
                // Something is never shown as nothing.
                let height = (value / self.top * Double(heights.count - 1)).rounded()
                return heights[min(max(1, Int(min(height, 100))), heights.count - 1)]
            })
    }

    /// The bars between two lines, so that gaps at their ends are seen.
    func framed(isUnicode: Bool) -> String {
        let frame = isUnicode ? "│" : "|"
        return frame + self.bars(isUnicode: isUnicode) + frame
    }
}
