#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "CSimdJSON.h"

// simdjson's document and the padded copy of its text. Both grow by doubling and are let go when one huge text has
// swollen them, so that an idle parser holds little.
struct csj_parser {
    // Copies the text, parses it and hands back its root.
    csj_status parse(const uint8_t *bytes, size_t length, simdjson::dom::element &root);

    size_t memory() const;

    simdjson::dom::parser document{CSJ_MAX_BYTES};
    std::vector<csj_tool_call> toolCalls;
    std::vector<csj_anthropic_piece> anthropicPieces;
    std::vector<csj_anthropic_citation> anthropicCitations;
    std::vector<csj_gemini_part> geminiParts;
    std::vector<csj_gemini_source> geminiSources;
    std::vector<csj_gemini_support> geminiSupports;
    std::vector<csj_gemini_citation> geminiCitations;
    std::vector<size_t> geminiLengths;
    std::vector<csj_reasoning_detail> reasoningDetails;
    std::vector<csj_url_citation> citations;
    std::vector<float> vectors;
    // Texts that are not in the document as they are, such as the compact JSON of arguments that came as objects: each in
    // a string of its own, since growing must not move the others.
    std::vector<std::unique_ptr<std::string>> ownTexts;

    // Keeps `value` until the next parse.
    csj_text keep(std::string value);

private:
    bool reserve(size_t length);

    std::unique_ptr<char[]> padded;
    size_t capacity = 0;
};

// Clears what the last text left behind.
inline void reset(csj_parser &parser) {
    parser.toolCalls.clear();
    parser.anthropicPieces.clear();
    parser.anthropicCitations.clear();
    parser.geminiParts.clear();
    parser.geminiSources.clear();
    parser.geminiSupports.clear();
    parser.geminiCitations.clear();
    parser.geminiLengths.clear();
    parser.reasoningDetails.clear();
    parser.citations.clear();
    parser.ownTexts.clear();
    // Vectors take megabytes: they are not kept for the next ones.
    std::vector<float>().swap(parser.vectors);
}

csj_text text(std::string_view view);
