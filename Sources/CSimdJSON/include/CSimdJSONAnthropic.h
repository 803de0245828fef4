/// The part of `CSimdJSON` that reads Anthropic's Messages API. Included by `CSimdJSON.h`, whose rules hold here.

#ifndef ROUNDHOUSE_CSIMDJSON_ANTHROPIC_H
#define ROUNDHOUSE_CSIMDJSON_ANTHROPIC_H

#include "CSimdJSON.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The `type` of a text: an event of a stream, a whole message, an error.
typedef enum csj_anthropic_kind {
    /// No text of ours: `type` is absent.
    CSJ_ANTHROPIC_UNTYPED = 0,
    /// One that says nothing to us: `ping`, and whatever is invented later.
    CSJ_ANTHROPIC_OTHER = 1,
    CSJ_ANTHROPIC_MESSAGE_START = 2,
    CSJ_ANTHROPIC_BLOCK_START = 3,
    CSJ_ANTHROPIC_BLOCK_DELTA = 4,
    CSJ_ANTHROPIC_BLOCK_STOP = 5,
    CSJ_ANTHROPIC_MESSAGE_DELTA = 6,
    CSJ_ANTHROPIC_MESSAGE_STOP = 7,
    /// `csj_parse_error` tells what it says.
    CSJ_ANTHROPIC_ERROR = 8,
    CSJ_ANTHROPIC_MESSAGE = 9,
} csj_anthropic_kind;

/// The `type` of a content block or of a delta.
typedef enum csj_anthropic_piece_kind {
    /// One that we do not know: its fields are not looked at.
    CSJ_ANTHROPIC_PIECE_OTHER = 0,
    /// A `text` block or a `text_delta`.
    CSJ_ANTHROPIC_PIECE_TEXT = 1,
    /// A `thinking` block or a `thinking_delta`.
    CSJ_ANTHROPIC_PIECE_THINKING = 2,
    /// A `signature_delta`.
    CSJ_ANTHROPIC_PIECE_SIGNATURE = 3,
    /// A `redacted_thinking` block.
    CSJ_ANTHROPIC_PIECE_REDACTED = 4,
    /// A `tool_use` block.
    CSJ_ANTHROPIC_PIECE_TOOL = 5,
    /// An `input_json_delta`.
    CSJ_ANTHROPIC_PIECE_ARGUMENTS = 6,
    /// A `citations_delta`.
    CSJ_ANTHROPIC_PIECE_CITATION = 7,
} csj_anthropic_piece_kind;

/// A source of a text, whatever kind of place it names.
typedef struct csj_anthropic_citation {
    /// `url`, or `source` of a search result.
    csj_text url;
    /// `title`, or `document_title`.
    csj_text title;
    csj_text cited_text;
    /// -1 when it names no document of the request.
    int64_t document_index;
} csj_anthropic_citation;

/// A content block or a delta.
typedef struct csj_anthropic_piece {
    csj_anthropic_piece_kind kind;
    /// `text`, `thinking`, `data` of `redacted_thinking`, or `partial_json`.
    csj_text text;
    /// `signature` of a `thinking` block or a `signature_delta`.
    csj_text signature;
    csj_text id;
    csj_text name;
    /// `input` of a `tool_use` block as compact JSON; absent when the object is empty.
    csj_text input;
    const csj_anthropic_citation *citations;
    size_t citation_count;
} csj_anthropic_piece;

/// `usage`. A count that was not given is -1.
typedef struct csj_anthropic_usage {
    int64_t input_tokens;
    int64_t cache_creation_input_tokens;
    int64_t cache_read_input_tokens;
    int64_t output_tokens;
    int64_t thinking_tokens;
} csj_anthropic_usage;

/// What one event of a stream, or one whole message, says.
typedef struct csj_anthropic {
    csj_status status;
    /// With `CSJ_WRONG_TYPE`, the path of the offending key, for instance `delta.text`. A constant.
    const char *field;

    csj_anthropic_kind kind;
    /// Of the content block that an event is about; -1 when it was not given.
    int64_t index;
    /// True when the key `content` holds an array, be it empty.
    bool has_content;
    /// The block of a `content_block_start`, the delta of a `content_block_delta`, or all blocks of a message.
    const csj_anthropic_piece *pieces;
    size_t piece_count;

    csj_text stop_reason;
    /// `stop_details.explanation`.
    csj_text explanation;
    csj_anthropic_usage usage;
} csj_anthropic;

/// Reads one event's data or one whole message.
///
/// The bytes are copied; the texts in `answer` live in `parser` until its next parse.
csj_status csj_parse_anthropic(csj_parser *parser, const uint8_t *bytes, size_t length, csj_anthropic *answer);

#ifdef __cplusplus
}
#endif

#endif
