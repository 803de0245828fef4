internal import Hummingbird
internal import Inference

// Who may answer, and what is done when somebody fails: the object `roundhouse` of a body, and headers, over which it wins.
extension OpenAIFields {
    struct Routing {
        var options: RoutingOptions
        /// To be added to the request's own.
        var metadata: [String: String] = [:]
    }

    /// - Parameter isStreamed: what was sent as an event cannot be taken back. Then an answer that is cut is aligned, unless
    ///   the client wants another thing done, and to begin anew means to align, too.
    mutating func routing(_ object: JSONValue?, _ headers: HTTPFields, isStreamed: Bool) -> Routing {
        var routing = Routing(options: RoutingOptions(recovery: isStreamed ? .align : .restart))
        self.read(headers, into: &routing.options)
        if let object = self.object(object) { self.read(object, into: &routing) }
        if isStreamed, routing.options.recovery == .restart { routing.options.recovery = .align }
        return routing
    }

    private mutating func read(_ object: JSONValue, into routing: inout Routing) {
        for member in object.members where !member.value.isNull {
            let value = member.value
            switch member.key.string {
            case "requirements":
                if let object = self.object(value) { routing.options.requirements = self.requirements(object) }
            case "strategy": routing.options.strategy = self.string(value).flatMap { $0.isEmpty ? nil : $0 }
            case "recovery": self.recovery(self.string(value), self.path(value), &routing.options)
            case "priority": self.priority(self.string(value), self.path(value), &routing.options)
            case "hold_back":
                if let object = self.object(value) { routing.options.holdBack = self.holdBack(object) }
            case "tags":
                let (tags, prefix) = (self.strings(value), self.prefix)
                routing.options.tags = self.checks.tags(tags, field: Self.path(value, prefix), most: 16)
            case "explain": routing.options.wantsExplanation = self.boolean(value) ?? false
            case "share", "share_identical": routing.options.allowsSharing = self.boolean(value)
            case "metadata": routing.metadata = self.labels(value)
            default:
                self.report(
                    value,
                    "is not known; expected requirements, strategy, recovery, hold_back, priority, tags, explain, share or "
                        + "metadata", .unknown)
            }
        }
    }

    /// `fail`, or `RECOVERY_MODE_FAIL` as protobuf has it.
    private mutating func recovery(_ name: String?, _ field: String, _ options: inout RoutingOptions) {
        guard let name else { return }
        let bare = Self.bare(name, prefix: "RECOVERY_MODE_")
        options.recovery = self.checks.named(bare, as: RecoveryMode.self, field: field) ?? options.recovery
    }

    private mutating func priority(_ name: String?, _ field: String, _ options: inout RoutingOptions) {
        guard let name else { return }
        let bare = Self.bare(name, prefix: "REQUEST_PRIORITY_")
        options.priority = self.checks.named(bare, as: RequestPriority.self, field: field) ?? options.priority
    }

    private static func bare(_ name: String, prefix: String) -> String {
        name.hasPrefix(prefix) ? name.dropFirst(prefix.count).lowercased() : name
    }

    // MARK: - Hold-back

    /// By the names of `roundhouse.v1.HoldBack`, with milliseconds beside its duration.
    private mutating func holdBack(_ object: JSONValue) -> HoldBack? {
        var holdBack = HoldBack()
        for member in object.members where !member.value.isNull {
            switch member.key.string {
            case "characters": holdBack.characters = self.count(member.value)
            case "milliseconds": holdBack.duration = self.count(member.value).map { .milliseconds($0) }
            case "duration": holdBack.duration = self.duration(member.value)
            default:
                self.report(member.value, "is not known; expected characters, milliseconds or duration", .unknown)
            }
        }
        let isEmpty = object.members.allSatisfy { $0.value.isNull }
        if isEmpty { self.report(object, "is empty; expected characters or milliseconds", .missing) }
        return holdBack == HoldBack() ? nil : holdBack
    }

    /// `200`, `500ms` or `200, 500ms`.
    private mutating func holdBack(_ text: String, _ field: String) -> HoldBack? {
        var holdBack = HoldBack()
        for part in Self.list(text) {
            if let characters = Int32(part), characters > 0 {
                holdBack.characters = Int(characters)
            } else if let time = DurationText.parse(part), time > .zero {
                holdBack.duration = time
            } else {
                self.report(
                    field, "is '\(text.prefix(100))'; expected characters, a time or both, such as '200, 500ms'",
                    .invalidValue)
                return nil
            }
        }
        return holdBack == HoldBack() ? nil : holdBack
    }

    // MARK: - Requirements

    /// By the names of `roundhouse.v1.ModelRequirements`.
    private mutating func requirements(_ object: JSONValue) -> ModelRequirements {
        var requirements = ModelRequirements()
        for member in object.members where !member.value.isNull {
            let value = member.value
            let prefix = self.prefix
            switch member.key.string {
            case "task": requirements.task = self.name(value, as: ModelCategory.self)
            case "capabilities":
                let values = self.elements(value)
                requirements.capabilities = Set(values.compactMap { self.name($0, as: Capability.self) })
            case "min_context_length": requirements.minContextLength = self.count(value)
            case "max_price_nano_usd": requirements.maxPricePerMillionTokens = self.money(value)
            case "max_cost_nano_usd": requirements.maxCostNanoUSD = self.money(value)
            case "min_quality_score": requirements.minQualityScore = self.number(value, in: 0...1)
            case "min_safety_score": requirements.minSafetyScore = self.number(value, in: 0...1)
            case "max_latency": requirements.maxLatency = self.duration(value)
            case "free_only": requirements.freeOnly = self.boolean(value) ?? false
            case "local_only": requirements.localOnly = self.boolean(value) ?? false
            case "allowed_providers":
                let names = self.strings(value)
                requirements.allowedProviders = self.checks.providers(names, field: Self.path(value, prefix))
            case "denied_providers":
                let names = self.strings(value)
                requirements.deniedProviders = self.checks.providers(names, field: Self.path(value, prefix))
            case "tags":
                let tags = self.strings(value)
                requirements.tags = self.checks.tags(tags, field: Self.path(value, prefix), most: 64)
            default: self.report(value, "is no field of ModelRequirements", .unknown)
            }
        }
        return requirements
    }

    /// Nano-USD: a number, or a string of one, as protobuf writes numbers of 64 bits.
    private mutating func money(_ value: JSONValue) -> Int64? {
        guard let amount = value.string.flatMap({ Int64($0) }) ?? self.integer(value) else { return nil }
        let prefix = self.prefix
        return self.checks.atLeast(0, amount, field: Self.path(value, prefix))
    }

    /// `1.5s` as protobuf writes it, `500ms`, or seconds as a number.
    private mutating func duration(_ value: JSONValue) -> Duration? {
        var seconds = value.number
        if let text = value.string {
            if let duration = DurationText.parse(text), duration > .zero { return duration }
            seconds = text.last == "s" ? Double(text.dropLast()) : nil
        }
        if let seconds, seconds > 0, seconds <= 1e9 { return .nanoseconds(Int64((seconds * 1e9).rounded())) }
        self.report(
            value, "is '\(value.raw.prefix(60))'; expected a duration above 0, such as '1.5s' or '500ms'", .invalidValue
        )
        return nil
    }

    // MARK: - Headers

    private mutating func read(_ headers: HTTPFields, into options: inout RoutingOptions) {
        for header in headers {
            let field = header.name.canonicalName
            guard field.hasPrefix("x-roundhouse-") else { continue }
            switch field.dropFirst(13) {
            case "strategy": options.strategy = header.value.isEmpty ? nil : header.value
            case "recovery": self.recovery(header.value, field, &options)
            case "priority": self.priority(header.value, field, &options)
            case "hold-back": options.holdBack = self.holdBack(header.value, field)
            case "tags": options.tags = self.checks.tags(Self.list(header.value), field: field, most: 16)
            case "explain": options.wantsExplanation = self.flag(header.value, field) ?? false
            case "share": options.allowsSharing = self.flag(header.value, field)
            case "requirements": self.requirements(header.value, field, &options)
            default: self.ignore(field)
            }
        }
    }

    private mutating func requirements(_ text: String, _ field: String, _ options: inout RoutingOptions) {
        do throws(JSONProblem) {
            let json = try JSONText(text)
            self.prefix = field
            if let object = self.object(json.root) { options.requirements = self.requirements(object) }
            self.prefix = ""
        } catch {
            self.report(field, "is no JSON \(error.description)", .invalidValue)
        }
    }

    private mutating func flag(_ text: String, _ field: String) -> Bool? {
        switch text.lowercased() {
        case "true", "1": return true
        case "false", "0": return false
        default:
            self.report(field, "is '\(text.prefix(100))'; expected true or false", .invalidValue)
            return nil
        }
    }

    /// What stands between commas, without white space around it.
    private static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }
}

extension HTTPFields {
    /// The trace that a request belongs to; `nil`: none.
    var traceContext: TraceContext? {
        guard let parent = Element.Name("traceparent"), let state = Element.Name("tracestate"), self.contains(parent)
        else { return nil }
        return TraceContext(traceparent: self[values: parent], tracestate: self[values: state])
    }
}
