internal import Inference
private import Synchronization

/// Which model read which beginning of a prompt last. Forgets what was not used for the longest time.
final class PrefixMemory: Sendable {
    /// Two generations: what is used is in the young one, and when that is full the old one is let go of. Forgets like a
    /// list ordered by use, for the price of a dictionary.
    private struct State {
        var young: [UInt64: ModelID] = [:]
        var old: [UInt64: ModelID] = [:]
        var capacity: Int

        mutating func put(_ model: ModelID, for hash: UInt64) {
            guard self.capacity > 0 else { return }
            if self.young[hash] == nil, self.young.count >= max(1, self.capacity / 2) {
                self.old = self.young
                self.young.removeAll(keepingCapacity: false)
            }
            self.young[hash] = model
            self.old[hash] = nil
        }
    }

    private let state: Mutex<State>

    /// - Parameter capacity: how many beginnings are remembered.
    init(capacity: Int) {
        self.state = Mutex(State(capacity: capacity))
    }

    func setCapacity(_ capacity: Int) {
        self.state.withLock { $0.capacity = capacity }
    }

    /// The model that read the longest beginning of this prompt that is known.
    func model(for prefix: PromptPrefix) -> ModelID? {
        self.state.withLock { state in
            for hash in prefix.hashes.reversed() {
                if let model = state.young[hash] { return model }
                if let model = state.old[hash] {
                    state.put(model, for: hash)
                    return model
                }
            }
            return nil
        }
    }

    /// Notes that a model has read this prompt.
    func note(_ model: ModelID, for prefix: PromptPrefix) {
        self.state.withLock { state in
            for hash in prefix.hashes { state.put(model, for: hash) }
        }
    }

    var count: Int {
        self.state.withLock { $0.young.count + $0.old.count }
    }
}
