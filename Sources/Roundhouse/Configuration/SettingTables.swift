import Inference

/// The rows of the configuration, in the order of the template and the docs.
enum SettingTables {
    static let root: [Setting<RoundhouseConfiguration>] =
        Self.grpc + Self.http + Self.log + Self.storage + Self.telemetry + Self.local + Self.lifecycle + Self.routing
        + [
            .elements(
                "providers", \.providers, of: Self.provider,
                prototype: { RoundhouseConfiguration.Provider(id: .local, kind: .custom, baseURL: "") },
                "Upstreams that are asked over the network."
            ).live,
            .aliases(
                "aliases", \.aliases,
                """
                Bare names that clients may ask for: one model, a list asked in order, or targets that share the \
                requests by weight: { mode: weighted, targets: [{ model: openai/gpt-4o-mini, weight: 9 }, { model: \
                local/small, weight: 1 }] }. Without 'default' there, it stands for local/small and then local/tiny, or for every configured model by priority when those are not \
                served.
                """
            ).live,
        ]

    private static let grpc: [Setting<RoundhouseConfiguration>] = [
        .scalar("grpc.address", \.grpc.address, .address, "Where the server listens. Port 0 picks a free one."),
        .scalar(
            "grpc.insecure", \.grpc.insecure, .bool,
            "Allows an address that other machines can reach without TLS."
        ),
        .optional(
            "grpc.tls.certificate", \.grpc.certificate, .path, sample: .example("/etc/roundhouse/tls.crt"),
            "The server's certificate and its chain, PEM. Setting it turns TLS on."
        ),
        .optional(
            "grpc.tls.private_key", \.grpc.privateKey, .path, sample: .example("/etc/roundhouse/tls.key"),
            "The certificate's key, PEM."
        ),
        .optional(
            "grpc.tls.client_ca", \.grpc.clientCA, .path, sample: .example("/etc/roundhouse/clients.crt"),
            "Certificates that every client's certificate must come from (mTLS), PEM."
        ),
        .scalar(
            "grpc.max_message_bytes", \.grpc.maxMessageBytes, .size(1 << 10...1 << 30),
            "The largest request or answer message."
        ),
        .scalar(
            "grpc.max_metadata_bytes", \.grpc.maxMetadataBytes, .size(1 << 10...1 << 20),
            "The largest metadata of a request."
        ),
        .scalar(
            "grpc.max_connections", \.grpc.maxConnections, .integer(1...1_000_000),
            "Open connections at a time; more are refused."
        ),
        .scalar(
            "grpc.max_concurrent_streams", \.grpc.maxConcurrentStreams, .integer(1...1_000_000),
            "Calls at a time on one connection; more wait in the client."
        ),
        .scalar(
            "grpc.max_connection_age", \.grpc.maxConnectionAge, .duration(.seconds(1) ... .seconds(365 * 86_400)),
            "After this time a connection is asked to reconnect, so that load spreads. Running calls go on."
        ),
        .scalar(
            "grpc.slow_consumer_timeout", \.grpc.slowConsumerTimeout,
            .duration(.milliseconds(100) ... .seconds(3600)),
            "A stream whose client reads nothing for this long is cancelled."
        ),
        .scalar(
            "grpc.shutdown_grace", \.grpc.shutdownGrace, .duration(.zero ... .seconds(3600)),
            "How long running calls may go on after SIGTERM."
        ),
        .scalar("grpc.reflection", \.grpc.reflection, .bool, "Serves grpc.reflection, which grpcurl needs."),
    ]

    private static let http: [Setting<RoundhouseConfiguration>] = [
        .scalar(
            "http.address", \.http.address, .httpAddress,
            "Where /healthz, /readyz and /metrics are served. Port 0 picks a free one; 'off' opens none."
        ),
        .scalar(
            "http.insecure", \.http.insecure, .bool,
            "Allows an address that other machines can reach; nothing is encrypted there."
        ),
        .scalar(
            "http.max_connections", \.http.maxConnections, .integer(1...1_000_000),
            "Open connections at a time; more wait until one is closed."
        ),
        .scalar(
            "http.max_header_bytes", \.http.maxHeaderBytes, .size(1 << 10...1 << 20),
            "The largest head of a request."
        ),
        .scalar(
            "http.idle_timeout", \.http.idleTimeout, .duration(.milliseconds(100) ... .seconds(3600)),
            "A connection that has brought no whole head of a request for so long is closed."
        ),
        .scalar(
            "http.max_body_bytes", \.http.maxBodyBytes, .size(1 << 10...1 << 30),
            "The largest body of a request; more is refused with status 413."
        ),
        .scalar(
            "http.body_timeout", \.http.bodyTimeout, .duration(.milliseconds(100) ... .seconds(3600)),
            "A body that has not come whole after so long is refused with status 408 and its connection closed."
        ),
        .scalar(
            "http.keep_alive_interval", \.http.keepAliveInterval, .duration(.milliseconds(100) ... .seconds(3600)),
            "Silence in an event stream after which a comment is sent."
        ),
        .optional(
            "http.first_byte_patience", \.http.firstBytePatience, .duration(.milliseconds(100) ... .seconds(3600)),
            sample: .example("50s"),
            "An event stream's status waits for the first output; after so long it is 200, whatever follows."
        ),
        .scalar(
            "http.slow_consumer_timeout", \.http.slowConsumerTimeout,
            .duration(.milliseconds(100) ... .seconds(3600)),
            "A client that takes nothing of an event stream for so long is dropped."
        ),
    ]

    private static let log: [Setting<RoundhouseConfiguration>] = [
        .scalar("log.level", \.log.level, .choice, "The least serious message that goes to standard error.").live,
        .scalar("log.format", \.log.format, .choice, "Lines for people or for machines."),
        .scalar(
            "log.requests", \.log.requests, .choice,
            "Which requests have a line of their own when they have ended: names and figures, never their text."
        ).live,
        .scalar(
            "log.prompts", \.log.prompts, .bool,
            "Writes prompts and answers, too, at level debug, the first 16 KiB of each. Whoever reads the log reads them."
        ),
    ]

    private static let storage: [Setting<RoundhouseConfiguration>] = [
        .optional(
            "storage.path", \.storage.path, .path, sample: .example("/var/lib/roundhouse/roundhouse.db"),
            """
            The SQLite file with all that is kept: what is registered, events, statistics, the record of requests. Without \
            it: roundhouse.db in the data directory.
            """
        ),
        .scalar(
            "storage.retention", \.storage.retention, .duration(.seconds(3600) ... .seconds(3650 * 86_400)),
            "How long records of requests are kept."
        ),
    ]

    private static let telemetry: [Setting<RoundhouseConfiguration>] = [
        .scalar(
            "telemetry.enabled", \.telemetry.enabled, .bool,
            """
            Keeps a record and figures of every request. Without it ListRequests, GetTelemetry, the figures of models \
            and /metrics' counts of requests stay as they are on the disk.
            """
        )
    ]

    private static let local: [Setting<RoundhouseConfiguration>] = [
        .scalar("local.enabled", \.local.enabled, .bool, "Runs models here, with llama.cpp."),
        .scalar(
            "local.bundled_models", \.local.bundledModels, .bool,
            """
            Serves local/small and local/tiny, which ship with Roundhouse. They prove that the path works and are no \
            assistants, so 'auto' asks them last (priority 900 and 910).
            """
        ).live,
        .scalar(
            "local.preload", \.local.preload, .bool,
            "Loads every model with the server, so that the first request need not wait. Lazy models never are."
        ),
        .scalar(
            "local.threads", \.local.threads, .integer(0...1024),
            "Processor threads of each engine; 0 takes all cores up to four, and one where there are only two."
        ),
        .elements(
            "local.models", \.local.models, of: Self.localModel,
            prototype: { RoundhouseConfiguration.LocalModel(name: "", path: "") },
            "More models to run here, each a GGUF file."
        ).live,
        .list(
            "local.model_folders", \.local.modelFolders, .path,
            """
            Folders in which discovery looks for GGUF files; installed models are put into the first. Without any: models \
            in the data directory.
            """
        ),
    ]

    static let localModel: [Setting<RoundhouseConfiguration.LocalModel>] = [
        .scalar("name", \.name, .modelName, sample: .required("my-model"), "Clients ask for local/NAME."),
        .scalar("path", \.path, .path, sample: .required("/models/my-model.gguf"), "The GGUF file."),
        .optional("display_name", \.displayName, .text, sample: .example("My model"), "The name for people."),
        .optional(
            "context_length", \.contextLength, .integer(256...1_048_576), sample: .example("8192"),
            "Tokens of prompt and answer together; more takes more memory. Without it: what the file says, at most 8192."
        ),
        .optional(
            "threads", \.threads, .integer(0...1024), sample: .example("2"),
            "Processor threads of this model's engine. Without it: local.threads."
        ),
        .scalar(
            "parallel", \.parallel, .integer(1...64),
            "Requests answered at the same time. They share the context."
        ),
        .optional(
            "gpu_layers", \.gpuLayers, .integer(0...1000), sample: .example("99"),
            "Layers that are put on the GPU. Without it: none."
        ),
        .scalar("priority", \.priority, .integer(0...1000), "Smaller is asked first when the model is 'auto'."),
        .scalar("enabled", \.enabled, .bool, "Whether requests may reach it."),
        .optional(
            "lazy", \.lazy, .bool, sample: .example("true"),
            "Loads it by its first request only. Without it: lifecycle.lazy_load."
        ),
        .optional(
            "preload", \.preload, .bool, sample: .example("false"),
            "Loads it with the server. Without it: local.preload. Lazy models never are."
        ).atStart,
        .scalar("pinned", \.pinned, .bool, "Never evicts it and never unloads it for being idle."),
        .optional(
            "idle_ttl", \.idleTTL, .duration(.zero ... .seconds(365 * 86_400)), sample: .example("30m"),
            "Unloads it after so long without a request; 0s: never. Without it: lifecycle.idle_ttl."
        ),
        .optional("quality_score", \.qualityScore, Self.score, sample: .example("0.7"), Self.quality),
        .optional("safety_score", \.safetyScore, Self.score, sample: .example("0.9"), Self.safety),
        .list("tags", \.tags, .tag, Self.tags),
    ]

    private static let score = ScalarCodec<Double>.decimal(0...1)
    private static let quality = "How good its answers are, for those who ask for a quality at least."
    private static let safety = "How safe its answers are, for those who ask for a safety at least."
    private static let tags = "Labels for filters, at most 64."

    static let provider: [Setting<RoundhouseConfiguration.Provider>] = [
        .scalar("id", \.id, .providerID, sample: .required("openai"), "Clients ask for ID/MODEL."),
        .scalar("kind", \.kind, .choice, sample: .required("openai"), "Which product it is; 'custom' for any other."),
        .scalar(
            "base_url", \.baseURL, .baseURL, sample: .example("https://api.openai.com/v1"),
            """
            Where it is, without /chat/completions. Every kind but custom has the product's usual address as its \
            default.
            """
        ),
        .optional(
            "api_key", \.apiKey, .secret(allowingSpaces: false), sample: .example("${OPENAI_API_KEY}"),
            """
            Sent as 'Authorization: Bearer'. ${NAME} stands for an environment variable, ${NAME:-default} gives it a \
            default, $${ is a '${' meant literally.
            """
        ),
        .optional(
            "api_key_file", \.apiKeyFile, .path, sample: .alternative("/run/secrets/openai"),
            "Reads the key from a file instead."
        ),
        .list(
            "api_keys", \.apiKeys, .secret(allowingSpaces: false),
            "Several keys instead: one that is refused or at its limit rests, and the next is used."
        ),
        .optional(
            "api_key_command", \.apiKeyCommand, .command, sample: .alternative("pass show openai"),
            "Reads the keys from the output of a command instead, a line for each; run by /bin/sh, and again when a key is refused."
        ),
        .optional(
            "api_version", \.apiVersion, .apiVersion, sample: .alternative("'2024-10-21'"),
            "For kind azure_openai: the api-version of the classic addresses, whose deployment is the model's name. Without it: the v1 addresses."
        ),
        .headers(
            "headers", \.headers,
            "Headers sent with every request. Values may hold ${NAME} and are treated as secrets."
        ),
        .scalar(
            "allow_insecure", \.allowInsecure, .bool,
            "Allows http to a host that is not this machine: prompts and keys then travel in the clear."
        ),
        .optional(
            "ca_file", \.caFile, .path, sample: .alternative("/etc/ssl/my-ca.pem"),
            "Certificates (PEM) to trust instead of the system's, for an endpoint with a certificate of your own."
        ),
        .scalar("streaming", \.streaming, .bool, "Whether the endpoint can stream."),
        .scalar("priority", \.priority, .integer(0...1000), "Smaller is asked first when the model is 'auto'."),
        .scalar(
            "max_connections", \.maxConnections, .integer(1...65_535),
            "Connections at a time."
        ),
        .optional(
            "max_concurrent_requests", \.maxConcurrentRequests, .integer(1...1_000_000), sample: .example("64"),
            "Requests at a time. Without it: as many as connections."
        ),
        .scalar(
            "max_queue", \.maxQueue, .integer(0...1_000_000),
            "Requests that may wait for their turn; more are refused."
        ),
        .scalar("http_version", \.httpVersion, .choice, "Whether HTTP/2 is spoken where the server offers it."),
        .scalar("timeouts.connect", \.timeouts.connect, Self.timeout, "Until the connection stands, TLS included."),
        .scalar(
            "timeouts.first_token", \.timeouts.firstToken, Self.timeout,
            "From the request to the first piece of output."
        ),
        .scalar("timeouts.idle", \.timeouts.idle, Self.timeout, "Between two pieces of output."),
        .scalar("timeouts.total", \.timeouts.total, Self.timeout, "For the whole request."),
        .scalar(
            "timeouts.queue", \.timeouts.queue, Self.timeout,
            "For a request's turn while as many as may run do."
        ),
        .optional(
            "managed", \.managed, .bool, sample: .alternative("false"),
            """
            For kinds ollama and lm_studio: whether Roundhouse loads and unloads the provider's models as it does its own. \
            Without it: true for these kinds.
            """
        ),
        .scalar("discover", \.discover, .bool, "Asks the provider at start what models it has, and registers them.")
            .atStart,
        .elements(
            "models", \.models, of: Self.model,
            prototype: { RoundhouseConfiguration.Model(name: "") },
            "The models that it serves. Without any, every name is passed on, and the provider says what exists; "
                + "such models are not listed, and 'auto' does not ask them."
        ),
    ]

    private static let timeout = ScalarCodec<Duration>.duration(.milliseconds(1) ... .seconds(86_400))

    static let model: [Setting<RoundhouseConfiguration.Model>] = [
        .scalar("name", \.name, .modelName, sample: .required("gpt-4o-mini"), "What the provider calls the model."),
        .optional("display_name", \.displayName, .text, sample: .example("GPT-4o mini"), "The name for people."),
        .optional(
            "context_length", \.contextLength, .integer(1...100_000_000), sample: .example("128000"),
            "Tokens of prompt and answer together, if known."
        ),
        .optional(
            "max_output_tokens", \.maxOutputTokens, .integer(1...100_000_000), sample: .example("16384"),
            "Tokens of an answer at most, if known."
        ),
        .optional(
            "priority", \.priority, .integer(0...1000), sample: .example("10"),
            "Smaller is asked first when the model is 'auto'. Without it: the provider's."
        ),
        .optionalList(
            "capabilities", \.capabilities, .choice, sample: .example("[chat, streaming, tools, json_schema, vision]"),
            """
            What the model can do. Without it: what is known of a model of this name, else chat and streaming and what the \
            kind's models usually can.
            """
        ),
        .optional(
            "category", \.category, .choice, sample: .example("text"),
            "What comes out of it. Without it: what is known of a model of this name, else text."
        ),
        .optional(
            "price_input", \.priceInput, .price, sample: .example("0.15"),
            "What the prompt costs, if known. Together with price_output; 0 is free."
        ),
        .optional("price_output", \.priceOutput, .price, sample: .example("0.6"), "What the answer costs."),
        .optional(
            "price_cached_input", \.priceCachedInput, .price, sample: .example("0.075"),
            "What those tokens of the prompt cost that the provider had cached. Without it: price_input."
        ),
        .optional("quality_score", \.qualityScore, Self.score, sample: .example("0.7"), Self.quality),
        .optional("safety_score", \.safetyScore, Self.score, sample: .example("0.9"), Self.safety),
        .list("tags", \.tags, .tag, Self.tags),
        .scalar("enabled", \.enabled, .bool, "Whether requests may reach it."),
    ]
}

// TLS is all or nothing in the configuration's type but three keys in the file. An empty path marks what is missing
// until `resolve` looks.
extension RoundhouseConfiguration.GRPC {
    fileprivate var certificate: String? {
        get { self.tls?.certificate }
        set { self.changeTLS { $0.certificate = newValue ?? "" } }
    }
    fileprivate var privateKey: String? {
        get { self.tls?.privateKey }
        set { self.changeTLS { $0.privateKey = newValue ?? "" } }
    }
    fileprivate var clientCA: String? {
        get { self.tls?.clientCA }
        set { self.changeTLS { $0.clientCA = newValue } }
    }
    private mutating func changeTLS(_ change: (inout RoundhouseConfiguration.TLS) -> Void) {
        var tls = self.tls ?? RoundhouseConfiguration.TLS(certificate: "", privateKey: "")
        change(&tls)
        self.tls = tls
    }
}
