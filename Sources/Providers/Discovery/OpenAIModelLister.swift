package import Inference
package import NIOCore

/// `GET /v1/models`: names, and from vLLM and llama.cpp what they add to them.
package struct OpenAIModelLister: ModelLister {
    private let client: JSONClient

    /// - Throws: ``EndpointConfiguration/Invalid``, naming the field.
    package init(
        _ configuration: EndpointConfiguration, group: any EventLoopGroup
    ) throws(EndpointConfiguration.Invalid) {
        self.client = try JSONClient(configuration, group: group)
    }

    package func listModels() async throws(UpstreamFault) -> ModelListing {
        let answer = try await self.client.get(.base("/models"), as: Answer.self)
        var builder = ListingBuilder()
        for model in answer.data {
            var listed = ListedModel(name: model.id)
            listed.contextLength =
                (model.maxModelLength ?? model.meta?.contextLength ?? model.meta?.trainedContextLength)?
                .count
            listed.sizeBytes = model.meta?.size?.value
            listed.isLoaded = model.status.map { $0.value == "loaded" }
            builder.add(listed)
        }
        return builder.listing
    }

    private struct Answer: Decodable, Sendable {
        let data: [Model]
    }

    private struct Model: Decodable, Sendable {
        let id: String
        /// vLLM.
        let maxModelLength: WholeNumber?
        /// llama.cpp; `null` while it loads.
        let meta: Meta?
        /// llama.cpp as a router of several models.
        let status: Status?

        private enum CodingKeys: String, CodingKey {
            case id, meta, status
            case maxModelLength = "max_model_len"
        }
    }

    private struct Meta: Decodable, Sendable {
        /// What it was started with.
        let contextLength: WholeNumber?
        /// What the model was made for.
        let trainedContextLength: WholeNumber?
        let size: WholeNumber?

        private enum CodingKeys: String, CodingKey {
            case size
            case contextLength = "n_ctx"
            case trainedContextLength = "n_ctx_train"
        }
    }

    private struct Status: Decodable, Sendable {
        let value: String
    }
}
