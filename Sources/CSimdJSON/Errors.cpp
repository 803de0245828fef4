// Reads what servers write when they fail: OpenAI's `error` and what Azure, OpenRouter and older servers make of it.

#include "Fields.hpp"

#include <string>
#include <string_view>

using namespace simdjson;
using namespace csj;

namespace {

void append(std::string &list, std::string_view name) {
    if (!list.empty()) list += ", ";
    list += name;
}

// Azure: `{"hate": {"filtered": true, "severity": "high"}, …}`. The names of what was filtered.
void readFilterResult(dom::element value, std::string &filtered) {
    dom::object categories;
    if (value.get(categories) != SUCCESS) return;
    for (auto [name, category] : categories) {
        bool isFiltered;
        if (category["filtered"].get(isFiltered) == SUCCESS && isFiltered) append(filtered, name);
    }
}

bool isFilterResult(std::string_view key) {
    return key == "content_filter_result" || key == "content_filter_results";
}

// Azure's `innererror`.
void readInnerError(dom::element value, csj_error &error, std::string &filtered) {
    dom::object members;
    if (value.get(members) != SUCCESS) return;
    for (auto [key, member] : members) {
        if (key == "code") readTextIfAny(member, error.inner_code);
        if (isFilterResult(key)) readFilterResult(member, filtered);
    }
}

// OpenRouter's `metadata`: who failed and what it said, or why a moderation objected.
void readMetadata(csj_parser &parser, dom::element value, csj_error &error, std::string &filtered) {
    dom::object members;
    if (value.get(members) != SUCCESS) return;
    for (auto [key, member] : members) {
        dom::array reasons;
        if (key == "provider_name") readTextIfAny(member, error.provider);
        if (key == "raw" && member.is_object()) error.raw = parser.keep(minify(member));
        if (key == "raw" && !member.is_object()) readTextIfAny(member, error.raw);
        if (key == "reasons" && member.get(reasons) == SUCCESS) {
            for (dom::element reason : reasons) {
                std::string_view view;
                if (reason.get(view) == SUCCESS) append(filtered, view);
            }
        }
    }
}

// FastAPI's list of what is wrong with a request, as Mistral and others write it: the first entry with its place, as
// `body.store: Extra inputs are not permitted`. Empty when there is none.
std::string firstViolation(dom::element detail) {
    dom::array entries, place;
    std::string_view words, name;
    int64_t number;
    if (detail.get(entries) != SUCCESS) return {};
    for (dom::element entry : entries) {
        if (entry["msg"].get(words) != SUCCESS) continue;
        std::string sentence;
        if (entry["loc"].get(place) == SUCCESS) {
            for (dom::element step : place) {
                if (!sentence.empty()) sentence += '.';
                if (step.get(name) == SUCCESS) sentence += name;
                if (step.get(number) == SUCCESS) sentence += std::to_string(number);
            }
        }
        if (!sentence.empty()) sentence += ": ";
        return sentence.append(words);
    }
    return {};
}

csj_error readErrorBody(csj_parser &parser, dom::element root) {
    dom::object members;
    if (root.get(members) != SUCCESS) return readErrorObject(parser, root);
    dom::element nested;
    if (members["error"].get(nested) == SUCCESS && !nested.is_null()) {
        csj_error error = readErrorObject(parser, nested);
        std::string_view view;
        // Some gateways put the sentence beside a bare `error` word.
        if (error.message.data == nullptr && members["message"].get(view) == SUCCESS) error.message = text(view);
        return error;
    }
    csj_error error = readErrorObject(parser, root);
    dom::element detail;
    if (error.message.data == nullptr && members["detail"].get(detail) == SUCCESS) {
        readTextIfAny(detail, error.message);
        std::string violation = firstViolation(detail);
        if (!violation.empty()) error.message = parser.keep(std::move(violation));
    }
    return error;
}

}  // namespace

csj_error csj::readErrorObject(csj_parser &parser, dom::element value) {
    csj_error error{};
    std::string_view view;
    std::string filtered;
    dom::object members;
    if (value.get(view) == SUCCESS) {
        error.present = true;
        error.message = text(view);
    } else if (value.get(members) == SUCCESS) {
        error.present = true;
        for (auto [key, member] : members) {
            bool isText = member.get(view) == SUCCESS;
            if (key == "message" && isText) error.message = text(view);
            if (key == "type" && isText) error.type = text(view);
            if (key == "code" && isText) error.code = text(view);
            if (key == "code" && !isText && member.get(error.status) != SUCCESS) error.status = 0;
            if (key == "innererror") readInnerError(member, error, filtered);
            if (isFilterResult(key)) readFilterResult(member, filtered);
            if (key == "metadata") readMetadata(parser, member, error, filtered);
        }
    } else if (!value.is_null()) {
        error.present = true;
    }
    if (!filtered.empty()) error.filtered = parser.keep(std::move(filtered));
    return error;
}

extern "C" csj_status csj_parse_error(csj_parser *parser, const uint8_t *bytes, size_t length, csj_error *error) {
    *error = csj_error{};
    return guarded([&] {
        reset(*parser);
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status == CSJ_OK) *error = readErrorBody(*parser, root);
        return status;
    });
}
