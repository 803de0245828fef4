// Reads what an answer used, as OpenAI writes it and as OpenRouter and DeepSeek extend it.

#include "Fields.hpp"

using namespace simdjson;
using namespace csj;

namespace {

Field readPromptDetails(dom::element value, csj_openai_usage &usage) {
    if (value.is_null()) return fine;
    dom::object details;
    if (value.get(details) != SUCCESS) return "usage.prompt_tokens_details";
    for (auto [key, member] : details) {
        Field wrong = fine;
        if (key == "cached_tokens") {
            wrong = readCount(member, usage.cached_tokens, "usage.prompt_tokens_details");
        } else if (key == "cache_write_tokens") {
            wrong = readCount(member, usage.cache_write_tokens, "usage.prompt_tokens_details");
        } else if (key == "audio_tokens") {
            wrong = readCount(member, usage.audio_input_tokens, "usage.prompt_tokens_details");
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readCompletionDetails(dom::element value, csj_openai_usage &usage) {
    if (value.is_null()) return fine;
    dom::object details;
    if (value.get(details) != SUCCESS) return "usage.completion_tokens_details";
    for (auto [key, member] : details) {
        Field wrong = fine;
        if (key == "reasoning_tokens") {
            wrong = readCount(member, usage.reasoning_tokens, "usage.completion_tokens_details");
        } else if (key == "audio_tokens") {
            wrong = readCount(member, usage.audio_output_tokens, "usage.completion_tokens_details");
        }
        if (wrong) return wrong;
    }
    return fine;
}

// Others than OpenRouter use the name for other things, such as an object: those count as absent.
void readMoney(dom::element value, double &into) {
    double money;
    if (value.get(money) == SUCCESS && money >= 0) into = money;
}

}  // namespace

Field csj::readUsage(dom::element value, csj_openai_usage &usage) {
    if (value.is_null()) return fine;
    dom::object members;
    if (value.get(members) != SUCCESS) return "usage";
    usage = csj_openai_usage{};
    usage.present = true;
    usage.cost = usage.upstream_cost = -1;
    usage.is_byok = -1;
    for (auto [key, member] : members) {
        Field wrong = fine;
        bool isTrue;
        if (key == "prompt_tokens") {
            wrong = readCount(member, usage.prompt_tokens, "usage.prompt_tokens");
        } else if (key == "completion_tokens") {
            wrong = readCount(member, usage.completion_tokens, "usage.completion_tokens");
        } else if (key == "prompt_tokens_details") {
            wrong = readPromptDetails(member, usage);
        } else if (key == "completion_tokens_details") {
            wrong = readCompletionDetails(member, usage);
        } else if (key == "prompt_cache_hit_tokens") {
            // DeepSeek's name for cached_tokens.
            wrong = readCount(member, usage.cached_tokens, "usage.prompt_cache_hit_tokens");
        } else if (key == "cost") {
            readMoney(member, usage.cost);
        } else if (key == "cost_details") {
            dom::element upstream;
            if (member["upstream_inference_cost"].get(upstream) == SUCCESS) readMoney(upstream, usage.upstream_cost);
        } else if (key == "is_byok" && member.get(isTrue) == SUCCESS) {
            usage.is_byok = isTrue ? 1 : 0;
        }
        if (wrong) return wrong;
    }
    return fine;
}
