/// Pulls the fields that Roundhouse reads out of a JSON text of Gemini's `generateContent` family, at token speed.
///
/// The rules are those of `CSimdJSON.h`: any order of keys, unknown ones skipped, `null` is absent, a known key of the
/// wrong type makes the text malformed and is named. Included by `CSimdJSON.h`.

#ifndef ROUNDHOUSE_CSIMDJSON_GEMINI_H
#define ROUNDHOUSE_CSIMDJSON_GEMINI_H

#include "CSimdJSON.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A `google.rpc.Status`.
typedef struct csj_gemini_error {
    bool present;
    /// The HTTP status that it would have had; 0 when it does not say.
    int64_t code;
    csj_text message;
    /// The name of the code: `RESOURCE_EXHAUSTED`.
    csj_text status;
    /// Of the first `google.rpc.ErrorInfo` among its details: `API_KEY_INVALID`.
    csj_text reason;
    /// Of the first `google.rpc.RetryInfo` among its details: `34.5s`.
    csj_text retry_delay;
} csj_gemini_error;

/// What a part of an answer is.
typedef enum csj_gemini_part_kind {
    CSJ_GEMINI_TEXT = 0,
    /// Text that is marked as a thought.
    CSJ_GEMINI_THOUGHT = 1,
    CSJ_GEMINI_CALL = 2,
    /// `inlineData` or `fileData`: a picture, a sound.
    CSJ_GEMINI_MEDIA = 3,
    /// Of the upstream's own tools, for which we never ask.
    CSJ_GEMINI_OTHER = 4,
} csj_gemini_part_kind;

/// One entry of `candidates[0].content.parts`.
typedef struct csj_gemini_part {
    csj_gemini_part_kind kind;
    csj_text text;
    /// `thoughtSignature`.
    csj_text signature;
    csj_text call_id;
    csj_text call_name;
    /// The compact JSON of `functionCall.args`.
    csj_text call_arguments;
} csj_gemini_part;

/// One entry of `groundingMetadata.groundingChunks`: something that was found and read.
typedef struct csj_gemini_source {
    csj_text uri;
    csj_text title;
    /// The words of the source, where it gives them.
    csj_text words;
} csj_gemini_source;

/// One pair of `groundingMetadata.groundingSupports`: these words of the answer rest on that source.
typedef struct csj_gemini_support {
    /// The place of the source in `groundingChunks`.
    int64_t source;
    /// In bytes; -1 when it does not say.
    int64_t start;
    int64_t end;
} csj_gemini_support;

/// One entry of `citationMetadata.citationSources`.
typedef struct csj_gemini_citation {
    csj_text uri;
    csj_text title;
    /// In bytes; -1 when it does not say.
    int64_t start;
    int64_t end;
} csj_gemini_citation;

/// What one chunk of a stream, or one whole answer, says.
typedef struct csj_gemini_answer {
    csj_status status;
    /// With `CSJ_WRONG_TYPE`, the path of the offending key. A constant.
    const char *field;

    csj_gemini_error error;
    size_t candidate_count;

    /// Of the candidate with index 0.
    const csj_gemini_part *parts;
    size_t part_count;
    csj_text finish_reason;
    csj_text finish_message;
    const csj_gemini_source *sources;
    size_t source_count;
    const csj_gemini_support *supports;
    size_t support_count;
    const csj_gemini_citation *citations;
    size_t citation_count;

    /// `promptFeedback`.
    csj_text block_reason;
    csj_text block_message;

    bool has_usage;
    int64_t prompt_tokens;
    int64_t tool_prompt_tokens;
    int64_t cached_tokens;
    int64_t candidates_tokens;
    int64_t thoughts_tokens;
    int64_t audio_prompt_tokens;
    int64_t audio_candidates_tokens;
} csj_gemini_answer;

/// What `batchEmbedContents` answers.
typedef struct csj_gemini_vectors {
    csj_status status;
    const char *field;
    /// The numbers of all vectors, one vector after the other.
    const float *values;
    /// How many numbers each vector has.
    const size_t *lengths;
    size_t count;
    /// -1 when it does not say.
    int64_t prompt_tokens;
} csj_gemini_vectors;

/// Reads one `GenerateContentResponse`.
///
/// The bytes are copied; the texts in `answer` live in `parser` until its next parse.
csj_status csj_parse_gemini_answer(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_gemini_answer *answer
);

/// Reads the body of an HTTP error, also when it is wrapped in an array. Lenient: a key of an unexpected type counts as
/// absent.
csj_status csj_parse_gemini_error(csj_parser *parser, const uint8_t *bytes, size_t length, csj_gemini_error *error);

csj_status csj_parse_gemini_vectors(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_gemini_vectors *vectors
);

/// Reads `totalTokens` of `countTokens`.
csj_status csj_parse_gemini_count(csj_parser *parser, const uint8_t *bytes, size_t length, int64_t *tokens);

#ifdef __cplusplus
}
#endif

#endif
