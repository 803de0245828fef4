/// A server that answers `GET` and `POST` of the paths it knows with JSON, and 404 for the others.
package enum ScriptedJSONServer {
    package static func run<Result>(
        _ answers: [String: String], _ body: (FaultUpstream) async throws -> Result
    ) async throws -> Result {
        try await FaultUpstream.run(
            script: { request in
                guard let answer = answers[request.path] else {
                    return .whole(#"{"error":{"message":"no such path","code":404}}"#, status: "404 Not Found")
                }
                return .whole(answer)
            }, body)
    }
}
