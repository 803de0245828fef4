internal import GRPCCore

/// What a reason of the server means to who reads it: the figures behind it, and what to do.
enum FailureAdvice {
    /// Figures that the server sent beside its message, one line each.
    static func facts(_ reason: String, _ metadata: [String: String]) -> [String] {
        switch reason {
        case "INSUFFICIENT_MEMORY":
            let place = metadata["device"].map { " on \($0)" } ?? ""
            let figures = [
                ("needed", "needed_bytes"), ("available", "available_bytes"), ("could be evicted", "evictable_bytes"),
            ]
            return Self.sizes(figures, in: metadata).map { [$0 + place] } ?? []
        case "INSUFFICIENT_DISK":
            return Self.sizes([("needed", "needed_bytes"), ("available", "available_bytes")], in: metadata)
                .map { [$0] } ?? []
        case "TRUNCATED":
            return Self.sizes([("expected", "expected_bytes"), ("there", "actual_bytes")], in: metadata)
                .map { [$0] } ?? []
        case "ETAG_MISMATCH":
            return metadata["current"].map { ["the current etag is \($0)"] } ?? []
        case "CHECKSUM_MISMATCH":
            return [("expected", "expected"), ("found", "actual")]
                .compactMap { name, key in metadata[key].map { "\(name) \($0)" } }
        default:
            return []
        }
    }

    /// "needed 4.2 GiB, available 1.0 GiB". Nil: nothing was sent.
    private static func sizes(_ names: [(String, String)], in metadata: [String: String]) -> String? {
        let parts = names.compactMap { name, key -> String? in
            guard let text = metadata[key], let bytes = Int64(text), bytes >= 0 else { return nil }
            return "\(Figures.bytes(bytes)) \(name)"
        }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    /// What to do about a reason of the server. Nil: its message says all.
    static func hint(_ reason: String, _ metadata: [String: String]) -> String? {
        let model = metadata["model"] ?? "MODEL"
        return switch reason {
        case "MODEL_NOT_FOUND": "'roundhouse models list' shows the models that exist"
        case "PROVIDER_NOT_FOUND": "'roundhouse providers list' shows the providers that exist"
        case "ALIAS_NOT_FOUND": "'roundhouse aliases list' shows the aliases that exist"
        case "ENGINE_NOT_FOUND": "'roundhouse engines list' shows the engines that there are"
        case "VERSION_NOT_FOUND": "'roundhouse models show \(model)' lists its versions"
        case "NO_READY_MODEL": "'roundhouse status' shows what is missing"
        case "REQUIREMENTS_NOT_MET", "CAPABILITY_UNSUPPORTED":
            "'roundhouse route explain' shows what each model lacks"
        case "UPSTREAM_AUTHENTICATION_FAILED": "check the provider's key in the server's configuration"
        case "INSUFFICIENT_MEMORY":
            "'roundhouse models plan \(model)' shows what stands in the way, 'roundhouse models loaded' what is in memory"
        case "MODEL_DISABLED": "'roundhouse models enable \(model)' lets requests reach it"
        case "MODEL_LOAD_FAILED": "'roundhouse events list --model \(model)' shows what happened before"
        case "ETAG_MISMATCH": "look at what changed, then repeat it with the current etag, or without one"
        case "OPERATION_CONFLICT": "something else was under way; see how it stands, then try again"
        case "CHECKSUM_MISMATCH": "it is another file than --sha256 tells of: get it again, or correct the digest"
        case "EVENTS_EXPIRED": "'--after 0' begins with the oldest event that is kept"
        case "EVENTS_UNKNOWN", "WATCH_LAGGED": metadata["last_sequence"].map { "go on with --after \($0)" }
        case "INVALID_FILTER": "'roundhouse help models list' shows an example"
        default: nil
        }
    }
}
