public import Inference
import LocalEngines

extension RoundhouseConfiguration {
    /// Models that Roundhouse runs itself, with llama.cpp.
    public struct Local: Sendable, Hashable {
        /// Runs local models at all. Default `true`.
        public var enabled = true
        /// Serves `local/tiny` and `local/small`, which ship with Roundhouse. Default `true`.
        public var bundledModels = true
        /// Starts every engine with the server, so that the first request need not wait. Default `true`.
        public var preload = true
        /// Processor threads of each engine. 0 to 1024, default 0: all cores up to four, one where there are only two.
        public var threads = 0
        /// More models, each a GGUF file. Names are unique.
        public var models: [LocalModel] = []
        /// Folders in which discovery looks for GGUF files; installed models are put into the first. Empty stands for
        /// `models` in the data directory; a loaded configuration has at least one.
        public var modelFolders: [String] = []

        public init() {}

        /// A model that ships with Roundhouse.
        public struct BundledModel: Sendable, Hashable {
            public var name: String
            /// Behind every configured model: these two prove that the path works, they are no assistants.
            public var priority: Int

            public var id: ModelID? { ModelID(provider: .local, name: self.name) }
        }

        /// The bundled models, best first.
        public static let bundled = BundledModels.files.enumerated().map { index, model in
            BundledModel(name: model.name, priority: 900 + 10 * index)
        }

        /// The bundled models that this configuration serves.
        public var servedBundledModels: [BundledModel] {
            self.enabled && self.bundledModels ? Self.bundled : []
        }
    }

    /// A GGUF file that Roundhouse serves as `local/NAME`.
    public struct LocalModel: Sendable, Hashable {
        /// The part of the model's id after `local/`. 1-255 characters without white space.
        public var name: String
        /// The GGUF file.
        public var path: String
        /// For people. `nil`: the name.
        public var displayName: String?
        /// Tokens of prompt and answer together. 256 to 1,048,576; `nil` (default): what the file says, at most 8192.
        public var contextLength: Int?
        /// Processor threads of this model's engine. 0 to 1024; `nil` (default): ``Local/threads``.
        public var threads: Int?
        /// Requests that the engine answers at the same time; they share the context. 1 to 64, default 1.
        public var parallel = 1
        /// Layers that are put on the GPU. 0 to 1000; `nil` (default): none.
        public var gpuLayers: Int?
        /// Smaller is asked first when `model` is `auto`. 0 to 1000, default 50: what runs here is free and private.
        public var priority = 50
        /// Whether requests may reach it. Default `true`.
        public var enabled = true
        /// Whether it is loaded by its first request only; `nil` (default): ``Lifecycle/lazyLoad``.
        public var lazy: Bool?
        /// Whether it is loaded with the server; `nil` (default): ``Local/preload``. Lazy models never are.
        public var preload: Bool?
        /// Whether it is never evicted and never unloaded for being idle. Default `false`.
        public var pinned = false
        /// Unloaded after so long without a request, `.zero` for never; `nil` (default): ``Lifecycle/idleTTL``.
        public var idleTTL: Duration?
        /// 0 to 1; `nil` (default): not known.
        public var qualityScore: Double?
        /// 0 to 1; `nil` (default): not known.
        public var safetyScore: Double?
        /// Labels for filters, at most 64.
        public var tags: [String] = []

        public init(name: String, path: String) {
            self.name = name
            self.path = path
        }
    }

    /// An upstream that is asked over the network.
    public struct Provider: Sendable, Hashable {
        /// The part of its models' ids in front of the slash. Not `local`.
        public var id: ProviderID
        /// Which product it is.
        public var kind: Kind
        /// Where it is, up to and without `/chat/completions`, without a slash at the end.
        public var baseURL: String
        /// Sent where the wire format wants it, such as `Authorization: Bearer …`. `nil`: no such header.
        public var apiKey: SecretString?
        /// More keys: when one is refused or at its limit, the next is used.
        public var apiKeys: [SecretString] = []
        /// A command, run by `/bin/sh`, each line of whose output is a key. `nil` (default): none.
        public var apiKeyCommand: String?
        /// For kind `azure_openai`: the `api-version` of the classic addresses, which hold the deployment. `nil`
        /// (default): the v1 addresses, which need none.
        public var apiVersion: String?
        /// The file that ``apiKey`` was read from, when it was.
        public var apiKeyFile: String?
        /// Headers sent with every request.
        public var headers: [Header] = []
        /// Allows `http` to a host that is not this machine. Default `false`.
        public var allowInsecure = false
        /// Certificates (PEM) to trust instead of the system's, for an endpoint with a certificate of your own.
        public var caFile: String?
        /// Whether the endpoint can stream. Default `true`.
        public var streaming = true
        /// Smaller is asked first when `model` is `auto`. 0 to 1000, default 100.
        public var priority = 100
        /// Connections at a time. 1 to 65,535, default 1024.
        public var maxConnections = 1024
        /// Requests at a time. 1 to 1,000,000; `nil` (default): as many as connections.
        public var maxConcurrentRequests: Int?
        /// Requests that may wait for their turn; more are refused. 0 to 1,000,000, default 1024.
        public var maxQueue = 1024
        /// Whether HTTP/2 is spoken where the server offers it. Default `auto`.
        public var httpVersion = HTTPVersion.auto
        /// How long each phase of a request may take.
        public var timeouts = Timeouts()
        /// For kinds `ollama` and `lm_studio`: whether Roundhouse loads and unloads the provider's models as it does its
        /// own. `nil` (default): yes, for these kinds.
        public var managed: Bool?
        /// Whether the provider is asked at start what models it has. Default `false`.
        public var discover = false
        /// The models that it serves. Names are unique. Empty (default): any name is passed on, and the provider says
        /// what exists; such models are not listed and `auto` does not choose them.
        public var models: [Model] = []

        public init(id: ProviderID, kind: Kind, baseURL: String, models: [Model] = []) {
            self.id = id
            self.kind = kind
            self.baseURL = baseURL
            self.models = models
        }

        public enum HTTPVersion: String, Sendable, Hashable, CaseIterable {
            /// HTTP/2 where the server offers it, over TLS.
            case auto
            case http1
        }

        /// Whether anything that could hold a key is configured.
        public var hasCredentials: Bool {
            self.apiKey != nil || !self.apiKeys.isEmpty || self.apiKeyCommand != nil
        }

        /// Whether its models' loads and unloads are Roundhouse's to decide.
        public var isManaged: Bool { self.kind.loadsModels && self.managed != false }

        /// The kind settles the wire format, the default address and small differences.
        public enum Kind: String, Sendable, Hashable, CaseIterable {
            case openAI = "openai"
            case azureOpenAI = "azure_openai"
            case openRouter = "openrouter"
            case anthropic
            case gemini
            case lmStudio = "lm_studio"
            case vLLM = "vllm"
            case llamaCpp = "llama_cpp"
            case ollama
            case custom

            /// Where the product is when the configuration does not say; `nil` when it must say.
            public var defaultBaseURL: String? {
                switch self {
                case .openAI: "https://api.openai.com/v1"
                case .openRouter: "https://openrouter.ai/api/v1"
                case .anthropic: "https://api.anthropic.com/v1"
                case .gemini: "https://generativelanguage.googleapis.com/v1beta"
                case .lmStudio: "http://127.0.0.1:1234/v1"
                case .vLLM: "http://127.0.0.1:8000/v1"
                case .llamaCpp: "http://127.0.0.1:8080/v1"
                case .ollama: "http://127.0.0.1:11434/v1"
                case .azureOpenAI, .custom: nil
                }
            }

            /// What its models can do of which nothing else is known.
            public var usualCapabilities: Set<Capability> {
                switch self {
                case .llamaCpp, .vLLM: [.chat, .streaming, .jsonSchema, .prefill]
                case .ollama: [.chat, .streaming, .prefill]
                case .openAI, .azureOpenAI, .openRouter, .anthropic, .gemini, .lmStudio, .custom: [.chat, .streaming]
                }
            }

            /// Whether the product can be told to load and unload models.
            public var loadsModels: Bool {
                switch self {
                case .lmStudio, .ollama: true
                case .openAI, .azureOpenAI, .openRouter, .anthropic, .gemini, .vLLM, .llamaCpp, .custom: false
                }
            }

            /// Whether the product answers nobody without a key.
            public var needsKey: Bool {
                switch self {
                case .openAI, .azureOpenAI, .openRouter, .anthropic, .gemini: true
                case .lmStudio, .vLLM, .llamaCpp, .ollama, .custom: false
                }
            }
        }
    }

    /// A header sent with every request to a provider.
    public struct Header: Sendable, Hashable {
        /// As written; unique without regard to case.
        public var name: String
        /// A secret, since many gateways take their key in a header of their own.
        public var value: SecretString

        public init(name: String, value: SecretString) {
            self.name = name
            self.value = value
        }
    }

    /// How long each phase of a request to a provider may take. Each 1 ms to 1 d.
    public struct Timeouts: Sendable, Hashable {
        /// Until the connection stands, TLS included. Default 5 s.
        public var connect = Duration.seconds(5)
        /// From the request to the first piece of output. Default 2 min: models that think first need it.
        public var firstToken = Duration.seconds(120)
        /// Between two pieces of output. Default 2 min.
        public var idle = Duration.seconds(120)
        /// For the whole request. Default 30 min.
        public var total = Duration.seconds(1800)
        /// For a request's turn while as many as may run do. Default 10 s.
        public var queue = Duration.seconds(10)

        public init() {}
    }

    /// A model of a provider.
    public struct Model: Sendable, Hashable {
        /// What the provider calls it; 1-255 characters without white space.
        public var name: String
        /// For people. `nil`: the name.
        public var displayName: String?
        /// Tokens of prompt and answer together. 1 to 100,000,000; `nil`: not known.
        public var contextLength: Int?
        /// Tokens of an answer at most. 1 to 100,000,000; `nil`: not known.
        public var maxOutputTokens: Int?
        /// Smaller is asked first when `model` is `auto`. 0 to 1000; `nil`: the provider's.
        public var priority: Int?
        /// What it can do; `nil` (default): what is known of a model of this name, else what the kind's models usually can.
        public var capabilities: [Capability]?
        /// What comes out of it; `nil` (default): vectors where ``capabilities`` name nothing else, else what is known of a
        /// model of this name, else text.
        public var category: ModelCategory?
        /// Nano-USD for a million tokens of the prompt. 0 to 1,000,000 USD; `nil` (default): not known. Given together
        /// with ``priceOutput`` or not at all.
        public var priceInput: Int64?
        /// Nano-USD for a million tokens of the answer.
        public var priceOutput: Int64?
        /// Nano-USD for a million tokens of the prompt that the provider had cached; `nil`: as ``priceInput``.
        public var priceCachedInput: Int64?
        /// 0 to 1; `nil` (default): not known.
        public var qualityScore: Double?
        /// 0 to 1; `nil` (default): not known.
        public var safetyScore: Double?
        /// Labels for filters, at most 64.
        public var tags: [String] = []
        /// Whether requests may reach it. Default `true`.
        public var enabled = true

        public init(name: String) {
            self.name = name
        }

        /// `nil` when they are not known.
        public var prices: ModelPrices? {
            guard let input = self.priceInput, let output = self.priceOutput else { return nil }
            return ModelPrices(input: input, output: output, cachedInput: self.priceCachedInput)
        }
    }
}
