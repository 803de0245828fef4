/// Pulls the few fields that Roundhouse reads out of a JSON text of Ollama's own API, at token speed.
///
/// The rules are those of `CSimdJSON.h`, which includes this.

#ifndef ROUNDHOUSE_CSIMDJSON_OLLAMA_H
#define ROUNDHOUSE_CSIMDJSON_OLLAMA_H

#include "CSimdJSON.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What one line of a stream of `/api/chat`, or one whole answer, says.
typedef struct csj_ollama_chat {
    csj_status status;
    /// With `CSJ_WRONG_TYPE`, the path of the offending key, for instance `message.content`. A constant.
    const char *field;

    /// True when the key `error` is there and not null: `csj_parse_error` tells what it says.
    bool has_error;

    /// Of `message`.
    csj_text content;
    csj_text thinking;
    /// `index` is the place in the array. `arguments` is the compact JSON of the object that Ollama writes, the text of
    /// a string, and absent when the key is.
    const csj_tool_call *tool_calls;
    size_t tool_call_count;

    /// `logprobs`, where they were asked for: see `csj_answer`.
    csj_text logprobs;

    bool done;
    csj_text done_reason;
    /// Tokens of the prompt, those from the cache included; -1 when absent.
    int64_t prompt_eval_count;
    /// The part of them that was cached; -1 when absent.
    int64_t prompt_eval_cached_count;
    /// -1 when absent.
    int64_t eval_count;
} csj_ollama_chat;

/// What `/api/embed` answers, but for the numbers themselves.
typedef struct csj_ollama_embeddings {
    csj_status status;
    const char *field;
    bool has_error;
    size_t count;
    /// The length of each; they are all of one. 0 when there are none.
    size_t dimensions;
    /// -1 when absent.
    int64_t prompt_eval_count;
} csj_ollama_embeddings;

/// Reads one line or one whole answer of `/api/chat`.
///
/// The bytes are copied; the texts in `chat` live in `parser` until its next parse.
csj_status csj_parse_ollama_chat(
    csj_parser *parser, const uint8_t *bytes, size_t length, bool with_logprobs, csj_ollama_chat *chat);

/// Reads the answer of `/api/embed`: every number is finite as a `float`, and all vectors are of one length.
csj_status csj_parse_ollama_embeddings(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_ollama_embeddings *embeddings
);

/// Copies the numbers of the embeddings that `parser` read last, vector after vector: `count * dimensions` of them, and
/// never more than `room`.
void csj_copy_ollama_embeddings(csj_parser *parser, float *into, size_t room);

#ifdef __cplusplus
}
#endif

#endif
