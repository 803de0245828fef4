import Testing
import TraceExport

@Suite struct ExportSettingsTests {
    private static func settings(_ environment: [String: String]) -> ExportSettings? {
        ExportSettings(environment: environment, version: "1.2.3")
    }

    @Test(arguments: [
        [:], ["OTEL_EXPORTER_OTLP_ENDPOINT": ""], ["OTEL_SERVICE_NAME": "x"],
        ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"],
        ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"],
    ])
    func `Nothing is exported unless an endpoint is named`(environment: [String: String]) {
        #expect(Self.settings(environment) == nil)
    }

    @Test(arguments: [
        (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"], "http://c:4318/v1/traces"),
        (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/base/"], "http://c:4318/base/v1/traces"),
        (["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/x"], "http://c/x"),
        (
            ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/x", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://d"],
            "http://c/x"
        ),
    ])
    func `The endpoint for traces is taken as it is, the common one is a base`(
        environment: [String: String], endpoint: String
    ) {
        #expect(Self.settings(environment)?.endpoint == endpoint)
    }

    @Test func `Every variable is heeded`() throws {
        let settings = try #require(
            Self.settings([
                "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c", "OTEL_EXPORTER_OTLP_HEADERS": "Api-Key=a%20b, x=1,x=2",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2500", "OTEL_SERVICE_NAME": "mine",
                "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=prod,service.name=other",
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25",
                "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_MAX_QUEUE_SIZE": "64",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "512", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
            ]))
        #expect(settings.headers.map(\.name) == ["api-key", "x"] && settings.headers.map(\.value) == ["a b", "2"])
        #expect(settings.timeout == .milliseconds(2500) && settings.certificate == "/ca.pem")
        #expect(settings.sampling == Sampling(ratio: 0.25))
        #expect(settings.interval == .milliseconds(100) && settings.capacity == 64 && settings.batchSize == 64)
        let resource = Dictionary(settings.resource.map { ($0.key, $0.value) }) { first, _ in first }
        #expect(resource["service.name"] == .string("mine") && resource["service.version"] == .string("1.2.3"))
        #expect(resource["deployment.environment"] == .string("prod") && settings.warnings.isEmpty)
    }

    @Test(arguments: [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), ("OTEL_TRACES_SAMPLER", "often"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_HEADERS", "my-secret"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"), ("OTEL_RESOURCE_ATTRIBUTES", "a=%G1"),
    ])
    func `What is wrong is told without its value, and the default is taken`(name: String, value: String) throws {
        let settings = try #require(Self.settings(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", name: value]))
        #expect(settings.warnings.count == 1 && settings.warnings.allSatisfy { $0.hasPrefix(name) })
        #expect(settings.warnings.allSatisfy { !$0.contains("my-secret") })
        #expect(settings.timeout == .seconds(10) && settings.capacity == 2048 && settings.sampling == Sampling())
    }
}
