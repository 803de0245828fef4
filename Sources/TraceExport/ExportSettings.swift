/// Where spans are exported to and how, from the variables that OpenTelemetry's specification names.
///
/// What is wrong is told and taken for not being set, as the specification wants.
public struct ExportSettings: Sendable {
    /// The whole address: `http://localhost:4318/v1/traces`.
    public var endpoint: String
    /// Sent with every export. Values may be secret.
    public var headers: [(name: String, value: String)] = []
    /// For one try.
    public var timeout = Duration.seconds(10)
    /// Authorities (PEM) to trust in place of the system's.
    public var certificate: String?
    public var resource: [(key: String, value: SpanRecord.Value)] = []
    public var sampling = Sampling()
    /// Between two exports, while no batch is full.
    public var interval = Duration.seconds(5)
    public var batchSize = 512
    public var capacity = 2048
    /// Sentences about what is not as it should be. No values: they may be secret.
    public var warnings: [String] = []

    /// - Parameter version: of Roundhouse.
    /// - Returns: `nil` when nothing is to be exported: no endpoint is named, or it is switched off.
    public init?(environment: [String: String], version: String) {
        // An empty variable counts as none.
        func value(_ names: String...) -> (name: String, text: String)? {
            for name in names { if let text = environment[name], !text.isEmpty { return (name, text) } }
            return nil
        }
        if value("OTEL_SDK_DISABLED")?.text.lowercased() == "true" { return nil }
        if let exporters = value("OTEL_TRACES_EXPORTER")?.text {
            guard exporters.split(separator: ",").contains(where: { $0.trimmed == "otlp" }) else { return nil }
        }
        if let whole = value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")?.text {
            self.endpoint = whole
        } else if let base = value("OTEL_EXPORTER_OTLP_ENDPOINT")?.text {
            self.endpoint = base + (base.hasSuffix("/") ? "v1/traces" : "/v1/traces")
        } else {
            return nil
        }
        if let (name, text) = value("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
            text != "http/json"
        {
            self.warnings.append(
                "\(name): only http/json is spoken; the endpoint has to be a collector's port for HTTP, mostly 4318")
        }
        if let (name, text) = value("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS") {
            self.headers = self.pairs(text, of: name).map { (name: $0.lowercased(), value: $1) }
        }
        if let (name, text) = value("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT") {
            self.timeout = .milliseconds(self.number(text, of: name, 1...3_600_000) ?? 10_000)
        }
        self.certificate =
            value("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE")?.text
        if let (name, text) = value("OTEL_BSP_SCHEDULE_DELAY") {
            self.interval = .milliseconds(self.number(text, of: name, 1...3_600_000) ?? 5000)
        }
        if let (name, text) = value("OTEL_BSP_MAX_QUEUE_SIZE") {
            self.capacity = self.number(text, of: name, 1...1_000_000) ?? 2048
        }
        if let (name, text) = value("OTEL_BSP_MAX_EXPORT_BATCH_SIZE") {
            self.batchSize = self.number(text, of: name, 1...100_000) ?? 512
        }
        self.batchSize = min(self.batchSize, self.capacity)
        self.readSampler(value("OTEL_TRACES_SAMPLER")?.text, argument: value("OTEL_TRACES_SAMPLER_ARG")?.text)
        self.readResource(value("OTEL_RESOURCE_ATTRIBUTES")?.text, name: value("OTEL_SERVICE_NAME")?.text, version)
    }

    private mutating func readSampler(_ sampler: String?, argument: String?) {
        func ratio() -> Double? { argument.flatMap { Double($0) }.flatMap { (0...1).contains($0) ? $0 : nil } }
        switch sampler {
        case nil, "parentbased_always_on": break
        case "always_on": self.sampling = Sampling(asksParent: false)
        case "always_off": self.sampling = Sampling(ratio: 0, asksParent: false)
        case "parentbased_always_off": self.sampling = Sampling(ratio: 0)
        case "traceidratio", "parentbased_traceidratio":
            if ratio() == nil, argument != nil {
                self.warnings.append("OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1; 1 is taken")
            }
            self.sampling = Sampling(ratio: ratio() ?? 1, asksParent: sampler == "parentbased_traceidratio")
        default:
            self.warnings.append(
                "OTEL_TRACES_SAMPLER: expected always_on, always_off, traceidratio, parentbased_always_on, "
                    + "parentbased_always_off or parentbased_traceidratio; parentbased_always_on is taken")
        }
    }

    private mutating func readResource(_ attributes: String?, name: String?, _ version: String) {
        var resource = attributes.map { self.pairs($0, of: "OTEL_RESOURCE_ATTRIBUTES") } ?? []
        if let name { resource = resource.filter { $0.0 != "service.name" } + [("service.name", name)] }
        func standard(_ key: String, _ value: String) {
            if !resource.contains(where: { $0.0 == key }) { resource.append((key, value)) }
        }
        standard("service.name", "roundhouse")
        standard("service.version", version)
        standard("telemetry.sdk.name", "roundhouse")
        standard("telemetry.sdk.language", "swift")
        standard("telemetry.sdk.version", version)
        self.resource = resource.map { (key: $0, value: .string($1)) }
    }

    private mutating func number(_ text: String, of name: String, _ range: ClosedRange<Int>) -> Int? {
        if let number = Int(text), range.contains(number) { return number }
        self.warnings.append(
            "\(name): expected a whole number from \(range.lowerBound) to \(range.upperBound); the default is taken")
        return nil
    }

    /// Reads `key=value,key=value`, values escaped as in URLs; the last of two with one key counts.
    private mutating func pairs(_ text: String, of name: String) -> [(String, String)] {
        var pairs: [(String, String)] = []
        for part in text.split(separator: ",") {
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, let key = halves[0].trimmed.unescaped, !key.isEmpty,
                let value = halves[1].trimmed.unescaped
            else {
                self.warnings.append("\(name): expected key=value,key=value; a part that is none is left out")
                continue
            }
            pairs.removeAll { $0.0 == key }
            pairs.append((key, value))
        }
        return pairs
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var rest = self
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return rest
    }

    /// Without `%41`; `nil` when such an escape is wrong, or what it makes is no UTF-8.
    fileprivate var unescaped: String? {
        var bytes: [UInt8] = []
        var rest = self.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let code = UInt8(String(Substring(rest.prefix(2))), radix: 16) else { return nil }
            rest = rest.dropFirst(2)
            bytes.append(code)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
