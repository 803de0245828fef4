/// One model's engine as it stands, for `GetSystemStatus`.
package struct EngineStatus: Sendable, Hashable {
    /// ``LocalModel/name``.
    package var model: String
    package var state: EngineState
    /// A sentence; empty when there is nothing to say.
    package var reason: String
    /// While it is ready.
    package var endpoint: EngineEndpoint?
    /// When it came into this state, in microseconds since 1970-01-01 UTC.
    package var sinceMicroseconds: Int64
    /// Starts that were made because the engine had failed.
    package var restarts: Int
}
