// Walks the JSON of one event, or one whole message, of Anthropic's Messages API and notes what we know. What a type
// means decides which of its keys are looked at, so a type of tomorrow may use our keys for other things.

#include "Fields.hpp"

using namespace simdjson;
using namespace csj;

namespace {

using Piece = csj_anthropic_piece;
using Citation = csj_anthropic_citation;

// The `type` of an object; empty when it has none.
Field readType(dom::object members, std::string_view &into, Field name) {
    dom::element value;
    if (members["type"].get(value) != SUCCESS || value.is_null()) return fine;
    return value.get(into) == SUCCESS ? fine : name;
}

Field readCitation(csj_parser &parser, dom::element value) {
    dom::object members;
    if (value.get(members) != SUCCESS) return "citation";
    Citation citation{};
    citation.document_index = -1;
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "cited_text") {
            wrong = readText(member, citation.cited_text, "citation.cited_text");
        } else if (key == "title" || key == "document_title") {
            wrong = readText(member, citation.title, "citation.title");
        } else if (key == "url" || key == "source") {
            wrong = readText(member, citation.url, "citation.url");
        } else if (key == "document_index") {
            wrong = readCount(member, citation.document_index, "citation.document_index");
        }
        if (wrong) return wrong;
    }
    parser.anthropicCitations.push_back(citation);
    return fine;
}

Field readCitations(csj_parser &parser, dom::element value) {
    if (value.is_null()) return fine;
    dom::array citations;
    if (value.get(citations) != SUCCESS) return "content_block.citations";
    for (dom::element citation : citations) {
        if (Field wrong = readCitation(parser, citation)) return wrong;
    }
    return fine;
}

Field readInput(csj_parser &parser, dom::element value, Piece &piece) {
    if (value.is_null()) return fine;
    dom::object input;
    if (value.get(input) != SUCCESS) return "content_block.input";
    if (input.size() == 0) return fine;
    piece.input = parser.keep(minify(value));
    return fine;
}

Field readToolUse(csj_parser &parser, dom::object members, Piece &piece) {
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "id") {
            wrong = readText(member, piece.id, "content_block.id");
        } else if (key == "name") {
            wrong = readText(member, piece.name, "content_block.name");
        } else if (key == "input") {
            wrong = readInput(parser, member, piece);
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readBlock(csj_parser &parser, dom::element value) {
    dom::object members;
    if (value.get(members) != SUCCESS) return "content_block";
    Piece piece{};
    // The pointer is set when no more citations can move the others.
    size_t firstCitation = parser.anthropicCitations.size();
    std::string_view type;
    Field wrong = readType(members, type, "content_block.type");
    if (wrong) return wrong;
    if (type == "text") {
        piece.kind = CSJ_ANTHROPIC_PIECE_TEXT;
        for (auto [key, member] : members) {
            if (key == "text") wrong = readText(member, piece.text, "content_block.text");
            if (key == "citations") wrong = readCitations(parser, member);
            if (wrong) return wrong;
        }
    } else if (type == "thinking") {
        piece.kind = CSJ_ANTHROPIC_PIECE_THINKING;
        for (auto [key, member] : members) {
            if (key == "thinking") wrong = readText(member, piece.text, "content_block.thinking");
            if (key == "signature") wrong = readText(member, piece.signature, "content_block.signature");
            if (wrong) return wrong;
        }
    } else if (type == "redacted_thinking") {
        piece.kind = CSJ_ANTHROPIC_PIECE_REDACTED;
        dom::element data;
        if (members["data"].get(data) == SUCCESS) wrong = readText(data, piece.text, "content_block.data");
    } else if (type == "tool_use") {
        piece.kind = CSJ_ANTHROPIC_PIECE_TOOL;
        wrong = readToolUse(parser, members, piece);
    }
    piece.citation_count = parser.anthropicCitations.size() - firstCitation;
    parser.anthropicPieces.push_back(piece);
    return wrong;
}

// The one key of a delta that matters.
Field readDeltaText(dom::object members, std::string_view key, csj_text &into, Field name) {
    dom::element value;
    return members[key].get(value) == SUCCESS ? readText(value, into, name) : fine;
}

Field readBlockDelta(csj_parser &parser, dom::element value) {
    dom::object members;
    if (value.get(members) != SUCCESS) return "delta";
    Piece piece{};
    std::string_view type;
    Field wrong = readType(members, type, "delta.type");
    if (wrong) return wrong;
    if (type == "text_delta") {
        piece.kind = CSJ_ANTHROPIC_PIECE_TEXT;
        wrong = readDeltaText(members, "text", piece.text, "delta.text");
    } else if (type == "input_json_delta") {
        piece.kind = CSJ_ANTHROPIC_PIECE_ARGUMENTS;
        wrong = readDeltaText(members, "partial_json", piece.text, "delta.partial_json");
    } else if (type == "thinking_delta") {
        piece.kind = CSJ_ANTHROPIC_PIECE_THINKING;
        wrong = readDeltaText(members, "thinking", piece.text, "delta.thinking");
    } else if (type == "signature_delta") {
        piece.kind = CSJ_ANTHROPIC_PIECE_SIGNATURE;
        wrong = readDeltaText(members, "signature", piece.signature, "delta.signature");
    } else if (type == "citations_delta") {
        dom::element citation;
        if (members["citation"].get(citation) != SUCCESS) return "delta.citation";
        piece.kind = CSJ_ANTHROPIC_PIECE_CITATION;
        piece.citation_count = 1;
        wrong = readCitation(parser, citation);
    }
    parser.anthropicPieces.push_back(piece);
    return wrong;
}

Field readContent(csj_parser &parser, dom::element value, csj_anthropic &answer) {
    if (value.is_null()) return fine;
    dom::array blocks;
    if (value.get(blocks) != SUCCESS) return "content";
    answer.has_content = true;
    for (dom::element block : blocks) {
        if (Field wrong = readBlock(parser, block)) return wrong;
    }
    return fine;
}

Field readUsage(dom::element value, csj_anthropic_usage &usage) {
    if (value.is_null()) return fine;
    dom::object members;
    if (value.get(members) != SUCCESS) return "usage";
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "input_tokens") {
            wrong = readCount(member, usage.input_tokens, "usage.input_tokens");
        } else if (key == "output_tokens") {
            wrong = readCount(member, usage.output_tokens, "usage.output_tokens");
        } else if (key == "cache_creation_input_tokens") {
            wrong = readCount(member, usage.cache_creation_input_tokens, "usage.cache_creation_input_tokens");
        } else if (key == "cache_read_input_tokens") {
            wrong = readCount(member, usage.cache_read_input_tokens, "usage.cache_read_input_tokens");
        } else if (key == "output_tokens_details" && !member.is_null()) {
            dom::object details;
            if (member.get(details) != SUCCESS) return "usage.output_tokens_details";
            dom::element thinking;
            if (details["thinking_tokens"].get(thinking) == SUCCESS) {
                wrong = readCount(thinking, usage.thinking_tokens, "usage.output_tokens_details.thinking_tokens");
            }
        }
        if (wrong) return wrong;
    }
    return fine;
}

// `message` of a message_start.
Field readOpening(dom::element value, csj_anthropic &answer) {
    dom::object members;
    if (value.get(members) != SUCCESS) return "message";
    dom::element usage;
    return members["usage"].get(usage) == SUCCESS ? readUsage(usage, answer.usage) : fine;
}

// Why it ended: members of a message, or of the `delta` of a message_delta.
Field readStop(std::string_view key, dom::element member, csj_anthropic &answer) {
    if (key == "stop_reason") return readText(member, answer.stop_reason, "stop_reason");
    if (key != "stop_details" || member.is_null()) return fine;
    dom::object details;
    if (member.get(details) != SUCCESS) return "stop_details";
    dom::element explanation;
    if (details["explanation"].get(explanation) != SUCCESS) return fine;
    return readText(explanation, answer.explanation, "stop_details.explanation");
}

Field readMessageDelta(dom::element value, csj_anthropic &answer) {
    if (value.is_null()) return fine;
    dom::object members;
    if (value.get(members) != SUCCESS) return "delta";
    for (auto [key, member] : members) {
        if (Field wrong = readStop(key, member, answer)) return wrong;
    }
    return fine;
}

csj_anthropic_kind kindOf(std::string_view type) {
    // The one that comes for every token is asked for first.
    if (type == "content_block_delta") return CSJ_ANTHROPIC_BLOCK_DELTA;
    if (type == "content_block_start") return CSJ_ANTHROPIC_BLOCK_START;
    if (type == "content_block_stop") return CSJ_ANTHROPIC_BLOCK_STOP;
    if (type == "message_start") return CSJ_ANTHROPIC_MESSAGE_START;
    if (type == "message_delta") return CSJ_ANTHROPIC_MESSAGE_DELTA;
    if (type == "message_stop") return CSJ_ANTHROPIC_MESSAGE_STOP;
    if (type == "message") return CSJ_ANTHROPIC_MESSAGE;
    if (type == "error") return CSJ_ANTHROPIC_ERROR;
    return type.empty() ? CSJ_ANTHROPIC_UNTYPED : CSJ_ANTHROPIC_OTHER;
}

Field readMember(csj_parser &parser, std::string_view key, dom::element member, csj_anthropic &answer) {
    switch (answer.kind) {
        case CSJ_ANTHROPIC_BLOCK_DELTA:
            if (key == "delta") return readBlockDelta(parser, member);
            return key == "index" ? readCount(member, answer.index, "index") : fine;
        case CSJ_ANTHROPIC_BLOCK_START:
            if (key == "content_block") return readBlock(parser, member);
            return key == "index" ? readCount(member, answer.index, "index") : fine;
        case CSJ_ANTHROPIC_BLOCK_STOP: return key == "index" ? readCount(member, answer.index, "index") : fine;
        case CSJ_ANTHROPIC_MESSAGE_START: return key == "message" ? readOpening(member, answer) : fine;
        case CSJ_ANTHROPIC_MESSAGE_DELTA:
            if (key == "delta") return readMessageDelta(member, answer);
            return key == "usage" ? readUsage(member, answer.usage) : fine;
        case CSJ_ANTHROPIC_MESSAGE:
            if (key == "content") return readContent(parser, member, answer);
            return key == "usage" ? readUsage(member, answer.usage) : readStop(key, member, answer);
        default: return fine;
    }
}

Field readRoot(csj_parser &parser, dom::element root, csj_anthropic &answer) {
    dom::object members;
    if (root.get(members) != SUCCESS) return "the text itself";
    std::string_view type;
    if (Field wrong = readType(members, type, "type")) return wrong;
    answer.kind = kindOf(type);
    for (auto [key, member] : members) {
        if (Field wrong = readMember(parser, key, member, answer)) return wrong;
    }
    const Citation *citation = parser.anthropicCitations.data();
    for (Piece &piece : parser.anthropicPieces) {
        piece.citations = citation;
        citation += piece.citation_count;
    }
    answer.pieces = parser.anthropicPieces.data();
    answer.piece_count = parser.anthropicPieces.size();
    return fine;
}

}  // namespace

extern "C" csj_status csj_parse_anthropic(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_anthropic *answer
) {
    *answer = csj_anthropic{};
    answer->index = -1;
    answer->usage = csj_anthropic_usage{-1, -1, -1, -1, -1};
    answer->status = guarded([&] {
        reset(*parser);
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status != CSJ_OK) return status;
        answer->field = readRoot(*parser, root, *answer);
        return answer->field == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
    return answer->status;
}
