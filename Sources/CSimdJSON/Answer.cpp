// Walks the JSON of one chunk or completion once, key by key, and notes what we know.

#include "Fields.hpp"

#include <string_view>

using namespace simdjson;

namespace {

Field readDetail(dom::element value, std::string_view key, int64_t &into, Field name) {
    if (value.is_null()) return fine;
    dom::object details;
    if (value.get(details) != SUCCESS) return name;
    for (auto [detail, count] : details) {
        if (detail != key) continue;
        if (Field wrong = readCount(count, into, name)) return wrong;
    }
    return fine;
}

Field readUsage(dom::element value, csj_answer &answer) {
    if (value.is_null()) return fine;
    dom::object usage;
    if (value.get(usage) != SUCCESS) return "usage";
    answer.has_usage = true;
    for (auto [key, member] : usage) {
        Field wrong = fine;
        if (key == "prompt_tokens") {
            wrong = readCount(member, answer.prompt_tokens, "usage.prompt_tokens");
        } else if (key == "completion_tokens") {
            wrong = readCount(member, answer.completion_tokens, "usage.completion_tokens");
        } else if (key == "prompt_tokens_details") {
            wrong = readDetail(member, "cached_tokens", answer.cached_tokens, "usage.prompt_tokens_details");
        } else if (key == "completion_tokens_details") {
            wrong = readDetail(member, "reasoning_tokens", answer.reasoning_tokens, "usage.completion_tokens_details");
        } else if (key == "prompt_cache_hit_tokens") {
            // DeepSeek's name for cached_tokens.
            wrong = readCount(member, answer.cached_tokens, "usage.prompt_cache_hit_tokens");
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readArguments(csj_parser &parser, dom::element value, csj_text &into, Field name) {
    if (!value.is_object()) return readText(value, into, name);
    parser.argumentTexts.push_back(std::make_unique<std::string>(minify(value)));
    into = text(*parser.argumentTexts.back());
    return fine;
}

Field readFunction(csj_parser &parser, dom::element value, csj_tool_call &call) {
    if (value.is_null()) return fine;
    dom::object function;
    if (value.get(function) != SUCCESS) return "tool_calls[].function";
    for (auto [key, member] : function) {
        Field wrong = fine;
        if (key == "name") {
            wrong = readText(member, call.name, "tool_calls[].function.name");
        } else if (key == "arguments") {
            wrong = readArguments(parser, member, call.arguments, "tool_calls[].function.arguments");
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readToolCalls(csj_parser &parser, dom::element value) {
    if (value.is_null()) return fine;
    dom::array calls;
    if (value.get(calls) != SUCCESS) return "tool_calls";
    int64_t place = 0;
    for (dom::element entry : calls) {
        dom::object members;
        if (entry.get(members) != SUCCESS) return "tool_calls[]";
        csj_tool_call call{};
        call.index = place++;
        for (auto [key, member] : members) {
            Field wrong = fine;
            if (key == "index") {
                wrong = readCount(member, call.index, "tool_calls[].index");
            } else if (key == "id") {
                wrong = readText(member, call.id, "tool_calls[].id");
            } else if (key == "function") {
                wrong = readFunction(parser, member, call);
            }
            if (wrong) return wrong;
        }
        parser.toolCalls.push_back(call);
    }
    return fine;
}

// `delta` of a chunk or `message` of a completion.
Field readMessage(csj_parser &parser, dom::element value, csj_answer &answer) {
    if (value.is_null()) return fine;
    dom::object message;
    if (value.get(message) != SUCCESS) return "choices[0].delta";
    csj_text shortReasoning{};
    for (auto [key, member] : message) {
        Field wrong = fine;
        if (key == "content") {
            wrong = readText(member, answer.content, "choices[0].delta.content");
        } else if (key == "reasoning_content") {
            wrong = readText(member, answer.reasoning, "choices[0].delta.reasoning_content");
        } else if (key == "reasoning") {
            wrong = readText(member, shortReasoning, "choices[0].delta.reasoning");
        } else if (key == "refusal") {
            wrong = readText(member, answer.refusal, "choices[0].delta.refusal");
        } else if (key == "tool_calls") {
            wrong = readToolCalls(parser, member);
        }
        if (wrong) return wrong;
    }
    // Servers in the middle of the renaming send both with the same text: one of them is enough.
    if (answer.reasoning.length == 0 && shortReasoning.data != nullptr) answer.reasoning = shortReasoning;
    return fine;
}

csj_error readErrorObject(dom::element value) {
    csj_error error{};
    std::string_view view;
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
        }
    } else if (!value.is_null()) {
        error.present = true;
    }
    return error;
}

Field readChoice(csj_parser &parser, dom::object choice, csj_answer &answer) {
    dom::element index;
    int64_t number = 0;
    if (choice["index"].get(index) == SUCCESS) {
        if (Field wrong = readCount(index, number, "choices[].index")) return wrong;
    }
    // We never ask for more than one answer.
    if (number != 0) return fine;
    for (auto [key, member] : choice) {
        Field wrong = fine;
        if (key == "delta" || key == "message") {
            wrong = readMessage(parser, member, answer);
        } else if (key == "finish_reason") {
            wrong = readText(member, answer.finish_reason, "choices[0].finish_reason");
        } else if (key == "error" && !answer.error.present) {
            answer.error = readErrorObject(member);
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readChoices(csj_parser &parser, dom::element value, csj_answer &answer) {
    if (value.is_null()) return fine;
    dom::array choices;
    if (value.get(choices) != SUCCESS) return "choices";
    answer.has_choices = true;
    for (dom::element entry : choices) {
        dom::object choice;
        if (entry.get(choice) != SUCCESS) return "choices[]";
        answer.choice_count += 1;
        if (Field wrong = readChoice(parser, choice, answer)) return wrong;
    }
    return fine;
}

Field readAnswer(csj_parser &parser, dom::element root, csj_answer &answer) {
    dom::object members;
    if (root.get(members) != SUCCESS) return "the text itself";
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "choices") {
            wrong = readChoices(parser, member, answer);
        } else if (key == "usage") {
            wrong = readUsage(member, answer);
        } else if (key == "error" && !member.is_null()) {
            answer.error = readErrorObject(member);
        }
        if (wrong) return wrong;
    }
    answer.tool_calls = parser.toolCalls.data();
    answer.tool_call_count = parser.toolCalls.size();
    return fine;
}

csj_error readErrorBody(dom::element root) {
    dom::object members;
    if (root.get(members) != SUCCESS) return readErrorObject(root);
    dom::element nested;
    if (members["error"].get(nested) == SUCCESS && !nested.is_null()) {
        csj_error error = readErrorObject(nested);
        std::string_view view;
        // Some gateways put the sentence beside a bare `error` word.
        if (error.message.data == nullptr && members["message"].get(view) == SUCCESS) error.message = text(view);
        return error;
    }
    csj_error error = readErrorObject(root);
    std::string_view detail;
    if (error.message.data == nullptr && members["detail"].get(detail) == SUCCESS) error.message = text(detail);
    return error;
}

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

extern "C" csj_status csj_parse_answer(csj_parser *parser, const uint8_t *bytes, size_t length, csj_answer *answer) {
    *answer = csj_answer{};
    answer->status = guarded([&] {
        reset(*parser);
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status != CSJ_OK) return status;
        answer->field = readAnswer(*parser, root, *answer);
        return answer->field == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
    return answer->status;
}

extern "C" csj_status csj_parse_error(csj_parser *parser, const uint8_t *bytes, size_t length, csj_error *error) {
    *error = csj_error{};
    return guarded([&] {
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status == CSJ_OK) *error = readErrorBody(root);
        return status;
    });
}

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
