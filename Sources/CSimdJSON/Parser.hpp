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
    // Compact JSON of arguments that came as objects: one string per call, since growing must not move the others.
    std::vector<std::unique_ptr<std::string>> argumentTexts;
    std::vector<csj_anthropic_piece> anthropicPieces;
    std::vector<csj_anthropic_citation> anthropicCitations;

private:
    bool reserve(size_t length);

    std::unique_ptr<char[]> padded;
    size_t capacity = 0;
};

// Clears what the last text left behind.
inline void reset(csj_parser &parser) {
    parser.toolCalls.clear();
    parser.argumentTexts.clear();
    parser.anthropicPieces.clear();
    parser.anthropicCitations.clear();
}

csj_text text(std::string_view view);
