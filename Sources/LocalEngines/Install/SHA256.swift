/// SHA-256 (FIPS 180-4) over bytes that come in pieces: 32 lines of arithmetic are no reason for a dependency.
package struct SHA256: Sendable {
    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    /// What does not fill a block yet: fewer than 64 bytes.
    private var rest: [UInt8] = []
    private var count: UInt64 = 0

    package init() {}

    /// Takes the next piece.
    package mutating func update(_ bytes: some Collection<UInt8>) {
        self.count &+= UInt64(bytes.count)
        self.rest += bytes
        let whole = self.rest.count / 64 * 64
        guard whole > 0 else { return }
        self.state = Self.compress(self.state, self.rest.span.extracting(0..<whole))
        self.rest.removeFirst(whole)
    }

    /// The digest, 32 bytes.
    package consuming func finish() -> [UInt8] {
        let bits = self.count &* 8
        self.rest.append(0x80)
        while self.rest.count % 64 != 56 { self.rest.append(0) }
        for shift in stride(from: 56, through: 0, by: -8) { self.rest.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        return Self.compress(self.state, self.rest.span).flatMap { word in
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) }
        }
    }

    /// The digest of `bytes` in hexadecimal, in lower case.
    package static func hex(of bytes: some Collection<UInt8>) -> String {
        var hash = SHA256()
        hash.update(bytes)
        return Self.hex(hash.finish())
    }

    static func hex(_ digest: [UInt8]) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func compress(_ state: [UInt32], _ blocks: Span<UInt8>) -> [UInt32] {
        var words = InlineArray<64, UInt32>(repeating: 0)
        var (h0, h1, h2, h3) = (state[0], state[1], state[2], state[3])
        var (h4, h5, h6, h7) = (state[4], state[5], state[6], state[7])
        for block in stride(from: 0, to: blocks.count, by: 64) {
            for index in 0..<16 {
                let at = block &+ index &* 4
                words[index] =
                    UInt32(blocks[at]) << 24 | UInt32(blocks[at &+ 1]) << 16 | UInt32(blocks[at &+ 2]) << 8
                    | UInt32(blocks[at &+ 3])
            }
            for index in 16..<64 {
                let (near, far) = (words[index &- 15], words[index &- 2])
                let small0 = Self.rotated(near, 7) ^ Self.rotated(near, 18) ^ near &>> 3
                let small1 = Self.rotated(far, 17) ^ Self.rotated(far, 19) ^ far &>> 10
                words[index] = words[index &- 16] &+ small0 &+ words[index &- 7] &+ small1
            }
            var (a, b, c, d, e, f, g, h) = (h0, h1, h2, h3, h4, h5, h6, h7)
            for index in 0..<64 {
                let big1 = Self.rotated(e, 6) ^ Self.rotated(e, 11) ^ Self.rotated(e, 25)
                let one = h &+ big1 &+ ((e & f) ^ (~e & g)) &+ Self.constants[index] &+ words[index]
                let big0 = Self.rotated(a, 2) ^ Self.rotated(a, 13) ^ Self.rotated(a, 22)
                let two = big0 &+ ((a & b) ^ (a & c) ^ (b & c))
                (h, g, f, e, d, c, b, a) = (g, f, e, d &+ one, c, b, a, one &+ two)
            }
            (h0, h1, h2, h3) = (h0 &+ a, h1 &+ b, h2 &+ c, h3 &+ d)
            (h4, h5, h6, h7) = (h4 &+ e, h5 &+ f, h6 &+ g, h7 &+ h)
        }
        return [h0, h1, h2, h3, h4, h5, h6, h7]
    }

    @inline(__always)
    private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word &>> count | word &<< (32 &- count)
    }

    private static let constants: InlineArray<64, UInt32> = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
