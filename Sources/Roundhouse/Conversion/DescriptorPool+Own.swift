internal import RoundhouseAPI

extension DescriptorPool {
    /// That of the server's own API.
    static func own() throws(WireReader.Malformed) -> DescriptorPool {
        try DescriptorPool(descriptorSet: DescriptorSet.serializedBytes)
    }
}
