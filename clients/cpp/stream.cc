// Streams an answer to the terminal: a whole client for roundhouse.v1 in one file.
//
//   stream ADDRESS PROMPT [--model MODEL] [--temperature T] [--cancel-after N]
//
// Exit status: 0 the answer is whole (or was cancelled as asked), 1 the server said no, 2 the command line is wrong.
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "roundhouse/v1/generation.grpc.pb.h"

namespace api = roundhouse::v1;

namespace {

struct Options {
    std::string address;
    std::string prompt;
    api::StreamGenerateRequest request;
    int cancel_after = 0;
};

[[noreturn]] void usage() {
    std::cerr << "usage: stream ADDRESS PROMPT [--model MODEL] [--temperature T] [--cancel-after N]\n";
    std::exit(2);
}

Options parse(int argc, char **argv) {
    if (argc < 3 || argc % 2 == 0) usage();
    Options options{argv[1], argv[2], {}, 0};
    for (int index = 3; index < argc; index += 2) {
        const std::string name = argv[index];
        const std::string value = argv[index + 1];
        try {
            if (name == "--model") {
                options.request.set_model(value);
            } else if (name == "--temperature") {
                options.request.set_temperature(std::stod(value));
            } else if (name == "--cancel-after") {
                options.cancel_after = std::stoi(value);
            } else {
                usage();
            }
        } catch (const std::exception &) {
            usage();
        }
    }
    api::Message *message = options.request.add_messages();
    message->set_role(api::ROLE_USER);
    message->add_parts()->set_text(options.prompt);
    return options;
}

// Prints a failed call's status and the google.rpc details that came with it.
void explain(const grpc::Status &status) {
    std::cerr << "status " << status.error_code() << ": " << status.error_message() << "\n";
    google::rpc::Status rich;
    if (!rich.ParseFromString(status.error_details())) return;
    for (const google::protobuf::Any &detail : rich.details()) {
        google::rpc::ErrorInfo info;
        google::rpc::BadRequest bad_request;
        google::rpc::RetryInfo retry;
        if (detail.UnpackTo(&info)) {
            std::cerr << "  reason " << info.reason() << " (" << info.domain() << ")\n";
        } else if (detail.UnpackTo(&bad_request)) {
            for (const auto &violation : bad_request.field_violations()) {
                std::cerr << "  field " << violation.field() << ": " << violation.description() << "\n";
            }
        } else if (detail.UnpackTo(&retry)) {
            std::cerr << "  try again in " << retry.retry_delay().seconds() << " s\n";
        }
    }
}

int stream(api::GenerationService::Stub &stub, const Options &options) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(2));
    auto reader = stub.StreamGenerate(&context, options.request);

    api::StreamGenerateResponse response;
    int deltas = 0;
    bool cancelled = false;
    while (reader->Read(&response)) {
        switch (response.event_case()) {
            case api::StreamGenerateResponse::kStarted:
                std::cerr << "[" << response.started().model() << ", attempt " << response.started().attempt() << "]\n";
                break;
            case api::StreamGenerateResponse::kTextDelta:
                std::cout << response.text_delta().text() << std::flush;
                if (++deltas == options.cancel_after) {
                    cancelled = true;
                    context.TryCancel();  // reaches the model: it stops, and is not paid for what nobody reads
                }
                break;
            case api::StreamGenerateResponse::kCompleted:
                std::cout << "\n";
                std::cerr << "[" << api::FinishReason_Name(response.completed().finish_reason()) << ", "
                          << response.completed().usage().output_tokens() << " tokens]\n";
                break;
            default:  // an event that this client is too old to know
                break;
        }
    }

    const grpc::Status status = reader->Finish();
    if (cancelled && status.error_code() == grpc::StatusCode::CANCELLED) {
        std::cerr << "\n[cancelled after " << deltas << " deltas]\n";
        return 0;
    }
    if (!status.ok()) {
        explain(status);
        return 1;
    }
    return 0;
}

}  // namespace

int main(int argc, char **argv) {
    const Options options = parse(argc, argv);
    const auto channel = grpc::CreateChannel(options.address, grpc::InsecureChannelCredentials());
    const auto stub = api::GenerationService::NewStub(channel);
    return stream(*stub, options);
}
