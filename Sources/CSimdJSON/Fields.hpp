#pragma once

#include "Parser.hpp"

#include <string_view>

// What the readers of OpenAI's texts have in common.
namespace csj {

// A key of the wrong type: the walk stops and hands back its name.
using Field = const char *;
constexpr Field fine = nullptr;

inline Field readText(simdjson::dom::element value, csj_text &into, Field name) {
    if (value.is_null()) return fine;
    std::string_view view;
    if (value.get(view) != simdjson::SUCCESS) return name;
    into = text(view);
    return fine;
}

// Counts of tokens: some servers write 12.0, none has a use for a negative one.
inline Field readCount(simdjson::dom::element value, int64_t &into, Field name) {
    if (value.is_null()) return fine;
    double fraction;
    if (value.get(into) != simdjson::SUCCESS) {
        if (value.get(fraction) != simdjson::SUCCESS || !(fraction >= 0 && fraction < 9e15)) return name;
        into = static_cast<int64_t>(fraction);
    }
    return into < 0 ? name : fine;
}

// For what is good to know and not needed: of another type it counts as absent.
inline void readTextIfAny(simdjson::dom::element value, csj_text &into) {
    std::string_view view;
    if (value.get(view) == simdjson::SUCCESS) into = text(view);
}

// The same for places in a list or a text, none of which is negative.
inline void readPlaceIfAny(simdjson::dom::element value, int64_t &into) {
    int64_t place;
    if (value.get(place) == simdjson::SUCCESS && place >= 0) into = place;
}

// `usage` of a chunk, a completion or embeddings.
Field readUsage(simdjson::dom::element value, csj_openai_usage &usage);

// What `error` holds, wherever it stands.
csj_error readErrorObject(csj_parser &parser, simdjson::dom::element value);

// The paths of a list of probabilities in the text that it stands in.
struct LogprobFields {
    Field list;
    Field entry;
    Field token;
    Field logprob;
};

// The entries of a list of probabilities: compact JSON objects joined by commas, each with the four members that OpenAI
// documents and whatever else it had. Absent when there are none.
Field readLogprobs(csj_parser &parser, simdjson::dom::element value, csj_text &into, const LogprobFields &names);

// Runs `body`, which may throw for want of memory and for nothing else.
template <typename Body>
csj_status guarded(Body body) {
    try {
        return body();
    } catch (...) {
        return CSJ_NO_MEMORY;
    }
}

}  // namespace csj
