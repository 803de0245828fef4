// Walks the JSON of Ollama's own API once, key by key, and notes what we know.

#include "Fields.hpp"

#include <cmath>
#include <limits>

using namespace simdjson;
using namespace csj;

namespace {

Field readFunction(csj_parser &parser, dom::element value, csj_tool_call &call) {
    dom::object function;
    if (value.get(function) != SUCCESS) return "message.tool_calls[].function";
    for (auto [key, member] : function) {
        Field wrong = fine;
        if (key == "name") {
            wrong = readText(member, call.name, "message.tool_calls[].function.name");
        } else if (key == "arguments" && member.is_object()) {
            call.arguments = parser.keep(minify(member));
        } else if (key == "arguments") {
            // Some servers that imitate Ollama write a string, as OpenAI does.
            wrong = readText(member, call.arguments, "message.tool_calls[].function.arguments");
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readToolCalls(csj_parser &parser, dom::element value) {
    if (value.is_null()) return fine;
    dom::array calls;
    if (value.get(calls) != SUCCESS) return "message.tool_calls";
    for (dom::element entry : calls) {
        dom::object members;
        if (entry.get(members) != SUCCESS) return "message.tool_calls[]";
        csj_tool_call call{};
        call.index = static_cast<int64_t>(parser.toolCalls.size());
        for (auto [key, member] : members) {
            Field wrong = fine;
            if (key == "id") {
                wrong = readText(member, call.id, "message.tool_calls[].id");
            } else if (key == "function") {
                wrong = readFunction(parser, member, call);
            }
            if (wrong) return wrong;
        }
        parser.toolCalls.push_back(call);
    }
    return fine;
}

Field readMessage(csj_parser &parser, dom::element value, csj_ollama_chat &chat) {
    if (value.is_null()) return fine;
    dom::object message;
    if (value.get(message) != SUCCESS) return "message";
    for (auto [key, member] : message) {
        Field wrong = fine;
        if (key == "content") {
            wrong = readText(member, chat.content, "message.content");
        } else if (key == "thinking") {
            wrong = readText(member, chat.thinking, "message.thinking");
        } else if (key == "tool_calls") {
            wrong = readToolCalls(parser, member);
        }
        if (wrong) return wrong;
    }
    return fine;
}

Field readChat(csj_parser &parser, dom::element root, bool with_logprobs, csj_ollama_chat &chat) {
    static constexpr LogprobFields names{"logprobs", "logprobs[]", "logprobs[].token", "logprobs[].logprob"};
    dom::object members;
    if (root.get(members) != SUCCESS) return "the text itself";
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "message") {
            wrong = readMessage(parser, member, chat);
        } else if (key == "done" && !member.is_null()) {
            if (member.get(chat.done) != SUCCESS) wrong = "done";
        } else if (key == "done_reason") {
            wrong = readText(member, chat.done_reason, "done_reason");
        } else if (with_logprobs && key == "logprobs") {
            wrong = readLogprobs(parser, member, chat.logprobs, names);
        } else if (key == "prompt_eval_count") {
            wrong = readCount(member, chat.prompt_eval_count, "prompt_eval_count");
        } else if (key == "prompt_eval_cached_count") {
            wrong = readCount(member, chat.prompt_eval_cached_count, "prompt_eval_cached_count");
        } else if (key == "eval_count") {
            wrong = readCount(member, chat.eval_count, "eval_count");
        } else if (key == "error" && !member.is_null()) {
            chat.has_error = true;
        }
        if (wrong) return wrong;
    }
    chat.tool_calls = parser.toolCalls.data();
    chat.tool_call_count = parser.toolCalls.size();
    return fine;
}

Field checkVector(dom::element value, size_t &dimensions) {
    dom::array numbers;
    if (value.get(numbers) != SUCCESS) return "embeddings[]";
    // size() saturates at 2^24 - 1; counting does not.
    size_t count = 0;
    for (dom::element entry : numbers) {
        double number;
        if (entry.get(number) != SUCCESS) return "embeddings[][]";
        if (!(std::abs(number) <= std::numeric_limits<float>::max())) return "embeddings[][]";
        count += 1;
    }
    if (count == 0 || (dimensions != 0 && dimensions != count)) return "the length of embeddings[]";
    dimensions = count;
    return fine;
}

// The list of vectors; of several keys of that name the first that is one.
bool findVectors(dom::object members, dom::array &vectors) {
    for (auto [key, member] : members) {
        if (key == "embeddings" && member.get(vectors) == SUCCESS) return true;
    }
    return false;
}

Field readEmbeddings(dom::element root, csj_ollama_embeddings &embeddings) {
    dom::object members;
    if (root.get(members) != SUCCESS) return "the text itself";
    dom::array vectors;
    if (findVectors(members, vectors)) {
        for (dom::element vector : vectors) {
            if (Field wrong = checkVector(vector, embeddings.dimensions)) return wrong;
            embeddings.count += 1;
        }
    }
    for (auto [key, member] : members) {
        Field wrong = fine;
        if (key == "embeddings" && !member.is_null() && !member.is_array()) {
            wrong = "embeddings";
        } else if (key == "prompt_eval_count") {
            wrong = readCount(member, embeddings.prompt_eval_count, "prompt_eval_count");
        } else if (key == "error" && !member.is_null()) {
            embeddings.has_error = true;
        }
        if (wrong) return wrong;
    }
    return fine;
}

}  // namespace

extern "C" csj_status csj_parse_ollama_chat(
    csj_parser *parser, const uint8_t *bytes, size_t length, bool with_logprobs, csj_ollama_chat *chat
) {
    *chat = csj_ollama_chat{};
    chat->prompt_eval_count = -1;
    chat->prompt_eval_cached_count = -1;
    chat->eval_count = -1;
    chat->status = guarded([&] {
        reset(*parser);
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status != CSJ_OK) return status;
        chat->field = readChat(*parser, root, with_logprobs, *chat);
        return chat->field == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
    return chat->status;
}

extern "C" csj_status csj_parse_ollama_embeddings(
    csj_parser *parser, const uint8_t *bytes, size_t length, csj_ollama_embeddings *embeddings
) {
    *embeddings = csj_ollama_embeddings{};
    embeddings->prompt_eval_count = -1;
    embeddings->status = guarded([&] {
        dom::element root;
        csj_status status = parser->parse(bytes, length, root);
        if (status != CSJ_OK) return status;
        embeddings->field = readEmbeddings(root, *embeddings);
        return embeddings->field == fine ? CSJ_OK : CSJ_WRONG_TYPE;
    });
    return embeddings->status;
}

extern "C" void csj_copy_ollama_embeddings(csj_parser *parser, float *into, size_t room) {
    dom::object members;
    dom::array vectors;
    if (parser->document.doc.root().get(members) != SUCCESS || !findVectors(members, vectors)) return;
    for (dom::element vector : vectors) {
        dom::array numbers;
        if (vector.get(numbers) != SUCCESS) return;
        for (dom::element entry : numbers) {
            double number = 0;
            if (room == 0 || entry.get(number) != SUCCESS) return;
            *into++ = static_cast<float>(number);
            room -= 1;
        }
    }
}
