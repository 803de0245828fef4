// What growing figures gained between two looks at them.

extension MetricFigures {
    /// What was added since `earlier`, a former look at the same figures. Differences of one look after the other add up to
    /// the whole, but for the least and the largest time, which a difference knows within a bucket.
    ///
    /// Figures that were forgotten meanwhile have begun anew: all that they hold is news.
    package func since(_ earlier: MetricFigures) -> MetricFigures {
        guard self.isGrown(from: earlier) else { return self }
        var news = MetricFigures()
        news.counts = self.counts.since(earlier.counts)
        news.queue = self.queue.since(earlier.queue)
        news.firstToken = self.firstToken.since(earlier.firstToken)
        news.interToken = self.interToken.since(earlier.interToken)
        news.total = self.total.since(earlier.total)
        return news
    }

    private func isGrown(from earlier: MetricFigures) -> Bool {
        self.counts.isGrown(from: earlier.counts) && self.queue.count >= earlier.queue.count
            && self.firstToken.count >= earlier.firstToken.count && self.interToken.count >= earlier.interToken.count
            && self.total.count >= earlier.total.count
    }
}
