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

/// One entry of `tool_calls`, or the older `function_call`.
typedef struct csj_tool_call {
    /// The entry's own `index`; its place in the array where it has none.
    int64_t index;
    bool has_index;
    csj_text id;
    csj_text name;
    /// `function.arguments`: the text of a string, or the compact JSON of an object.
    csj_text arguments;
} csj_tool_call;

/// One entry of OpenRouter's `reasoning_details`. Every text may be absent.
typedef struct csj_reasoning_detail {
    /// `reasoning.text`, `reasoning.summary`, `reasoning.encrypted`, and whatever else comes.
    csj_text type;
    /// `text` or `summary`.
    csj_text text;
    csj_text signature;
    csj_text id;
    csj_text format;
    /// -1 when absent.
    int64_t index;
    /// Compact JSON of the whole entry, for types other than the first two.
    csj_text whole;
} csj_reasoning_detail;

/// One `url_citation` of `annotations`.
typedef struct csj_url_citation {
    csj_text url;
    csj_text title;
    csj_text content;
    /// -1 when absent, and when it is no place in a text.
    int64_t start_index;
    int64_t end_index;
} csj_url_citation;

/// The `usage` of an answer.
typedef struct csj_openai_usage {
    bool present;
    int64_t prompt_tokens;
    int64_t completion_tokens;
    int64_t cached_tokens;
    int64_t cache_write_tokens;
    int64_t reasoning_tokens;
    int64_t audio_input_tokens;
    int64_t audio_output_tokens;
    /// `cost` and `cost_details.upstream_inference_cost`, as OpenRouter writes them, in USD; negative when absent.
    double cost;
    double upstream_cost;
    /// `is_byok`: 1 or 0; -1 when absent.
    int is_byok;
} csj_openai_usage;

/// The top-level `error` of a text, or what older servers write in its place.
typedef struct csj_error {
    bool present;
    csj_text message;
    csj_text type;
    /// `code` when it is a string.
    csj_text code;
    /// `code` when it is a number; 0 otherwise.
    int64_t status;
    /// Azure: `innererror.code`.
    csj_text inner_code;
    /// Azure: what the filter objected to, `hate, violence`; OpenRouter: the `reasons` of a moderation.
    csj_text filtered;
    /// OpenRouter: `metadata.provider_name`, and `metadata.raw`, what that provider said.
    csj_text provider;
    csj_text raw;
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
    /// The entries of `logprobs.content`, where they were asked for: compact JSON objects joined by commas, each with
    /// `token`, `bytes` and `top_logprobs` at least. Absent when there are none.
    csj_text logprobs;
    const csj_tool_call *tool_calls;
    size_t tool_call_count;
    const csj_reasoning_detail *reasoning_details;
    size_t reasoning_detail_count;
    const csj_url_citation *citations;
    size_t citation_count;

    csj_openai_usage usage;
} csj_answer;

/// The vectors of an answer of `/embeddings`, in the order of their `index`.
typedef struct csj_embeddings {
    csj_status status;
    const char *field;
    csj_error error;
    /// `count` times `dimensions` finite numbers.
    const float *values;
    size_t count;
    size_t dimensions;
    csj_openai_usage usage;
} csj_embeddings;

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
/// The bytes are copied; the texts in `answer` live in `parser` until its next parse. Without `with_logprobs` nobody looks
/// at what `logprobs` holds: servers that write it unasked give it forms of their own.
csj_status csj_parse_answer(
    csj_parser *parser, const uint8_t *bytes, size_t length, bool with_logprobs, csj_answer *answer);

/// Reads the body of an HTTP error: `error` as an object or a string, or `message`, `detail`, `type` and `code` beside
/// each other; of a list as `detail` the first entry's `loc` and `msg`. Lenient: a key of an unexpected type counts as absent.
csj_status csj_parse_error(csj_parser *parser, const uint8_t *bytes, size_t length, csj_error *error);

csj_status csj_parse_tokenization(csj_parser *parser, const uint8_t *bytes, size_t length, csj_tokenization *result);

/// Reads the answer of `/embeddings`: as many vectors as are expected, each of the same length, each place once.
///
/// `data` that is anything else is `CSJ_WRONG_TYPE`. With an `error` in its place `count` is 0 and the status is
/// `CSJ_OK`. The values live in `parser` until its next parse.
csj_status csj_parse_embeddings(
    csj_parser *parser, const uint8_t *bytes, size_t length, size_t expected, csj_embeddings *result);

/// Writes a JSON object without white space into `object`, which lives in `parser` until its next parse.
/// `CSJ_WRONG_TYPE` when the text is JSON but no object.
csj_status csj_compact_object(csj_parser *parser, const uint8_t *bytes, size_t length, csj_text *object);

/// The memory that the parser's buffers hold, in bytes.
size_t csj_parser_memory(const csj_parser *parser);

/// The version of simdjson that this was compiled with, e.g. "3.0.1". Static.
const char *csj_version(void);

#ifdef __cplusplus
}
#endif

#include "CSimdJSONAnthropic.h"
#include "CSimdJSONGemini.h"
#include "CSimdJSONOllama.h"

#endif
