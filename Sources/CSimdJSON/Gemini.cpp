// Walks the JSON of one of Gemini's answers once, key by key, and notes what we know.

#include "Fields.hpp"

#include <algorithm>
#include <string_view>

using namespace simdjson;
using namespace csj;

namespace {

// More tokens than anybody counts. Sums of a few stay far from overflowing.
constexpr int64_t largestCount = 1000000000000000;

Field readTokens(dom::element value, int64_t &into, Field name) {
    int64_t count = 0;
    if (Field wrong = readCount(value, count, name)) return wrong;
    if (count > largestCount) return name;
    if (!value.is_null()) into = count;
    return fine;
}

// A place in the answer's text, which is no reason to fail when it makes no sense.
int64_t placeOf(dom::element value) {
    int64_t place;
    return value.get(place) == SUCCESS && place >= 0 && place <= largestCount ? place : -1;
}

// `…TokensDetails`: a count for each modality, of which sound interests us.
Field addAudio(dom::element value, int64_t &into, Field name) {
    if (value.is_null()) return fine;
    dom::array details;
    if (value.get(details) != SUCCESS) return name;
    for (dom::element entry : details) {
        dom::object detail;
        if (entry.get(detail) != SUCCESS) return name;
        std::string_view modality;
        dom::element tokens;
        if (detail["modality"].get(modality) != SUCCESS || modality != "AUDIO") continue;
        if (detail["tokenCount"].get(tokens) != SUCCESS) continue;
        int64_t count = 0;
        if (Field wrong = readTokens(tokens, count, name)) return wrong;
        into = std::min(into + count, largestCount);
    }
    return fine;
}

Field readUsage(dom::element value, csj_gemini_answer &answer) {
    if (value.is_null()) return fine;
    dom::object usage;
    if (value.get(usage) != SUCCESS) return "usageMetadata";
    answer.has_usage = true;
    for (auto [key, member] : usage) {
        Field wrong = fine;
        if (key == "promptTokenCount") {
            wrong = readTokens(member, answer.prompt_tokens, "usageMetadata.promptTokenCount");
        } else if (key == "candidatesTokenCount") {
            wrong = readTokens(member, answer.candidates_tokens, "usageMetadata.candidatesTokenCount");
        } else if (key == "thoughtsTokenCount") {
            wrong = readTokens(member, answer.thoughts_tokens, "usageMetadata.thoughtsTokenCount");
        } else if (key == "cachedContentTokenCount") {
            wrong = readTokens(member, answer.cached_tokens, "usageMetadata.cachedContentTokenCount");
        } else if (key == "toolUsePromptTokenCount") {
            wrong = readTokens(member, answer.tool_prompt_tokens, "usageMetadata.toolUsePromptTokenCount");
        } else if (key == "promptTokensDetails") {
            wrong = addAudio(member, answer.audio_prompt_tokens, "usageMetadata.promptTokensDetails");
        } else if (key == "toolUsePromptTokensDetails") {
            wrong = addAudio(member, answer.audio_prompt_tokens, "usageMetadata.toolUsePromptTokensDetails");
        } else if (key == "candidatesTokensDetails") {
            wrong = addAudio(member, answer.audio_candidates_tokens, "usageMetadata.candidatesTokensDetails");
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readCall(csj_parser &parser, dom::element value, csj_gemini_part &part) {
    if (value.is_null()) return fine;
    dom::object call;
    if (value.get(call) != SUCCESS) return "candidates[0].content.parts[].functionCall";
    part.kind = CSJ_GEMINI_CALL;
    for (auto [key, member] : call) {
        Field wrong = fine;
        if (key == "id") {
            wrong = readText(member, part.call_id, "candidates[0].content.parts[].functionCall.id");
        } else if (key == "name") {
            wrong = readText(member, part.call_name, "candidates[0].content.parts[].functionCall.name");
        } else if (key == "args" && !member.is_null()) {
            if (!member.is_object()) return "candidates[0].content.parts[].functionCall.args";
            part.call_arguments = parser.keep(minify(member));
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readPart(csj_parser &parser, dom::object members) {
    csj_gemini_part part{};
    bool isThought = false, hasText = false, isMedia = false;
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "text") {
            hasText = !member.is_null();
            wrong = readText(member, part.text, "candidates[0].content.parts[].text");
        } else if (key == "thought" && !member.is_null()) {
            if (member.get(isThought) != SUCCESS) wrong = "candidates[0].content.parts[].thought";
        } else if (key == "thoughtSignature") {
            wrong = readText(member, part.signature, "candidates[0].content.parts[].thoughtSignature");
        } else if (key == "functionCall") {
            wrong = readCall(parser, member, part);
        } else if (key == "inlineData" || key == "fileData") {
            isMedia = !member.is_null();
        }
        if (wrong) return wrong;
    }
    if (part.kind != CSJ_GEMINI_CALL) {
        if (isMedia) part.kind = CSJ_GEMINI_MEDIA;
        else if (isThought) part.kind = CSJ_GEMINI_THOUGHT;
        else if (!hasText && part.signature.data == nullptr) part.kind = CSJ_GEMINI_OTHER;
    }
    parser.geminiParts.push_back(part);
    return fine;
}

Field readContent(csj_parser &parser, dom::element value) {
    if (value.is_null()) return fine;
    dom::object content;
    if (value.get(content) != SUCCESS) return "candidates[0].content";
    dom::element list;
    if (content["parts"].get(list) != SUCCESS || list.is_null()) return fine;
    dom::array parts;
    if (list.get(parts) != SUCCESS) return "candidates[0].content.parts";
    for (dom::element entry : parts) {
        dom::object members;
        if (entry.get(members) != SUCCESS) return "candidates[0].content.parts[]";
        if (Field wrong = readPart(parser, members)) return wrong;
    }
    return fine;
}

void readSource(csj_parser &parser, dom::object chunk) {
    csj_gemini_source source{};
    // One of `web`, `retrievedContext`, `maps`.
    for (auto [kind, value] : chunk) {
        (void)kind;
        dom::object members;
        if (value.get(members) != SUCCESS) continue;
        for (auto [key, member] : members) {
            if (key == "uri") readTextIfAny(member, source.uri);
            if (key == "title") readTextIfAny(member, source.title);
            if (key == "text") readTextIfAny(member, source.words);
        }
    }
    parser.geminiSources.push_back(source);
}

void readSupport(csj_parser &parser, dom::object support) {
    csj_gemini_support found{-1, -1, -1};
    dom::object segment;
    dom::element place;
    if (support["segment"].get(segment) == SUCCESS) {
        // Protobuf leaves a start of 0 out.
        found.start = segment["startIndex"].get(place) == SUCCESS ? placeOf(place) : 0;
        found.end = segment["endIndex"].get(place) == SUCCESS ? placeOf(place) : -1;
    }
    dom::array indices;
    if (support["groundingChunkIndices"].get(indices) != SUCCESS) return;
    for (dom::element index : indices) {
        found.source = placeOf(index);
        if (found.source >= 0) parser.geminiSupports.push_back(found);
    }
}

Field readGrounding(csj_parser &parser, dom::element value) {
    if (value.is_null()) return fine;
    dom::object grounding;
    if (value.get(grounding) != SUCCESS) return "candidates[0].groundingMetadata";
    dom::array entries;
    dom::object members;
    if (grounding["groundingChunks"].get(entries) == SUCCESS) {
        for (dom::element entry : entries) {
            if (entry.get(members) != SUCCESS) return "candidates[0].groundingMetadata.groundingChunks[]";
            readSource(parser, members);
        }
    }
    if (grounding["groundingSupports"].get(entries) == SUCCESS) {
        for (dom::element entry : entries) {
            if (entry.get(members) != SUCCESS) return "candidates[0].groundingMetadata.groundingSupports[]";
            readSupport(parser, members);
        }
    }
    return fine;
}

Field readCitations(csj_parser &parser, dom::element value) {
    if (value.is_null()) return fine;
    dom::object metadata;
    if (value.get(metadata) != SUCCESS) return "candidates[0].citationMetadata";
    for (auto [name, list] : metadata) {
        // The second is Vertex AI's name for them.
        if (name != "citationSources" && name != "citations") continue;
        dom::array entries;
        if (list.get(entries) != SUCCESS) continue;
        for (dom::element entry : entries) {
            dom::object members;
            if (entry.get(members) != SUCCESS) return "candidates[0].citationMetadata.citationSources[]";
            csj_gemini_citation citation{{}, {}, 0, -1};
            for (auto [key, member] : members) {
                if (key == "uri") readTextIfAny(member, citation.uri);
                if (key == "title") readTextIfAny(member, citation.title);
                if (key == "startIndex") citation.start = placeOf(member);
                if (key == "endIndex") citation.end = placeOf(member);
            }
            parser.geminiCitations.push_back(citation);
        }
    }
    return fine;
}

Field readCandidate(csj_parser &parser, dom::object candidate, csj_gemini_answer &answer) {
    dom::element index;
    int64_t number = 0;
    if (candidate["index"].get(index) == SUCCESS) {
        if (Field wrong = readCount(index, number, "candidates[].index")) return wrong;
    }
    // We never ask for more than one answer.
    if (number != 0) return fine;
    for (auto [key, member] : candidate) {
        Field wrong = fine;
        if (key == "content") {
            wrong = readContent(parser, member);
        } else if (key == "finishReason") {
            wrong = readText(member, answer.finish_reason, "candidates[0].finishReason");
        } else if (key == "finishMessage") {
            wrong = readText(member, answer.finish_message, "candidates[0].finishMessage");
        } else if (key == "groundingMetadata") {
            wrong = readGrounding(parser, member);
        } else if (key == "citationMetadata") {
            wrong = readCitations(parser, member);
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readCandidates(csj_parser &parser, dom::element value, csj_gemini_answer &answer) {
    if (value.is_null()) return fine;
    dom::array candidates;
    if (value.get(candidates) != SUCCESS) return "candidates";
    for (dom::element entry : candidates) {
        dom::object candidate;
        if (entry.get(candidate) != SUCCESS) return "candidates[]";
        answer.candidate_count += 1;
        if (Field wrong = readCandidate(parser, candidate, answer)) return wrong;
    }
    return fine;
}

Field readFeedback(dom::element value, csj_gemini_answer &answer) {
    if (value.is_null()) return fine;
    dom::object feedback;
    if (value.get(feedback) != SUCCESS) return "promptFeedback";
    for (auto [key, member] : feedback) {
        Field wrong = fine;
        if (key == "blockReason") {
            wrong = readText(member, answer.block_reason, "promptFeedback.blockReason");
        } else if (key == "blockReasonMessage") {
            wrong = readText(member, answer.block_message, "promptFeedback.blockReasonMessage");
        }
        if (wrong) return wrong;
    }
    return fine;
}

void readDetails(dom::element value, csj_gemini_error &error) {
    dom::array details;
    if (value.get(details) != SUCCESS) return;
    for (dom::element entry : details) {
        dom::object detail;
        if (entry.get(detail) != SUCCESS) continue;
        for (auto [key, member] : detail) {
            if (key == "reason" && error.reason.data == nullptr) readTextIfAny(member, error.reason);
            if (key == "retryDelay" && error.retry_delay.data == nullptr) readTextIfAny(member, error.retry_delay);
        }
    }
}

csj_gemini_error readError(dom::element value) {
    csj_gemini_error error{};
    dom::object members;
    std::string_view view;
    if (value.is_null()) return error;
    error.present = true;
    if (value.get(view) == SUCCESS) {
        error.message = text(view);
    } else if (value.get(members) == SUCCESS) {
        for (auto [key, member] : members) {
            if (key == "message") readTextIfAny(member, error.message);
            if (key == "status") readTextIfAny(member, error.status);
            if (key == "code" && member.get(error.code) != SUCCESS) error.code = 0;
            if (key == "details") readDetails(member, error);
        }
    }
    return error;
}

csj_gemini_error readErrorBody(dom::element root) {
    dom::array list;
    dom::element first;
    // A stream that was not asked to be events is an array, and so is its only error.
    if (root.get(list) == SUCCESS) {
        if (list.at(0).get(first) != SUCCESS) return csj_gemini_error{};
        root = first;
    }
    dom::element nested;
    if (root.is_object() && root["error"].get(nested) == SUCCESS) return readError(nested);
    return readError(root);
}

Field readAnswer(csj_parser &parser, dom::element root, csj_gemini_answer &answer) {
    dom::object members;
    if (root.get(members) != SUCCESS) return "the text itself";
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "candidates") {
            wrong = readCandidates(parser, member, answer);
        } else if (key == "usageMetadata") {
            wrong = readUsage(member, answer);
        } else if (key == "promptFeedback") {
            wrong = readFeedback(member, answer);
        } else if (key == "error") {
            answer.error = readError(member);
        }
        if (wrong) return wrong;
    }
    answer.parts = parser.geminiParts.data();
    answer.part_count = parser.geminiParts.size();
    answer.sources = parser.geminiSources.data();
    answer.source_count = parser.geminiSources.size();
    answer.supports = parser.geminiSupports.data();
    answer.support_count = parser.geminiSupports.size();
    answer.citations = parser.geminiCitations.data();
    answer.citation_count = parser.geminiCitations.size();
    return fine;
}

Field readVector(csj_parser &parser, dom::element entry) {
    dom::object embedding;
    dom::array numbers;
    if (entry.get(embedding) != SUCCESS) return "embeddings[]";
    if (embedding["values"].get(numbers) != SUCCESS) return "embeddings[].values";
    size_t before = parser.vectors.size();
    for (dom::element value : numbers) {
        double number;
        if (value.get(number) != SUCCESS) return "embeddings[].values[]";
        // What a float cannot hold would be infinite.
        parser.vectors.push_back(static_cast<float>(std::clamp(number, -3.4e38, 3.4e38)));
    }
    parser.geminiLengths.push_back(parser.vectors.size() - before);
    return fine;
}

Field readVectors(csj_parser &parser, dom::element root, csj_gemini_vectors &vectors) {
    dom::object members;
    if (root.get(members) != SUCCESS) return "the text itself";
    dom::array entries;
    if (members["embeddings"].get(entries) != SUCCESS) return "embeddings";
    for (dom::element entry : entries) {
        if (Field wrong = readVector(parser, entry)) return wrong;
    }
    dom::element usage, count;
    if (members["usageMetadata"].get(usage) == SUCCESS && usage.is_object()
        && usage["promptTokenCount"].get(count) == SUCCESS) {
        if (Field wrong = readTokens(count, vectors.prompt_tokens, "usageMetadata.promptTokenCount")) return wrong;
    }
    vectors.values = parser.vectors.data();
    vectors.lengths = parser.geminiLengths.data();
    vectors.count = parser.geminiLengths.size();
    return fine;
}

// Parses and runs `body`, either of which may throw for want of memory and for nothing else.
template <typename Body>
csj_status parsed(csj_parser &parser, const uint8_t *bytes, size_t length, Body body) {
    return guarded([&] {
        reset(parser);
        dom::element root;
        csj_status status = parser.parse(bytes, length, root);
        return status == CSJ_OK ? body(root) : status;
    });
}

}  // namespace

extern "C" csj_status csj_parse_gemini_answer(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_gemini_answer *answer
) {
    *answer = csj_gemini_answer{};
    answer->status = parsed(*parser, bytes, length, [&](dom::element root) {
        answer->field = readAnswer(*parser, root, *answer);
        return answer->field == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
    return answer->status;
}

extern "C" csj_status csj_parse_gemini_error(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_gemini_error *error
) {
    *error = csj_gemini_error{};
    return parsed(*parser, bytes, length, [&](dom::element root) {
        *error = readErrorBody(root);
        return CSJ_OK;
    });
}

extern "C" csj_status csj_parse_gemini_vectors(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_gemini_vectors *vectors
) {
    *vectors = csj_gemini_vectors{};
    vectors->prompt_tokens = -1;
    vectors->status = parsed(*parser, bytes, length, [&](dom::element root) {
        vectors->field = readVectors(*parser, root, *vectors);
        return vectors->field == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
    return vectors->status;
}

extern "C" csj_status csj_parse_gemini_count(
    csj_parser *parser, const uint8_t *bytes, size_t length, int64_t *tokens
) {
    *tokens = 0;
    return parsed(*parser, bytes, length, [&](dom::element root) {
        dom::element count;
        if (!root.is_object() || root["totalTokens"].get(count) != SUCCESS || count.is_null()) return CSJ_WRONG_TYPE;
        return readTokens(count, *tokens, "totalTokens") == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
}
