import CDescriptors

/// The API's own description: every proto under `proto/` and what they import, comments included.
public enum DescriptorSet {
    /// A serialized `google.protobuf.FileDescriptorSet`, the compiler's bytes unchanged. Copied out of the binary's
    /// read-only data at first use.
    public static let serializedBytes: [UInt8] = {
        let bytes = unsafe UnsafeBufferPointer(start: rh_descriptor_set(), count: rh_descriptor_set_size())
        return unsafe Array(bytes)
    }()
}
