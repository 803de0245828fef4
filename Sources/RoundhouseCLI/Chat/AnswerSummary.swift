internal import RoundhouseAPI

/// What is said under an answer: who gave it, how fast, and what went wrong on the way.
struct AnswerSummary: Sendable, Hashable {
    var model: String
    var completed: Roundhouse_V1_Completed

    /// Lines without line breaks, the most important first.
    var lines: [String] {
        [self.figures] + self.remarks
    }

    private var figures: String {
        let usage = self.completed.usage
        let about = usage.estimated ? "about " : ""
        var parts = [self.model, about + Figures.count(usage.outputTokens, "token")]
        if let rate = self.tokensPerSecond { parts.append("\(Figures.fixed(rate, digits: 1)) tokens/s") }
        if self.completed.hasFirstTokenLatency {
            parts.append("first token \(Figures.duration(Duration(self.completed.firstTokenLatency)))")
        }
        if self.completed.hasLatency { parts.append("total \(Figures.duration(Duration(self.completed.latency)))") }
        if self.completed.hasCost { parts.append(Prices.text(self.completed.cost)) }
        return parts.joined(separator: " · ")
    }

    /// The rate after the first token, since the wait for it is told apart. Nil: too little to tell.
    var tokensPerSecond: Double? {
        let tokens = self.completed.usage.outputTokens
        guard tokens > 1, self.completed.hasLatency, self.completed.hasFirstTokenLatency else { return nil }
        let seconds =
            Duration(self.completed.latency).inSeconds - Duration(self.completed.firstTokenLatency).inSeconds
        return seconds > 0 ? Double(tokens - 1) / seconds : nil
    }

    private var remarks: [String] {
        var remarks: [String] = []
        switch self.completed.finishReason {
        case .stop, .toolCalls, .unspecified: break
        case .length: remarks.append("the answer was cut by the token limit")
        case .contentFilter: remarks.append("the answer was cut by the upstream's content filter")
        case .refusal: remarks.append("the model declined to answer")
        case .other, .UNRECOGNIZED: remarks.append("the answer ended for a reason that has no name here")
        }
        if self.completed.shared { remarks.append("the answer is that of an identical request, shared") }
        let failed = self.completed.attempts.filter { !$0.fault.isEmpty }
        if self.completed.attempts.count > 1, !failed.isEmpty {
            let reasons = failed.map { attempt in
                "\(attempt.model) failed: \(attempt.fault)" + (attempt.message.isEmpty ? "" : ": \(attempt.message)")
            }
            remarks.append("\(self.model) answered after " + reasons.joined(separator: "; "))
        }
        return remarks.map(TerminalText.singleLine)
    }
}

extension Console {
    /// Shows what there is to say about an answer on standard error.
    func show(_ summary: AnswerSummary) async {
        await self.note(summary.lines.map { self.errors.dim($0) + "\n" }.joined())
    }
}
