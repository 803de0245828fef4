package import Inference

extension GGUFHeader {
    /// What comes out of the model.
    package var category: ModelCategory {
        if LlamaCppArchitectures.voice.contains(self.architecture) { return .voice }
        return self.isEmbedding ? .embedding : .text
    }

    /// Whether the model turns text into vectors rather than into text.
    package var isEmbedding: Bool {
        LlamaCppArchitectures.embedding.contains(self.architecture) || (self.poolingType ?? 0) > 0
    }

    /// What the model can do under llama.cpp, as far as its header tells.
    ///
    /// Tools and reasoning are known by the chat template having a place for them; a schema is held to by a grammar,
    /// whatever the model.
    package var capabilities: Set<Capability> {
        switch self.category {
        case .embedding: return [.embeddings]
        case .text: break
        case .image, .voice, .video: return []
        }
        var capabilities: Set<Capability> = [.completion, .streaming, .jsonSchema]
        // The engine goes on from a last message of the assistant's, after the same template.
        if self.hasChatTemplate { capabilities.formUnion([.chat, .prefill]) }
        if self.templateKnowsTools { capabilities.insert(.tools) }
        if self.templateKnowsReasoning { capabilities.insert(.reasoning) }
        return capabilities
    }

    /// Why the file is no model that llama.cpp could serve, though it is a sound GGUF; `nil` when it is one.
    package var unfitness: String? {
        if self.architecture == "clip" || self.type == "mmproj" {
            return "it is a projector, which goes with a model and is none by itself"
        }
        if self.type == "adapter" { return "it is an adapter (LoRA), which goes with a model and is none by itself" }
        if self.type == "imatrix" { return "it is an importance matrix, not a model" }
        if let index = self.partIndex, index > 0 {
            return "it is part \(index + 1) of \(self.partCount); name the first part"
        }
        guard LlamaCppArchitectures.knows(self.architecture) else {
            return """
                its architecture is '\(self.architecture)', which llama.cpp \(LlamaCppRelease.version) does not know; \
                a newer engine may
                """
        }
        return nil
    }

    /// Whether most of the weights are of types that llama.cpp rearranges when it loads them.
    var isRepacked: Bool {
        let repacked = self.tensors.reduce(0 as Int64) { sum, tensor in
            GGUFTensor.repacked.contains(tensor.type) ? sum.saturatingAdd(tensor.sizeBytes) : sum
        }
        return repacked > self.weightBytes / 2
    }
}
