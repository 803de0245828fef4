import Testing

@testable import LocalEngines

@Suite struct SHA256Tests {
    /// FIPS 180-4's own examples (NIST, "SHA256.pdf" and the long one of a million letters), and the empty message.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ])
    func theStandardsExamplesAreMet(message: String, digest: String) {
        #expect(SHA256.hex(of: message.utf8) == digest)
    }

    @Test func piecesOfAnySizeGiveTheSame() {
        let bytes = (0..<700).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for count in [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 699, 700] {
            let whole = SHA256.hex(of: bytes[..<count])
            for cut in stride(from: 0, through: count, by: max(1, count / 13)) {
                var hash = SHA256()
                hash.update(bytes[..<cut])
                hash.update(bytes[cut..<count])
                #expect(SHA256.hex(hash.finish()) == whole, "\(count) bytes, cut at \(cut)")
            }
        }
    }
}
