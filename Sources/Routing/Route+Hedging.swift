import Inference

extension Route {
    private enum Turn<Answer: Sendable>: Sendable {
        case ended(Asking, Result<Answer, UpstreamFault>)
        case clock
    }

    /// Asks one, and another beside it when the first shows no output for `delay`. Whoever is first wins, the other is
    /// cancelled and waited for.
    ///
    /// - Returns: The winner, whose books stay open; `nil` when everyone failed, which is in the books.
    func race<Answer: DiscardableAnswer>(
        _ first: Asking,
        _ delay: Duration,
        _ search: Search,
        _ ask: @escaping @Sendable (Asking) async throws(UpstreamFault) -> Answer
    ) async -> (Asking, Answer)? {
        await withTaskGroup(of: Turn<Answer>.self) { group in
            group.addTask { await self.run(first, ask) }
            group.addTask {
                try? await self.core.time.sleep(delay)
                return .clock
            }
            var running = 1
            var won: (Asking, Answer)?
            // What nobody can mend ends the race, and is the last entry of the books.
            var decisive: (Asking, UpstreamFault)?
            while let turn = await group.next() {
                switch turn {
                case .clock:
                    guard running == 1, won == nil, decisive == nil, !Task.isCancelled else { continue }
                    guard let second = self.hedge(beside: first, search) else { continue }
                    running += 1
                    group.addTask { await self.run(second, ask) }
                case .ended(let asking, .success(let answer)):
                    running -= 1
                    if won == nil {
                        won = (asking, answer)
                        group.cancelAll()
                    } else {
                        answer.discard()
                        self.lost(asking)
                    }
                case .ended(let asking, .failure(let fault)):
                    running -= 1
                    if won != nil && fault.kind == .cancelled {
                        self.lost(asking)
                    } else if fault.disposition == .fail && decisive == nil {
                        decisive = (asking, fault)
                        group.cancelAll()
                    } else {
                        self.close(asking, fault)
                    }
                    if running == 0 { group.cancelAll() }
                }
            }
            if let (asking, fault) = decisive { self.close(asking, fault) }
            return won
        }
    }

    private func run<Answer: DiscardableAnswer>(
        _ asking: Asking,
        _ ask: @escaping @Sendable (Asking) async throws(UpstreamFault) -> Answer
    ) async -> Turn<Answer> {
        do throws(UpstreamFault) {
            return .ended(asking, .success(try await self.attempt(asking, ask)))
        } catch {
            return .ended(asking, .failure(error))
        }
    }
}
