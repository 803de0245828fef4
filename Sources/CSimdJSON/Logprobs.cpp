// Reads how probable tokens were, as OpenAI writes it and as Ollama copies it.

#include "Fields.hpp"

#include <string>
#include <utility>

using namespace simdjson;
using namespace csj;

Field csj::readLogprobs(csj_parser &parser, dom::element value, csj_text &into, const LogprobFields &names) {
    if (value.is_null()) return fine;
    dom::array entries;
    if (value.get(entries) != SUCCESS) return names.list;
    std::string joined;
    for (dom::element entry : entries) {
        dom::object members;
        if (entry.get(members) != SUCCESS) return names.entry;
        bool hasToken = false, hasBytes = false, hasTop = false;
        for (auto [key, member] : members) {
            if (key == "token") {
                if (!member.is_string()) return names.token;
                hasToken = true;
            } else if (key == "logprob") {
                // llama.cpp writes null for what is no number.
                if (!member.is_number() && !member.is_null()) return names.logprob;
            } else if (key == "bytes") {
                hasBytes = true;
            } else if (key == "top_logprobs") {
                hasTop = true;
            }
        }
        if (!hasToken) return names.token;
        if (!joined.empty()) joined += ',';
        joined += minify(entry);
        if (hasBytes && hasTop) continue;
        // OpenAI's clients count on both, and Ollama leaves out what is empty.
        joined.pop_back();
        if (!hasBytes) joined += ",\"bytes\":null";
        if (!hasTop) joined += ",\"top_logprobs\":[]";
        joined += '}';
    }
    into = joined.empty() ? csj_text{} : parser.keep(std::move(joined));
    return fine;
}
