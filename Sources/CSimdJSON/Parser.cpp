#include "Parser.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

using namespace simdjson;

namespace {

// What most chunks fit in.
constexpr size_t smallestCapacity = 1024;
// Above this a parser gives its buffers back before it takes a small text: they were grown for a whole body.
constexpr size_t largestKeptCapacity = 256 * 1024;

csj_status statusOf(error_code error) {
    switch (error) {
        case SUCCESS: return CSJ_OK;
        case CAPACITY: return CSJ_TOO_LARGE;
        case MEMALLOC: return CSJ_NO_MEMORY;
        default: return CSJ_NOT_JSON;
    }
}

}  // namespace

csj_text text(std::string_view view) {
    // An empty view may carry a null pointer, which would read as "absent".
    return csj_text{view.data() != nullptr ? view.data() : "", view.size()};
}

bool csj_parser::reserve(size_t length) {
    // A new parser has no buffers yet, and an empty text is parsed as well: HTTP errors often have no body.
    bool tooSmall = length > capacity || capacity == 0;
    bool swollen = capacity > largestKeptCapacity && length <= smallestCapacity;
    if (!tooSmall && !swollen) return true;
    size_t wanted = std::max(smallestCapacity, tooSmall ? std::max(length, std::min(2 * capacity, length * 2)) : 0);
    capacity = 0;
    padded.reset(new (std::nothrow) char[wanted + SIMDJSON_PADDING]());
    if (!padded) return false;
    if (document.allocate(wanted, CSJ_MAX_DEPTH) != SUCCESS) return false;
    // parse() grows the document's tape by itself, but never shrinks it.
    if (document.doc.allocate(wanted) != SUCCESS) return false;
    capacity = wanted;
    return true;
}

csj_status csj_parser::parse(const uint8_t *bytes, size_t length, dom::element &root) {
    if (length > CSJ_MAX_BYTES) return CSJ_TOO_LARGE;
    if (!reserve(length)) return CSJ_NO_MEMORY;
    // An empty text may come without an address.
    if (length > 0) std::memcpy(padded.get(), bytes, length);
    std::memset(padded.get() + length, 0, SIMDJSON_PADDING);
    return statusOf(document.parse(padded.get(), length, false).get(root));
}

csj_text csj_parser::keep(std::string value) {
    ownTexts.push_back(std::make_unique<std::string>(std::move(value)));
    return text(*ownTexts.back());
}

size_t csj_parser::memory() const {
    return sizeof(*this) + capacity + SIMDJSON_PADDING + document.capacity() * (sizeof(uint32_t) + sizeof(uint64_t) + 2)
        + vectors.capacity() * sizeof(float);
}

extern "C" csj_parser *csj_parser_create(void) {
    try {
        return new csj_parser();
    } catch (...) {
        return nullptr;
    }
}

extern "C" void csj_parser_destroy(csj_parser *parser) {
    delete parser;
}

extern "C" size_t csj_parser_memory(const csj_parser *parser) {
    return parser->memory();
}
