internal import CGRPC

/// The gRPC library that this process runs on.
public enum GRPCLibrary {
    /// The version of libgrpc++, `1.51.1`.
    public static let version: String = unsafe String(cString: cgrpc_version())
}
