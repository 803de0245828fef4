import Inference

/// A model as filters see it: what is registered, and what is true of it now.
package struct FilterRow: Sendable {
    let entry: RegistryEntry
    package var facts: RuntimeFacts

    /// - Parameter aliases: bare names that lead to the model.
    package init(_ model: ModelDescription, aliases: [String] = [], facts: RuntimeFacts = RuntimeFacts()) {
        self.init(RegistryEntry(model, aliases: aliases), facts: facts)
    }

    init(_ entry: RegistryEntry, facts: RuntimeFacts = RuntimeFacts()) {
        self.entry = entry
        self.facts = facts
    }

    package var model: ModelDescription { self.entry.model }
    package var aliases: [String] { self.entry.aliases }
}

/// What of a model changes without anyone changing its registration.
package struct RuntimeFacts: Sendable, Hashable {
    /// One of ``states``.
    package var state: String
    package var isLoaded: Bool
    /// Requests that it was asked.
    package var useCount: Int64
    /// Microseconds since 1970-01-01 UTC; 0: never.
    package var lastUsedAtMicroseconds: Int64

    package init(
        state: String = "unloaded",
        isLoaded: Bool = false,
        useCount: Int64 = 0,
        lastUsedAtMicroseconds: Int64 = 0
    ) {
        self.state = state
        self.isLoaded = isLoaded
        self.useCount = useCount
        self.lastUsedAtMicroseconds = lastUsedAtMicroseconds
    }

    /// The names of the API's `ModelState`, in small letters.
    package static let states = [
        "ready", "loading", "unloaded", "failed", "queued", "warming", "draining", "unloading",
    ]
}

/// A model of a snapshot. Shared by reference: a page of a large registry copies none of the others.
package final class RegistryEntry: Sendable {
    package let model: ModelDescription
    /// The written id.
    package let id: String
    /// Bare names that lead to it, sorted.
    package let aliases: [String]

    package init(_ model: ModelDescription, id: String? = nil, aliases: [String] = []) {
        self.model = model
        self.id = id ?? model.id.description
        self.aliases = aliases
    }
}
