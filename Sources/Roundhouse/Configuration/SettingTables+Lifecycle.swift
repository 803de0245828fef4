extension SettingTables {
    private static let year = Duration.seconds(365 * 86_400)
    private static let hour = Duration.seconds(3600)

    static let lifecycle: [Setting<RoundhouseConfiguration>] = [
        .scalar(
            "lifecycle.lazy_load", \.lifecycle.lazyLoad, .bool,
            "Loads every local model by its first request only. A model's own 'lazy' is stronger."
        ),
        .scalar(
            "lifecycle.lazy_large_models", \.lifecycle.lazyLargeModels, .bool,
            """
            Loads every local model whose file is larger than lifecycle.lazy_threshold_bytes by its first request only, \
            whatever the model says. AI_MODELS_LAZY_LOAD=true sets it as well.
            """
        ),
        .scalar(
            "lifecycle.lazy_threshold_bytes", \.lifecycle.lazyThresholdBytes, .size(0...64 << 40),
            "The size above which a model's file counts as large."
        ),
        .scalar(
            "lifecycle.memory_share", \.lifecycle.memoryShare, .decimal(0.05...1),
            "The part of each memory (main memory, or what the cgroup allows; each GPU) that models may take together."
        ),
        .optional(
            "lifecycle.memory_quota.cpu", \.lifecycle.memoryQuota.cpu, Self.memory, sample: .example("8GiB"),
            "What models may take of main memory together, in place of its share."
        ).live,
        .optional(
            "lifecycle.memory_quota.gpu", \.lifecycle.memoryQuota.gpu, Self.memory, sample: .example("20GiB"),
            "The same for each GPU."
        ).live,
        .scalar(
            "lifecycle.max_loaded_models", \.lifecycle.maxLoadedModels, .integer(0...10_000),
            "Models in memory at a time; 0 sets no limit."
        ).live,
        .scalar(
            "lifecycle.max_concurrent_loads", \.lifecycle.maxConcurrentLoads, .integer(1...64),
            "Models that load at the same time; more wait."
        ).live,
        .scalar(
            "lifecycle.max_queue", \.lifecycle.maxQueue, .integer(1...1_000_000),
            "Requests that may wait for one model to load; more are refused."
        ).live,
        .scalar(
            "lifecycle.min_residency", \.lifecycle.minResidency, .duration(.zero...Self.hour),
            "A loaded model in use is not drained for another before this time has passed, so that two do not chase each other."
        ).live,
        .scalar(
            "lifecycle.idle_ttl", \.lifecycle.idleTTL, .duration(.zero...Self.year),
            "A model is unloaded after so long without a request; 0s: never."
        ),
        .scalar(
            "lifecycle.preload_pattern", \.lifecycle.preloadPattern, .bool,
            "Loads models ahead of the hour of the week in which they are mostly used."
        ),
        .scalar(
            "lifecycle.keep_warm", \.lifecycle.keepWarm, .integer(0...100),
            "So many of the most used models are kept in memory."
        ),
        .scalar(
            "lifecycle.versions_kept", \.lifecycle.versionsKept, .integer(1...100),
            "Versions of a model that are kept, the active one included."
        ),
        .scalar(
            "lifecycle.max_restarts", \.lifecycle.maxRestarts, .integer(0...1000),
            "Restarts in a row of an engine that crashes, before its model counts as failed."
        ).live,
        .scalar(
            "lifecycle.probe_interval", \.lifecycle.probeInterval, .duration(.milliseconds(100)...Self.hour),
            "How often a loaded model is asked whether it still answers."
        ).live,
        .scalar(
            "lifecycle.unload_grace", \.lifecycle.unloadGrace, .duration(.zero...Self.hour),
            "How long requests may go on in a model that is unloaded by force."
        ),
        .scalar(
            "lifecycle.events_kept", \.lifecycle.eventsKept, .integer(1000...10_000_000),
            "Events that are kept for ListEvents and WatchEvents."
        ),
    ]

    private static let memory = ScalarCodec<Int>.size(1 << 20...64 << 40)
}
