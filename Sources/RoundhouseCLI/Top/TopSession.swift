internal import RoundhouseAPI
internal import Synchronization

/// `top` on a terminal: draws what the server tells, until a key, a signal or an error ends it.
struct TopSession: Sendable {
    let watcher: MetricsWatcher
    let console: any Console
    let address: String
    let order: TopState.Order

    /// Shared by who takes figures, who takes keys and who draws.
    private final class Shared: Sendable {
        private let state: Mutex<TopState>
        private let failure = Mutex<(any Error)?>(nil)

        init(_ state: TopState) {
            self.state = Mutex(state)
        }

        var current: TopState { self.state.withLock { $0 } }

        func change(_ body: (inout TopState) -> Void) {
            self.state.withLock { body(&$0) }
        }

        func fail(_ error: any Error) {
            self.failure.withLock { $0 = error }
        }

        func check() throws {
            if let failure = self.failure.withLock({ $0 }) { throw failure }
        }
    }

    /// - Throws: as ``MetricsWatcher/run(_:)``, and ``OutputClosed``.
    func run() async throws {
        try await self.console.withScreen { screen in
            try await self.run(on: screen)
        }
    }

    private func run(on screen: Screen) async throws {
        let shared = Shared(TopState(address: self.address, order: self.order))
        // However fast things happen, a slow terminal gets the newest picture, and none waits.
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { wake.finish() }
                do {
                    try await self.watcher.run { update in
                        shared.change { $0.take(update) }
                        wake.yield()
                        return true
                    }
                } catch {
                    shared.fail(error)
                }
            }
            group.addTask {
                for await event in screen.events {
                    if case .key(let key) = event {
                        let page = self.frame(shared.current, screen).page
                        shared.change { $0.take(key, page: page) }
                    }
                    wake.yield()
                }
            }
            defer { group.cancelAll() }
            for await _ in wakes {
                if shared.current.isDone { return }
                if shared.current.wantsToSuspend {
                    shared.change { $0.resume() }
                    try await screen.suspend()
                }
                let frame = self.frame(shared.current, screen)
                try await self.console.write(ScreenText.frame(frame.lines, frame.size))
            }
            try Task.checkCancellation()
            try shared.check()
        }
    }

    private func frame(_ state: TopState, _ screen: Screen) -> TopFrame {
        TopFrame(state: state, size: screen.size(), traits: self.console.output, hasKeys: screen.hasKeys)
    }
}
