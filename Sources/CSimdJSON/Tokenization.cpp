// Reads the small answers beside generation: of tokenizers, and objects that are only looked at.

#include "Fields.hpp"

using namespace simdjson;
using namespace csj;

namespace {

Field readTokenization(dom::element root, csj_tokenization &result) {
    dom::object members;
    if (root.get(members) != SUCCESS) return "the text itself";
    dom::array tokens;
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "prompt") {
            wrong = readText(member, result.prompt, "prompt");
        } else if (key == "count") {
            wrong = readCount(member, result.token_count, "count");
        } else if (key == "tokens" && result.token_count < 0 && !member.is_null()) {
            if (member.get(tokens) != SUCCESS) return "tokens";
            // size() saturates at 2^24 - 1; counting does not.
            int64_t count = 0;
            for (auto token : tokens) {
                (void)token;
                count += 1;
            }
            result.token_count = count;
        }
        if (wrong) return wrong;
    }
    return fine;
}

}  // namespace

extern "C" csj_status csj_parse_tokenization(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_tokenization *result
) {
    *result = csj_tokenization{};
    result->token_count = -1;
    result->status = guarded([&] {
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status != CSJ_OK) return status;
        result->field = readTokenization(root, *result);
        return result->field == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
    return result->status;
}

extern "C" csj_status csj_compact_object(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_text *object
) {
    *object = csj_text{};
    return guarded([&] {
        reset(*parser);
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status != CSJ_OK) return status;
        if (!root.is_object()) return CSJ_WRONG_TYPE;
        *object = parser->keep(minify(root));
        return CSJ_OK;
    });
}
