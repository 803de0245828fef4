/// Requests of real use, for the reference. A test reads each as the message that it is for.
enum ReferenceExamples {
    /// - Parameters:
    ///   - operation: `GenerationService_Generate`.
    ///   - fields: what the path says already.
    /// - Returns: `nil` when none is known.
    static func body(of operation: String, without fields: Set<String>) -> OrderedJSON? {
        guard case .object(let members) = self.bodies[operation] else { return nil }
        return .object(members.filter { !fields.contains($0.key) })
    }

    /// For a variable of a path.
    static func parameter(_ name: String) -> OrderedJSON? { self.parameters[name] }

    private static let parameters: [String: OrderedJSON] = [
        "model": "local/small", "provider": "local", "alias": "default", "engine": "llama.cpp",
    ]

    private static let question: OrderedJSON = [
        ["role": "ROLE_USER", "parts": [["text": "What is the capital of France?"]]]
    ]

    static let bodies: [String: OrderedJSON] = [
        "GenerationService_Generate": [
            "model": "default",
            "messages": [
                ["role": "ROLE_SYSTEM", "parts": [["text": "Answer in one word."]]],
                ["role": "ROLE_USER", "parts": [["text": "What is the capital of France?"]]],
            ],
            "temperature": 0, "max_output_tokens": 16,
        ],
        "GenerationService_StreamGenerate": [
            "model": "default", "messages": Self.question, "max_output_tokens": 64,
            "recovery": "RECOVERY_MODE_CONTINUE",
        ],
        "GenerationService_Embed": [
            "model": "auto", "inputs": ["a cat on a mat", "a kitten on a rug"], "normalize": true,
        ],
        "GenerationService_ExplainRoute": [
            "model": "auto", "messages": Self.question,
            "requirements": ["capabilities": ["tools"], "max_price_nano_usd": 600_000_000],
            "strategy": "cost_optimized",
        ],
        "GenerationService_CountTokens": ["model": "default", "messages": Self.question],
        "RegistryService_CreateModel": [
            "id": "openai/gpt-4o-mini", "capabilities": ["CAPABILITY_CHAT", "CAPABILITY_TOOLS"],
            "context_length": 128_000, "enabled": true, "tags": ["cheap"],
        ],
        "RegistryService_UpdateModel": ["display_name": "Small", "tags": ["tested"]],
        "RegistryService_DiscoverModels": ["providers": ["local"], "validate_only": true],
        "RegistryService_DetectCapabilities": ["model": "local/small", "probe": false, "update": true],
        "RegistryService_InstallModel": [
            "name": "mine", "path": "/srv/models/mine-q8_0.gguf", "display_name": "Mine",
            "engine_settings": ["context_length": 4096, "threads": 4],
        ],
        "RegistryService_UninstallModel": ["model": "local/mine"],
        "RegistryService_EnableModel": ["model": "local/small"],
        "RegistryService_DisableModel": ["model": "local/small"],
        "RegistryService_CreateProvider": [
            "id": "work", "kind": "openai", "api_key_environment": "OPENAI_API_KEY", "enabled": true,
        ],
        "RegistryService_UpdateProvider": ["priority": 50],
        "RegistryService_UpdateAlias": [
            "targets": [["model": "local/small", "weight": 90], ["model": "local/tiny", "weight": 10]],
            "mode": "ALIAS_MODE_WEIGHTED",
        ],
        "RegistryService_SwitchModel": ["alias": "default", "model": "local/small", "reason": "it answers better"],
        "RegistryService_RollbackAlias": ["alias": "default", "reason": "it answered worse"],
        "RegistryService_UpdateOpenRouterFilter": ["show_free_only": true],
        "LifecycleService_LoadModel": ["model": "local/small", "pin": true],
        "LifecycleService_UnloadModel": ["model": "local/small", "force": true, "grace": "5s"],
        "LifecycleService_WarmUp": ["models": ["local/small"]],
        "LifecycleService_PinModel": ["model": "local/small"],
        "LifecycleService_PlanLoad": ["model": "local/small", "context_length": 8192],
        "LifecycleService_ProfileModel": ["model": "local/small", "run_count": 5, "max_output_tokens": 32],
        "HealthService_InstallEngine": ["engine": "llama.cpp"],
        "AdminService_SaveState": [:],
        "AdminService_UpdateConfig": ["changes": ["settings": ["log.level": "debug"]], "validate_only": true],
        "AdminService_ValidateConfig": ["yaml": "http:\n  address: 127.0.0.1:9090\n"],
    ]
}
