internal import RoundhouseAPI
internal import SwiftProtobuf

/// Follows recommendations, each only as it was shown.
struct RecommendationRun: Sendable {
    private struct Choice {
        var number: Int
        var recommendation: Roundhouse_V1_Recommendation
        /// Nil: a person has to do it.
        var call: RecommendedCall?
    }

    let gateway: Gateway
    let console: any Console
    let json: Bool
    /// Nobody is asked.
    let isUnattended: Bool
    let range: Roundhouse_V1_MetricRange

    /// - Parameter names: numbers of the list as it is now, or ids.
    /// - Throws: ``QuietEnding`` with ``ExitStatus/byHand`` when one of them is no call, with ``ExitStatus/failure`` when
    ///   one was not wanted after all; ``CommandFailure`` before anything is done when one cannot be done.
    func apply(_ names: [String]) async throws {
        let list = try await self.gateway.recommendations(self.range).recommendations
        let choices = try names.map { try Self.choice($0, in: list) }
        if choices.contains(where: { $0.call != nil }), !self.isUnattended, !self.console.isInputTerminal {
            throw CommandFailure.usage(
                "--apply asks before it does something, and standard input is no terminal; add --yes")
        }
        var ending = ExitStatus.success
        for (index, choice) in choices.enumerated() {
            if let status = try await self.apply(choice, isFirst: index == 0) { ending = status }
        }
        if ending != .success { throw QuietEnding(status: ending) }
    }

    private static func choice(_ name: String, in list: [Roundhouse_V1_Recommendation]) throws -> Choice {
        let place = Int(name).map { $0 - 1 } ?? list.firstIndex { $0.id == name } ?? -1
        guard list.indices.contains(place) else {
            throw CommandFailure.notFound(
                Int(name) == nil
                    ? "nobody recommends '\(name)' now"
                    : "there is no recommendation \(name): there \(list.count == 1 ? "is" : "are") \(list.count)",
                hint: "'roundhouse recommendations' lists them, with the same --range")
        }
        let action = list[place].action
        return Choice(
            number: place + 1, recommendation: list[place],
            call: action.method.isEmpty ? nil : try RecommendedCall(action))
    }

    /// - Returns: with what the command ends if nothing worse comes.
    private func apply(_ choice: Choice, isFirst: Bool) async throws -> ExitStatus? {
        let recommendation = choice.recommendation
        guard let call = choice.call else {
            if self.json {
                try await self.console.write(json: recommendation)
            } else {
                let text = RecommendationTexts.text(recommendation, number: choice.number, for: self.console.output)
                try await self.console.write(text)
            }
            return .byHand
        }
        if !self.json || !self.isUnattended { await self.describe(choice) }
        if !self.isUnattended {
            guard try await self.console.confirms("do it?") else {
                await self.console.note(line: "nothing was done")
                return .failure
            }
        }
        // Somebody may have thought about it for long, or what was done before has changed it.
        if !self.isUnattended || !isFirst { try await self.check(recommendation, call) }
        try await call.perform(self.gateway, self.console, json: self.json)
        return nil
    }

    private func describe(_ choice: Choice) async {
        let recommendation = choice.recommendation
        let traits = self.console.errors
        var text = traits.bold("\(choice.number). \(RecommendationTexts.title(recommendation))") + "\n"
        text += traits.indented(recommendation.reason)
        text += traits.indented("Calls: \(recommendation.action.method) \(recommendation.action.requestJson)")
        await self.console.note(text)
    }

    /// - Throws: ``CommandFailure`` unless the same advice with the same call still stands.
    private func check(_ recommendation: Roundhouse_V1_Recommendation, _ call: RecommendedCall) async throws {
        let now = try await self.gateway.recommendations(self.range).recommendations
        guard let same = now.first(where: { $0.id == recommendation.id }) else {
            throw CommandFailure.local(
                "'\(recommendation.id)' is not recommended any more; it was not done",
                hint: "'roundhouse recommendations' lists what is recommended now")
        }
        guard try RecommendedCall(same.action) == call else {
            throw CommandFailure.local(
                "the call of '\(recommendation.id)' has become another one; it was not made",
                hint: "look at it again with 'roundhouse recommendations'")
        }
    }
}
