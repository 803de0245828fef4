/// Pulls the few fields that Roundhouse reads out of a JSON text of the OpenAI wire format, at token speed.
///
/// C++17 over simdjson behind plain C: no exception, no abort and no C++ type crosses this header, whatever the bytes.
/// Keys may come in any order, unknown ones are skipped, `null` counts as absent. A known key of the wrong type makes
/// the text malformed, and `csj_answer.field` names it.

#ifndef ROUNDHOUSE_CSIMDJSON_H
#define ROUNDHOUSE_CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How a parse went.
typedef enum csj_status {
    /// Every field is set.
    CSJ_OK = 0,
    /// Not JSON, cut off, not UTF-8, or nested deeper than `CSJ_MAX_DEPTH`.
    CSJ_NOT_JSON = 1,
    /// JSON, but a known key holds the wrong type: see `field`.
    CSJ_WRONG_TYPE = 2,
    /// Longer than `CSJ_MAX_BYTES`.
    CSJ_TOO_LARGE = 3,
    /// The machine has no memory left for it.
    CSJ_NO_MEMORY = 4,
} csj_status;

enum {
    /// Arrays and objects inside one another.
    CSJ_MAX_DEPTH = 64,
    /// The longest text that is taken, in bytes (64 MiB).
    CSJ_MAX_BYTES = 64 * 1024 * 1024,
};

/// UTF-8 text inside the parser's memory, valid until its next parse. `data` is NULL when the key was absent or null.
typedef struct csj_text {
    const char *data;
    size_t length;
} csj_text;

/// One entry of `tool_calls`.
typedef struct csj_tool_call {
    /// The entry's own `index`; its place in the array where it has none.
    int64_t index;
    csj_text id;
    csj_text name;
    /// `function.arguments`: the text of a string, or the compact JSON of an object.
    csj_text arguments;
} csj_tool_call;

/// The top-level `error` of a text, or what older servers write in its place.
typedef struct csj_error {
    bool present;
    csj_text message;
    csj_text type;
    /// `code` when it is a string.
    csj_text code;
    /// `code` when it is a number; 0 otherwise.
    int64_t status;
} csj_error;

/// What one chunk of a stream, or one whole completion, says.
typedef struct csj_answer {
    csj_status status;
    /// With `CSJ_WRONG_TYPE`, the path of the offending key, for instance `choices[0].delta.content`. A constant.
    const char *field;

    csj_error error;

    /// True when the key `choices` holds an array.
    bool has_choices;
    size_t choice_count;

    /// Of the choice with index 0: `delta` of a chunk, `message` of a completion.
    csj_text content;
    /// `reasoning_content`, or `reasoning` where that is absent.
    csj_text reasoning;
    csj_text refusal;
    csj_text finish_reason;
    const csj_tool_call *tool_calls;
    size_t tool_call_count;

    bool has_usage;
    int64_t prompt_tokens;
    int64_t completion_tokens;
    int64_t cached_tokens;
    int64_t reasoning_tokens;
} csj_answer;

/// What the tokenizer endpoints of llama.cpp and vLLM answer.
typedef struct csj_tokenization {
    csj_status status;
    const char *field;
    /// `/apply-template` of llama.cpp.
    csj_text prompt;
    /// `count`, or the length of `tokens`; -1 when neither is there.
    int64_t token_count;
} csj_tokenization;

/// A parser with its buffers. One thread at a time.
typedef struct csj_parser csj_parser;

/// Returns NULL when there is no memory.
csj_parser *csj_parser_create(void);
void csj_parser_destroy(csj_parser *parser);

/// Reads one `chat.completion.chunk` or one whole `chat.completion`.
///
/// The bytes are copied; the texts in `answer` live in `parser` until its next parse.
csj_status csj_parse_answer(csj_parser *parser, const uint8_t *bytes, size_t length, csj_answer *answer);

/// Reads the body of an HTTP error: `error` as an object or a string, or `message`, `detail`, `type` and `code` beside
/// each other. Lenient: a key of an unexpected type counts as absent.
csj_status csj_parse_error(csj_parser *parser, const uint8_t *bytes, size_t length, csj_error *error);

csj_status csj_parse_tokenization(csj_parser *parser, const uint8_t *bytes, size_t length, csj_tokenization *result);

/// The memory that the parser's buffers hold, in bytes.
size_t csj_parser_memory(const csj_parser *parser);

#ifdef __cplusplus
}
#endif

#include "CSimdJSONAnthropic.h"

#endif
