import Inference
import Testing

@testable import Providers

@Suite struct ConfigurationTests {
    static func invalid(_ configuration: EndpointConfiguration) -> EndpointConfiguration.Invalid? {
        do throws(EndpointConfiguration.Invalid) {
            _ = try OpenAIProvider(configuration, group: Fixture.group)
            return nil
        } catch {
            return error
        }
    }

    static func custom(_ url: String?) -> EndpointConfiguration {
        EndpointConfiguration(id: .local, kind: .custom, baseURL: url)
    }

    @Test(arguments: [
        "http://127.0.0.1:8080/v1", "http://localhost:1/", "http://[::1]:8080/v1", "https://api.example.com/v1/",
        "HTTPS://api.example.com", "http://127.1.2.3", "http://a.localhost/v1",
    ])
    func `An address that can be used is taken`(_ url: String) {
        #expect(Self.invalid(Self.custom(url)) == nil)
    }

    @Test(arguments: [
        "", "ftp://x", "127.0.0.1:80", "http://", "http://:80/", "http://127.0.0.1:0", "http://127.0.0.1:99999",
        "http://127.0.0.1:x", "http://[::1", "http://[::1]x", "https://user:pw@example.com", "https://example.com/?a=1",
        "https://example.com/#a", "https://exämple.com", "https://example.com/a b", "http://example.com/v1",
        "http://10.0.0.1/v1", "http://127.0.0.1.example.com/v1", "http://127.evil.com",
    ])
    func `An address that cannot be used names its field`(_ url: String) {
        #expect(Self.invalid(Self.custom(url))?.field == "base_url")
    }

    @Test func `Plain HTTP beyond this machine must be allowed by name`() {
        var configuration = Self.custom("http://10.0.0.1/v1")
        #expect(Self.invalid(configuration)?.expected.contains("allow_insecure") == true)
        configuration.allowInsecure = true
        #expect(Self.invalid(configuration) == nil)
    }

    @Test func `A kind with a usual address needs none, a custom one does`() {
        #expect(Self.invalid(EndpointConfiguration(id: .local, kind: .vllm)) == nil)
        #expect(Self.invalid(Self.custom(nil))?.field == "base_url")
    }

    @Test func `A kind that needs a key says so`() {
        #expect(Self.invalid(EndpointConfiguration(id: .local, kind: .openai))?.field == "api_key")
        #expect(
            Self.invalid(EndpointConfiguration(id: .local, kind: .openai, apiKey: Secret("sk-1"))) == nil)
    }

    @Test(arguments: ["sk-\r\nx: y", "sk-é", "sk-\u{0}"])
    func `A key that cannot stand in a header is refused without being shown`(_ key: String) {
        let error = Self.invalid(EndpointConfiguration(id: .local, kind: .openai, apiKey: Secret(key)))
        #expect(error?.field == "api_key")
        #expect(error.map { "\($0)".contains("sk-") } == false)
    }

    @Test(arguments: [("x y", "v"), ("", "v"), ("x", "v\n"), ("Host", "v"), ("Content-Length", "1")])
    func `A header that would break the request is refused`(_ name: String, _ value: String) {
        var configuration = Self.custom("http://127.0.0.1:1/v1")
        configuration.extraHeaders = [(name, Secret(value))]
        #expect(Self.invalid(configuration)?.field == "extra_headers")
    }

    @Test func `A file of certificates that is not there is named`() {
        var configuration = Self.custom("https://127.0.0.1:1/v1")
        configuration.caFile = "/nonexistent.pem"
        #expect(Self.invalid(configuration)?.field == "ca_file")
    }

    @Test func `A secret never shows itself`() {
        let secret = Secret("sk-verysecret")
        var dumped = ""
        dump(secret, to: &dumped)
        let configuration = EndpointConfiguration(id: .local, kind: .openai, apiKey: secret)
        dump(configuration, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\(configuration)", "\([secret])", dumped] {
            #expect(!text.contains("verysecret"))
        }
        #expect(secret.redact("key sk-verysecret is bad: sk-verysecret") == "key [redacted] is bad: [redacted]")
    }

    @Test(arguments: [
        ("http://127.0.0.1:8080/v1", "127.0.0.1:8080", "/v1"), ("https://a.b/", "a.b", ""),
        ("http://[::1]:80/x/v1//", "[::1]", "/x/v1"), ("https://A.b:444/v1", "a.b:444", "/v1"),
    ])
    func `An address has a host field and a path`(_ url: String, _ host: String, _ path: String) throws {
        let origin = try HTTPOrigin(url)
        #expect(origin.hostField == host)
        #expect(origin.path == path)
    }
}
