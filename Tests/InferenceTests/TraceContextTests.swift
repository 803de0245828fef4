import Inference
import Testing

@Suite struct TraceContextTests {
    static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    static let span = "00f067aa0ba902b7"
    static let parent = "00-\(Self.trace)-\(Self.span)-01"

    @Test func `The example of the specification is read and written as it is`() throws {
        let context = try #require(TraceContext(traceparent: Self.parent))
        #expect(context.traceID.description == Self.trace && context.spanID.description == Self.span)
        #expect(context.isSampled && context.state == nil)
        #expect(context.traceparent == Self.parent)
    }

    @Test(arguments: [
        // A later version, with more behind it or nothing, and with flags that this one does not know.
        ("01-\(Self.trace)-\(Self.span)-01", "00-\(Self.trace)-\(Self.span)-01"),
        ("cc-\(Self.trace)-\(Self.span)-01-what-the-future-will-be-like", "00-\(Self.trace)-\(Self.span)-01"),
        ("fe-\(Self.trace)-\(Self.span)-ff-", "00-\(Self.trace)-\(Self.span)-01"),
        ("00-\(Self.trace)-\(Self.span)-fe", "00-\(Self.trace)-\(Self.span)-00"),
        ("00-\(Self.trace)-\(Self.span)-03", "00-\(Self.trace)-\(Self.span)-01"),
        (
            "00-00000000000000000000000000000001-0000000000000001-00",
            "00-00000000000000000000000000000001-0000000000000001-00"
        ),
    ])
    func `What a caller may send is passed on in version 00`(sent: String, passed: String) {
        #expect(TraceContext(traceparent: sent)?.traceparent == passed)
    }

    @Test(arguments: [
        "", "00", "00-", "ff-\(Self.trace)-\(Self.span)-01", "0-\(Self.trace)-\(Self.span)-01",
        "00-00000000000000000000000000000000-\(Self.span)-01", "00-\(Self.trace)-0000000000000000-01",
        "00-\(Self.trace.uppercased())-\(Self.span)-01", "00-\(Self.trace)-\(Self.span.uppercased())-01",
        "00-\(Self.trace)-\(Self.span)-0A", "0A-\(Self.trace)-\(Self.span)-01", "00-\(Self.trace)-\(Self.span)-01-",
        "00-\(Self.trace)-\(Self.span)-01-more", "cc-\(Self.trace)-\(Self.span)-01.more",
        "00-\(Self.trace)-\(Self.span)-0", "00_\(Self.trace)-\(Self.span)-01", "00-\(Self.trace)_\(Self.span)-01",
        "00-\(Self.trace)-\(Self.span)_01", "00-\(Self.trace)g-\(Self.span)-01", " \(Self.parent)", "\(Self.parent) ",
        "00-4bf92f3577b34da6a3ce929d0e0e473-\(Self.span)-01", "00-\(Self.trace)-00f067aa0ba902bé-01",
        "00-\(Self.trace)-\(Self.span)-01\n",
    ])
    func `What is malformed begins no trace`(sent: String) {
        #expect(TraceContext(traceparent: sent) == nil)
        #expect(TraceContext(traceparent: [sent], tracestate: ["a=b"]) == nil)
    }

    @Test func `One traceparent, no less and no more`() {
        #expect(TraceContext(traceparent: [], tracestate: ["a=b"]) == nil)
        #expect(TraceContext(traceparent: [Self.parent, Self.parent], tracestate: []) == nil)
        #expect(TraceContext(traceparent: [Self.parent], tracestate: [])?.state == nil)
    }

    @Test func `A state that makes no sense does not cost the trace`() {
        let context = TraceContext(traceparent: [Self.parent], tracestate: ["a=b", "a=c"])
        #expect(context?.traceparent == Self.parent && context?.state == nil)
    }

    @Test func `Every id comes back from its text, and one changed byte seldom passes for another`() throws {
        var random = Random(state: 7)
        for _ in 0..<2000 {
            let sent = TraceContext(
                traceID: try #require(TraceID(high: random.next(), low: random.next())),
                spanID: try #require(SpanID(random.next())), isSampled: Bool.random(using: &random))
            #expect(TraceContext(traceparent: sent.traceparent) == sent)
            #expect(TraceID(sent.traceID.description) == sent.traceID)
            var bytes = Array(sent.traceparent.utf8)
            bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            let text = String(decoding: bytes, as: UTF8.self)
            // Whatever is read, is written in a form that is read as the same.
            if let read = TraceContext(traceparent: text) {
                #expect(TraceContext(traceparent: read.traceparent) == read)
                #expect(text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) || $0 == 0x2D })
            }
        }
    }
}

@Suite struct TraceStateTests {
    @Test(arguments: [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (" a=1 ,\t,, b=2\t", "a=1,b=2"), ("a= x y ", "a= x y"), ("fw529a3039@dt=FfFfFf", "fw529a3039@dt=FfFfFf"),
        ("0tenant@sys=1", "0tenant@sys=1"), ("a/b*c-d_e=~!\"#", "a/b*c-d_e=~!\"#"),
    ])
    func `Members are passed on in their order`(sent: String, passed: String) {
        #expect(TraceState([sent])?.description == passed)
    }

    @Test(arguments: [
        "", ",", " , ", "a", "=b", "a=", "A=b", "a=b,a=c", "1a=b", "a b=c", "a=b=c", "a@=b", "@b=c", "a@b@c=d", "a=é",
        "a=\u{7F}", "a@1b=c", "a@\(String(repeating: "s", count: 15))=1", "\(String(repeating: "k", count: 257))=1",
        "\(String(repeating: "t", count: 242))@s=1", "a=\(String(repeating: "v", count: 257))",
    ])
    func `What is no list of members is not passed on`(sent: String) {
        #expect(TraceState([sent]) == nil)
    }

    @Test func `Several headers are one list, of 32 members at most`() {
        let members = (0..<33).map { "k\($0)=v" }
        #expect(TraceState(members.prefix(32))?.description == members.prefix(32).joined(separator: ","))
        #expect(TraceState(members) == nil)
        #expect(TraceState(["a=1,b=2", "c=3"])?.description == "a=1,b=2,c=3")
    }

    @Test func `What is too long loses its long members first, then its oldest`() throws {
        let long = "long=\(String(repeating: "x", count: 200))"
        let short = (0..<20).map { "short\($0)=\(String(repeating: "y", count: 20))" }
        let whole = try #require(TraceState([long] + short))
        #expect(whole.description.utf8.count <= 512 && !whole.description.contains("long"))
        #expect(short.joined(separator: ",").hasPrefix(whole.description))
        // And it keeps what has room.
        #expect(TraceState([long, "a=1"])?.description == "\(long),a=1")
    }

    @Test func `Whatever is passed on is within the limits and is passed on again as it is`() {
        var random = Random(state: 11)
        let alphabet = Array("ab01_-*/@=,, \t~é")
        for _ in 0..<5000 {
            let count = Int.random(in: 0...80, using: &random)
            let text = String((0..<count).map { _ in alphabet[Int.random(in: alphabet.indices, using: &random)] })
            guard let state = TraceState([text]) else { continue }
            #expect((1...512).contains(state.description.utf8.count))
            #expect(TraceState([state.description]) == state)
        }
    }
}

/// SplitMix64.
private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
