// Walks the JSON of one chunk or completion once, key by key, and notes what we know.

#include "Fields.hpp"

#include <string_view>

using namespace simdjson;
using namespace csj;

namespace {

Field readArguments(csj_parser &parser, dom::element value, csj_text &into, Field name) {
    if (!value.is_object()) return readText(value, into, name);
    into = parser.keep(minify(value));
    return fine;
}

// `function` of an entry of `tool_calls`, or the whole of `function_call`.
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
                call.has_index = !member.is_null();
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

// OpenAI's older name for a single tool call.
Field readFunctionCall(csj_parser &parser, dom::element value) {
    if (value.is_null()) return fine;
    csj_tool_call call{};
    if (Field wrong = readFunction(parser, value, call)) return wrong;
    parser.toolCalls.push_back(call);
    return fine;
}

Field readReasoningDetails(csj_parser &parser, dom::element value) {
    if (value.is_null()) return fine;
    dom::array details;
    if (value.get(details) != SUCCESS) return "reasoning_details";
    for (dom::element entry : details) {
        dom::object members;
        if (entry.get(members) != SUCCESS) return "reasoning_details[]";
        csj_reasoning_detail detail{};
        detail.index = -1;
        for (auto [key, member] : members) {
            Field wrong = fine;
            if (key == "type") {
                wrong = readText(member, detail.type, "reasoning_details[].type");
            } else if (key == "text" || key == "summary") {
                readTextIfAny(member, detail.text);
            } else if (key == "signature") {
                readTextIfAny(member, detail.signature);
            } else if (key == "id") {
                readTextIfAny(member, detail.id);
            } else if (key == "format") {
                readTextIfAny(member, detail.format);
            } else if (key == "index") {
                readPlaceIfAny(member, detail.index);
            }
            if (wrong) return wrong;
        }
        std::string_view type(detail.type.data == nullptr ? "" : detail.type.data, detail.type.length);
        bool isShown = type.empty() || type == "reasoning.text" || type == "reasoning.summary";
        if (!isShown) detail.whole = parser.keep(minify(entry));
        parser.reasoningDetails.push_back(detail);
    }
    return fine;
}

// Sources beside an answer. One that is not understood costs a source and not the answer.
void readAnnotations(csj_parser &parser, dom::element value) {
    dom::array annotations;
    if (value.get(annotations) != SUCCESS) return;
    for (dom::element entry : annotations) {
        dom::object members;
        if (entry["url_citation"].get(members) != SUCCESS) continue;
        csj_url_citation citation{};
        citation.start_index = citation.end_index = -1;
        for (auto [key, member] : members) {
            if (key == "url") readTextIfAny(member, citation.url);
            if (key == "title") readTextIfAny(member, citation.title);
            if (key == "content") readTextIfAny(member, citation.content);
            if (key == "start_index") readPlaceIfAny(member, citation.start_index);
            if (key == "end_index") readPlaceIfAny(member, citation.end_index);
        }
        parser.citations.push_back(citation);
    }
}

// `delta` of a chunk or `message` of a completion.
Field readMessage(csj_parser &parser, dom::element value, csj_answer &answer) {
    if (value.is_null()) return fine;
    dom::object message;
    if (value.get(message) != SUCCESS) return "choices[0].delta";
    csj_text shortReasoning{};
    dom::element functionCall;
    bool hasFunctionCall = false;
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
        } else if (key == "function_call") {
            functionCall = member;
            hasFunctionCall = true;
        } else if (key == "reasoning_details") {
            wrong = readReasoningDetails(parser, member);
        } else if (key == "annotations") {
            readAnnotations(parser, member);
        }
        if (wrong) return wrong;
    }
    // Who sends both means the same call by both.
    if (hasFunctionCall && parser.toolCalls.empty()) {
        if (Field wrong = readFunctionCall(parser, functionCall)) return wrong;
    }
    // Servers in the middle of the renaming send both with the same text: one of them is enough.
    if (answer.reasoning.length == 0 && shortReasoning.data != nullptr) answer.reasoning = shortReasoning;
    return fine;
}

// The probabilities of a refusal's tokens, which stand beside `content`, are passed over.
Field readChoiceLogprobs(csj_parser &parser, dom::element value, csj_answer &answer) {
    static constexpr LogprobFields names{
        "choices[0].logprobs.content", "choices[0].logprobs.content[]", "choices[0].logprobs.content[].token",
        "choices[0].logprobs.content[].logprob"};
    if (value.is_null()) return fine;
    dom::object members;
    if (value.get(members) != SUCCESS) return "choices[0].logprobs";
    for (auto [key, member] : members) {
        if (key != "content") continue;
        if (Field wrong = readLogprobs(parser, member, answer.logprobs, names)) return wrong;
    }
    return fine;
}

Field readChoice(csj_parser &parser, dom::object choice, bool with_logprobs, csj_answer &answer) {
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
        } else if (with_logprobs && key == "logprobs") {
            wrong = readChoiceLogprobs(parser, member, answer);
        } else if (key == "error" && !answer.error.present) {
            answer.error = readErrorObject(parser, member);
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readChoices(csj_parser &parser, dom::element value, bool with_logprobs, csj_answer &answer) {
    if (value.is_null()) return fine;
    dom::array choices;
    if (value.get(choices) != SUCCESS) return "choices";
    answer.has_choices = true;
    for (dom::element entry : choices) {
        dom::object choice;
        if (entry.get(choice) != SUCCESS) return "choices[]";
        answer.choice_count += 1;
        if (Field wrong = readChoice(parser, choice, with_logprobs, answer)) return wrong;
    }
    return fine;
}

Field readAnswer(csj_parser &parser, dom::element root, bool with_logprobs, csj_answer &answer) {
    dom::object members;
    if (root.get(members) != SUCCESS) return "the text itself";
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "choices") {
            wrong = readChoices(parser, member, with_logprobs, answer);
        } else if (key == "usage") {
            wrong = readUsage(member, answer.usage);
        } else if (key == "error" && !member.is_null()) {
            answer.error = readErrorObject(parser, member);
        }
        if (wrong) return wrong;
    }
    answer.tool_calls = parser.toolCalls.data();
    answer.tool_call_count = parser.toolCalls.size();
    answer.reasoning_details = parser.reasoningDetails.data();
    answer.reasoning_detail_count = parser.reasoningDetails.size();
    answer.citations = parser.citations.data();
    answer.citation_count = parser.citations.size();
    return fine;
}

}  // namespace

extern "C" csj_status csj_parse_answer(
    csj_parser *parser, const uint8_t *bytes, size_t length, bool with_logprobs, csj_answer *answer
) {
    *answer = csj_answer{};
    answer->status = guarded([&] {
        reset(*parser);
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status != CSJ_OK) return status;
        answer->field = readAnswer(*parser, root, with_logprobs, *answer);
        return answer->field == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
    return answer->status;
}
