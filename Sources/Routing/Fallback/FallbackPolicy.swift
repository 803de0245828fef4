public import Inference

/// What is done when a model fails: how often, how long and whom else to ask.
///
/// Plain values; a server has one. Numbers below their least are taken as the least.
public struct FallbackPolicy: Sendable, Hashable {
    /// Attempts of one request, all candidates together and hedges counted: at least 1.
    public var maxAttempts = 6
    /// Attempts of one request at one model: at least 1. 1: never the same again.
    public var attemptsPerModel = 2
    /// The longest wait before a model is asked for the second time. It doubles with each further time. What is waited is
    /// drawn between nothing and that, so that many requests that failed together do not come back together.
    public var backoffBase: Duration = .milliseconds(100)
    /// What the doubling stops at.
    public var backoffMax: Duration = .seconds(2)
    /// A `Retry-After` longer than that is not waited for: the request fails at once with that fault, so that its client
    /// can decide.
    public var maxRetryAfterWait: Duration = .seconds(10)
    /// How many requests out of all may ask the same model again, 0...1: in an outage retries must not double the load.
    public var retryBudgetRatio = 0.2
    /// Retries that are allowed in a second whatever the ratio says, so that a quiet server has some.
    public var retryBudgetMinPerSecond = 10.0
    /// So long after a request came nobody is asked any more for it. An answer that is under way goes on.
    public var maxTime: Duration = .seconds(600)
    /// For so long a model that failed is asked only when nobody else is left; zero: not at all.
    public var excludeFailedFor: Duration = .zero
    /// Whether, after a fault that is likely to be its provider's, models of other providers are asked first.
    public var prefersOtherProvider = true
    /// Asks the next candidate beside one that has shown no output for so long; whoever is first answers. `nil`: never.
    /// Only for answers that are streamed: a whole one has no first token to wait for.
    public var hedgeAfter: Duration?
    /// How many requests out of all may be hedged, 0...1.
    public var hedgeBudgetRatio = 0.1
    /// Asked in this order when a prompt is too long for the candidates. Not for a request that names one model.
    public var contextLengthChain: [ModelID] = []
    /// Asked in this order, before the other candidates, when a filter refused a prompt. Not for a request that names one
    /// model.
    public var contentFilterChain: [ModelID] = []
    /// The least part of the client's deadline that an attempt gets, unless less is left.
    public var leastAttemptTime: Duration = .milliseconds(250)
    /// `nil`: there are no breakers.
    public var breaker: BreakerSettings? = BreakerSettings()

    public init() {}

    /// The longest that a `Retry-After` keeps a model back: some upstreams send nonsense.
    static let longestExclusion = Duration.seconds(3600)
}

/// When a circuit breaker opens, and when it closes again.
public struct BreakerSettings: Sendable, Hashable {
    /// What lies further back is forgotten.
    public var window: Duration = .seconds(30)
    /// The window is forgotten in so many parts: at least 1.
    public var buckets = 10
    /// With fewer outcomes in the window the ratio is not looked at.
    public var minRequests = 10
    /// Opens when this part of the outcomes in the window failed, 0...1.
    public var failureRatio = 0.5
    /// Opens when so many failed in a row, however few there were: at least 1.
    public var consecutiveFailures = 5
    /// How long it stays open the first time. It doubles each time that a probe fails.
    public var openFor: Duration = .seconds(15)
    /// What the doubling stops at.
    public var maxOpenFor: Duration = .seconds(300)
    /// So many requests at the same time may try whether it is well again, and so many must find that it is: at least 1.
    public var halfOpenProbes = 2
    /// A model that was given less time than this by its client's deadline is not blamed for having been too slow: clients
    /// in a hurry must not close a model to all others.
    public var blameTimeoutsFrom: Duration = .seconds(5)

    public init() {}
}
