internal import RoundhouseAPI

/// Vectors, as people read them.
enum EmbeddingTexts {
    /// How many numbers of each vector are shown.
    private static let shown = 4

    static func table(_ embeddings: [Roundhouse_V1_Embedding], of texts: [String]) -> Table {
        var table = Table([
            .init(title: "NUMBERS", alignment: .right), .init(title: "LENGTH", alignment: .right),
            .init(title: "BEGINS WITH"), .init(title: "TEXT", canShrink: true),
        ])
        for (embedding, text) in zip(embeddings, texts) {
            let first = embedding.values.prefix(Self.shown).map { Figures.fixed(Double($0), digits: 3) }
            let more = embedding.values.count > Self.shown ? " …" : ""
            table.add([
                "\(embedding.values.count)", Figures.fixed(Self.length(embedding), digits: 3),
                first.joined(separator: " ") + more, text,
            ])
        }
        return table
    }

    /// Of exactly two vectors. Nil: there are more or fewer, or no angle is between them.
    static func cosineLine(_ embeddings: [Roundhouse_V1_Embedding]) -> String? {
        guard embeddings.count == 2, let cosine = Self.cosine(embeddings[0], embeddings[1]) else { return nil }
        return "cosine \(Figures.fixed(cosine, digits: 3))"
    }

    /// "local/minilm · 8 tokens · total 12 ms · $0.000001".
    static func figures(_ response: Roundhouse_V1_EmbedResponse) -> String {
        let about = response.usage.estimated ? "about " : ""
        var parts = [response.model, about + Figures.count(response.usage.inputTokens, "token")]
        if response.hasLatency { parts.append("total \(Figures.duration(Duration(response.latency)))") }
        if response.hasCost { parts.append(Prices.text(response.cost)) }
        return parts.joined(separator: " · ")
    }

    /// Nil: the vectors differ in their dimensions, or one of them is zero.
    private static func cosine(_ one: Roundhouse_V1_Embedding, _ other: Roundhouse_V1_Embedding) -> Double? {
        guard one.values.count == other.values.count else { return nil }
        let lengths = Self.length(one) * Self.length(other)
        guard lengths > 0 else { return nil }
        return zip(one.values, other.values).reduce(0) { $0 + Double($1.0) * Double($1.1) } / lengths
    }

    private static func length(_ embedding: Roundhouse_V1_Embedding) -> Double {
        embedding.values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
}
