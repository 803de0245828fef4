// Reads the vectors of `/embeddings` into one block of numbers.

#include "Fields.hpp"

#include <cmath>
#include <limits>

using namespace simdjson;
using namespace csj;

namespace {

// One vector's numbers, to its place among `values`, which is made with the first one: its length is that of all.
Field readVector(dom::element value, size_t place, size_t length, csj_parser &parser, csj_embeddings &result) {
    dom::array numbers;
    if (value.get(numbers) != SUCCESS) return "data[].embedding";
    if (result.dimensions == 0) {
        for (auto number : numbers) {
            (void)number;
            result.dimensions += 1;
        }
        // A number takes two bytes of the text at least: no memory for more of them than it can hold.
        if (result.dimensions == 0 || result.dimensions > length / result.count) return "data[].embedding";
        parser.vectors.assign(result.count * result.dimensions, 0);
    }
    float *into = parser.vectors.data() + place * result.dimensions;
    size_t read = 0;
    for (dom::element number : numbers) {
        double component;
        if (read == result.dimensions || number.get(component) != SUCCESS) return "data[].embedding";
        if (!(std::fabs(component) <= std::numeric_limits<float>::max())) return "data[].embedding";
        into[read] = static_cast<float>(component);
        read += 1;
    }
    return read == result.dimensions ? fine : "data[].embedding";
}

Field readData(
    csj_parser &parser, dom::element value, size_t length, size_t expected, csj_embeddings &result
) {
    dom::array data;
    if (value.get(data) != SUCCESS) return "data";
    result.count = expected;
    std::vector<bool> seen(expected, false);
    size_t position = 0;
    for (dom::element entry : data) {
        dom::element vector, index;
        int64_t place = static_cast<int64_t>(position);
        if (entry["index"].get(index) == SUCCESS) {
            if (Field wrong = readCount(index, place, "data[].index")) return wrong;
        }
        if (static_cast<uint64_t>(place) >= expected || seen[static_cast<size_t>(place)]) return "data[].index";
        seen[static_cast<size_t>(place)] = true;
        if (entry["embedding"].get(vector) != SUCCESS) return "data[].embedding";
        if (Field wrong = readVector(vector, static_cast<size_t>(place), length, parser, result)) return wrong;
        position += 1;
    }
    return position == expected ? fine : "data";
}

Field readEmbeddings(
    csj_parser &parser, dom::element root, size_t length, size_t expected, csj_embeddings &result
) {
    dom::object members;
    if (root.get(members) != SUCCESS) return "the text itself";
    bool hasData = false;
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "data" && !member.is_null()) {
            hasData = true;
            wrong = readData(parser, member, length, expected, result);
        } else if (key == "usage") {
            wrong = readUsage(member, result.usage);
        } else if (key == "error" && !member.is_null()) {
            result.error = readErrorObject(parser, member);
        }
        if (wrong) return wrong;
    }
    if (!hasData && !result.error.present) return "data";
    result.values = parser.vectors.data();
    return fine;
}

}  // namespace

extern "C" csj_status csj_parse_embeddings(
    csj_parser *parser, const uint8_t *bytes, size_t length, size_t expected, csj_embeddings *result
) {
    *result = csj_embeddings{};
    result->status = guarded([&] {
        reset(*parser);
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status != CSJ_OK) return status;
        result->field = readEmbeddings(*parser, root, length, expected, *result);
        return result->field == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
    return result->status;
}
