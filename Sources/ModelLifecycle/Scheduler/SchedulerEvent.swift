import Inference

extension LifecycleScheduler {
    /// Something that happened.
    enum Event: Sendable {
        /// The registry changed: every model that can be loaded.
        case models([ManagedModel])
        case limits(LifecycleLimits)
        case readings([MemoryReading])

        /// A request wants a lease of a model's active version.
        case acquire(ticket: Int, ModelID, wantsProgress: Bool)
        /// Someone wants a version, or the active one, to be ready.
        case load(ticket: Int, ModelID, version: String?, warms: Bool, wantsProgress: Bool)
        case unload(ticket: Int, ModelID, version: String?, grace: Duration?, reason: String)
        /// Who held the ticket has left.
        case abandon(ticket: Int)
        case release(InstanceKey, launch: Int)

        case prepared(number: Int, Result<MemoryEstimate, RuntimeUnavailable>)
        case report(launch: Int, RuntimeReport)
        /// The first, internal request was answered, or not.
        case warmed(launch: Int, UpstreamFault?)
        case probed(launch: Int, isAlive: Bool)
        case ended(launch: Int, RuntimeExit)

        /// Time went by.
        case tick
        case shutDown
    }

    /// Something to do.
    enum Effect: Sendable, Hashable {
        case prepare(number: Int, RuntimeModel)
        case launch(number: Int, RuntimeModel)
        /// Tells a launch to end.
        case stop(launch: Int)
        /// Ends a launch without asking.
        case kill(launch: Int)
        case warm(RuntimeInstance)
        case readMemory

        /// Answers to tickets: each gets exactly one, but for those that were abandoned.
        case grant(ticket: Int, RuntimeInstance)
        case loaded(ticket: Int, InstanceKey)
        case unloaded(ticket: Int, UnloadOutcome)
        case refuse(ticket: Int, LifecycleError)
        case progress(tickets: [Int], LoadProgress)

        case emit(GatewayEvent)
        case changed(InstanceKey, from: InstanceState, to: InstanceState)
        /// Replaces what was asked for before; `nil`: time changes nothing.
        case wake(at: ContinuousClock.Instant?)
        /// The shutdown is over: nothing is in memory.
        case finished
    }
}
