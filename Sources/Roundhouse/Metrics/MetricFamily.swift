internal import Telemetry

/// One family of the page `/metrics`: the single place for its name, type, labels and meaning.
///
/// docs/Metrics.md has a row for each, and the dashboard and the alerts of `deploy/` use no other names; tests compare them.
struct MetricFamily: Sendable {
    let name: StaticString
    let type: ExpositionWriter.FamilyType
    /// In the order in which they are written; `le` not counted.
    let labels: [String]
    let help: StaticString
    /// What OpenTelemetry's semantic conventions call it, where they have it.
    let convention: String?

    init(
        _ name: StaticString, _ type: ExpositionWriter.FamilyType, _ labels: [String] = [], convention: String? = nil,
        help: StaticString
    ) {
        self.name = name
        self.type = type
        self.labels = labels
        self.help = help
        self.convention = convention
    }
}

// MARK: - Models

extension MetricFamily {
    private static let model = ["model", "provider"]

    static let modelRequests = MetricFamily(
        "ai_model_requests_total", .counter, model + ["outcome"],
        help: "Requests by the model that answered, or was asked last, and how they ended.")
    static let modelDuration = MetricFamily(
        "ai_model_request_duration_seconds", .histogram, model, convention: "gen_ai.client.operation.duration",
        help: "Whole answers, from asking the model to the end. Those that failed are not in it.")
    static let modelTokens = MetricFamily(
        "ai_model_tokens_total", .counter, model + ["type"], convention: "gen_ai.client.token.usage",
        help: "Tokens. cached_input is a part of input, reasoning a part of output.")
    static let modelCost = MetricFamily(
        "ai_model_cost_total", .counter, model, help: "What requests cost, in USD; 0 where no price is known.")
    static let cacheHitRate = MetricFamily(
        "ai_cache_hit_rate", .gauge,
        help: "Of look-ups in the cache of answers, the part of the last hour that hit, 0 to 1.")
    static let modelHealth = MetricFamily(
        "ai_model_health_score", .gauge, model, help: "How well a model did in the last hour, 0 to 100.")
    static let firstToken = MetricFamily(
        "roundhouse_model_first_token_seconds", .histogram, model, convention: "gen_ai.server.time_to_first_token",
        help: "Streamed answers, from asking the model to its first output.")
    static let interToken = MetricFamily(
        "roundhouse_model_inter_token_seconds", .histogram, model, convention: "gen_ai.server.time_per_output_token",
        help: "Streamed answers, the mean time from one output token to the next of each.")
    static let attempts = MetricFamily(
        "roundhouse_model_attempts_total", .counter, model + ["outcome"],
        help: "How often a model was asked, and how that ended, whether or not another answered afterwards.")
    static let fallbacks = MetricFamily(
        "roundhouse_model_fallbacks_total", .counter, model,
        help: "Answers that the model gave after another one had failed.")
    static let modelBreaker = MetricFamily(
        "roundhouse_model_breaker_state", .gauge, model,
        help: "The model's circuit breaker: 0 closed, 1 half open, 2 open.")
    static let modelInFlight = MetricFamily(
        "roundhouse_model_requests_in_flight", .gauge, model, help: "Requests that the model answers now.")
    static let loads = MetricFamily(
        "roundhouse_model_loads_total", .counter, model, help: "Loads of the model into memory.")
    static let reloads = MetricFamily(
        "roundhouse_model_reloads_total", .counter, model,
        help: "Loads of a model that had been in memory within the hour before.")
    static let evictions = MetricFamily(
        "roundhouse_model_evictions_total", .counter, model,
        help: "How often the model was taken out of memory to make room for another.")
    static let providerBreaker = MetricFamily(
        "roundhouse_provider_breaker_state", .gauge, ["provider"],
        help: "The provider's circuit breaker: 0 closed, 1 half open, 2 open.")
    static let providerInFlight = MetricFamily(
        "roundhouse_provider_requests_in_flight", .gauge, ["provider"],
        help: "Requests that the provider's models answer now.")

    static let models: [MetricFamily] = [
        modelRequests, modelDuration, modelTokens, modelCost, cacheHitRate, modelHealth, firstToken, interToken,
        attempts,
        fallbacks, modelBreaker, modelInFlight, loads, reloads, evictions, providerBreaker, providerInFlight,
    ]
}

// MARK: - Requests

extension MetricFamily {
    static let requests = MetricFamily(
        "roundhouse_requests_total", .counter, ["outcome"], help: "Requests as their clients saw them end.")
    static let requestDuration = MetricFamily(
        "roundhouse_request_duration_seconds", .histogram, convention: "gen_ai.server.request.duration",
        help: "Whole answers, from the request's arrival to the end. Those that failed are not in it.")
    static let requestFirstToken = MetricFamily(
        "roundhouse_request_first_token_seconds", .histogram,
        help: "Streamed answers, from the request's arrival to the first output.")
    static let requestQueue = MetricFamily(
        "roundhouse_request_queue_seconds", .histogram,
        help: "What requests waited for models to be loaded; those that did not wait are not in it.")
    static let requestsInFlight = MetricFamily(
        "roundhouse_requests_in_flight", .gauge, help: "Requests under way.")
    static let cacheLookups = MetricFamily(
        "roundhouse_cache_lookups_total", .counter, ["result"], help: "Look-ups in the gateway's own cache of answers.")
    static let phases = MetricFamily(
        "roundhouse_phase_seconds", .histogram, ["phase", "side"],
        help: "Where the time of a request goes; all but first_byte is the gateway's own.")

    static let ofRequests: [MetricFamily] = [
        requests, requestDuration, requestFirstToken, requestQueue, requestsInFlight, cacheLookups, phases,
    ]
}

// MARK: - Memory

extension MetricFamily {
    static let instances = MetricFamily(
        "roundhouse_instances", .gauge, ["state"], help: "Models in memory or on their way there or back, by state.")
    static let loadQueue = MetricFamily(
        "roundhouse_load_queue_depth", .gauge, help: "Loads that wait for their turn.")
    static let waitingRequests = MetricFamily(
        "roundhouse_load_waiters", .gauge, help: "Requests that wait for a model to be loaded.")
    static let memorySize = MetricFamily(
        "roundhouse_memory_size_bytes", .gauge, ["device"],
        help: "A device's memory, limits of control groups included.")
    static let memoryFree = MetricFamily(
        "roundhouse_memory_free_bytes", .gauge, ["device"], help: "What the system says is free of it.")
    static let memoryLimit = MetricFamily(
        "roundhouse_memory_limit_bytes", .gauge, ["device"], help: "What models may take of it together.")
    static let memoryHeld = MetricFamily(
        "roundhouse_memory_held_bytes", .gauge, ["device", "stage"],
        help:
            "What models hold of it: predicted for loads under way, actual of loaded ones, releasing of those that ended."
    )

    static let memory: [MetricFamily] = [
        instances, loadQueue, waitingRequests, memorySize, memoryFree, memoryLimit, memoryHeld,
    ]
}

// MARK: - The gateway itself

extension MetricFamily {
    static let events = MetricFamily(
        "roundhouse_events_total", .counter, ["kind"], help: "Events, those of WatchEvents, by kind.")
    static let eventsDropped = MetricFamily(
        "roundhouse_events_dropped_total", .counter, help: "Events that never reached the disk.")
    static let eventsWaiting = MetricFamily(
        "roundhouse_events_waiting", .gauge, help: "Events that wait for the disk.")
    static let recordsWritten = MetricFamily(
        "roundhouse_request_records_written_total", .counter, help: "Request records written to the disk.")
    static let recordsDropped = MetricFamily(
        "roundhouse_request_records_dropped_total", .counter,
        help: "Request records lost because the disk could not take them.")
    static let recordsWaiting = MetricFamily(
        "roundhouse_request_records_waiting", .gauge, help: "Request records that wait for the disk.")
    static let spansExported = MetricFamily(
        "roundhouse_spans_exported_total", .counter, help: "Spans that a collector took.")
    static let spansDropped = MetricFamily(
        "roundhouse_spans_dropped_total", .counter,
        help: "Spans lost because too many waited or the collector would not take them.")
    static let logLinesDropped = MetricFamily(
        "roundhouse_log_lines_dropped_total", .counter,
        help: "Lines of the log lost because standard error was not read.")
    static let figuresLost = MetricFamily(
        "roundhouse_figures_lost_total", .counter, ["reason"],
        help:
            "Buckets of figures lost: unstored ones that the disk did not take, forgotten ones for which memory was too small."
    )
    static let storageSize = MetricFamily(
        "roundhouse_storage_size_bytes", .gauge, help: "The database with its write-ahead log.")
    static let storageFree = MetricFamily(
        "roundhouse_storage_free_bytes", .gauge, help: "What is free on the database's file system.")
    static let connections = MetricFamily(
        "roundhouse_grpc_connections", .gauge, help: "gRPC connections that are open.")
    static let connectionsTotal = MetricFamily(
        "roundhouse_grpc_connections_total", .counter, ["result"],
        help: "gRPC connections: accepted, and refused by the limit or for want of descriptors.")
    static let calls = MetricFamily(
        "roundhouse_grpc_calls", .gauge, help: "gRPC calls that are open.")
    static let callsTotal = MetricFamily(
        "roundhouse_grpc_calls_total", .counter, ["result"],
        help: "gRPC calls: started, refused by the limit or while stopping, and cut because their client took nothing.")
    static let registered = MetricFamily(
        "roundhouse_registered", .gauge, ["kind"], help: "What is registered: models, providers, aliases.")
    static let buildInfo = MetricFamily(
        "roundhouse_build_info", .gauge, ["version"], help: "Always 1.")

    static let gateway: [MetricFamily] = [
        events, eventsDropped, eventsWaiting, recordsWritten, recordsDropped, recordsWaiting, spansExported,
        spansDropped, logLinesDropped, figuresLost, storageSize, storageFree, connections, connectionsTotal, calls,
        callsTotal, registered, buildInfo,
    ]
}

// MARK: - The process

extension MetricFamily {
    static let processCPU = MetricFamily(
        "process_cpu_seconds_total", .counter, help: "Processor time, in user and system mode.")
    static let processMemory = MetricFamily(
        "process_resident_memory_bytes", .gauge,
        help: "Resident memory; that of engines, which are processes of their own, is not in it.")
    static let processVirtual = MetricFamily(
        "process_virtual_memory_bytes", .gauge, help: "Virtual memory.")
    static let processFiles = MetricFamily(
        "process_open_fds", .gauge, help: "Open file descriptors.")
    static let processFileLimit = MetricFamily(
        "process_max_fds", .gauge, help: "How many file descriptors may be open.")
    static let processStart = MetricFamily(
        "process_start_time_seconds", .gauge, help: "When the process started, in seconds since 1970-01-01 UTC.")

    static let process: [MetricFamily] = [
        processCPU, processMemory, processVirtual, processFiles, processFileLimit, processStart,
    ]

    /// All of the page, in its order.
    static let all = models + ofRequests + memory + gateway + process
}
