/// The architectures that the pinned release of llama.cpp knows (`general.architecture` of a GGUF file).
///
/// Found by asking that release: each name of gguf-py's `MODEL_ARCH_NAMES` and of the strings in the engine's library
/// was put into a file with no more than a header, and those stand here over which the engine did not say
/// `unknown model architecture`. `LlamaCppArchitectureTests` asks it again. Left out is `clip`: projectors for images,
/// which are no models by themselves.
enum LlamaCppArchitectures {
    static func knows(_ architecture: String) -> Bool { self.all.contains(architecture) }

    /// Models that turn text into vectors, whatever else their header says.
    static let embedding: Set<String> = [
        "bert", "eurobert", "gemma-embedding", "gemma-embedding2", "jina-bert-v2", "jina-bert-v3", "llama-embed",
        "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe", "t5encoder",
    ]

    /// Encoders that read a text once and keep nothing of it (`create_memory` of llama.cpp). What is not here is taken to
    /// have a cache: more memory than is needed rather than less.
    static let cacheless: Set<String> = [
        "bert", "jina-bert-v2", "jina-bert-v3", "neo-bert", "nomic-bert", "nomic-bert-moe",
    ]

    /// Models that speak.
    static let voice: Set<String> = ["pockettts", "qwen3tts", "wavtokenizer-dec"]

    static let all: Set<String> = Set(
        """
        afmoe apertus arcee arctic arwkv7 baichuan bailingmoe bailingmoe2 bailingmoe3 bert bitnet bloom
        chameleon chatglm codeshell cogvlm cohere2 cohere2moe command-r dbrx deci deepseek deepseek2
        deepseek2-ocr deepseek32 deepseek4 dots1 dots3note dream ernie4_5 ernie4_5-moe eurobert exaone
        exaone-moe exaone4 falcon falcon-h1 gemma gemma-embedding gemma-embedding2 gemma2 gemma3 gemma3n gemma4
        gemma4-assistant glm-dsa glm4 glm4moe glm5-next gpt-oss gpt2 gptj gptneox granite granite_swa
        granitehybrid granitemoe graniteswitch grok grovemoe hrm_text hunyuan-dense hunyuan-moe hunyuan_vl hy_v3
        hy_v4 internlm2 jais jais2 jamba jina-bert-v2 jina-bert-v3 k2-horizon kimi-k3 kimi-linear laguna lfm2
        lfm2moe llada llada-moe llama llama-embed llama4 maincoder mamba mamba2 maple mellum mimo2 minicpm
        minicpm3 minimax-01 minimax-m2 mistral3 mistral4 modern-bert mpt nanbeige nemotron nemotron_h
        nemotron_h_moe neo-bert nomic-bert nomic-bert-moe olmo olmo2 olmoe openelm orion paddleocr
        pangu-embedded phi2 phi3 phimoe plamo plamo2 plamo3 plm pockettts qwen qwen2 qwen2moe qwen2vl qwen3
        qwen35 qwen35moe qwen3moe qwen3next qwen3tts qwen3vl qwen3vlmoe qwen4exp refact rnd1 rwkv6 rwkv6qwen2
        rwkv7 seed_oss smallthinker smollm3 spark2_5 stablelm starcoder starcoder2 step35 t5 t5encoder talkie
        wavtokenizer-dec xverse
        """.split(whereSeparator: \.isWhitespace).map(String.init)
    )
}
