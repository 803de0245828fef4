import Inference

extension SettingTables {
    private static let day = Duration.seconds(86_400)
    private static let hour = Duration.seconds(3600)

    static let routing: [Setting<RoundhouseConfiguration>] = [
        .scalar(
            "routing.strategy", \.routing.strategy, .strategy,
            "How candidates are ordered when neither the request nor a rule says."
        ).live,
        .scalar(
            "routing.weights.quality", \.routing.weights.quality, .decimal(0...1000),
            "How much the quality score counts for performance_based. Only the ratio of the three counts."
        ).live,
        .scalar(
            "routing.weights.latency", \.routing.weights.latency, .decimal(0...1000),
            "How much the time to the first token counts."
        ).live,
        .scalar(
            "routing.weights.success", \.routing.weights.success, .decimal(0...1000),
            "How much the part of requests that go well counts."
        ).live,
        .scalar(
            "routing.affinity", \.routing.affinity, .bool,
            "Sends requests with the same beginning to the engine that has it in its cache."
        ).live,
        .scalar(
            "routing.affinity_max_imbalance", \.routing.affinityMaxImbalance, .integer(0...1000),
            "How many more requests than on the idlest candidate may run there before others are preferred."
        ).live,
        .scalar(
            "routing.share_identical", \.routing.shareIdentical, .bool,
            "Lets identical repeatable requests in flight share one upstream call. A request may decide for itself."
        ),
        .scalar(
            "routing.fallback.max_attempts", \.routing.fallback.maxAttempts, .integer(1...100),
            "Attempts of one request, all candidates together."
        ),
        .scalar(
            "routing.fallback.max_time", \.routing.fallback.maxTime, .duration(.milliseconds(100)...Self.day),
            "For the whole search until the first output."
        ),
        .scalar(
            "routing.fallback.exclude_failed_for", \.routing.fallback.excludeFailedFor, .duration(.zero...Self.day),
            "A model that failed is asked after the others for so long; 0s: it is not."
        ),
        .scalar(
            "routing.fallback.prefer_other_provider", \.routing.fallback.preferOtherProvider, .bool,
            "Asks candidates of another provider first after a failure that may be the provider's."
        ),
        .list(
            "routing.fallback.context_length", \.routing.fallback.contextLength, .modelID,
            "Models asked when the prompt is too long for the candidates, in this order."
        ),
        .list(
            "routing.fallback.content_filter", \.routing.fallback.contentFilter, .modelID,
            "Models asked when a filter refused, in this order."
        ),
        .scalar(
            "routing.retry.attempts_per_model", \.routing.retry.attemptsPerModel, .integer(1...20),
            "Attempts for each model. Others are asked first."
        ),
        .scalar(
            "routing.retry.backoff", \.routing.retry.backoff, .duration(.milliseconds(1) ... .seconds(60)),
            "The longest first wait before a model is asked again; the wait is drawn at random up to it, and doubles."
        ),
        .scalar(
            "routing.retry.max_backoff", \.routing.retry.maxBackoff, .duration(.milliseconds(1) ... .seconds(600)),
            "The longest wait."
        ),
        .scalar(
            "routing.retry.max_retry_after", \.routing.retry.maxRetryAfter, .duration(.zero...Self.hour),
            "A longer Retry-After of an upstream is not waited for."
        ),
        .scalar(
            "routing.retry.budget", \.routing.retry.budget, .decimal(0...10),
            "Repeated attempts for each request at most, on average. Ten a second are always allowed."
        ),
        .scalar("routing.breaker.enabled", \.routing.breaker.enabled, .bool, "Leaves alone what keeps failing."),
        .scalar(
            "routing.breaker.window", \.routing.breaker.window, .duration(.seconds(1)...Self.hour),
            "The time that is looked back on."
        ),
        .scalar(
            "routing.breaker.min_requests", \.routing.breaker.minRequests, .integer(1...10_000),
            "With fewer attempts in the window, the ratio of failures opens nothing."
        ),
        .scalar(
            "routing.breaker.failure_ratio", \.routing.breaker.failureRatio, .decimal(0.01...1),
            "The part of failures that opens a breaker."
        ),
        .scalar(
            "routing.breaker.consecutive_failures", \.routing.breaker.consecutiveFailures, .integer(1...10_000),
            "So many failures in a row open a breaker, too."
        ),
        .scalar(
            "routing.breaker.open_for", \.routing.breaker.openFor, .duration(.milliseconds(100)...Self.hour),
            "How long a breaker stays open at first. Each failed probe doubles it."
        ),
        .scalar(
            "routing.breaker.max_open_for", \.routing.breaker.maxOpenFor, .duration(.milliseconds(100)...Self.day),
            "The longest."
        ),
        .scalar(
            "routing.breaker.half_open_probes", \.routing.breaker.halfOpenProbes, .integer(1...100),
            "Requests at a time that try whether it works again; as many successes close the breaker."
        ),
        .optional(
            "routing.hedge.after", \.routing.hedge.after, .duration(.milliseconds(1) ... .seconds(600)),
            sample: .alternative("2s"),
            "Asks the next candidate beside one that gave no output for so long. The slower one is cancelled, and costs."
        ),
        .scalar(
            "routing.hedge.budget", \.routing.hedge.budget, .decimal(0...1),
            "Hedges for each request at most, on average."
        ),
        .elements(
            "routing.rules", \.routing.rules, of: Self.rule,
            prototype: { RoundhouseConfiguration.Rule(name: "") },
            "Who answers which requests. The first rule whose conditions hold decides."
        ).live,
        .elements(
            "routing.auto_switch", \.routing.autoSwitch, of: Self.autoSwitch,
            prototype: { RoundhouseConfiguration.AutoSwitch(alias: "") },
            "Aliases whose active model is exchanged for the next target while it does badly."
        ),
        .scalar(
            "openrouter.show_free_only", \.openRouter.showFreeOnly, .bool,
            "Lists and asks only OpenRouter's free models. OPENROUTER_SHOW_FREE_ONLY sets it as well."
        ),
        .scalar(
            "openrouter.prefer_free_models", \.openRouter.preferFreeModels, .bool,
            "Puts OpenRouter's free models first when the gateway chooses. OPENROUTER_PREFER_FREE_MODELS sets it as well."
        ),
        .optional(
            "openrouter.max_price", \.openRouter.maxPrice, .price, sample: .alternative("0.5"),
            """
            OpenRouter's models of which either price is higher are neither listed nor asked. \
            OPENROUTER_MAX_COST_PER_TOKEN, in USD for one token, sets it as well.
            """
        ),
    ]

    static let rule: [Setting<RoundhouseConfiguration.Rule>] = [
        .scalar("name", \.name, .text, sample: .required("long-prompts"), "For explanations and logs."),
        .list("when.models", \.when.models, .aliasOrAuto, "What was asked for: aliases, or auto."),
        .optional("when.task", \.when.task, .choice, sample: .alternative("text"), "What is to come out."),
        .list("when.priorities", \.when.priorities, .choice, "The request's priority is one of these."),
        .list("when.tags", \.when.tags, .tag, "The request has every one of these tags."),
        .list("when.capabilities", \.when.capabilities, .choice, "The request needs every one of these."),
        .optional(
            "when.min_input_tokens", \.when.minInputTokens, .integer(0...100_000_000), sample: .example("8000"),
            "The prompt is estimated to have so many tokens at least."
        ),
        .optional(
            "when.max_input_tokens", \.when.maxInputTokens, .integer(0...100_000_000), sample: .alternative("8000"),
            "The prompt is estimated to have so many tokens at most."
        ),
        .list("when.days", \.when.days, .choice, "It is one of these days."),
        .optional("when.from", \.when.from, .timeOfDay, sample: .alternative("'22:00'"), "It is this time or later."),
        .optional(
            "when.to", \.when.to, .timeOfDay, sample: .alternative("'06:00'"),
            "It is before this time. Earlier than 'from': over midnight."
        ),
        .scalar(
            "when.utc_offset", \.when.utcOffset, .integer(-840...840), "Minutes east of UTC that the times are of."
        ),
        .list(
            "pool", \.pool, .target,
            "Models and aliases that are asked. Without any: what the request asked for."
        ),
        .optional(
            "strategy", \.strategy, .strategy, sample: .example("cost_optimized"),
            "How they are ordered. Without it: an alias's own order, else routing.strategy."
        ),
    ]

    static let autoSwitch: [Setting<RoundhouseConfiguration.AutoSwitch>] = [
        .scalar(
            "alias", \.alias, .aliasName, sample: .required("fast"), "The alias. It needs two targets at least."),
        .scalar(
            "min_success_rate", \.minSuccessRate, .decimal(0...1), "The part of its requests that must go well."
        ),
        .optional(
            "max_latency", \.maxLatency, .duration(.milliseconds(1) ... .seconds(3600)), sample: .example("5s"),
            "The time to the first token that it may take, at the median."
        ),
        .scalar("window", \.window, .duration(.seconds(10)...Self.day), "The time that is looked back on."),
        .scalar(
            "min_requests", \.minRequests, .integer(1...1_000_000), "Fewer requests in the window decide nothing."
        ),
        .scalar(
            "recover_after", \.recoverAfter, .duration(.seconds(10) ... .seconds(30 * 86_400)),
            "The former model is tried again after so long; twice as long each time that it fails again."
        ),
    ]
}

// MARK: - What these keys hold

extension ScalarCodec where Value == String {
    /// The name of a selection strategy. Whether there is one of it is looked at when all is read.
    static let strategy = Self(expectation: Quoting.alternatives(SelectionNames.all)) { text, _ in
        if SelectionNames.all.contains(text) { return .success(text) }
        let hint = Quoting.nearest(to: text, among: SelectionNames.all).map { " (did you mean \($0)?)" } ?? ""
        return .failure(ScalarMismatch(expected: Quoting.alternatives(SelectionNames.all) + hint))
    } render: {
        $0
    }

    static let aliasName = Self(expectation: "an alias: \(ProviderID.expectation)") { text, _ in
        if case .alias = InferenceRequest.Target(text) { return .success(text) }
        return .failure(ScalarMismatch())
    } render: {
        $0
    }

    static let aliasOrAuto = Self(expectation: "an alias, or auto") { text, _ in
        switch InferenceRequest.Target(text) {
        case .alias: return .success(text)
        case .automatic where !text.isEmpty: return .success(text)
        default: return .failure(ScalarMismatch())
        }
    } render: {
        $0
    }

    static let target = Self(expectation: "a model as \(ModelID.expectation), or an alias") { text, _ in
        switch InferenceRequest.Target(text) {
        case .model, .alias: return .success(text)
        default: return .failure(ScalarMismatch())
        }
    } render: {
        $0
    }
}

/// The strategies that Roundhouse has by itself.
enum SelectionNames {
    static let all = [
        "priority", "weighted", "round_robin", "least_latency", "least_busy", "cost_optimized", "performance_based",
        "availability_based",
    ]
}

extension ScalarCodec where Value == RoundhouseConfiguration.TimeOfDay {
    static let timeOfDay = Self(expectation: "a time such as '08:30', from 00:00 to 24:00") { text, _ in
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 && Digits.isNumber(String($0)) }),
            let hours = Int(parts[0]), let minutes = Int(parts[1]), minutes < 60, hours * 60 + minutes <= 1440
        else { return .failure(ScalarMismatch()) }
        return .success(RoundhouseConfiguration.TimeOfDay(minutes: hours * 60 + minutes))
    } render: {
        let (hours, minutes) = $0.minutes.quotientAndRemainder(dividingBy: 60)
        return (hours < 10 ? "0" : "") + "\(hours):" + (minutes < 10 ? "0" : "") + "\(minutes)"
    }
}
