package import Inference
internal import Synchronization

extension ModelSwitcher {
    /// What is to be switched.
    package struct Request: Sendable {
        /// What is switched, for people and so that it is switched by one at a time: the alias, or the model whose
        /// version changes.
        package var subject: String
        /// For the event.
        package var alias: String?
        /// Who answered until now. Those that are none that are loaded do no harm.
        package var old: [InstanceKey]
        package var new: InstanceKey
        /// In the caller's words.
        package var reason: String
        package var keepPreviousLoaded: Bool
        /// Whether anything leads to an old model now, so that it stays loaded: another alias, or this one again. Asked
        /// after the flip, and once more right before it is drained.
        package var isStillUsed: @Sendable (InstanceKey) -> Bool

        package init(
            subject: String,
            alias: String? = nil,
            old: [InstanceKey],
            new: InstanceKey,
            reason: String = "",
            keepPreviousLoaded: Bool = false,
            isStillUsed: @escaping @Sendable (InstanceKey) -> Bool = { _ in false }
        ) {
            self.subject = subject
            self.alias = alias
            self.old = old
            self.new = new
            self.reason = reason
            self.keepPreviousLoaded = keepPreviousLoaded
            self.isStillUsed = isStillUsed
        }
    }

    /// What a switch did.
    package struct Outcome<Flipped: Sendable>: Sendable {
        /// What the flip returned.
        package var flipped: Flipped
        package var plan: SwitchPlan
        /// Loading and warming; zero when the model was ready, or is none that is loaded.
        package var loadDuration: Duration
        package var flipDuration: Duration
        /// Old instances that are being drained, and go once their requests have ended.
        package var draining: [InstanceKey]
    }
}

/// Holds a subject until it is ended or let go of.
final class SwitchClaim: Sendable {
    private let release: Mutex<(@Sendable () -> Void)?>

    init(_ release: @escaping @Sendable () -> Void) {
        self.release = Mutex(release)
    }

    func end() {
        let release = self.release.withLock { $0.take() }
        release?()
    }

    deinit { self.end() }
}
